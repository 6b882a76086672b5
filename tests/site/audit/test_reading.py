"""Reading the log over the API, and its signed heads."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from carrel_protocol.api.common import SignedHead
from carrel_site.audit.anchors import is_signed_by, latest_anchor, read_anchors
from carrel_site.audit.log import event_hash
from carrel_site.core.clock import now
from carrel_site.core.security import Signer
from carrel_site.embedded.secrets import ensure_secrets
from tests.fixtures.site import AppSite
from tests.site.audit.conftest import Log


def test_pages_hold_every_event_once_newest_first(log: Log) -> None:
    sequences: list[int] = []
    cursor = None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = log.app.call(log.app.auditor, "GET", "/audit/events", params=query).json()
        sequences += [event["sequence"] for event in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sequences == list(range(sequences[0], 0, -1))


def test_filters(log: Log) -> None:
    def found(**query: str) -> list[dict[str, str]]:
        reply = log.app.call(log.app.auditor, "GET", "/audit/events", params=query)
        return reply.json()["items"]  # type: ignore[no-any-return]

    (released,) = found(action="output.released")
    assert released["subject"] == log.run_id
    ledger = found(action="ledger.")
    assert {event["action"] for event in ledger} == {"ledger.opened"}
    assert all(event["subject"] == log.run_id for event in found(subject=log.run_id))
    assert found(actor=log.app.researcher.id)
    assert found(action="output.rel") == [released]
    assert found(action="ledger_opened") == []
    assert found(action="%.") == []


def test_the_export_verifies_by_itself(log: Log) -> None:
    reply = log.app.call(log.app.auditor, "GET", "/audit/events/export")
    assert reply.headers["content-type"].startswith("application/jsonl")
    *lines, last = [json.loads(line) for line in reply.text.splitlines()]
    head = SignedHead.model_validate(last["head"])
    assert is_signed_by(head, log.key)
    previous = ""
    for sequence, event in enumerate(lines, start=1):
        expected = event_hash(
            sequence,
            now().fromisoformat(event["at"]),
            event["actor"],
            event["action"],
            event["subject"],
            event["detail"],
            previous,
        )
        assert (event["sequence"], event["hash"]) == (sequence, expected)
        previous = expected
    assert (head.sequence, head.hash) == (len(lines), previous)


def test_watchers_see_the_head_as_it_is_and_researchers_the_last_anchor(log: Log) -> None:
    def head(member) -> SignedHead:  # type: ignore[no-untyped-def]
        reply = log.app.call(member, "GET", "/audit/head")
        assert reply.status_code == 200
        return SignedHead.model_validate_json(reply.content)

    assert log.app.call(log.app.researcher, "GET", "/audit/head").status_code == 404
    log.anchor()
    anchored = head(log.app.researcher)
    assert is_signed_by(anchored, log.key)
    made = {"label": "x", "scopes": ["read"]}
    log.app.call(log.app.researcher, "POST", "/keys", json=made)
    assert head(log.app.researcher) == anchored
    assert head(log.app.auditor).sequence == anchored.sequence + 1
    log.anchor()
    assert head(log.app.researcher).sequence == anchored.sequence + 1


def test_an_anchor_is_written_when_the_head_moved_and_only_then(log: Log) -> None:
    path = log.app.site.settings.anchors_file
    log.anchor()
    log.anchor()
    assert len(path.read_text().splitlines()) == 1
    log.app.call(log.app.owner, "POST", "/keys", json={"label": "x", "scopes": ["read"]})
    log.anchor()
    assert [line.number for line in read_anchors(path)] == [1, 2]
    assert path.stat().st_mode & 0o007 == 0


def test_a_write_that_a_crash_cut_short_costs_one_line(log: Log) -> None:
    path = log.app.site.settings.anchors_file
    log.anchor()
    whole = path.read_text()
    path.write_text(whole + whole[:40])
    assert log.verify().anchors == 1
    last = latest_anchor(path)
    assert last is not None
    log.app.call(log.app.owner, "POST", "/keys", json={"label": "x", "scopes": ["read"]})
    log.anchor()
    newest = latest_anchor(path)
    assert newest is not None
    assert newest.sequence == last.sequence + 1
    assert "line 2: no signed head" in log.broken()


def test_a_signature_holds_for_its_head_and_key_alone(log: Log, tmp_path: Path) -> None:
    head = log.app.call(log.app.auditor, "GET", "/audit/head").json()
    assert is_signed_by(SignedHead.model_validate(head), log.key)
    for change in (
        {"sequence": head["sequence"] + 1},
        {"hash": "0" * 64},
        {"at": "2020-01-01T00:00:00Z"},
        {"signature": "zz"},
        {"signature": "00" * 64},
    ):
        assert not is_signed_by(SignedHead.model_validate(head | change), log.key)
    ensure_secrets(tmp_path / "other")
    other = Signer.from_file(tmp_path / "other" / "audit_signing_key.pem").public
    assert not is_signed_by(SignedHead.model_validate(head), other)


def test_writers_at_once_make_one_chain(app_site: AppSite) -> None:
    member = app_site.owner
    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(
                lambda n: app_site.call(
                    member, "POST", "/keys", json={"label": f"k{n}", "scopes": ["read"]}
                ),
                range(40),
            )
        )
    assert {reply.status_code for reply in replies} == {201}
    assert Log(app_site, "").verify().events == 40


def test_one_event_by_its_place(log: Log) -> None:
    newest = log.app.call(log.app.auditor, "GET", "/audit/events").json()["items"][0]
    path = f"/audit/events/{newest['sequence']}"
    assert log.app.call(log.app.auditor, "GET", path).json() == newest
    assert log.app.call(log.app.researcher, "GET", path).status_code == 403
    for nowhere, status in (("999999999", 404), (str(2**63), 422), ("0", 422), ("-1", 422)):
        reply = log.app.call(log.app.auditor, "GET", f"/audit/events/{nowhere}")
        assert reply.status_code == status, nowhere
