"""`carrel db bootstrap` on a PostgreSQL that somebody else runs."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from carrel_site.cli.bootstrap import role_url
from carrel_site.embedded.bootstrap import APP_ROLE, OWNER_ROLE, bootstrap_database
from carrel_site.settings import Settings
from tests.embedded.running import CARREL
from tests.fixtures.services import PostgresService

DATABASE = "boot strap"
ADMIN = "cloud_admin"


@pytest.fixture
def server(postgres: PostgresService) -> Iterator[PostgresService]:
    """The tests' cluster; what a bootstrap changes about its roles is put back."""
    yield postgres
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        name = sql.Identifier(DATABASE)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(f"DROP ROLE IF EXISTS {ADMIN}")
    bootstrap_database(
        postgres.superuser_dsn, postgres.owner_password, postgres.app_password, "postgres_tests"
    )
    postgres.drop(postgres.urls("postgres_tests"))


def carrel(data: Path, *command: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environ = {name: value for name, value in os.environ.items() if "CARREL" not in name}
    environ |= {"CARREL_DATA_DIR": str(data), **settings}
    return subprocess.run(
        [*CARREL, *command], env=environ, capture_output=True, text=True, check=False
    )


def admin_url(server: PostgresService, user: str, password: str) -> str:
    return f"postgresql://{user}:{quote(password)}@/postgres?host={server.server.sockets}"


def printed(output: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in output.splitlines() if line.startswith("CARREL_"))


def bootstrapped(server: PostgresService, data: Path, url: str) -> Settings:
    """Bootstrap twice, migrate by what it printed, and give the settings a site would have."""
    for _ in range(2):
        done = carrel(
            data, "db", "bootstrap", "--database", DATABASE, CARREL_ADMIN_DATABASE_URL=url
        )
        assert done.returncode == 0, done.stderr
    urls = printed(done.stdout)
    assert set(urls) == {"CARREL_DATABASE_URL", "CARREL_OWNER_DATABASE_URL"}
    upgraded = carrel(data, "db", "upgrade", **urls)
    assert upgraded.returncode == 0, upgraded.stderr
    settings = Settings(
        data_dir=data,
        database_url=urls["CARREL_DATABASE_URL"],
        owner_database_url=urls["CARREL_OWNER_DATABASE_URL"],
    )
    for secret in settings.secrets_dir.iterdir():
        assert secret.stat().st_mode & 0o777 == 0o600
        assert secret.read_text().strip() not in done.stdout + done.stderr
    assert len(settings.site_key) == 32
    return settings


def as_role(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True)


def test_a_superuser_makes_roles_and_database(server: PostgresService, tmp_path: Path) -> None:
    url = admin_url(server, "postgres", server.server.password)
    settings = bootstrapped(server, tmp_path / "deep" / "data", url)
    assert settings.owner_database_url is not None
    with as_role(settings.database_url) as app:
        assert app.execute("SELECT current_user").fetchone() == (APP_ROLE,)
        for forbidden in (
            "CREATE TEMP TABLE t (x int)",
            "CREATE TABLE t (x int)",
            "CREATE SCHEMA s",
            "CREATE ROLE r",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(forbidden)
    with as_role(settings.owner_database_url) as owner:
        tables = owner.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        )
        assert tables.fetchall() == [(OWNER_ROLE,)]
        public = owner.execute(
            "SELECT count(*) FROM pg_database, aclexplode(datacl) a "
            "WHERE datname = current_database() AND a.grantee = 0"
        )
        assert public.fetchone() == (0,)


def test_passwords_that_are_there_are_kept(server: PostgresService, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "app_database_password").touch(mode=0o600)
    (secrets / "app_database_password").write_text("a password/of: mine@home\n")
    url = admin_url(server, "postgres", server.server.password)
    with as_role(bootstrapped(server, tmp_path, url).database_url) as app:
        assert app.execute("SELECT 1").fetchone() == (1,)
    assert (secrets / "app_database_password").read_text() == "a password/of: mine@home\n"


def test_an_administrator_who_is_no_superuser(server: PostgresService, tmp_path: Path) -> None:
    """As hosted PostgreSQLs give out: may create roles and databases, and nothing more."""
    with psycopg.connect(server.superuser_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ADMIN} LOGIN CREATEROLE CREATEDB PASSWORD 'cloudy'")
        for role in (OWNER_ROLE, APP_ROLE):  # as if it had made them: the cluster has them already
            connection.execute(f"GRANT {role} TO {ADMIN} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    bootstrapped(server, tmp_path, admin_url(server, ADMIN, "cloudy"))
    with psycopg.connect(server.superuser_dsn) as connection:
        memberships = connection.execute(
            "SELECT bool_or(set_option), bool_or(inherit_option) FROM pg_auth_members "
            "WHERE member = %s::regrole",
            (ADMIN,),
        )
        assert memberships.fetchone() == (False, False)


def test_what_cannot_be_done_is_said(server: PostgresService, tmp_path: Path) -> None:
    missing = carrel(tmp_path, "db", "bootstrap")
    assert missing.returncode == 2
    assert "CARREL_ADMIN_DATABASE_URL" in missing.stderr
    other = carrel(tmp_path, "db", "bootstrap", "--admin-url", "mysql://db/")
    assert other.returncode == 2
    assert "postgresql://" in other.stderr
    wrong = carrel(
        tmp_path, "db", "bootstrap", "--admin-url", admin_url(server, "postgres", "wrong")
    )
    assert wrong.returncode == 1
    assert "password authentication failed" in wrong.stderr
    powerless = admin_url(server, APP_ROLE, server.app_password)
    refused = carrel(tmp_path, "db", "bootstrap", "--admin-url", powerless)
    assert refused.returncode == 1
    assert "permission denied" in refused.stderr
    assert "Traceback" not in refused.stderr + wrong.stderr


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://root:secret@db:5433/postgres", "carrel_app@db:5433/carrel"),
        ("postgres://root@db/?sslmode=require", "carrel_app@db/carrel?sslmode=require"),
        ("postgresql:///?host=/run/pg&user=root&password=s", "carrel_app@/carrel?host=/run/pg"),
    ],
)
def test_urls_of_the_roles(given: str, expected: str) -> None:
    assert role_url(given, APP_ROLE, "carrel") == f"postgresql+psycopg://{expected}"
