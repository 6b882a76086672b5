"""Review: votes bound to content, nobody on their own request, returns, expiry, over budget."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import DBAPIError

from tests.factories import Member
from tests.site.flow.conftest import LIMIT, MOST, Flow


def test_two_people_approve_and_it_runs(flow: Flow, another_reviewer: Member) -> None:
    request = flow.asked(flow.reviewed, purpose="a paper on regions")
    assert request["state"] == "submitted"
    assert request["run"] is None
    assert request["votes_needed"] == 2
    assert flow.decide(flow.app.reviewer, request, "approve").json()["state"] == "submitted"
    assert flow.spent() == (0, 0)
    approved = flow.decide(another_reviewer, request, "approve").json()
    assert approved["state"] == "queued"
    assert flow.spent()[1] == request["price"]["costs"][0]
    flow.worker.succeed(flow.worker.claim(approved["run"]["id"]))
    assert flow.ended(approved["run"]["id"])["state"] == "succeeded"


def test_one_person_has_one_vote(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "approve")
    again = flow.decide(flow.app.reviewer, request, "approve")
    assert again.status_code == httpx.codes.CONFLICT
    shown = flow.ok(flow.app.researcher, "GET", f"/requests/{request['id']}")
    assert shown["state"] == "submitted"


def test_nobody_reviews_their_own(flow: Flow) -> None:
    owner = flow.app.owner
    flow.ok(owner, "PUT", f"/datasets/{flow.reviewed}/access", json={"user": owner.id})
    body = {
        "dataset": flow.reviewed,
        "sql": f"SELECT COUNT(*) FROM {flow.reviewed}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
    }
    request = flow.ok(owner, "POST", "/requests", json=body)
    for decision in ("approve", "reject", "return"):
        refused = flow.decide(owner, request, decision, "because")
        assert refused.json()["code"] == "not_reviewer"


def test_first_votes_are_blind(flow: Flow, another_reviewer: Member) -> None:
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "approve")
    path = f"/requests/{request['id']}"
    assert len(flow.ok(flow.app.reviewer, "GET", path)["votes"]) == 1
    for other in (another_reviewer, flow.app.researcher, flow.app.owner):
        assert flow.ok(other, "GET", path)["votes"] == []
    flow.decide(another_reviewer, request, "approve")
    assert len(flow.ok(flow.app.researcher, "GET", path)["votes"]) == 2


def test_returned_edited_approved(flow: Flow, another_reviewer: Member) -> None:
    request = flow.asked(flow.reviewed)
    path = f"/requests/{request['id']}"
    assert flow.decide(another_reviewer, request, "approve").status_code == httpx.codes.OK
    returned = flow.decide(flow.app.reviewer, request, "return", "narrower, please").json()
    assert returned["state"] == "changes_requested"
    comments = flow.ok(flow.app.researcher, "GET", f"{path}/comments")
    assert "narrower, please" in [comment["text"] for comment in comments]

    change = {"sql": f"SELECT COUNT(*) AS n FROM {flow.reviewed} WHERE age BETWEEN 20 AND 30"}
    etag = flow.ok(flow.app.researcher, "GET", path)["etag"]
    edited = flow.ok(flow.app.researcher, "PUT", path, json=change, headers={"If-Match": etag})
    assert edited["state"] == "submitted"
    assert edited["content_hash"] != request["content_hash"]
    stale = flow.decide(flow.app.reviewer, request, "approve")
    assert stale.json()["code"] == "content_changed"
    # The vote for what was there before does not count for what is there now.
    assert flow.decide(flow.app.reviewer, edited, "approve").json()["state"] == "submitted"
    assert flow.decide(another_reviewer, edited, "approve").json()["state"] == "queued"


def test_an_edit_needs_what_it_edits(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    path = f"/requests/{request['id']}"
    change = {"target": {"kind": "epsilon", "epsilon": 0.2}}
    missing = flow.call(flow.app.researcher, "PUT", path, json=change)
    assert missing.status_code == httpx.codes.PRECONDITION_REQUIRED
    headers = {"If-Match": request["etag"]}
    flow.ok(flow.app.researcher, "PUT", path, json=change, headers=headers)
    stale = flow.call(flow.app.researcher, "PUT", path, json=change, headers=headers)
    assert stale.status_code == httpx.codes.PRECONDITION_FAILED


def test_one_rejection_rejects_with_its_reason(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    wordless = flow.decide(flow.app.reviewer, request, "reject")
    assert wordless.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    rejected = flow.decide(flow.app.reviewer, request, "reject", "not for this purpose").json()
    assert rejected["state"] == "rejected"
    shown = flow.ok(flow.app.researcher, "GET", f"/requests/{request['id']}")
    assert shown["votes"][0]["reason"] == "not for this purpose"
    late = flow.decide(flow.app.owner, request, "approve")
    assert late.json()["code"] == "invalid_transition"
    assert flow.asked(flow.reviewed)["id"] != request["id"]  # it may be asked anew


def test_asked_again_joins_the_one_under_review(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    again = flow.ask(flow.reviewed)
    assert again.status_code == httpx.codes.OK
    assert again.json()["id"] == request["id"]


def test_withdrawn_is_final(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    path = f"/requests/{request['id']}/withdraw"
    assert flow.call(flow.app.reviewer, "POST", path).json()["code"] == "not_reviewer"
    assert flow.ok(flow.app.researcher, "POST", path)["state"] == "withdrawn"
    assert flow.decide(flow.app.reviewer, request, "approve").status_code == 409


def test_unanswered_expires(flow: Flow, beat: Callable[[], None]) -> None:
    request = flow.asked(flow.reviewed)
    beat()
    path = f"/requests/{request['id']}"
    assert flow.ok(flow.app.researcher, "GET", path)["state"] == "submitted"
    flow.execute("UPDATE requests SET expires_at = now() - interval '1 second'")
    beat()
    assert flow.ok(flow.app.researcher, "GET", path)["state"] == "expired"


def test_approved_over_budget_waits_for_a_raise(flow: Flow, another_reviewer: Member) -> None:
    spender = flow.asked(flow.open, target=MOST)
    request = flow.asked(flow.reviewed, target=MOST)
    assert request["price"]["affordable"] is False
    flow.decide(flow.app.reviewer, request, "approve")
    approved = flow.decide(another_reviewer, request, "approve").json()
    assert approved["state"] == "over_budget"
    path = f"/requests/{request['id']}"
    refused = flow.call(flow.app.researcher, "POST", f"{path}/queue")
    assert refused.json()["code"] == "budget_exceeded"
    assert flow.ok(flow.app.researcher, "GET", path)["state"] == "over_budget"

    account = flow.budget()["id"]
    raised = {"epsilon": 3 * LIMIT, "reason": "the board agreed"}
    told = flow.ok(flow.app.owner, "POST", f"/accounts/{account}/raise", json=raised)
    assert told["raised"][0]["after_answers"] is True
    assert "Raised after answers were seen" in told["statement"]
    assert flow.ok(flow.app.researcher, "POST", f"{path}/queue")["state"] == "queued"
    assert spender["run"]["id"]


def test_access_taken_away_meanwhile_is_noticed(flow: Flow, another_reviewer: Member) -> None:
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "approve")
    researcher = flow.app.researcher.id
    flow.ok(flow.app.owner, "DELETE", f"/datasets/{flow.reviewed}/access/{researcher}")
    refused = flow.decide(another_reviewer, request, "approve")
    assert refused.status_code == httpx.codes.CONFLICT
    assert "no access" in refused.json()["detail"]
    assert flow.spent() == (0, 0)


def test_votes_cannot_be_deleted_or_changed(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "approve")
    for statement in ("DELETE FROM votes", "UPDATE votes SET decision = 'approve'"):
        with pytest.raises(DBAPIError, match="permission denied"):
            flow.execute(statement)


def test_a_researcher_sees_only_their_own(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    other = flow.app.auditor
    flow.execute("UPDATE users SET role = 'researcher' WHERE id = :id", id=other.id)
    assert flow.ok(other, "GET", "/requests")["items"] == []
    for path in ("", "/comments"):
        reply = flow.call(other, "GET", f"/requests/{request['id']}{path}")
        assert reply.status_code == httpx.codes.NOT_FOUND


def edit(flow: Flow, request: Any, **change: Any) -> Any:
    path = f"/requests/{request['id']}"
    etag = flow.ok(flow.app.researcher, "GET", path)["etag"]
    return flow.ok(flow.app.researcher, "PUT", path, json=change, headers={"If-Match": etag})


def test_an_edited_purpose_voids_votes_too(flow: Flow, another_reviewer: Member) -> None:
    request = flow.asked(flow.reviewed, purpose="a paper")
    flow.decide(flow.app.reviewer, request, "approve")
    edited = edit(flow, request, purpose="a sales list")
    assert edited["content_hash"] != request["content_hash"]
    assert flow.decide(another_reviewer, edited, "approve").json()["state"] == "submitted"


def test_votes_do_not_come_back_with_what_was_there_before(
    flow: Flow, another_reviewer: Member
) -> None:
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "approve")
    edit(flow, request, target={"kind": "epsilon", "epsilon": 0.2})
    back = edit(flow, request, target={"kind": "epsilon", "epsilon": 0.1})
    assert back["content_hash"] == request["content_hash"]
    assert flow.decide(another_reviewer, back, "approve").json()["state"] == "submitted"
    assert flow.decide(flow.app.reviewer, back, "approve").json()["state"] == "queued"


def test_whoever_returned_it_can_approve_what_came_back(
    flow: Flow, another_reviewer: Member
) -> None:
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "return", "say what for")
    edited = edit(flow, request, purpose="a paper")
    flow.decide(another_reviewer, edited, "approve")
    assert flow.decide(flow.app.reviewer, edited, "approve").json()["state"] == "queued"


def test_reasons_of_blind_votes_are_blind(flow: Flow, another_reviewer: Member) -> None:
    request = flow.asked(flow.reviewed)
    path = f"/requests/{request['id']}/comments"
    flow.decide(flow.app.reviewer, request, "approve", "sound, I think")
    assert len(flow.ok(flow.app.reviewer, "GET", path)) == 1
    for other in (another_reviewer, flow.app.owner, flow.app.researcher):
        assert flow.ok(other, "GET", path) == []
    flow.decide(another_reviewer, request, "approve")
    assert len(flow.ok(another_reviewer, "GET", path)) == 1


def test_an_auditor_writes_nothing(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    refused = flow.call(
        flow.app.auditor, "POST", f"/requests/{request['id']}/comments", json={"text": "hm"}
    )
    assert refused.status_code == httpx.codes.FORBIDDEN


def test_nobody_makes_a_voting_key_for_somebody_else(flow: Flow) -> None:
    body = {"label": "a second vote", "scopes": ["read", "review"]}
    reviewer = flow.app.reviewer.id
    refused = flow.call(flow.app.owner, "POST", f"/users/{reviewer}/keys", json=body)
    assert refused.status_code == httpx.codes.FORBIDDEN
    flow.ok(flow.app.reviewer, "POST", "/keys", json=body)


def test_a_pause_holds_back_what_was_already_asked(flow: Flow, another_reviewer: Member) -> None:
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "approve")
    for n in range(3):
        job = flow.worker.claim(flow.asked(flow.open, f"age > {n}")["run"]["id"])
        flow.worker.fail(job)
        flow.ended(job.run_id)
    assert flow.decide(another_reviewer, request, "approve").json()["code"] == "kind_paused"


def test_one_account_cannot_hold_the_workers(flow: Flow) -> None:
    for n in range(3):
        flow.asked(flow.open, f"age > {n}")
    flow.execute("UPDATE runs SET deadline_ms = 40000")
    refused = flow.ask(flow.open, "age > 9")
    assert refused.status_code == httpx.codes.TOO_MANY_REQUESTS
    assert refused.json()["advice"]
