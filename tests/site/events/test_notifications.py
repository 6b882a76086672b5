"""Notifications: each to whom it is for, made with what it tells, and private to its reader."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import ProgrammingError

from carrel_protocol.api.common import Role
from carrel_site.core.clock import now
from carrel_site.events import notices, repository, watch
from carrel_site.events.kinds import Kind
from carrel_site.events.models import Notification
from carrel_site.runs.workers import revoke
from tests.factories import Member, make_member
from tests.site.flow.conftest import MOST, Flow


@pytest.fixture(autouse=True)
def everybody(flow: Flow) -> None:
    """Somebody of each role, before anything is told."""
    for role in Role:
        flow.app.member(role)


def kinds(flow: Flow, who: Member) -> list[str]:
    """What this person was told, newest first."""
    return [told["kind"] for told in listed(flow, who)]


def listed(flow: Flow, who: Member, **query: Any) -> list[Any]:
    found: list[Any] = flow.ok(who, "GET", "/notifications", params=query)["items"]
    return found


def told(flow: Flow, who: Member, kind: str) -> Any:
    """The one notification of this kind."""
    (found,) = [one for one in listed(flow, who) if one["kind"] == kind]
    return found


@contextmanager
def statements(flow: Flow) -> Iterator[list[str]]:
    """The SQL that the site sends meanwhile."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    engine = flow.app.site.db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_a_question_answered_at_once_makes_none_and_costs_one_statement(flow: Flow) -> None:
    telling = ("notifications", "pg_notify", "INSERT INTO emails")

    def count(sent: list[str]) -> int:
        return sum(any(word in statement for word in telling) for statement in sent)

    with statements(flow) as asking:
        request = flow.asked(flow.open)
    assert count(asking) == 0
    with statements(flow) as claiming:
        job = flow.worker.claim(request["run"]["id"])
    assert count(claiming) == 1  # the rung, told to who waits for the answer
    with statements(flow) as reporting:
        flow.worker.succeed(job)
    assert count(reporting) == 0
    flow.execute("UPDATE runs SET visible_at = now()")
    with statements(flow) as closing:
        flow.ended(job.run_id)
    assert count(closing) == 1
    assert kinds(flow, flow.app.researcher) == ["access.given", "access.given"]


@pytest.mark.parametrize(("end", "kind"), [("succeeds", "run.answered"), ("fails", "run.failed")])
def test_an_answer_that_took_long_is_told_when_it_is_public(
    flow: Flow, beat: Callable[[], None], end: str, kind: str
) -> None:
    request = flow.asked(flow.open)
    flow.execute("UPDATE requests SET created_at = now() - interval '31 s'")
    flow.execute("UPDATE runs SET deadline_ms = 60000")
    job = flow.worker.claim(request["run"]["id"])
    (flow.worker.succeed if end == "succeeds" else flow.worker.fail)(job)
    beat()
    assert kind not in kinds(flow, flow.app.researcher)
    flow.execute("UPDATE runs SET visible_at = now()")
    beat()
    found = told(flow, flow.app.researcher, kind)
    assert found["link"] == f"/requests/{request['id']}"
    assert found["body"] == ""
    run = flow.run(job.run_id)
    assert found["at"] >= run["finished_at"]


def test_a_run_that_nobody_took_is_told_with_its_refund(
    flow: Flow, beat: Callable[[], None]
) -> None:
    request = flow.asked(flow.open)
    flow.execute("UPDATE requests SET created_at = now() - interval '2 days'")
    flow.execute("UPDATE runs SET queued_at = now() - interval '2 days'")
    beat()
    assert told(flow, flow.app.researcher, "run.expired")["subject"] == request["id"]


def test_a_cancelled_run_is_no_news_to_who_cancelled_it(flow: Flow) -> None:
    request = flow.asked(flow.open)
    flow.execute("UPDATE requests SET created_at = now() - interval '1 hour'")
    flow.ok(flow.app.researcher, "POST", f"/runs/{request['run']['id']}/cancel")
    assert set(kinds(flow, flow.app.researcher)) == {"access.given"}


