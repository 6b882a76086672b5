"""Claims and results against a site that fails, refuses, cancels or goes away."""

import pytest

from tests.worker.runtime.conftest import RunningWorker
from tests.worker.runtime.jobs import query_job


def test_a_result_is_offered_again_until_it_is_taken(worker: RunningWorker) -> None:
    script = [503, 0, 500, 429, 204]
    run = worker.send(worker.site.add(query_job(worker.storage), result=list(script)))
    worker.site.wait_for(run, "succeeded", 204)
    offers = worker.site.of(run, "succeeded")
    assert [e.status for e in offers] == script
    first = offers[0].body
    assert all(e.body == first for e in offers)  # same epoch, token and answer: no fresh noise
    assert len(worker.site.of(run, "claim")) == 1


def test_a_failure_is_offered_again_until_it_is_taken(worker: RunningWorker) -> None:
    job = query_job(worker.storage) | {"content_hash": "0" * 64}
    run = worker.send(worker.site.add(job, result=[503, 204]))
    worker.site.wait_for(run, "failed", 204)
    assert [e.status for e in worker.site.of(run, "failed")] == [503, 204]


def test_a_lost_claim_ends_the_offering(worker: RunningWorker) -> None:
    run = worker.send(worker.site.add(query_job(worker.storage), result=[503, 409]))
    after = worker.send(worker.site.add(query_job(worker.storage)))
    worker.site.wait_for(after, "succeeded", 204)
    assert [e.status for e in worker.site.of(run, "succeeded")] == [503, 409]
    assert worker.site.of(run, "failed") == []


def test_a_result_refused_as_malformed_is_reported_as_a_failure(worker: RunningWorker) -> None:
    run = worker.send(worker.site.add(query_job(worker.storage), result=[422]))
    event = worker.site.wait_for(run, "failed", 204)
    assert "refused" in event.body["reason"]


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422])
def test_a_run_that_cannot_be_claimed_is_dropped(worker: RunningWorker, status: int) -> None:
    job = query_job(worker.storage, deadline_ms=60_000)
    run = worker.send(worker.site.add(job, claim=[status]))
    after = worker.send(worker.site.add(query_job(worker.storage)))
    worker.site.wait_for(after, "succeeded", 204)  # at once: nothing was read, nothing is held
    assert [(e.action, e.status) for e in worker.site.of(run)] == [("claim", status)]


def test_a_claim_is_asked_for_again_while_the_site_is_away(worker: RunningWorker) -> None:
    run = worker.send(worker.site.add(query_job(worker.storage), claim=[503, 0, 503]))
    worker.site.wait_for(run, "succeeded", 204)
    assert [e.status for e in worker.site.of(run, "claim")] == [503, 0, 503, 200]


def test_a_claim_is_not_asked_for_for_ever(worker: RunningWorker) -> None:
    run = worker.send(worker.site.add(query_job(worker.storage), claim=[503] * 1000))
    after = worker.send(worker.site.add(query_job(worker.storage)))
    worker.site.wait_for(after, "succeeded", 204)
    assert worker.site.of(run, "succeeded") == []


@pytest.mark.parametrize("message", [None, 7, "run_../../x", "x", ["run_a"], "run_" + "a" * 61])
def test_a_message_that_is_no_run_id_reaches_nobody(worker: RunningWorker, message: object) -> None:
    before = len(worker.site.events)
    worker.broker.publish("query", message)  # type: ignore[arg-type]
    after = worker.send(worker.site.add(query_job(worker.storage)))
    worker.site.wait_for(after, "succeeded", 204)
    assert {e.run_id for e in worker.site.events[before:]} == {after}


def test_the_lease_is_kept_while_a_result_waits(worker: RunningWorker) -> None:
    job = query_job(worker.storage, lease_seconds=0.3)
    run = worker.send(worker.site.add(job, result=[503] * 7))
    worker.site.wait_for(run, "succeeded", 204)
    beats = worker.site.of(run, "heartbeat")
    assert beats
    assert all(e.status == 200 for e in beats)
    assert {(e.body["epoch"], e.body["claim_token"]) for e in beats} == {
        (1, worker.site.runs[run].token)
    }
    assert len(worker.site.of(run, "succeeded")) == 8


def test_no_heartbeat_is_sent_for_a_short_job(worker: RunningWorker) -> None:
    job = query_job(worker.storage, lease_seconds=30, deadline_ms=200)
    runs = [worker.send(worker.site.add(job)) for _ in range(3)]
    worker.site.wait_for(runs[-1], "succeeded", 204)
    assert all(worker.site.of(run, "heartbeat") == [] for run in runs)


@pytest.mark.parametrize("beat", ["cancelled", 409])
def test_a_claim_that_a_heartbeat_finds_over_is_given_up(
    worker: RunningWorker, beat: str | int
) -> None:
    job = query_job(worker.storage, lease_seconds=0.3)
    run = worker.send(worker.site.add(job, result=[503] * 1000, beats=["ok", beat]))
    after = worker.send(worker.site.add(query_job(worker.storage)))
    worker.site.wait_for(after, "succeeded", 204)
    assert len(worker.site.of(run, "heartbeat")) == 2
    assert all(e.status == 503 for e in worker.site.of(run, "succeeded"))
    assert worker.site.of(run, "failed") == []
