"""The two database roles and the database: who may do what, below the tables' own grants."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

OWNER_ROLE = "carrel_owner"
APP_ROLE = "carrel_app"
DATABASE = "carrel"


def bootstrap_database(
    superuser_dsn: str, owner_password: str, app_password: str, database: str = DATABASE
) -> None:
    """Create what is missing of the two roles and the database; set both passwords. Repeatable.

    carrel_owner owns the database and its schema and runs migrations. carrel_app, as which the
    site runs, owns nothing and may create nothing; what it may do to a table, the migration that
    makes the table grants (DESIGN §4.7). `superuser_dsn` is libpq's, to any database; its
    role need not be a superuser if it may create roles and databases.
    """
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        for role, password in ((OWNER_ROLE, owner_password), (APP_ROLE, app_password)):
            _ensure_role(connection, role, password)
        with _member_of_owner(connection):
            create_database(superuser_dsn, database)


def create_database(superuser_dsn: str, database: str, template: str = "template0") -> None:
    """Create `database` from `template` if it is missing; owned by OWNER_ROLE, open to APP_ROLE."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        exists = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(exists, (database,)).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    sql.Identifier(database), sql.Identifier(OWNER_ROLE), sql.Identifier(template)
                )
            )
        for statement in (
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {database} TO {app}",
        ):
            connection.execute(_compose(statement, database))
    with psycopg.connect(superuser_dsn, dbname=database, autocommit=True) as connection:
        for statement in (
            "ALTER SCHEMA public OWNER TO {owner}",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC",
            "GRANT USAGE ON SCHEMA public TO {app}",
        ):
            connection.execute(_compose(statement, database))


def _ensure_role(connection: psycopg.Connection, role: str, password: str) -> None:
    """Only SCRAM's verifier is sent: a server that logs statements must not log the password."""
    name = sql.Identifier(role)
    found = connection.execute(
        "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls "
        "FROM pg_roles WHERE rolname = %s",
        (role,),
    ).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE ROLE {}").format(name))
    elif found[0]:
        # Only if need be: naming these at all takes a superuser.
        connection.execute(
            sql.SQL(
                "ALTER ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
            ).format(name)
        )
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(verifier.decode()))
    )


@contextmanager
def _member_of_owner(connection: psycopg.Connection) -> Iterator[None]:
    """Who is no superuser can only give a database away to a role that they are a member of."""
    is_superuser = connection.execute("SHOW is_superuser").fetchone() == ("on",)
    if is_superuser:
        yield
        return
    owner = sql.Identifier(OWNER_ROLE)
    connection.execute(
        sql.SQL("GRANT {} TO CURRENT_USER WITH SET TRUE, INHERIT TRUE").format(owner)
    )
    try:
        yield
    finally:
        connection.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(owner))


def _compose(statement: str, database: str) -> sql.Composed:
    return sql.SQL(statement).format(
        database=sql.Identifier(database),
        owner=sql.Identifier(OWNER_ROLE),
        app=sql.Identifier(APP_ROLE),
    )
