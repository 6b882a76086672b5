"""Verifying over HTTP: progress, a verdict, one at a time, and no longer than somebody waits."""

import json
import time
from threading import BoundedSemaphore
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from carrel_protocol.api.audit import AuditProgress, AuditVerdict
from carrel_site.audit import verification, verify
from carrel_site.audit.errors import VerificationBusy
from carrel_site.audit.log import record
from tests.fixtures.site import served
from tests.site.audit.conftest import Log


def verified(log: Log) -> tuple[list[AuditProgress], AuditVerdict]:
    reply = log.app.call(log.app.auditor, "GET", "/audit/verify")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("application/jsonl")
    *lines, last = reply.text.splitlines()
    progress = [AuditProgress.model_validate_json(line) for line in lines]
    return progress, AuditVerdict.model_validate_json(last)


def slots(log: Log) -> BoundedSemaphore:
    found = log.app.app.state.verifying
    assert isinstance(found, BoundedSemaphore)
    return found


def is_free(log: Log) -> bool:
    """Whether another verification may begin, within a few seconds."""
    for _ in range(100):
        if slots(log).acquire(blocking=False):
            slots(log).release()
            return True
        time.sleep(0.05)
    return False


def test_a_whole_site_is_found_intact(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_STEP", 3)
    log.anchor()
    progress, verdict = verified(log)
    by_hand = log.verify()
    assert verdict.intact
    assert verdict.broken is None
    assert (verdict.events, verdict.entries) == (by_hand.events, by_hand.entries)
    assert (verdict.answers, verdict.anchors) == (by_hand.answers, 1)
    checked = [line.checked for line in progress]
    assert checked == sorted(checked)
    assert len(checked) > 4
    assert checked[0] == 0
    assert {line.total for line in progress} == {checked[-1]} == {by_hand.records}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit_events SET actor = 'usr_other' WHERE sequence = 3",
        "DELETE FROM audit_events WHERE sequence = 4",
        "UPDATE ledger_entries SET cost1 = cost1 - 1 WHERE kind = 'reserve'",
        "UPDATE outputs SET digest = 'x'",
    ],
)
def test_a_break_is_the_verdict_and_the_same_as_on_the_command_line(log: Log, damage: str) -> None:
    log.tamper(damage)
    _, verdict = verified(log)
    assert not verdict.intact
    assert verdict.broken == log.broken()
    assert is_free(log)


def test_a_damaged_journal_is_a_verdict_too(log: Log) -> None:
    log.app.site.settings.spend_journal_file.write_text("{}\n")
    _, verdict = verified(log)
    assert not verdict.intact
    assert verdict.broken is not None
    assert is_free(log)


def test_one_at_a_time(log: Log) -> None:
    assert slots(log).acquire(blocking=False)
    try:
        reply = log.app.call(log.app.owner, "GET", "/audit/verify")
        assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
        with pytest.raises(VerificationBusy):
            verification.start(log.app.site, slots(log))
    finally:
        slots(log).release()
    assert verified(log)[1].intact


def test_it_ends_when_whoever_watches_goes(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its snapshot is let go too: a transaction left open would keep the database from tidying."""
    monkeypatch.setattr(verify, "_STEP", 1)

    def write(session: Any) -> None:
        for number in range(5_000):
            record(session, "site", "test.noted", f"sub_{number}")

    log.app.site.db.transact(write)
    with (
        served(log.app.app) as url,
        httpx.stream(
            "GET", f"{url}/api/v1/audit/verify", headers=log.app.auditor.headers, timeout=20
        ) as reply,
    ):
        first = json.loads(next(reply.iter_lines()))
        assert first["checked"] == 0 < first["total"]
        assert not slots(log).acquire(blocking=False)
        reply.close()
        assert is_free(log)
        assert snapshots(log) == 0


def snapshots(log: Log) -> int:
    count: int = log.app.site.db.read(
        lambda s: s.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state LIKE 'idle in transaction%'"
            )
        )
    )
    return count