def test_reviewers_are_told_and_it_is_settled_once_decided(
    flow: Flow, another_reviewer: Member
) -> None:
    inactive = flow.app.site.db.transact(lambda s: make_member(s, Role.REVIEWER))
    flow.ok(flow.app.owner, "PATCH", f"/users/{inactive.id}", json={"active": False})
    request = flow.asked(flow.reviewed, purpose="to see how many there are")
    reviewing = (flow.app.owner, flow.app.reviewer, another_reviewer)
    for who in reviewing:
        found = told(flow, who, "request.submitted")
        assert (found["read_at"], found["body"]) == (None, "to see how many there are")
        assert "researcher" in found["title"]
    assert kinds(flow, flow.app.auditor) == []
    assert set(kinds(flow, flow.app.researcher)) == {"access.given"}
    count = "SELECT count(*) FROM notifications WHERE user_id = :id"
    assert flow.app.site.db.read(lambda s: s.scalar(text(count), {"id": inactive.id})) == 0

    flow.decide(flow.app.reviewer, request, "approve")
    assert listed(flow, another_reviewer, unread=True)  # still to do
    flow.decide(another_reviewer, request, "approve")
    assert kinds(flow, flow.app.researcher)[0] == "request.approved"
    for who in reviewing:
        assert told(flow, who, "request.submitted")["read_at"] is not None


def test_nobody_is_told_to_review_their_own(flow: Flow) -> None:
    dataset = flow.ok(flow.app.owner, "GET", f"/datasets/{flow.reviewed}")["id"]
    reviewer = flow.app.reviewer
    flow.ok(flow.app.owner, "PUT", f"/datasets/{dataset}/access", json={"user": reviewer.id})
    body = {
        "dataset": flow.reviewed,
        "sql": f"SELECT COUNT(*) AS n FROM {flow.reviewed}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
    }
    flow.ok(reviewer, "POST", "/requests", json=body)
    assert kinds(flow, reviewer) == ["access.given"]
    assert "request.submitted" in kinds(flow, flow.app.owner)


@pytest.mark.parametrize(
    ("decision", "kind"), [("reject", "request.rejected"), ("return", "request.returned")]
)
def test_a_refusal_comes_with_its_reason(flow: Flow, decision: str, kind: str) -> None:
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, decision, "narrower, please")
    assert told(flow, flow.app.researcher, kind)["body"] == "narrower, please"
    assert listed(flow, flow.app.reviewer, unread=True) == []


def test_a_blind_vote_and_its_reason_are_told_to_nobody(
    flow: Flow, another_reviewer: Member
) -> None:
    people = (flow.app.owner, flow.app.reviewer, another_reviewer, flow.app.researcher)
    request = flow.asked(flow.reviewed)
    before = [listed(flow, who) for who in people]
    flow.decide(flow.app.reviewer, request, "approve", "looks right to me")
    assert [listed(flow, who) for who in people] == before
    flow.decide(another_reviewer, request, "approve", "to me too")
    assert told(flow, flow.app.researcher, "request.approved")["body"] == ""


def test_an_edit_asks_reviewers_anew(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "return", "narrower, please")
    found = flow.call(flow.app.researcher, "GET", f"/requests/{request['id']}")
    flow.ok(
        flow.app.researcher,
        "PUT",
        f"/requests/{request['id']}",
        json={"sql": f"SELECT COUNT(*) AS n FROM {flow.reviewed} WHERE age > 90"},
        headers={"If-Match": found.headers["etag"]},
    )
    (unread,) = listed(flow, flow.app.reviewer, unread=True)
    assert "edited" in unread["title"]


def test_comments_reach_whoever_has_taken_part(flow: Flow, another_reviewer: Member) -> None:
    request = flow.asked(flow.reviewed)
    comments = f"/requests/{request['id']}/comments"
    flow.ok(flow.app.reviewer, "POST", comments, json={"text": "what is it for?"})
    found = told(flow, flow.app.researcher, "request.commented")
    assert found["body"] == "what is it for?"
    flow.ok(flow.app.researcher, "POST", comments, json={"text": "x" * 3000})
    assert len(told(flow, flow.app.reviewer, "request.commented")["body"]) == 500
    for who in (another_reviewer, flow.app.owner):
        assert "request.commented" not in kinds(flow, who)


