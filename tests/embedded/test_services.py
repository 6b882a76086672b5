"""The services that every other test stands on."""

import psycopg
import pytest
from kombu import Connection
from psycopg.conninfo import make_conninfo

from carrel_site.embedded.bootstrap import OWNER_ROLE, bootstrap_database
from tests.fixtures.services import DatabaseUrls, PostgresService


def _dsn(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def test_a_fresh_database_is_migrated_and_owned_by_the_owner(database_urls: DatabaseUrls) -> None:
    with psycopg.connect(_dsn(database_urls.app)) as connection:
        rows = connection.execute(
            "SELECT tableowner, count(*) FROM pg_tables WHERE schemaname = 'public' GROUP BY 1"
        ).fetchall()
    assert [owner for owner, _ in rows] == [OWNER_ROLE]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE TEMP TABLE mine (n int)",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "SET ROLE carrel_owner",
        "DROP TABLE alembic_version",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_the_application_role_may_create_nothing(
    database_urls: DatabaseUrls, statement: str
) -> None:
    with (
        psycopg.connect(_dsn(database_urls.app), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_bootstrap_repeats_and_renews_passwords(
    postgres: PostgresService, database_urls: DatabaseUrls
) -> None:
    database = psycopg.conninfo.conninfo_to_dict(database_urls.superuser_dsn)["dbname"]
    app, owner = postgres.app_password, postgres.owner_password
    try:
        bootstrap_database(postgres.superuser_dsn, owner, "another", str(database))
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(_dsn(database_urls.app))
    finally:
        bootstrap_database(postgres.superuser_dsn, owner, app, str(database))
    with psycopg.connect(_dsn(database_urls.app)) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("carrel_app",)


def test_no_password_no_entry(postgres: PostgresService) -> None:
    dsn = make_conninfo(postgres.superuser_dsn, password="wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn)
    with psycopg.connect(postgres.superuser_dsn) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
        assert methods.fetchall() == [("scram-sha-256",)]


@pytest.mark.parametrize("attempt", [1, 2])
def test_the_broker_is_empty_for_each_test(broker_url: str, attempt: int) -> None:
    with Connection(broker_url) as connection:
        queue = connection.SimpleQueue("carrel-test")
        with pytest.raises(queue.Empty):
            queue.get(block=False)
        queue.put({"run": "taken"}, serializer="json")
        assert queue.get(timeout=5).payload == {"run": "taken"}
        queue.put({"run": "left for the next test"}, serializer="json")
        queue.close()
