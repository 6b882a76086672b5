"""The services that the settings name: the database, its roles and schema, and the broker."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg

from carrel_site.cli.checks import Finding, Level
from carrel_site.settings import MissingSecret, Settings

_OLDEST_POSTGRES = 160_000


def service_findings(data_dir: Path) -> Iterator[Finding]:
    """Findings about a site that is set up; none where neither settings nor a site.json are."""
    if "CARREL_DATABASE_URL" not in os.environ and not (data_dir / "site.json").exists():
        yield Finding(
            Level.OK, "services", "none set up yet: `carrel up` starts them, or set "
            "CARREL_DATABASE_URL and CARREL_BROKER_URL",
        )  # fmt: skip
        return
    try:
        settings = Settings(data_dir=data_dir)
    except MissingSecret as error:
        yield Finding(Level.FAIL, "settings", str(error), "restore it from a backup")
        return
    yield from _database(settings, embedded=(data_dir / "site.json").exists())
    yield _broker(settings)


def _database(settings: Settings, *, embedded: bool) -> Iterator[Finding]:
    dsn = settings.database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with psycopg.connect(dsn, connect_timeout=5) as connection:
            yield _version(connection)
            yield _role(connection)
            schema = _schema(connection)
            yield schema
            if settings.black_box_exclusive and schema.level is not Level.FAIL:
                yield from _black_boxes(connection, embedded=embedded)
    except psycopg.OperationalError as error:
        yield Finding(
            Level.FAIL, "database", str(error).splitlines()[0],
            "start the site (carrel up), or correct CARREL_DATABASE_URL and its password file",
        )  # fmt: skip


def _version(connection: psycopg.Connection) -> Finding:
    version = connection.info.server_version
    detail = f"PostgreSQL {version // 10_000}.{version % 10_000}"
    if version < _OLDEST_POSTGRES:
        return Finding(Level.FAIL, "database", detail, "PostgreSQL 16 or newer is needed")
    return Finding(Level.OK, "database", detail)


def _role(connection: psycopg.Connection) -> Finding:
    row = connection.execute(
        "SELECT current_user, rolsuper OR rolbypassrls OR rolcreaterole, "
        "EXISTS (SELECT 1 FROM pg_class WHERE relowner = pg_roles.oid) "
        "FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    assert row is not None
    role, powerful, owns = row
    if powerful or owns:
        return Finding(
            Level.FAIL, "database role", f"{role} could rewrite the ledger",
            "connect as carrel_app, which owns nothing; migrations alone run as carrel_owner",
        )  # fmt: skip
    return Finding(Level.OK, "database role", f"{role} owns nothing")


def _schema(connection: psycopg.Connection) -> Finding:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from carrel_site.core.paths import migrations_dir

    config = Config()
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    head = ScriptDirectory.from_config(config).get_current_head()
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        row = None
    if row is None:
        return Finding(Level.WARN, "schema", "its revision cannot be read", "carrel db upgrade")
    if row[0] != head:
        return Finding(Level.FAIL, "schema", f"at {row[0]}, not {head}", "carrel db upgrade")
    return Finding(Level.OK, "schema", f"at {head}")


def _black_boxes(connection: psycopg.Connection, *, embedded: bool) -> Iterator[Finding]:
    """Whether what CARREL_BLACK_BOX_EXCLUSIVE says can be so. Where workers run, nobody can see
    from here."""
    subject = "black boxes"
    if embedded:
        yield Finding(
            Level.FAIL, subject, "CARREL_BLACK_BOX_EXCLUSIVE is set, and `carrel up` runs "
            "everything on one machine: it will not start",
            "take it out, or run the parts by themselves (docs/black-boxes.md)",
        )  # fmt: skip
        return
    rows = connection.execute(
        "SELECT name, queues FROM workers WHERE revoked_at IS NULL AND 'black_box' = ANY (queues)"
        " ORDER BY name"
    ).fetchall()
    mixed = [name for name, queues in rows if set(queues) != {"black_box"}]
    if mixed:
        yield Finding(
            Level.WARN, subject, f"these workers serve other queues too: {', '.join(mixed)}",
            "they are given no black box; make a worker for `--queues black_box` alone",
        )  # fmt: skip
    if len(mixed) == len(rows):
        yield Finding(
            Level.FAIL, subject, "CARREL_BLACK_BOX_EXCLUSIVE is set, and no worker serves black "
            "boxes alone: none will run",
            "make a worker for the queue black_box, on a machine of its own",
        )  # fmt: skip
        return
    yield Finding(
        Level.OK, subject, "have workers of their own; that nothing else runs where these do is "
        "for you to see to",
    )  # fmt: skip


def _broker(settings: Settings) -> Finding:
    from celery import Celery

    try:
        app = Celery("carrel-doctor", broker=settings.broker_url, set_as_current=False)
        with app.connection_for_read(connect_timeout=5) as connection:
            info = connection.channel().client.info()
    except Exception as error:  # noqa: BLE001 - kombu passes on what each transport raises
        return Finding(
            Level.FAIL, "broker", str(error).splitlines()[0],
            "start the site (carrel up), or correct CARREL_BROKER_URL",
        )  # fmt: skip
    detail = (
        f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info['redis_version']}"
    )
    if info.get("maxmemory_policy") != "noeviction":
        return Finding(
            Level.WARN, "broker", f"{detail}, maxmemory-policy {info.get('maxmemory_policy')}",
            "set maxmemory-policy to noeviction, or messages may be dropped and come late",
        )  # fmt: skip
    return Finding(Level.OK, "broker", detail)