def test_withdrawing_and_expiring(flow: Flow, beat: Callable[[], None]) -> None:
    withdrawn = flow.asked(flow.reviewed, "age > 1")
    flow.ok(flow.app.researcher, "POST", f"/requests/{withdrawn['id']}/withdraw")
    assert listed(flow, flow.app.reviewer, unread=True) == []
    assert set(kinds(flow, flow.app.researcher)) == {"access.given"}
    flow.asked(flow.reviewed, "age > 2")
    flow.execute("UPDATE requests SET expires_at = now() - interval '1 s' WHERE state='submitted'")
    beat()
    assert kinds(flow, flow.app.researcher)[0] == "request.expired"
    assert listed(flow, flow.app.reviewer, unread=True) == []


def test_an_approved_request_that_cannot_be_paid_and_a_raise(
    flow: Flow, another_reviewer: Member
) -> None:
    requests = [flow.asked(flow.reviewed, f"age > {n}", target=MOST) for n in range(2)]
    for request in requests:
        for who in (flow.app.reviewer, another_reviewer):
            assert flow.decide(who, request, "approve").is_success
    found = kinds(flow, flow.app.researcher)
    assert found[0] == "request.over_budget"
    account = flow.budget()["id"]
    raised = {"epsilon": 30, "reason": "a second question"}
    flow.ok(flow.app.owner, "POST", f"/accounts/{account}/raise", json=raised)
    assert told(flow, flow.app.researcher, "limit.raised")["body"] == "a second question"


def test_a_low_budget_is_told_once_as_it_is_crossed(flow: Flow) -> None:
    crossed = 0
    for number in range(60):
        reply = flow.ask(flow.open, f"age > {number}", target={"kind": "epsilon", "epsilon": 1.2})
        if not reply.is_success:
            assert reply.json()["code"] == "budget_exceeded"
            break
        flow.worker.succeed(flow.worker.claim(reply.json()["run"]["id"]))
        flow.execute("UPDATE runs SET visible_at = now() WHERE closed_at IS NULL")
        flow.ended(reply.json()["run"]["id"])
        crossed += flow.budget()["share_spent"] > 0.9
        assert kinds(flow, flow.app.researcher).count("budget.low") == min(crossed, 1)
    assert crossed > 0
    assert "budget.low" not in kinds(flow, flow.app.owner)


def test_a_silent_worker_is_told_to_owners_once_a_silence(flow: Flow) -> None:
    site, reviewer = flow.app.site, flow.app.reviewer
    silence = "UPDATE workers SET last_seen_at = now() - interval '3 min'"

    def seen() -> int:
        watch.silent_workers(site)
        return kinds(flow, flow.app.owner).count("worker.silent")

    assert seen() == 0  # never started: nothing to miss
    assert (
        flow.worker.app.http.post(
            "/internal/v1/alive", headers={"Authorization": f"Bearer {flow.worker.secret}"}
        ).status_code
        == httpx.codes.NO_CONTENT
    )
    assert seen() == 0
    flow.execute(silence)
    assert [seen(), seen()] == [1, 1]
    flow.execute("UPDATE workers SET last_seen_at = now()")
    assert seen() == 1
    flow.execute(
        "UPDATE workers SET last_seen_at = now() - interval '130 s', "
        "silent_told_at = now() - interval '200 s'"
    )
    assert seen() == 2
    worker = site.db.read(lambda session: session.scalar(text("SELECT id FROM workers")))
    site.db.transact(lambda session: revoke(session, worker, flow.app.owner.id))
    flow.execute("UPDATE workers SET silent_told_at = NULL")
    assert seen() == 2
    assert "worker.silent" not in kinds(flow, reviewer)


def test_nobody_calls_in_as_a_worker_without_its_credential(flow: Flow) -> None:
    for secret in ("nonsense", flow.app.owner.secret):
        reply = flow.app.http.post(
            "/internal/v1/alive", headers={"Authorization": f"Bearer {secret}"}
        )
        assert reply.status_code == httpx.codes.UNAUTHORIZED


