"""Votes are blind: every road by which somebody might learn of one before a request is decided."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from carrel_protocol.api.common import Role
from carrel_site.audit import repository
from carrel_site.audit.anchors import read_anchors, write_anchor
from carrel_site.audit.exports import check_export
from carrel_site.audit.verify import verify_site
from carrel_site.ledger.journal import read_journal
from tests.factories import Member
from tests.site.events.conftest import Listen
from tests.site.flow.conftest import Flow

READERS = (Role.OWNER, Role.AUDITOR, Role.REVIEWER, Role.RESEARCHER)


@pytest.fixture(autouse=True)
def everybody(flow: Flow) -> None:
    for role in Role:
        flow.app.member(role)


def roads(flow: Flow, who: Member, request: Any, voter: Member) -> dict[str, Any]:
    """Everything that this person can read of the request and of whoever voted, by address."""
    about = f"/requests/{request['id']}"
    end = flow.app.site.db.read(repository.head)[0]
    paths = [
        about,
        f"{about}/comments",
        f"{about}/rounds",
        f"{about}/background",
        "/requests",
        "/requests?to_review=true",
        "/requests?sort=oldest&state=submitted",
        f"/requests?q={request['id']}",
        f"/datasets/{flow.reviewed}",
        f"/datasets/{flow.reviewed}/activity",
        "/home",
        "/notifications",
        "/notifications?unread=true",
        "/runs",
        f"/users/{voter.id}",
        "/users",
        "/groups",
        "/audit/head",
        "/audit/events?limit=200",
        "/audit/events?action=request.voted",
        f"/audit/events?actor={voter.id}",
        f"/audit/events?subject={request['id']}",
        f"/audit/events?actor={voter.id}&subject={request['id']}&action=request.",
        *(f"/audit/events/{sequence}" for sequence in (end, end + 1, end + 2)),
    ]
    found: dict[str, Any] = {}
    for path in paths:
        reply = flow.call(who, "GET", path)
        found[path] = reply.status_code, _timeless(reply.json()), reply.headers.get("etag")
    export = flow.call(who, "GET", "/audit/events/export")
    found["export"] = export.status_code, export.text.splitlines()[:-1]
    return found


def _timeless(body: Any) -> Any:
    """Without what tells when it was asked for."""
    if isinstance(body, dict):
        left_out = ("at", "signature") if "signature" in body else ("request_id",)
        return {key: _timeless(value) for key, value in body.items() if key not in left_out}
    return [_timeless(item) for item in body] if isinstance(body, list) else body


def logged(flow: Flow) -> list[Any]:
    """The log's votes and decisions, oldest first."""
    page = flow.ok(flow.app.auditor, "GET", "/audit/events", params={"action": "request."})
    return page["items"][::-1]  # type: ignore[no-any-return]


def actions(flow: Flow) -> list[str]:
    return [event["action"] for event in logged(flow)]


@pytest.mark.parametrize("reason", ["", "fine by me"])
@pytest.mark.parametrize("role", READERS)
def test_no_road_leads_to_a_vote_before_the_decision(
    flow: Flow, another_reviewer: Member, role: Role, reason: str
) -> None:
    request = flow.asked(flow.reviewed)
    who = another_reviewer if role is Role.REVIEWER else flow.app.member(role)
    voter = flow.app.reviewer
    assert flow.ok(voter, "GET", "/me")  # so that the vote is not their first call
    before = roads(flow, who, request, voter)
    flow.decide(voter, request, "approve", reason)
    assert roads(flow, who, request, voter) == before


def test_no_reader_is_told_of_a_vote_as_it_is_cast(
    flow: Flow, listen: Listen, another_reviewer: Member
) -> None:
    request = flow.asked(flow.reviewed)
    people = (flow.app.owner, flow.app.auditor, another_reviewer, flow.app.researcher)
    streams = [listen(who, seconds=1.0) for who in people]
    flow.decide(flow.app.reviewer, request, "approve", "fine by me")
    for stream in streams:
        assert {heard.event for heard in stream.ended()} <= {"sync"}


