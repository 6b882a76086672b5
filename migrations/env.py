"""Alembic's entry point. Runs as carrel_owner; the caller hands over the URL or a connection."""

from alembic import context
from sqlalchemy import create_engine

from carrel_site.core.metadata import metadata

config = context.config


def run() -> None:
    """Apply migrations on `config.attributes["connection"]`, or on a connection to the URL."""
    connection = config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
        return
    url = config.attributes.get("url") or config.get_main_option("sqlalchemy.url")
    engine = create_engine(url)
    with engine.connect() as connection:
        _migrate(connection)
    engine.dispose()


def _migrate(connection) -> None:  # type: ignore[no-untyped-def]
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


run()