def test_reading_marks_ones_own_and_nobody_elses(flow: Flow, another_reviewer: Member) -> None:
    for number in range(3):
        flow.asked(flow.reviewed, f"age > {number}")
    newest, middle, oldest = listed(flow, flow.app.reviewer)
    theirs = f"/notifications/{newest['id']}/read"
    for other in (another_reviewer, flow.app.owner, flow.app.researcher):
        assert flow.call(other, "POST", theirs).status_code == httpx.codes.NOT_FOUND
        marked = flow.call(other, "POST", "/notifications/read", params={"up_to": newest["id"]})
        assert marked.status_code == httpx.codes.NOT_FOUND
    assert len(listed(flow, flow.app.reviewer, unread=True)) == 3

    first = flow.ok(flow.app.reviewer, "POST", theirs)["read_at"]
    assert first == flow.ok(flow.app.reviewer, "POST", theirs)["read_at"]
    up_to = {"up_to": oldest["id"]}
    marked = flow.ok(flow.app.reviewer, "POST", "/notifications/read", params=up_to)
    assert marked == {"marked": 1}
    (left,) = listed(flow, flow.app.reviewer, unread=True)
    assert left["id"] == middle["id"]
    assert flow.ok(flow.app.reviewer, "POST", "/notifications/read") == {"marked": 1}
    assert flow.ok(flow.app.reviewer, "POST", "/notifications/read") == {"marked": 0}
    assert len(listed(flow, another_reviewer, unread=True)) == 3


def test_the_list_pages_without_skipping_what_came_at_the_same_time(flow: Flow) -> None:
    site, reader = flow.app.site, flow.app.reviewer
    at = now()

    def work(session: Any) -> None:
        for number in range(7):
            session.add(
                Notification(
                    id=f"ntf_{number}",
                    user_id=reader.id,
                    kind="test",
                    title=f"{number}",
                    body="",
                    link="/",
                    subject="s",
                    at=at,
                )
            )

    site.db.transact(work)
    titles: list[str] = []
    cursor = None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = flow.ok(reader, "GET", "/notifications", params=query)
        titles += [one["title"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert titles == ["6", "5", "4", "3", "2", "1", "0"]


def test_what_was_told_cannot_be_told_otherwise_afterwards(flow: Flow) -> None:
    """The application may note that it was read, and no more."""
    flow.asked(flow.reviewed)
    for change in ("title = 'x'", "body = 'x'", "user_id = user_id", "at = now()", "link = '/x'"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            flow.execute(f"UPDATE notifications SET {change}")
    flow.execute("UPDATE notifications SET read_at = now(), mailed_at = now()")


def test_old_ones_go_and_new_ones_stay(flow: Flow) -> None:
    for number in range(4):
        flow.asked(flow.reviewed, f"age > {number}")
    ids = [one["id"] for one in listed(flow, flow.app.reviewer)]
    with psycopg.connect(flow.app.urls.superuser_dsn) as connection:
        age = "UPDATE notifications SET at = now() - %s::interval, read_at = %s WHERE id = %s"
        long_ago = now() - timedelta(days=91)
        connection.execute(age, ("366 days", None, ids[0]))
        connection.execute(age, ("100 days", long_ago, ids[1]))
        connection.execute(age, ("100 days", None, ids[2]))
    flow.app.site.db.transact(repository.forget_old)
    assert {one["id"] for one in listed(flow, flow.app.reviewer)} == set(ids[2:])


def test_preferences_are_ones_own_and_take_three_values(flow: Flow) -> None:
    me = flow.ok(flow.app.researcher, "GET", "/me")
    assert me["email_notifications"] == "important"
    changed = flow.ok(flow.app.researcher, "PATCH", "/me", json={"email_notifications": "none"})
    assert (changed["id"], changed["email_notifications"]) == (me["id"], "none")
    assert flow.ok(flow.app.reviewer, "GET", "/me")["email_notifications"] == "important"
    for wrong in ({"email_notifications": "some"}, {"role": "owner"}, {"active": False}):
        reply = flow.call(flow.app.researcher, "PATCH", "/me", json=wrong)
        assert reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY


def test_nobody_to_tell_is_no_error(flow: Flow) -> None:
    flow.app.site.db.transact(
        lambda session: notices.notify(session, [], Kind.ACCESS_GIVEN, "t", link="/", subject="s")
    )
