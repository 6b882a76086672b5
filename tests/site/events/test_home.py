"""The home page: what waits for whom, and that it tells nobody what is not theirs to know."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from carrel_protocol.api.common import Role
from carrel_site.events import home
from tests.factories import Member, make_dataset, make_member
from tests.site.flow.conftest import Flow


@pytest.fixture(autouse=True)
def everybody(flow: Flow) -> None:
    """Somebody of each role, before anything is told."""
    for role in Role:
        flow.app.member(role)


def seen(flow: Flow, who: Member) -> Any:
    return flow.ok(who, "GET", "/home")


def waiting(flow: Flow, who: Member) -> list[tuple[str, str]]:
    return [(item["kind"], item["subject"]) for item in seen(flow, who)["waiting"]]


def test_a_request_waits_for_each_reviewer_until_they_have_voted(
    flow: Flow, another_reviewer: Member
) -> None:
    request = flow.asked(flow.reviewed)
    item = ("request.review", request["id"])
    for who in (flow.app.owner, flow.app.reviewer, another_reviewer):
        assert waiting(flow, who) == [item]
        assert seen(flow, who)["counts"]["to_review"] == 1
    for who in (flow.app.researcher, flow.app.auditor):
        assert waiting(flow, who) == []
        assert seen(flow, who)["counts"]["to_review"] == 0
    flow.decide(flow.app.reviewer, request, "approve")
    assert waiting(flow, flow.app.reviewer) == []
    assert waiting(flow, another_reviewer) == [item]
    flow.decide(another_reviewer, request, "return", "narrower")
    assert waiting(flow, flow.app.owner) == []
    assert waiting(flow, flow.app.researcher) == [("request.changes_requested", request["id"])]
    assert seen(flow, flow.app.researcher)["counts"]["mine_open"] == 1
    found = flow.call(flow.app.researcher, "GET", f"/requests/{request['id']}")
    flow.ok(
        flow.app.researcher,
        "PUT",
        f"/requests/{request['id']}",
        json={"purpose": "a narrower one"},
        headers={"If-Match": found.headers["etag"]},
    )
    assert waiting(flow, flow.app.reviewer) == [item]  # a new round: their vote is void


def test_an_owners_own_request_does_not_wait_for_them(flow: Flow) -> None:
    owner = flow.app.owner
    flow.ok(owner, "PUT", f"/datasets/{flow.reviewed}/access", json={"user": owner.id})
    body = {
        "dataset": flow.reviewed,
        "sql": f"SELECT COUNT(*) AS n FROM {flow.reviewed}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
    }
    request = flow.ok(owner, "POST", "/requests", json=body)
    assert waiting(flow, owner) == []
    assert waiting(flow, flow.app.reviewer) == [("request.review", request["id"])]


def test_a_failure_counts_once_it_is_public_and_an_overrun_never_to_researchers(
    flow: Flow, beat: Callable[[], None]
) -> None:
    watching = (flow.app.owner, flow.app.auditor)
    other = flow.app.site.db.transact(make_member)

    def counts(who: Member) -> tuple[Any, Any]:
        found = seen(flow, who)["counts"]
        return found["failed_runs"], found["overran_runs"]

    before = seen(flow, flow.app.researcher)
    runs = [flow.asked(flow.open, f"age > {n}")["run"]["id"] for n in range(2)]
    flow.execute("UPDATE runs SET deadline_ms = 60000")
    jobs = [flow.worker.claim(run_id) for run_id in runs]
    early = seen(flow, flow.app.researcher)
    flow.worker.fail(jobs[0])
    flow.worker.succeed(jobs[1], cpu_ms=1e6)
    beat()
    assert seen(flow, flow.app.researcher) == early
    assert early["counts"]["mine_open"] == before["counts"]["mine_open"] + 2
    for who in watching:
        assert counts(who) == (0, 0)
    flow.execute("UPDATE runs SET visible_at = now()")
    beat()
    assert counts(flow.app.researcher) == (1, None)
    assert counts(flow.app.reviewer) == counts(other) == (0, None)
    for who in watching:
        assert counts(who) == (1, 1)
    assert seen(flow, flow.app.researcher)["counts"]["mine_open"] == 0


def test_low_budgets_are_ones_own_or_for_those_who_see_all(flow: Flow) -> None:
    other = flow.app.site.db.transact(make_member)
    assert seen(flow, flow.app.owner)["budgets_low"] == []
    for number in range(60):
        reply = flow.ask(flow.open, f"age > {number}", target={"kind": "epsilon", "epsilon": 1.2})
        if not reply.is_success:
            break
        flow.worker.succeed(flow.worker.claim(reply.json()["run"]["id"]))
        flow.execute("UPDATE runs SET visible_at = now() WHERE closed_at IS NULL")
        flow.ended(reply.json()["run"]["id"])
        spent = flow.budget()["share_spent"]
        low = seen(flow, flow.app.researcher)["budgets_low"]
        assert bool(low) is (spent >= 0.9), spent
    (mine,) = low
    assert mine["share_left"] == pytest.approx(1 - spent)
    assert mine["person"]["id"] == flow.app.researcher.id
    for who in (flow.app.owner, flow.app.auditor, flow.app.reviewer):
        assert [found["account_id"] for found in seen(flow, who)["budgets_low"]] == [
            mine["account_id"]
        ]
    assert seen(flow, other)["budgets_low"] == []


def test_workers_are_shown_to_owners_with_those_in_trouble_first(flow: Flow) -> None:
    (worker,) = seen(flow, flow.app.owner)["workers"]
    assert (worker["name"], worker["healthy"], worker["last_seen_at"]) == ("hand", False, None)
    flow.worker.admitted(flow.app, "another")
    flow.execute("UPDATE workers SET last_seen_at = now() WHERE name = 'another'")
    flow.execute("UPDATE workers SET last_seen_at = now() - interval '3 min' WHERE name = 'hand'")
    shown = [(w["name"], w["healthy"]) for w in seen(flow, flow.app.owner)["workers"]]
    assert shown == [("hand", False), ("another", True)]
    for who in (flow.app.reviewer, flow.app.researcher, flow.app.auditor):
        assert seen(flow, who)["workers"] == []


def test_a_dataset_without_data_waits_for_owners(flow: Flow) -> None:
    owner = flow.app.owner
    made = flow.app.site.db.transact(
        lambda session: make_dataset(session, owner.id, flow.population)
    )
    assert waiting(flow, owner) == [("dataset.empty", made.id)]
    assert waiting(flow, flow.app.reviewer) == []


def test_what_changed_is_what_one_was_told(flow: Flow) -> None:
    told = seen(flow, flow.app.researcher)
    assert [item["kind"] for item in told["changed"]] == ["access.given", "access.given"]
    assert told["counts"]["unread"] == 2
    flow.ok(flow.app.researcher, "POST", "/notifications/read")
    told = seen(flow, flow.app.researcher)
    assert len(told["changed"]) == 2
    assert told["counts"]["unread"] == 0


def test_it_takes_as_many_statements_however_much_there_is(flow: Flow) -> None:
    def count() -> int:
        sent: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            sent.append(statement)

        engine = flow.app.site.db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            seen(flow, flow.app.owner)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        return len(sent)

    count()  # the first use of a key is noted
    few = count()
    for number in range(15):
        flow.asked(flow.reviewed, f"age > {number}")
    assert count() == few
    assert len(seen(flow, flow.app.owner)["waiting"]) == home.SHOWN
    assert seen(flow, flow.app.owner)["counts"]["to_review"] == 15
