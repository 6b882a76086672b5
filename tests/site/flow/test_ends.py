"""How runs end when something is wrong: lost, hung, tampered with, reported as something else."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import event, text

from carrel_protocol.jobs import IngestJob, IngestSucceeded, QueryContent
from carrel_site.runs import beat as duties
from carrel_site.runs.models import Run
from tests.fixtures.hand_worker import ANSWER
from tests.fixtures.statements import statements
from tests.site.flow.conftest import Flow

EMPTY_LEASE = "UPDATE runs SET lease_until = now() - interval '1 second' WHERE id = :id"


def row(flow: Flow, run_id: str) -> Run:
    return flow.app.site.db.read(lambda session: session.get_one(Run, run_id))


def tamper(flow: Flow, statement: str, *parameters: str) -> None:
    """As a superuser with every trigger off."""
    with psycopg.connect(flow.app.urls.superuser_dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        changed = connection.execute(statement, parameters)
        assert changed.rowcount != 0


@pytest.fixture
def ingest(flow: Flow) -> IngestJob:
    """A claimed run that lays out an upload."""
    reply = flow.ok(
        flow.app.owner,
        "POST",
        f"/datasets/{flow.open}/versions",
        params={"format": "csv"},
        content=b"person,age\n1,40\n",
    )
    return IngestJob.model_validate_json(flow.worker.try_claim(reply["run_id"]).content)


def version_of(flow: Flow, job: IngestJob) -> Any:
    listed = flow.ok(flow.app.owner, "GET", f"/datasets/{flow.open}/versions")["items"]
    (found,) = [version for version in listed if version["id"] == job.version_id]
    return found


def test_a_lost_message_is_told_again_behind_a_steady_backlog(flow: Flow) -> None:
    broker = flow.app.site.broker
    lost = flow.asked(flow.open)["run"]["id"]
    broker.purge("query")
    young = [flow.asked(flow.open, f"age > {n}")["run"]["id"] for n in range(10, 16)]
    flow.execute("UPDATE runs SET published_at = now()")
    flow.execute("UPDATE runs SET published_at = now() - interval '3 s' WHERE id = :id", id=lost)
    before = row(flow, lost).published_at
    duties.republish(flow.app.site)
    assert broker.depth("query") == len(young) + 1
    after = row(flow, lost).published_at
    assert before is not None
    assert after is not None
    assert after > before


def test_a_run_whose_worker_fell_silent_is_published_at_once(flow: Flow) -> None:
    run_id = flow.asked(flow.open)["run"]["id"]
    flow.worker.claim(run_id)
    flow.app.site.broker.purge("query")
    flow.execute(EMPTY_LEASE, id=run_id)
    duties.reap_leases(flow.app.site)
    assert flow.app.site.broker.depth("query") == 1
    assert row(flow, run_id).state == "queued"


def test_a_row_that_cannot_be_worked_on_stops_no_other(flow: Flow) -> None:
    asked = [flow.asked(flow.open, f"age > {n}")["run"]["id"] for n in range(3)]
    for run_id in asked:
        flow.worker.succeed(flow.worker.claim(run_id))
    more = (
        "UPDATE ledger_entries SET cost1 = 1000000 * cost1 WHERE kind = 'reserve' AND run_id = %s"
    )
    tamper(flow, more, asked[0])
    flow.execute("UPDATE runs SET visible_at = now() WHERE id <> :id", id=asked[0])
    flow.execute("UPDATE runs SET visible_at = now() - interval '9 s' WHERE id = :id", id=asked[0])
    duties.close(flow.app.site)
    assert [row(flow, run_id).closed_at is not None for run_id in asked] == [False, True, True]


def test_a_query_that_never_ends_fails_however_often_its_worker_beats(
    flow: Flow, beat: Callable[[], None]
) -> None:
    request = flow.asked(flow.open)
    job = flow.worker.claim(request["run"]["id"])
    assert flow.worker.beat(job).json() == {"cancelled": False}
    flow.execute("UPDATE runs SET claimed_at = now() - interval '115 s'")
    assert flow.worker.beat(job).json() == {"cancelled": False}
    flow.execute("UPDATE runs SET claimed_at = now() - interval '121 s'")
    assert flow.worker.beat(job).json()["code"] == "claim_lost"
    flow.execute(EMPTY_LEASE, id=job.run_id)
    beat()
    ended = row(flow, job.run_id)
    assert (ended.state, ended.attempts_left) == ("failed", 2)
    assert ended.visible_at is not None
    flow.execute("UPDATE runs SET visible_at = now()")
    beat()
    assert flow.run(job.run_id)["state"] == "failed"
    assert flow.spent() == (request["price"]["costs"][0], 0)


def test_a_long_deadline_leaves_a_query_its_time(flow: Flow) -> None:
    job = flow.worker.claim(flow.asked(flow.open)["run"]["id"])
    flow.execute("UPDATE runs SET deadline_ms = 10000, claimed_at = now() - interval '630 s'")
    assert flow.worker.beat(job).json() == {"cancelled": False}
    flow.execute("UPDATE runs SET claimed_at = now() - interval '650 s'")
    assert flow.worker.beat(job).json()["code"] == "claim_lost"


def test_an_ingest_may_take_hours(flow: Flow, ingest: IngestJob) -> None:
    flow.execute("UPDATE runs SET claimed_at = now() - interval '5 hours'")
    body = {"claim_token": ingest.claim_token, "epoch": ingest.epoch, "progress": 0.5}
    assert flow.worker.post(f"{ingest.run_id}/heartbeat", body).json() == {"cancelled": False}


def test_the_rung_is_chosen_after_the_answer_is_written(flow: Flow) -> None:
    job = flow.worker.claim(flow.asked(flow.open)["run"]["id"])

    def slow(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO outputs"):
            time.sleep(0.1)

    engine = flow.app.site.db.engine
    event.listen(engine, "before_cursor_execute", slow)
    try:
        assert flow.worker.succeed(job).status_code == httpx.codes.NO_CONTENT
    finally:
        event.remove(engine, "before_cursor_execute", slow)
    query = (
        "SELECT extract(epoch FROM finished_at - recorded_at) FROM runs JOIN outputs ON run_id = id"
    )
    written = flow.app.site.db.read(lambda session: session.scalars(text(query)).one())
    assert written >= 0.1


def test_an_upload_whose_run_expires_after_a_lost_lease_fails(
    flow: Flow, ingest: IngestJob
) -> None:
    flow.execute(EMPTY_LEASE, id=ingest.run_id)
    duties.reap_leases(flow.app.site)
    assert version_of(flow, ingest)["state"] == "ingesting"
    flow.execute("UPDATE runs SET queued_at = now() - interval '2 days'")
    duties.expire(flow.app.site)
    assert row(flow, ingest.run_id).state == "failed"
    assert version_of(flow, ingest)["state"] == "failed"


@pytest.mark.parametrize(
    ("cpu", "wall", "counted"), [(0.5, 0.9, False), (0.5, 1.1, True), (1.1, 0.9, True)]
)
def test_an_overrun_is_counted_by_processor_and_by_wall_time(
    flow: Flow, cpu: float, wall: float, counted: bool
) -> None:
    job = flow.worker.claim(flow.asked(flow.open)["run"]["id"])
    body = {
        "kind": "query",
        "claim_token": job.claim_token,
        "epoch": job.epoch,
        "answer": ANSWER.model_dump(mode="json"),
        "cpu_ms": cpu * job.deadline_ms,
        "wall_ms": wall * job.deadline_ms,
    }
    assert flow.worker.post(f"{job.run_id}/succeeded", body).status_code == httpx.codes.NO_CONTENT
    assert row(flow, job.run_id).overran is counted


def test_a_result_of_another_kind_is_refused(flow: Flow, ingest: IngestJob) -> None:
    query = flow.worker.claim(flow.asked(flow.open)["run"]["id"])
    as_query = query.model_copy(
        update={
            "run_id": ingest.run_id,
            "epoch": ingest.epoch,
            "claim_token": ingest.claim_token,
        }
    )
    refused = flow.worker.succeed(as_query)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    laid_out = IngestSucceeded(
        claim_token=query.claim_token,
        epoch=query.epoch,
        digest="1" * 64,
        size=1,
        rows=1,
        units=1,
        units_digest="1" * 64,
        report={},
    )
    refused = flow.worker.post(f"{query.run_id}/succeeded", laid_out.model_dump(mode="json"))
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    outputs = "SELECT count(*) FROM outputs"
    assert flow.app.site.db.read(lambda session: session.scalars(text(outputs)).one()) == 0
    assert {row(flow, job.run_id).state for job in (ingest, query)} == {"claimed"}
    assert flow.worker.succeed(query).status_code == httpx.codes.NO_CONTENT


def test_cancelling_does_the_same_whether_or_not_there_is_an_answer(flow: Flow) -> None:
    asked = [flow.asked(flow.open, f"age > {n}")["run"]["id"] for n in range(2)]
    flow.execute("UPDATE runs SET deadline_ms = 60000")
    jobs = [flow.worker.claim(run_id) for run_id in asked]
    flow.worker.succeed(jobs[0])
    sent = []
    for job in jobs:
        with statements(flow.app) as recorded:
            flow.ok(flow.app.researcher, "POST", f"/runs/{job.run_id}/cancel")
        sent.append([statement.split("SET")[0] for statement in recorded])
        assert not any("answer" in statement for statement in recorded)
    assert sent[0] == sent[1]
    states = "SELECT state FROM outputs"
    assert flow.app.site.db.read(lambda session: session.scalars(text(states)).all()) == [
        "withheld"
    ]
    events = flow.ok(flow.app.owner, "GET", "/audit/events", params={"action": "run.cancelled"})
    told = {found["subject"]: "answer" in found["detail"] for found in events["items"]}
    assert told == {asked[0]: True, asked[1]: False}


def refused(flow: Flow, run_id: str, why: str) -> None:
    assert flow.worker.try_claim(run_id).json()["code"] == "claim_lost"
    assert flow.ended(run_id)["state"] == "failed"
    events = flow.ok(flow.app.owner, "GET", "/audit/events", params={"action": "run.refused"})
    assert [found["subject"] for found in events["items"]] == [run_id]
    assert why in events["items"][0]["detail"]["reason"]


def test_content_changed_together_with_its_hash_is_refused(flow: Flow) -> None:
    """The log says which content was approved, and the application cannot edit the log."""
    asked = flow.asked(flow.open)
    other = flow.asked(flow.open, "age > 99")
    read = "SELECT content FROM requests WHERE id = :id"
    content = flow.app.site.db.read(
        lambda session: session.scalars(text(read), {"id": asked["id"]}).one()
    )
    content["confidence"] = 0.5
    changed = QueryContent.model_validate(content)
    flow.execute(
        "UPDATE requests SET content = CAST(:content AS jsonb), content_hash = :hash"
        " WHERE id = :id",
        content=changed.model_dump_json(),
        hash=changed.content_hash(),
        id=asked["id"],
    )
    refused(flow, asked["run"]["id"], "approval")
    assert flow.worker.claim(other["run"]["id"])


def test_content_approved_for_another_request_is_refused(flow: Flow) -> None:
    asked, other = flow.asked(flow.open), flow.asked(flow.open, "age > 99")
    flow.execute(
        "UPDATE requests r SET content = o.content, content_hash = o.content_hash"
        " FROM requests o WHERE r.id = :id AND o.id = :other",
        id=asked["id"],
        other=other["id"],
    )
    refused(flow, asked["run"]["id"], "approval")


def test_a_run_whose_charge_is_not_reserved_is_refused(flow: Flow) -> None:
    """A run made to point at a request that was paid for, and answered, by another run."""
    asked = flow.asked(flow.open)
    answered = flow.worker.claim(asked["run"]["id"])
    flow.worker.succeed(answered)
    flow.ended(answered.run_id)
    flow.execute(
        "UPDATE runs SET state = 'queued', closed_at = NULL, visible_at = NULL WHERE id = :id",
        id=answered.run_id,
    )
    assert flow.worker.try_claim(answered.run_id).json()["code"] == "claim_lost"
    assert row(flow, answered.run_id).state == "failed"
    assert "reserved" in str(row(flow, answered.run_id).failure)
