"""What a reviewer is shown beside a request: its rounds, its requester, budgets and standing."""

from typing import Any

import httpx
import pytest
from sqlalchemy.exc import DBAPIError

from carrel_protocol.api.common import Role
from tests.factories import Member, make_member
from tests.site.flow.conftest import Flow


def edited(flow: Flow, request: Any, **change: Any) -> Any:
    path = f"/requests/{request['id']}"
    etag = flow.ok(flow.app.researcher, "GET", path)["etag"]
    return flow.ok(flow.app.researcher, "PUT", path, json=change, headers={"If-Match": etag})


def returned(flow: Flow, request: Any) -> Any:
    return flow.decide(flow.app.reviewer, request, "return", "narrower, please").json()


def test_each_round_stays_as_it_was_asked(flow: Flow) -> None:
    request = flow.asked(flow.reviewed, purpose="a paper")
    returned(flow, request)
    narrower = f"SELECT COUNT(*) AS n FROM {flow.reviewed} WHERE age > 80"
    second = edited(flow, request, sql=narrower, target={"kind": "rho", "rho": 0.001})
    edited(flow, request, purpose="a book")

    rounds = flow.ok(flow.app.reviewer, "GET", f"/requests/{request['id']}/rounds")
    assert [one["number"] for one in rounds] == [1, 2, 3]
    assert [one["purpose"] for one in rounds] == ["a paper", "a paper", "a book"]
    assert [one["as_sql"] for one in rounds] == [request["sql"], narrower, narrower]
    assert rounds[0]["target"] == {"kind": "epsilon", "epsilon": 0.1}
    assert rounds[1]["target"] == {"kind": "rho", "rho": 0.001}
    assert rounds[0]["content_hash"] == request["content_hash"]
    assert rounds[1]["content_hash"] == second["content_hash"]
    assert rounds[0]["price"]["epsilon"] == request["price"]["epsilon"]
    # One begins where the other ends, and the thread says the same time.
    assert rounds[0]["asked_at"] == request["created_at"]
    assert rounds[0]["replaced_at"] == rounds[1]["asked_at"]
    assert rounds[2]["replaced_at"] is None
    thread = flow.ok(flow.app.reviewer, "GET", f"/requests/{request['id']}/comments")
    events = [note["at"] for note in thread if note["kind"] == "event"]
    assert events == [rounds[1]["asked_at"], rounds[2]["asked_at"]]


def test_a_vote_names_its_round(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    returned(flow, request)
    again = edited(flow, request, purpose="more of it")
    assert again["round"] == 2
    flow.decide(flow.app.reviewer, again, "approve")
    votes = flow.ok(flow.app.reviewer, "GET", f"/requests/{request['id']}")["votes"]
    assert [(vote["round"], vote["counts"]) for vote in votes] == [(1, False), (2, True)]


def test_a_round_that_was_voted_on_cannot_be_rewritten(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    edited(flow, request, purpose="other words")
    for statement in (
        "UPDATE request_rounds SET purpose = 'never said'",
        "DELETE FROM request_rounds",
        "TRUNCATE request_rounds",
    ):
        with pytest.raises(DBAPIError):
            flow.execute(statement)


def test_rounds_and_background_are_for_whoever_may_see_the_request(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    other: Member = flow.app.site.db.transact(lambda session: make_member(session, Role.RESEARCHER))
    for part in ("rounds", "background"):
        path = f"/requests/{request['id']}/{part}"
        assert flow.call(other, "GET", path).status_code == httpx.codes.NOT_FOUND
        for reader in (flow.app.researcher, flow.app.reviewer, flow.app.auditor):
            flow.ok(reader, "GET", path)


def test_the_price_stands_beside_both_budgets(flow: Flow) -> None:
    request = flow.asked(flow.reviewed, target={"kind": "epsilon", "epsilon": 4.0})
    path = f"/requests/{request['id']}/background"
    seen = flow.ok(flow.app.reviewer, "GET", path)
    assert seen["mine"]["share_price"] == pytest.approx(request["price"]["share"])
    assert seen["mine"]["share_spent"] == 0
    assert seen["mine"]["admits"] is True
    assert 0 < seen["together"]["share_price"] < seen["mine"]["share_price"]
    assert seen["together"]["account_id"] is not None
    assert seen["policy"]["reviewers"] == 2
    assert seen["policy_changed"] is False
    assert seen["history"]["asked"] == 1
    assert seen["history"]["undecided"] == 1

    # Everyone's account is not the requester's to open, only what is left of it to see.
    own = flow.ok(flow.app.researcher, "GET", path)
    assert own["mine"]["account_id"] == seen["mine"]["account_id"]
    assert own["together"]["account_id"] is None
    assert own["together"]["share_spent"] == seen["together"]["share_spent"]


def test_a_budget_that_went_meanwhile_shows(flow: Flow) -> None:
    much = {"kind": "epsilon", "epsilon": 4.0}
    request = flow.asked(flow.reviewed, target=much)
    flow.asked(flow.open, target=much)
    seen = flow.ok(flow.app.reviewer, "GET", f"/requests/{request['id']}/background")
    assert seen["mine"]["admits"] is False
    assert seen["together"]["admits"] is True


def test_rules_that_changed_since_are_said_to_have(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    path = f"/datasets/{flow.reviewed}"
    headers = {"If-Match": flow.call(flow.app.owner, "GET", path).headers["etag"]}
    flow.ok(flow.app.owner, "PATCH", path, json={"policy": {"reviewers": 3}}, headers=headers)
    seen = flow.ok(flow.app.reviewer, "GET", f"/requests/{request['id']}/background")
    assert seen["policy_changed"] is True
    assert seen["policy"]["reviewers"] == 3


def test_failures_that_are_not_public_yet_do_not_show(flow: Flow) -> None:
    request = flow.asked(flow.open)
    flow.execute("UPDATE runs SET deadline_ms = 3600000")
    flow.worker.fail(flow.worker.claim(request["run"]["id"]))
    path = f"/requests/{request['id']}/background"
    assert flow.ok(flow.app.reviewer, "GET", path)["standing"]["failures"] == 0


def test_failures_pause_and_the_owner_excuses_them_from_a_run(flow: Flow) -> None:
    for age in range(3):
        request = flow.asked(flow.open, where=f"age > {age}")
        flow.worker.fail(flow.worker.claim(request["run"]["id"]))
        flow.ended(request["run"]["id"])
    run = request["run"]["id"]
    seen = flow.ok(flow.app.owner, "GET", f"/runs/{run}/diagnostics")["standing"]
    assert seen["failures"] == 3
    assert seen["paused"] is True
    assert flow.ask(flow.open, where="age > 9").json()["code"] == "kind_paused"
    excuse = {"reason": "a broken disk"}
    flow.ok(flow.app.owner, "POST", f"/accounts/{seen['account_id']}/excuse", json=excuse)
    after = flow.ok(flow.app.owner, "GET", f"/runs/{run}/diagnostics")["standing"]
    assert (after["failures"], after["paused"]) == (0, False)
    flow.asked(flow.open, where="age > 9")


def test_owners_list_their_own_runs_alone(flow: Flow) -> None:
    run = flow.asked(flow.open)["run"]["id"]
    everyones = flow.ok(flow.app.owner, "GET", "/runs")["items"]
    assert run in [one["id"] for one in everyones]
    assert flow.ok(flow.app.owner, "GET", "/runs", params={"mine": True})["items"] == []
    own = flow.ok(flow.app.researcher, "GET", "/runs", params={"mine": True})["items"]
    assert [one["id"] for one in own] == [run]
