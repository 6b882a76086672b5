"""What the application's own role can do to the log, the ledger and the answers: append."""

import psycopg
import pytest
from psycopg import errors

from tests.site.audit.conftest import Log

APPEND_ONLY = (
    "audit_events",
    "ledger_entries",
    "votes",
    "comments",
    "dataset_revisions",
    "failures_excused",
)

FORBIDDEN = [
    statement.format(table=table)
    for table in (*APPEND_ONLY, "ledger_accounts", "audit_head", "outputs")
    for statement in (
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
        "DROP TABLE {table} CASCADE",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "ALTER TABLE {table} DISABLE TRIGGER USER",
        "ALTER TABLE {table} ADD COLUMN x int",
        "ALTER TABLE {table} OWNER TO carrel_app",
        "CREATE TRIGGER t BEFORE INSERT ON {table} EXECUTE FUNCTION refuse_change()",
        "CREATE RULE r AS ON INSERT TO {table} DO INSTEAD NOTHING",
        "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
    )
]
FORBIDDEN += [
    f"UPDATE {table} SET {column} = {column}"
    for table, column in (
        ("audit_events", "action"),
        ("audit_events", "hash"),
        ("audit_head", "sequence"),
        ("audit_head", "hash"),
        ("ledger_entries", "cost1"),
        ("ledger_entries", "hash"),
        ("ledger_accounts", "limit1"),
        ("ledger_accounts", "limit_delta"),
        ("ledger_accounts", "spent1"),
        ("ledger_accounts", "spent2"),
        ("ledger_accounts", "spent_delta"),
        ("ledger_accounts", "reserved1"),
        ("ledger_accounts", "reserved2"),
        ("ledger_accounts", "charges"),
        ("ledger_accounts", "head_hash"),
        ("outputs", "answer"),
        ("outputs", "digest"),
        ("outputs", "run_id"),
        ("votes", "decision"),
        ("comments", "text"),
        ("dataset_revisions", "policy"),
    )
]
FORBIDDEN += [
    "SET session_replication_role = replica",
    "SET ROLE carrel_owner",
    "DROP TRIGGER apply ON ledger_entries",
    "DROP TRIGGER follow_head ON audit_events",
    "DROP TRIGGER append_only ON audit_events",
    "DROP FUNCTION apply_ledger_entry() CASCADE",
    """CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql
       AS $$BEGIN RETURN NEW; END$$""",
    "ALTER FUNCTION apply_ledger_entry() SECURITY INVOKER",
    "CREATE TABLE ledger_entries2 (id int)",
    "DROP SCHEMA public CASCADE",
    "INSERT INTO audit_head (id, sequence, hash) VALUES (2, 0, '')",
    "COPY audit_events TO PROGRAM 'cat'",
]


@pytest.fixture
def connection(log: Log) -> psycopg.Connection:
    url = log.app.urls.app.replace("postgresql+psycopg://", "postgresql://")
    return psycopg.connect(url, autocommit=True)


def test_the_application_cannot_change_what_was_appended(
    log: Log, connection: psycopg.Connection
) -> None:
    with connection:
        for table in APPEND_ONLY:  # a grant of what one does not have is a warning, and nothing
            connection.execute(f"GRANT ALL ON {table} TO carrel_app")  # type: ignore[arg-type]
        allowed = [statement for statement in FORBIDDEN if not _refused(connection, statement)]
    assert allowed == []
    assert log.verify().entries >= 5


def _refused(connection: psycopg.Connection, statement: str) -> bool:
    try:
        with connection.transaction():
            connection.execute(statement)  # type: ignore[call-overload]
    except errors.InsufficientPrivilege:
        return True
    return False


def test_even_the_owner_of_the_tables_meets_the_triggers(log: Log) -> None:
    url = log.app.urls.owner.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        for table in ("audit_events", "ledger_entries"):
            for statement in (
                f"UPDATE {table} SET hash = ''",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
            ):
                with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
                    connection.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("sequence = sequence + 1", "does not follow"),
        ("sequence = sequence", "does not follow|duplicate"),
        ("previous_hash = 'x'", "does not follow"),
    ],
)
def test_an_event_that_does_not_follow_the_head_is_refused(
    log: Log, connection: psycopg.Connection, change: str, error: str
) -> None:
    column, _, value = change.partition(" = ")
    fields = {
        "sequence": "sequence + 1",
        "previous_hash": "hash",
    }
    fields[column] = value.replace("sequence + 1", "sequence + 2")
    with connection, pytest.raises(psycopg.Error, match=error):
        connection.execute(
            "INSERT INTO audit_events SELECT "  # type: ignore[arg-type]
            f"{fields['sequence']}, now(), 'x', 'x.y', 'x', '{{}}', {fields['previous_hash']}, 'h'"
            " FROM audit_head"
        )


def test_accounts_cannot_be_made_with_money_in_them(connection: psycopg.Connection) -> None:
    with connection, pytest.raises(psycopg.Error, match="starts empty"):
        connection.execute(
            "INSERT INTO ledger_accounts (id, population_id, user_id, limit1)"
            " SELECT 'x', population_id, NULL, 1000 FROM ledger_accounts LIMIT 1"
        )
