"""What a researcher can read before the public end of a run of code: nothing of how it went.

The same reads are made of a run that goes on, of one that returned, and of one that raised.
"""

import json
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

from carrel_protocol.api.common import Role
from carrel_site.events.wakeups import TOLD
from tests.factories import Member, make_access, make_member
from tests.fixtures.statements import statements
from tests.site.code.code_site import CodeSite

LONG = {"wall_seconds": 3000, "cpu_seconds": 10}
"""Public after an hour and more: nothing of these tests is by the clock."""
_VOLATILE = {"x-request-id", "date"}


@pytest.fixture
def slow(code: CodeSite) -> CodeSite:
    body = {"limits": code.limits(**LONG)}
    code.ok(code.app.owner, "PATCH", "/environments/default", json=body)
    return code


def limits(code: CodeSite) -> dict[str, Any]:
    return code.limits(**LONG)


def everything(code: CodeSite, who: Member, request: Any) -> dict[str, Any]:
    """Each answer that has to do with the run, whole: status, headers and body."""
    run_id, request_id = request["run"]["id"], request["id"]
    found = {}
    for path in (
        f"/runs/{run_id}",
        f"/runs/{run_id}/result",
        f"/runs/{run_id}/items/counts",
        f"/runs/{run_id}/items/nothing",
        f"/runs/{run_id}/diagnostics",
        "/runs",
        "/runs?mine=true",
        "/runs?state=succeeded",
        "/runs?state=running",
        "/runs?failed=true",
        "/runs?overran=true",
        f"/requests/{request_id}",
        "/requests?mine=true",
        f"/requests/{request_id}/rounds",
        f"/requests/{request_id}/comments",
        f"/requests/{request_id}/background",
        f"/requests/{request_id}/code_review",
        f"/requests/{request_id}/line_comments",
        "/outputs",
        f"/outputs?requester={who.email}",
        f"/outputs/{run_id}",
        f"/outputs/{run_id}/items/counts",
        "/home",
        "/notifications",
        "/audit/head",
        f"/datasets/{code.data}/budget",
        "/environments",
    ):
        reply = code.call(who, "GET", path)
        headers = {k: v for k, v in reply.headers.items() if k not in _VOLATILE}
        found[path] = (reply.status_code, headers, reply.text.replace(_request_id(reply), ""))
    body = {"digest": "0" * 64, "decision": "release"}
    reply = code.call(who, "POST", f"/outputs/{run_id}/decision", json=body)
    found["decision"] = (reply.status_code, {}, reply.text.replace(_request_id(reply), ""))
    return found


def _request_id(reply: httpx.Response) -> str:
    return reply.headers["x-request-id"]


def reviewer_who_asks(code: CodeSite) -> Member:
    """Somebody who may review, and has access to the data."""

    def work(session: Any) -> Member:
        member = make_member(session, Role.REVIEWER)
        make_access(session, code.app.owner.id, code.data, member.id)
        return member

    return code.app.site.db.transact(work)


@pytest.mark.parametrize("who", ["researcher", "reviewer"])
def test_every_read_says_the_same_before_and_after_the_end(slow: CodeSite, who: str) -> None:
    asker = slow.app.researcher if who == "researcher" else reviewer_who_asks(slow)
    runs = []
    for age in (1, 2, 3):
        reply = slow.ask(who=asker, limits=limits(slow), parameters={"age_from": age})
        approved = slow.vote(slow.app.reviewer, reply.json())
        assert approved.is_success, approved.text
        runs.append(approved.json())
    jobs = [slow.claim(request["run"]["id"]) for request in runs]
    before = [everything(slow, asker, request) for request in runs]
    assert '"running"' in before[0][f"/runs/{runs[0]['run']['id']}"][2]
    assert slow.end(jobs[0], counts=("table", b'{"columns":[],"rows":[]}')).is_success
    assert slow.post_end(jobs[1], [], ending="raised", traceback="KeyError").is_success
    # Told to the people who decide, whose lists have it.
    listed = slow.ok(slow.app.reviewer, "GET", "/outputs")["items"]
    assert len(listed) == 2
    after = [everything(slow, asker, request) for request in runs]
    for request_before, request_after in zip(before, after, strict=True):
        for path, answer in request_before.items():
            assert request_after[path] == answer, path
    # Votes before that end show nothing either.
    for job in jobs[:2]:
        decided = slow.decide(slow.app.reviewer, job.run_id, "withhold", reason="No.")
        assert decided.json()["state"] == "held"
    again = everything(slow, asker, runs[0])
    assert again == before[0]


def test_what_is_not_the_askers_own_role_is_refused_alike(slow: CodeSite) -> None:
    request = slow.approved(limits=limits(slow))
    run_id = request["run"]["id"]
    job = slow.claim(run_id)
    assert slow.end(job, counts=("value", b"1")).is_success
    asker, auditor = slow.app.researcher, slow.app.auditor
    for path in ("/outputs", f"/outputs/{run_id}", f"/outputs/{run_id}/items/counts"):
        assert slow.call(asker, "GET", path).status_code == httpx.codes.FORBIDDEN
        assert slow.call(auditor, "GET", path).status_code == httpx.codes.FORBIDDEN
    for member in (asker, slow.app.owner, slow.app.reviewer, auditor):
        reply = slow.call(member, "GET", f"/runs/{run_id}/items/counts")
        assert reply.status_code == httpx.codes.NOT_FOUND
        reply = slow.call(member, "GET", f"/runs/{run_id}/result")
        assert reply.json() == {"run_id": run_id, "state": None, "items": [], "reason": ""}


