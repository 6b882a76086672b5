"""A superuser changes the database; `carrel audit verify` says what and where."""

import json
import re
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from carrel_site.audit.log import event_hash
from carrel_site.cli.audit import app as audit_cli
from tests.site.audit.conftest import Log


def test_an_untouched_site_is_whole(log: Log) -> None:
    log.anchor()
    found = log.verify()
    assert found.anchors == 1
    assert found.accounts == 2
    assert found.entries == 8  # opened, reserved, settled, reserved: at two accounts
    assert found.answers == 1
    assert found.events > 10


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE audit_events SET actor = 'usr_x' WHERE sequence = 4", "event 4: its content"),
        ("UPDATE audit_events SET detail = '{}' WHERE sequence = 3", "event 3: its content"),
        (
            "UPDATE audit_events SET at = at + interval '1 microsecond' WHERE sequence = 5",
            "event 5: its content",
        ),
        ("UPDATE audit_events SET hash = 'x' WHERE sequence = 2", "event 2: its content"),
        ("DELETE FROM audit_events WHERE sequence = 4", "event 5 follows event 3; 1 missing"),
        ("DELETE FROM audit_events WHERE sequence = 1", "event 2 follows event 0"),
        (
            "DELETE FROM audit_events WHERE sequence > (SELECT sequence - 2 FROM audit_head)",
            "and the head says",
        ),
        ("UPDATE audit_head SET hash = 'x'", "the head's hash is not"),
        ("UPDATE ledger_accounts SET spent1 = spent1 - 1 WHERE spent1 > 0", "its spent1 is"),
        ("UPDATE ledger_accounts SET limit1 = limit1 + 1", "its limit1 is"),
        ("UPDATE ledger_accounts SET reserved2 = 0", "its reserved2 is 0, and its entries make"),
        ("UPDATE ledger_accounts SET charges = 0", "its charges is 0"),
        ("UPDATE ledger_entries SET cost1 = 0 WHERE kind = 'settle'", "entry 3: its content"),
        ("DELETE FROM ledger_entries WHERE sequence = 2", "entry 3: it follows entry 1"),
        (
            "UPDATE outputs SET answer = jsonb_set(answer, '{measures,0,values,0}', '6')",
            "answer of",
        ),
        ("DELETE FROM outputs", "recorded it, and it is gone"),
    ],
)
def test_a_change_is_found_and_named(log: Log, change: str, says: str) -> None:
    log.tamper(change)
    assert re.search(re.escape(says), log.broken()), log.broken()


def test_a_cut_ledger_contradicts_the_log(log: Log) -> None:
    """The last entry of an account goes, and its row is made to fit."""
    log.tamper(
        """UPDATE ledger_accounts a SET
             entries = a.entries - 1, head_hash = e.previous_hash,
             reserved1 = reserved1 - e.cost1, reserved2 = reserved2 - e.cost2,
             charges = charges - 1
           FROM ledger_entries e WHERE e.account_id = a.id AND e.sequence = a.entries""",
        "DELETE FROM ledger_entries e USING ledger_accounts a"
        " WHERE e.account_id = a.id AND e.sequence = a.entries + 1",
    )
    assert re.search(r"ledger: an entry that audit event \d+ names is gone", log.broken())


def test_a_cut_log_contradicts_the_anchors(log: Log) -> None:
    log.anchor()
    log.tamper(
        "UPDATE audit_head h SET sequence = e.sequence - 1, hash = e.previous_hash"
        " FROM audit_events e WHERE e.sequence = h.sequence",
        "DELETE FROM audit_events WHERE sequence > (SELECT sequence FROM audit_head)",
    )
    assert "its end was cut off" in log.broken()


def rewrite(log: Log, first: int) -> None:
    """Change event `first` and compute every later hash anew, as whoever owns the host could."""
    with psycopg.connect(log.app.urls.superuser_dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        rows = connection.execute(
            "SELECT sequence, at, actor, action, subject, detail, previous_hash"
            " FROM audit_events WHERE sequence >= %s ORDER BY sequence",
            (first,),
        ).fetchall()
        head = rows[0][6]
        for sequence, at, actor, action, subject, detail, _ in rows:
            who = "usr_somebody_else" if sequence == first else actor
            digest = event_hash(sequence, at, who, action, subject, detail, head)
            connection.execute(
                "UPDATE audit_events SET actor = %s, previous_hash = %s, hash = %s"
                " WHERE sequence = %s",
                (who, head, digest, sequence),
            )
            head = digest
        connection.execute("UPDATE audit_head SET hash = %s", (head,))


def test_a_rewritten_log_is_told_by_the_anchors_alone(log: Log) -> None:
    log.anchor()
    sequence = json.loads(log.app.site.settings.anchors_file.read_text())["sequence"]
    rewrite(log, first=4)
    assert f"event {sequence}: its hash is not the one that was signed" in log.broken()
    log.app.site.settings.anchors_file.unlink()
    assert log.verify().anchors == 0


def test_an_anchor_of_another_key_is_told(log: Log, tmp_path: Path) -> None:
    log.anchor()
    path = log.app.site.settings.anchors_file
    head = json.loads(path.read_text())
    path.write_text(json.dumps(head | {"hash": "0" * 64}) + "\n")
    assert "line 1: not signed by this site's key" in log.broken()
    path.write_text("nonsense\n")
    assert "line 1: no signed head" in log.broken()


def test_the_command_exits_1_and_says_where(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = log.app.site.settings
    monkeypatch.setenv("CARREL_DATABASE_URL", settings.database_url)
    log.anchor()
    whole = CliRunner().invoke(audit_cli, ["verify", "--data-dir", str(settings.data_dir)])
    assert whole.exit_code == 0, whole.output
    assert re.match(r"Whole: \d+ events, \d+ ledger entries of 2 accounts", whole.output)
    log.tamper("UPDATE audit_events SET subject = 'x' WHERE sequence = 6")
    broken = CliRunner().invoke(audit_cli, ["verify", "--data-dir", str(settings.data_dir)])
    assert broken.exit_code == 1
    assert "BROKEN: audit log, event 6: its content does not match its hash" in broken.output