def test_voting_shows_only_ones_own_vote_until_the_decision(
    flow: Flow, another_reviewer: Member
) -> None:
    """Who has voted learns nothing more by it: neither of others' votes nor from the log."""
    path = f"/datasets/{flow.reviewed}"
    etag = flow.call(flow.app.owner, "GET", path).headers["etag"]
    policy = {"policy": {"reviewers": 3}}
    flow.ok(flow.app.owner, "PATCH", path, json=policy, headers={"If-Match": etag})
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "approve", "fine by me")
    shown = flow.decide(flow.app.owner, request, "approve", "by me too").json()
    assert [vote["reviewer"]["id"] for vote in shown["votes"]] == [flow.app.owner.id]
    assert actions(flow) == ["request.submitted"]
    flow.decide(another_reviewer, request, "approve")
    assert actions(flow)[1:] == ["request.voted"] * 3 + ["request.approved"]


def test_the_log_has_every_vote_with_the_decision_and_verifies(
    flow: Flow, another_reviewer: Member
) -> None:
    site = flow.app.site
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "approve", "fine by me")
    flow.decide(another_reviewer, request, "approve")
    _, first, second, approved = logged(flow)
    assert [first["actor"], second["actor"]] == [flow.app.reviewer.id, another_reviewer.id]
    assert first["detail"]["decision"] == second["detail"]["decision"] == "approve"
    assert first["detail"]["reason"] == "fine by me"
    assert first["detail"]["content"] == request["content_hash"]
    assert first["detail"]["voted_at"] < second["detail"]["voted_at"] <= approved["at"]
    assert (approved["actor"], approved["subject"]) == ("site", request["id"])
    votes = flow.ok(flow.app.owner, "GET", f"/requests/{request['id']}")["votes"]
    assert [vote["decision"] for vote in votes] == ["approve", "approve"]
    for who in (flow.app.owner, flow.app.auditor):
        export = flow.call(who, "GET", "/audit/events/export").text
        head = check_export(export.splitlines(), site.signer.public)
        assert head.sequence == len(export.splitlines()) - 1
        assert [json.loads(line)["action"] for line in export.splitlines()[:-1]].count(
            "request.voted"
        ) == len(votes)
    site.db.read(lambda session: write_anchor(site.settings, session, site.signer))
    heads = list(read_anchors(site.settings.anchors_file))
    journal = read_journal(site.settings.spend_journal_file)
    assert verify_site(site.settings, heads, journal).events >= len(votes)


@pytest.mark.parametrize(
    ("decision", "ends"), [("reject", "rejected"), ("return", "changes_requested")]
)
def test_what_decides_at_once_opens_what_was_cast_before(
    flow: Flow, another_reviewer: Member, decision: str, ends: str
) -> None:
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "approve")
    flow.decide(another_reviewer, request, decision, "say why")
    assert actions(flow)[1:] == ["request.voted", "request.voted", f"request.{ends}"]
    found = [(event["actor"], event["detail"]["decision"]) for event in logged(flow)[1:3]]
    assert found == [(flow.app.reviewer.id, "approve"), (another_reviewer.id, decision)]


def test_votes_are_logged_once_whatever_comes_after(flow: Flow) -> None:
    """By an edit, which voids them; then by a return; and withdrawing adds none again."""
    researcher, reviewer = flow.app.researcher, flow.app.reviewer
    request = flow.asked(flow.reviewed)
    flow.decide(reviewer, request, "approve")
    edited = flow.ok(
        researcher,
        "PUT",
        f"/requests/{request['id']}",
        json={"purpose": "said better"},
        headers={"If-Match": request["etag"]},
    )
    assert actions(flow) == ["request.submitted", "request.voted", "request.edited"]
    flow.decide(reviewer, edited, "return", "better still")
    flow.ok(researcher, "POST", f"/requests/{request['id']}/withdraw")
    assert actions(flow)[3:] == [
        "request.voted",
        "request.changes_requested",
        "request.withdrawn",
    ]


def test_votes_on_what_ends_undecided_are_logged_too(flow: Flow, beat: Callable[[], None]) -> None:
    withdrawn, expired = flow.asked(flow.reviewed), flow.asked(flow.reviewed, "age > 9")
    for request in (withdrawn, expired):
        flow.decide(flow.app.reviewer, request, "approve")
    flow.ok(flow.app.researcher, "POST", f"/requests/{withdrawn['id']}/withdraw")
    assert actions(flow)[2:] == ["request.voted", "request.withdrawn"]
    flow.execute(
        "UPDATE requests SET expires_at = now() - interval '1 s' WHERE state = 'submitted'"
    )
    beat()
    assert actions(flow)[4:] == ["request.voted", "request.expired"]
    flow.call(flow.app.researcher, "POST", f"/requests/{withdrawn['id']}/withdraw")
    assert actions(flow).count("request.voted") == 2
