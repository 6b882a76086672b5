"""The event stream: who hears what, and that nobody hears it before it is public."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

import httpx
import psycopg
import pytest

from carrel_protocol.api.common import Role
from carrel_protocol.jobs import IngestJob, IngestSucceeded
from carrel_site.events import hub as hubs
from carrel_site.events.changes import publish
from carrel_site.events.errors import TooManyStreams
from carrel_site.events.hub import Change, Feed, Hub
from carrel_site.events.wakeups import CHANNEL, TOLD
from carrel_site.runs import beat as duties
from carrel_site.site import Site
from tests.factories import Member, make_access, make_key, make_member
from tests.site.events.conftest import Heard, Listen, Listener
from tests.site.flow.conftest import Flow


@contextmanager
def overheard(flow: Flow) -> Iterator[Callable[[], list[str]]]:
    """Everything that the database tells listening processes meanwhile."""
    with psycopg.connect(flow.app.urls.superuser_dsn, autocommit=True) as connection:
        for channel in (CHANNEL, TOLD):
            connection.execute(f"LISTEN {channel}")

        def told() -> list[str]:
            connection.execute("SELECT 1")
            return [notice.payload for notice in connection.notifies(timeout=0.3)]

        yield told


def quiet(flow: Flow, *listeners: Listener) -> list[list[Heard]]:
    """What was heard until a last thing that all of them hear has come to each.

    So that silence is known without waiting for it.
    """
    heard = []
    flow.app.site.db.transact(lambda session: publish(session, "end", {}, roles=tuple(Role)))
    for listener in listeners:
        before: list[Heard] = []
        while (found := listener.heard.get(timeout=20)) is not None and found.event != "end":
            before.append(found)
        assert found is not None, "the stream ended"
        heard.append([one for one in before if one.event != "sync"])
    return heard


def test_it_opens_with_sync_and_names_its_type(flow: Flow, listen: Listen) -> None:
    stream = listen(flow.app.researcher, seconds=0.2)
    first, *rest = stream.ended()
    assert (first.event, first.data, first.id) == ("sync", {}, None)
    assert rest == []
    reply = stream._reply
    assert reply is not None
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert "no-" in reply.headers["cache-control"]


def test_an_open_stream_is_kept_alive_and_holds_nothing(
    flow: Flow, listen: Listen, other_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    streams = [listen(flow.app.researcher) for _ in range(8)]  # more than there are threads
    assert flow.ok(flow.app.researcher, "GET", "/me")
    give_up = time.monotonic() + 20
    while any(stream.comments < 3 for stream in streams):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    assert other_site.db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert httpx.get(f"{streams[0].url}/api/v1/me", headers=flow.app.researcher.headers).is_success


def test_nobody_listens_without_a_key(listen: Listen) -> None:
    for secret in ("", "nonsense", "ck_" + "A" * 43):
        assert listen(secret).status == httpx.codes.UNAUTHORIZED


def test_a_reviewed_request_is_told_to_staff_and_its_requester_alone(
    flow: Flow, listen: Listen
) -> None:
    stranger = flow.app.site.db.transact(make_member)
    people = (flow.app.reviewer, flow.app.researcher, flow.app.auditor, stranger)
    reviewer, researcher, auditor, other = streams = [listen(who) for who in people]
    asked = flow.asked(flow.reviewed)
    changed = {"id": asked["id"], "state": "submitted"}
    told = reviewer.next("notification")
    assert told.data["kind"] == "request.submitted"
    assert told.data["link"] == f"/requests/{asked['id']}"
    assert told.id == told.data["id"]
    assert reviewer.next("request").data == changed
    assert researcher.next("request").data == changed
    assert auditor.next("request").data == changed
    assert quiet(flow, *streams) == [[], [], [], []]
    flow.decide(flow.app.reviewer, asked, "return", "say what for")
    returned = researcher.next("notification")
    assert (returned.data["kind"], returned.data["body"]) == ("request.returned", "say what for")
    assert researcher.next("request").data["state"] == "changes_requested"
    assert quiet(flow, other) == [[]]


def test_a_blind_vote_is_told_to_whoever_cast_it(
    flow: Flow, listen: Listen, another_reviewer: Member
) -> None:
    asked = flow.asked(flow.reviewed)
    voter, *others = streams = [
        listen(who)
        for who in (flow.app.reviewer, another_reviewer, flow.app.researcher, flow.app.owner)
    ]
    flow.decide(flow.app.reviewer, asked, "approve", "fine by me")
    assert voter.next("request").data["id"] == asked["id"]
    assert quiet(flow, *others) == [[], [], []]
    flow.decide(another_reviewer, asked, "approve")
    for stream in streams:
        assert stream.next("request").data == {"id": asked["id"], "state": "queued"}


@pytest.mark.parametrize("end", ["succeeds", "fails"])
def test_a_runs_end_is_told_at_its_public_time_and_not_before(
    flow: Flow, listen: Listen, end: str
) -> None:
    stream, staff = listen(flow.app.researcher), listen(flow.app.reviewer)
    asked = flow.asked(flow.open)
    run_id = asked["run"]["id"]
    flow.execute("UPDATE runs SET deadline_ms = 1500")
    job = flow.worker.claim(run_id)
    report = flow.worker.succeed if end == "succeeds" else flow.worker.fail
    assert report(job).status_code == httpx.codes.NO_CONTENT
    duties.close(flow.app.site)  # too early
    assert quiet(flow, stream, staff) == [[], []]
    run = flow.ended(run_id)
    state = "succeeded" if end == "succeeds" else "failed"
    for listener in (stream, staff):
        heard = listener.next("run")
        assert heard.data == {"id": run_id, "request_id": asked["id"], "state": state}
        assert heard.at >= _seconds(run["finished_at"])
    assert quiet(flow, stream, staff) == [[], []]


def test_the_database_tells_processes_the_same_of_any_end(flow: Flow) -> None:
    """What is announced while a worker works and reports does not depend on how that went."""
    told: dict[str, list[str]] = {}
    for number, end in enumerate(("succeeds", "fails", "overruns")):
        run_id = flow.asked(flow.open, f"age > {number}")["run"]["id"]
        flow.execute("UPDATE runs SET deadline_ms = 60000 WHERE id = :id", id=run_id)
        with overheard(flow) as heard:
            job = flow.worker.claim(run_id)
            flow.worker.beat(job)
            if end == "fails":
                flow.worker.fail(job)
            else:
                flow.worker.succeed(job, cpu_ms=1e6 if end == "overruns" else 1.0)
            told[end] = [payload.split()[0].replace(run_id, "run") for payload in heard()]
    assert told["succeeds"] == told["fails"] == told["overruns"] == ["run"]  # the claim's rung


def test_cancelling_is_told_the_same_whether_or_not_the_run_had_ended(
    flow: Flow, listen: Listen
) -> None:
    stream = listen(flow.app.researcher)
    told = []
    for answered in (True, False):
        run_id = flow.asked(flow.open, f"age > {answered:d}")["run"]["id"]
        flow.execute("UPDATE runs SET deadline_ms = 60000 WHERE id = :id", id=run_id)
        job = flow.worker.claim(run_id)
        if answered:
            flow.worker.succeed(job)
        flow.ok(flow.app.researcher, "POST", f"/runs/{run_id}/cancel")
        told.append(stream.next("run").data["state"])
    assert told == ["cancelled", "cancelled"]
    assert quiet(flow, stream) == [[]]


@pytest.mark.parametrize("end", ["succeeds", "fails"])
def test_ingest_is_told_to_owners_and_auditors_alone(flow: Flow, listen: Listen, end: str) -> None:
    watching = [listen(who) for who in (flow.app.owner, flow.app.auditor)]
    others = [listen(who) for who in (flow.app.researcher, flow.app.reviewer)]
    path, body = f"/datasets/{flow.open}/versions", b"person,age\n1,40\n"
    reply = flow.ok(flow.app.owner, "POST", path, params={"format": "csv"}, content=body)
    job = IngestJob.model_validate_json(flow.worker.try_claim(reply["run_id"]).content)
    report: dict[str, Any] = {"claim_token": job.claim_token, "epoch": job.epoch}
    if end == "fails":
        flow.worker.post(f"{job.run_id}/failed", report | {"reason": "line 7 holds 4711"})
    else:
        done = IngestSucceeded(
            **report, digest="1" * 64, size=1, rows=1, units=1, units_digest="1" * 64, report={}
        )
        flow.worker.post(f"{job.run_id}/succeeded", done.model_dump(mode="json"))
    dataset = flow.ok(flow.app.owner, "GET", f"/datasets/{flow.open}")["id"]
    for stream in watching:
        assert stream.next("dataset").data == {"id": dataset}
    (told,) = flow.ok(flow.app.owner, "GET", "/notifications")["items"][:1]
    assert told["kind"] == ("version.failed" if end == "fails" else "version.ready")
    assert "4711" not in str(told)
    assert quiet(flow, *others) == [[], []]
    for who in (flow.app.researcher, flow.app.reviewer, flow.app.auditor):
        kinds = {told["kind"] for told in flow.ok(who, "GET", "/notifications")["items"]}
        assert not any(kind.startswith("version") for kind in kinds)


def test_access_and_descriptions_are_told_to_whoever_may_see_the_dataset(
    flow: Flow, listen: Listen
) -> None:
    newcomer = flow.app.site.db.transact(make_member)
    stream, outsider = listen(newcomer), listen(flow.app.site.db.transact(make_member))
    dataset = flow.ok(flow.app.owner, "GET", f"/datasets/{flow.open}")["id"]
    access = f"/datasets/{dataset}/access"
    flow.ok(flow.app.owner, "PUT", access, json={"user": newcomer.id})
    assert stream.next("notification").data["kind"] == "access.given"
    assert stream.next("dataset").data == {"id": dataset}
    flow.ok(flow.app.owner, "DELETE", f"{access}/{newcomer.id}")
    assert stream.next("notification").data["kind"] == "access.taken"
    assert stream.next("dataset").data == {"id": dataset}
    found = flow.call(flow.app.owner, "GET", f"/datasets/{dataset}")
    flow.ok(
        flow.app.owner,
        "PATCH",
        f"/datasets/{dataset}",
        json={"description": "more of it"},
        headers={"If-Match": found.headers["etag"]},
    )
    assert quiet(flow, stream, outsider) == [[], []]


def test_who_comes_back_hears_the_notifications_they_missed(flow: Flow, listen: Listen) -> None:
    stream = listen(flow.app.reviewer)
    flow.asked(flow.reviewed, "age > 1")
    last = stream.next("notification")
    stream.close()
    missed = {flow.asked(flow.reviewed, f"age > {n}")["id"] for n in (2, 3)}
    again = listen(flow.app.reviewer, last=last.id)
    assert {again.next("notification").data["subject"] for _ in missed} == missed
    assert quiet(flow, again) == [[]]
    for other in (last.id, "ntf_nothing", "x" * 64):  # somebody else's, nobody's
        assert quiet(flow, listen(flow.app.researcher, last=other)) == [[]]


def test_a_stream_of_a_revoked_key_tells_nothing_more(flow: Flow, listen: Listen) -> None:
    researcher = flow.app.researcher
    secret = flow.app.site.db.transact(lambda session: make_key(session, researcher.id))
    stream, kept = listen(secret), listen(researcher)
    flow.execute("UPDATE api_keys SET revoked_at = now() WHERE prefix = :p", p=secret[:10])
    flow.asked(flow.reviewed)
    assert [heard.event for heard in stream.ended()] == ["sync"]
    assert kept.next("request")


@pytest.mark.parametrize("change", [{"active": False}, {"role": "researcher"}])
def test_who_is_deactivated_or_demoted_hears_nothing_more(
    flow: Flow, listen: Listen, change: dict[str, Any], another_reviewer: Member
) -> None:
    stream = listen(another_reviewer)
    flow.ok(flow.app.owner, "PATCH", f"/users/{another_reviewer.id}", json=change)
    assert [heard.event for heard in stream.ended()] == ["sync"]


def test_who_is_demoted_behind_the_sites_back_hears_nothing_more(
    flow: Flow, listen: Listen, another_reviewer: Member
) -> None:
    stream = listen(another_reviewer)
    flow.execute("UPDATE users SET role = 'researcher' WHERE id = :id", id=another_reviewer.id)
    flow.asked(flow.reviewed)
    assert [heard.event for heard in stream.ended()] == ["sync"]


def test_one_person_cannot_hold_any_number_of_streams(
    flow: Flow, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "STREAMS_EACH", 2)
    # That somebody has gone shows when something is written to them: soon, and not in 15 s.
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    first, _ = (listen(flow.app.researcher) for _ in range(2))
    assert listen(flow.app.researcher).status == httpx.codes.TOO_MANY_REQUESTS
    assert listen(flow.app.reviewer).status == httpx.codes.OK
    first.close()
    give_up = time.monotonic() + 20
    while listen(flow.app.researcher).status != httpx.codes.OK:
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_a_process_that_lost_the_database_has_its_streams_read_again(
    flow: Flow, listen: Listen
) -> None:
    stream = listen(flow.app.researcher)
    with psycopg.connect(flow.app.urls.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
    assert stream.next("sync").data == {}  # the first
    assert stream.next("sync").data == {}
    flow.asked(flow.reviewed)
    assert stream.next("request")


def test_a_change_that_is_rolled_back_is_told_to_nobody(flow: Flow, listen: Listen) -> None:
    owner, newcomer = flow.app.owner, flow.app.site.db.transact(make_member)
    stream = listen(newcomer)

    class Undone(Exception):
        pass

    def work(session: Any) -> None:
        make_access(session, owner.id, flow.open, newcomer.id)
        raise Undone

    with pytest.raises(Undone):
        flow.app.site.db.transact(work)
    assert quiet(flow, stream) == [[]]
    assert flow.ok(newcomer, "GET", "/notifications")["items"] == []


def test_a_stream_that_falls_behind_is_told_to_read_again(other_site: Site) -> None:
    feed = Feed("usr_1", "owner")
    for number in range(hubs._WAITING + 1):
        feed.put(Change("request", {"id": number}))
    feed.put(Change("request", {"id": "last"}))
    missed, changes = _take(feed)
    assert missed
    assert changes == [Change("request", {"id": "last"})]
    assert _take(feed) == (False, [])


def test_the_same_change_twice_is_told_once() -> None:
    feed = Feed("usr_1", "owner")
    for _ in range(3):
        feed.put(Change("request", {"id": "req_1", "state": "queued"}))
    assert _take(feed) == (False, [Change("request", {"id": "req_1", "state": "queued"})])


def test_a_malformed_announcement_harms_nobody() -> None:
    hub = Hub()
    with hub.open("usr_1", "owner") as feed:
        for payload in ("", "[]", "{}", '{"event":1}', '{"event":"x","data":{},"to":7,"roles":[]}'):
            hub.tell(payload)
        assert _take(feed) == (False, [])


def test_a_place_among_the_streams_is_given_back() -> None:
    hub = Hub()
    for _ in range(hubs.STREAMS_EACH * 2):
        with hub.open("usr_1", "owner"):
            pass
    assert hub._feeds == {}
    with pytest.raises(TooManyStreams):
        _open_many(hub)


def test_names_beyond_one_announcement_all_hear_of_it(flow: Flow, listen: Listen) -> None:
    """A NOTIFY may carry 8000 bytes; a dataset's people may be more than that."""
    last = flow.app.site.db.transact(lambda session: make_member(session, Role.RESEARCHER))
    stream = listen(last)
    names = [f"usr_{n:024d}" for n in range(1000)] + [last.id]
    flow.app.site.db.transact(lambda session: publish(session, "dataset", {"id": "ds_1"}, names))
    assert stream.next("dataset").data == {"id": "ds_1"}


def _open_many(hub: Hub) -> None:
    with ExitStack() as stack:
        for _ in range(hubs.STREAMS_EACH + 1):
            stack.enter_context(hub.open("usr_1", "owner"))


def _take(feed: Feed) -> tuple[bool, list[Change]]:
    return asyncio.run(feed.take(0.01))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