def test_a_reviewer_who_asked_sees_nothing_of_their_own(slow: CodeSite) -> None:
    asker = reviewer_who_asks(slow)
    request = slow.ask(who=asker, limits=limits(slow)).json()
    run_id = slow.vote(slow.app.reviewer, request).json()["run"]["id"]
    assert slow.end(slow.claim(run_id), counts=("value", b"1")).is_success
    reply = slow.call(asker, "GET", f"/outputs/{run_id}")
    assert (reply.status_code, reply.json()["code"]) == (403, "not_reviewer")
    reply = slow.call(asker, "GET", f"/outputs/{run_id}/items/counts")
    assert (reply.status_code, reply.json()["code"]) == (403, "not_reviewer")
    assert slow.ok(asker, "GET", "/outputs")["items"] == []
    assert slow.ok(asker, "GET", "/notifications")["items"][0]["kind"] == "request.approved"
    reply = slow.decide(asker, run_id)
    assert (reply.status_code, reply.json()["code"]) == (403, "not_reviewer")


def test_streams_tell_those_who_decide_and_nobody_else(slow: CodeSite) -> None:
    asker = reviewer_who_asks(slow)
    request = slow.ask(who=asker, limits=limits(slow)).json()
    run_id = slow.vote(slow.app.reviewer, request).json()["run"]["id"]
    job = slow.claim(run_id)
    dsn = make_url(slow.app.site.settings.database_url).set(drivername="postgresql")
    with psycopg.connect(dsn.render_as_string(hide_password=False), autocommit=True) as listener:
        listener.execute(f"LISTEN {TOLD}")
        assert slow.end(job, counts=("value", b"1")).is_success
        told = [json.loads(notice.payload) for notice in listener.notifies(timeout=1)]
    assert {message["event"] for message in told} == {"notification", "output"}
    for message in told:
        assert message["roles"] == []
        assert asker.id not in message["to"]
        assert slow.app.reviewer.id in message["to"]


def test_a_cancelled_run_is_never_looked_at(slow: CodeSite) -> None:
    """Whether it had ended or not: cancelled it is, and looks the same."""
    replies = []
    for age, ends in ((1, True), (2, False)):
        request = slow.approved(limits=limits(slow), parameters={"age_from": age})
        run_id = request["run"]["id"]
        job = slow.claim(run_id)
        if ends:
            assert slow.end(job, counts=("value", b"1")).is_success
        reply = slow.ok(slow.app.researcher, "POST", f"/runs/{run_id}/cancel")
        replies.append({k: v for k, v in reply.items() if k not in _OWN})
        assert slow.result(run_id)["state"] is None
        reply = slow.call(slow.app.reviewer, "GET", f"/outputs/{run_id}")
        assert reply.status_code == httpx.codes.NOT_FOUND
        assert slow.decide(slow.app.reviewer, run_id).status_code in (404, 409, 422)
    assert replies[0] == replies[1]
    assert slow.ok(slow.app.reviewer, "GET", "/outputs")["items"] == []


_OWN = {"id", "request_id", "queued_at", "finished_at"}


def test_a_failure_of_the_worker_shows_at_the_public_time_alone(slow: CodeSite) -> None:
    request = slow.approved(limits=limits(slow))
    run_id = request["run"]["id"]
    job = slow.claim(run_id)
    before = everything(slow, slow.app.researcher, request)
    body = {"claim_token": job.claim_token, "epoch": job.epoch, "reason": "unit 17"}
    assert slow.worker.post(f"{run_id}/failed", body).is_success
    assert everything(slow, slow.app.researcher, request) == before


def test_neither_sizes_nor_names_of_what_is_held(code: CodeSite) -> None:
    """At the public end: that it is looked at, and nothing of what it is."""
    seen = []
    for age, items in ((1, {}), (2, {"regional": ("value", b"1" * 500)})):
        request = code.approved(parameters={"age_from": age})
        run_id = request["run"]["id"]
        job = code.claim(run_id)
        ending = "returned" if items else "raised"
        if items:
            assert code.end(job, **items).is_success
        else:
            assert code.post_end(job, [], ending=ending).is_success
        run = code.public(run_id)
        assert run["finished_at"] is not None
        shown = code.result(run_id) | {"run_id": ""}
        seen.append((run["state"], run["output"], shown))
        text = json.dumps(everything(code, code.app.researcher, request))
        for private in ("regional", "peak", "bubblewrap", "the secret row", "small_cells"):
            assert private not in text
    assert seen[0] == seen[1]


def test_wall_time_within_the_limit_has_one_public_end(code: CodeSite) -> None:
    """However long it took: the first rung, which is above what it may take."""
    for age in (1, 2):
        request = code.approved(parameters={"age_from": age})
        job = code.claim(request["run"]["id"])
        report = {"wall_ms": 1.0 if age == 1 else 99.0}
        assert code.post_end(job, [], **report).is_success
        run_id = request["run"]["id"]
        took = code.execute("SELECT visible_at - claimed_at FROM runs WHERE id = :id", id=run_id)
        assert took.total_seconds() == job.deadline_ms / 1000 == 1.6


def test_cancelling_takes_the_same_statements_whether_or_not_it_has_ended(slow: CodeSite) -> None:
    jobs = []
    for age in (1, 2):
        request = slow.approved(limits=limits(slow), parameters={"age_from": age})
        jobs.append(slow.claim(request["run"]["id"]))
    assert slow.end(jobs[0], counts=("value", b"1")).is_success
    sent = []
    for job in jobs:
        with statements(slow.app) as recorded:
            slow.ok(slow.app.researcher, "POST", f"/runs/{job.run_id}/cancel")
        sent.append([statement.split("SET")[0] for statement in recorded])
    assert sent[0] == sent[1]
