"""`carrel db bootstrap`: a PostgreSQL of one's own made ready for `carrel db upgrade`."""

from typing import Annotated, NoReturn
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
import typer

from carrel_site.embedded.bootstrap import APP_ROLE, DATABASE, OWNER_ROLE, bootstrap_database
from carrel_site.embedded.secrets import SecretsExposed, ensure_secrets, read_secret
from carrel_site.settings import get_settings

_SECRETS = (
    "owner_database_password",
    "app_database_password",
    "site_key",
    "audit_signing_key.pem",
    "setup_token",
)
"""What a site on services of its own needs; each worker gets its credential from an owner."""
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


def bootstrap_command(
    admin_url: Annotated[
        str,
        typer.Option(
            envvar="CARREL_ADMIN_DATABASE_URL",
            help="PostgreSQL as who may create roles and databases: postgresql://postgres@db/. "
            "A password that it leaves out is taken from PGPASSWORD or ~/.pgpass",
        ),
    ],
    database: Annotated[str, typer.Option(help="The site's database")] = DATABASE,
) -> None:
    """Make the two roles and the database on a PostgreSQL of your own; print the URLs to use.

    Passwords and keys are those in CARREL_SECRETS_DIR, made there if missing. Repeatable: what
    exists stays, both passwords are set again.
    """
    if urlsplit(admin_url).scheme not in _SCHEMES:
        _fail(2, "the admin URL must begin with postgresql://")
    settings = get_settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = settings.secrets_dir
    try:
        ensure_secrets(secrets, _SECRETS)
        bootstrap_database(
            libpq_url(admin_url),
            read_secret(secrets, "owner_database_password"),
            read_secret(secrets, "app_database_password"),
            database,
        )
    except SecretsExposed as error:
        _fail(1, str(error))
    except psycopg.Error as error:
        _fail(1, str(error).strip())
    typer.echo(f"# The passwords are in {secrets}, which the site reads; nothing else needs them.")
    for name, role in (
        ("CARREL_DATABASE_URL", APP_ROLE),
        ("CARREL_OWNER_DATABASE_URL", OWNER_ROLE),
    ):
        typer.echo(f"{name}={role_url(admin_url, role, database)}")
    typer.echo("Next, with these set: carrel db upgrade", err=True)


def libpq_url(url: str) -> str:
    """`url` in the form that libpq knows."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql"))


def role_url(admin_url: str, role: str, database: str) -> str:
    """SQLAlchemy's URL of `database` on the same server as `role`, without a password."""
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query)
        if name not in ("user", "password", "dbname")
    ]
    return urlunsplit(
        (
            "postgresql+psycopg",
            f"{role}@{place}",
            f"/{quote(database, safe='')}",
            urlencode(kept, safe="/"),
            "",
        )
    )


def _fail(code: int, message: str) -> NoReturn:
    typer.echo(f"carrel db bootstrap: {message}", err=True)
    raise typer.Exit(code)
