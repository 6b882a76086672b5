"""A query's whole way through a real worker."""

import os
from collections.abc import Callable
from typing import Any

from carrel_protocol.plan import ColumnRef, Comparison, IntegerLiteral, Not, QueryPlan
from carrel_protocol.privacy import Claimed
from tests.embedded.procs import eventually
from tests.worker.runtime.conftest import RunningWorker
from tests.worker.runtime.jobs import content, grant, lay_out, query_job


def test_answer_is_posted_under_the_claims_epoch_and_token(worker: RunningWorker) -> None:
    run = worker.send(worker.site.add(query_job(worker.storage, rows=700)))
    event = worker.site.wait_for(run, "succeeded", 204)
    script = worker.site.runs[run]
    assert (event.body["epoch"], event.body["claim_token"]) == (1, script.token)
    assert event.body["answer"]["primitives"][0]["values"] == [700]
    assert event.body["cpu_ms"] > 0
    assert event.body["wall_ms"] > 0
    assert [e.action for e in worker.site.of(run)] == ["claim", "succeeded"]
    claim = worker.site.of(run, "claim")[0]
    assert claim.body == {"protocol_version": 1, "mechanism_version": 1}


def test_slot_is_held_until_the_deadline_has_passed(worker: RunningWorker) -> None:
    job = query_job(worker.storage, deadline_ms=600)
    first = worker.send(worker.site.add(job))
    second = worker.send(worker.site.add(job))
    started = worker.site.wait_for(second, "claim", 200).at
    result = worker.site.wait_for(first, "succeeded", 204)
    claim = worker.site.of(first, "claim")[0]
    assert result.at < claim.at + 0.6  # the answer itself did not wait
    assert started >= claim.at + 0.6


def test_two_children_serve_two_runs_at_once(start: Callable[..., RunningWorker]) -> None:
    worker = start(concurrency=2)
    job = query_job(worker.storage, deadline_ms=1500)
    runs = [worker.send(worker.site.add(job)) for _ in range(3)]
    last = worker.site.wait_for(runs[2], "claim", 200)
    first, second = (worker.site.of(run, "claim")[0] for run in runs[:2])
    assert second.at < first.at + 1.5
    assert last.at >= first.at + 1.5


def _changed(job: dict[str, Any], **content_changes: Any) -> dict[str, Any]:
    return job | {"content": job["content"] | content_changes}


def test_content_other_than_what_was_approved_is_not_run(worker: RunningWorker) -> None:
    job = query_job(worker.storage, deadline_ms=300)
    run = worker.send(worker.site.add(_changed(job, confidence=0.5)))
    event = worker.site.wait_for(run, "failed", 204)
    assert "ContentChanged" in event.body["reason"]
    after = worker.send(worker.site.add(job))
    assert (
        worker.site.wait_for(after, "claim", 200).at >= worker.site.of(run, "claim")[0].at + 0.3
    )  # a failure holds the slot as an answer does


def test_other_mechanism_version_is_not_run(worker: RunningWorker) -> None:
    asked = content(1000).model_copy(update={"mechanism_version": 99})
    job = query_job(worker.storage) | {
        "content": asked.model_dump(mode="json"),
        "content_hash": asked.content_hash(),
    }
    run = worker.send(worker.site.add(job))
    assert "OtherMechanism" in worker.site.wait_for(run, "failed", 204).body["reason"]


def test_a_plan_that_the_site_cannot_have_bound_is_not_run(worker: RunningWorker) -> None:
    count = content(1000).plan.aggregates
    age, smokes = ColumnRef(name="age"), ColumnRef(name="smokes")
    for where, words in (
        (Not(arg=Comparison(op="gt", left=age, right=IntegerLiteral(value=3))), "normal form"),
        (smokes, "there is no column"),
    ):
        plan = QueryPlan(where=where, aggregates=count)
        asked = content(1000).model_copy(update={"plan": plan})
        job = query_job(worker.storage) | {
            "content": asked.model_dump(mode="json"),
            "content_hash": asked.content_hash(),
        }
        run = worker.send(worker.site.add(job))
        reason = worker.site.wait_for(run, "failed", 204).body["reason"]
        assert "PlanNotNormal" in reason
        assert words in reason


def test_noise_below_its_price_is_not_released(worker: RunningWorker) -> None:
    asked = content(1000).model_copy(update={"claimed": (Claimed(kind="epsilon", value=0.1),)})
    job = query_job(worker.storage) | {
        "content": asked.model_dump(mode="json"),
        "content_hash": asked.content_hash(),
    }
    run = worker.send(worker.site.add(job))
    assert "NoiseTooSmall" in worker.site.wait_for(run, "failed", 204).body["reason"]
    assert worker.site.of(run, "succeeded") == []


def test_a_path_out_of_the_storage_is_not_followed(worker: RunningWorker) -> None:
    job = query_job(worker.storage)
    lay_out(worker.storage.parent / "outside", 1000)
    outside = grant(worker.storage, "../outside")
    run = worker.send(worker.site.add(job | {"data": outside}))
    assert "PathRefused" in worker.site.wait_for(run, "failed", 204).body["reason"]
    assert [e.action for e in worker.site.of(run)] == ["claim", "failed"]


def test_a_file_that_was_swapped_after_its_first_use_is_found_out(worker: RunningWorker) -> None:
    job = query_job(worker.storage, rows=300)
    worker.site.wait_for(worker.send(worker.site.add(job)), "succeeded", 204)
    path = worker.storage / job["data"]["path"]
    swapped = bytearray(path.read_bytes())
    swapped[-1] ^= 1
    other = path.with_name("other")
    other.write_bytes(swapped)
    other.replace(path)
    run = worker.send(worker.site.add(job))
    assert "DigestMismatch" in worker.site.wait_for(run, "failed", 204).body["reason"]


def test_the_same_file_through_another_grant_is_the_same_file(worker: RunningWorker) -> None:
    job = query_job(worker.storage)
    worker.site.wait_for(worker.send(worker.site.add(job)), "succeeded", 204)
    linked = worker.storage / "grants" / "abc"
    linked.mkdir(parents=True)
    os.link(worker.storage / job["data"]["path"], linked / "table")
    linked.chmod(0o711)
    again = job | {"data": grant(worker.storage, "grants/abc/table")}
    worker.site.wait_for(worker.send(worker.site.add(again)), "succeeded", 204)


def test_failures_are_told_to_the_site_and_not_to_the_log(worker: RunningWorker) -> None:
    path = worker.storage / "versions" / "garbage"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"Jane Doe, 42, a private row that a parser may quote")
    job = query_job(worker.storage) | {"data": grant(worker.storage, "versions/garbage")}
    run = worker.send(worker.site.add(job))
    assert "Traceback" in worker.site.wait_for(run, "failed", 204).body["reason"]
    assert eventually(lambda: run in worker.log.read_text())
    log = worker.log.read_text()
    assert "Traceback" not in log
    assert "garbage" not in log
