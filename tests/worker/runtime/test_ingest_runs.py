"""An upload's whole way through a real worker: laid out, refused, cancelled, given up."""

import gzip
import hashlib
import os
import secrets
import signal
from collections.abc import Callable
from typing import Any

from tests.embedded.procs import alive, descendants, eventually
from tests.worker.runtime.conftest import RunningWorker
from tests.worker.runtime.jobs import content, grant, query_job, table

Start = Callable[..., RunningWorker]


def _job(worker: RunningWorker, text: str, **changes: Any) -> dict[str, Any]:
    name = secrets.token_hex(4)
    for directory in ("uploads", "versions"):
        (worker.storage / directory).mkdir(exist_ok=True)
    (worker.storage / "uploads" / name).write_bytes(gzip.compress(text.encode()))
    return {
        "kind": "ingest",
        "lease_seconds": 30.0,
        "version_id": name,
        "source_format": "csv.gz",
        "table": table(3).model_dump(mode="json"),
        "source": grant(worker.storage, f"uploads/{name}"),
        "target_path": f"versions/{name}",
    } | changes


def _send(worker: RunningWorker, job: dict[str, Any], **script: Any) -> str:
    return worker.send(worker.site.add(job, **script), "ingest")


def _long(rows: int = 400_000) -> str:
    """More than any ingest finishes before its first heartbeat, a tenth of a second in."""
    return "person,age\n" + "".join(f"{row},50\n" for row in range(rows))


def _left(worker: RunningWorker) -> list[str]:
    """What lies among the tables; those that queries were made up for not counted."""
    (worker.storage / "versions").mkdir(exist_ok=True)
    names = os.listdir(worker.storage / "versions")
    return sorted(name for name in names if not name.startswith("ver_"))


def test_an_upload_becomes_a_table_that_answers(worker: RunningWorker) -> None:
    job = _job(worker, "person,age\nann,30\nbob,\nann,200\ncid,x\n")
    job["table"]["columns"][0]["nullable"] = True
    run = _send(worker, job)
    body = worker.site.wait_for(run, "succeeded", 204).body
    path = worker.storage / job["target_path"]
    assert body["digest"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (body["size"], body["rows"], body["units"]) == (path.stat().st_size, 4, 3)
    assert body["units_digest"] == hashlib.sha256(b"3:ann3:bob3:cid").hexdigest()
    assert body["report"]["age"]["clamped"] == 1
    assert _left(worker) == [job["version_id"]]
    asked = content(3).model_copy(update={"table": content(3).table.model_validate(job["table"])})
    question = query_job(worker.storage) | {
        "content": asked.model_dump(mode="json"),
        "content_hash": asked.content_hash(),
        "data": grant(worker.storage, job["target_path"]),
    }
    answered = worker.send(worker.site.add(question))
    answer = worker.site.wait_for(answered, "succeeded", 204).body["answer"]
    assert answer["primitives"][0]["values"] == [3]
    path.unlink()


def test_a_faulty_upload_is_refused_with_its_line(worker: RunningWorker) -> None:
    before = _left(worker)
    run = _send(worker, _job(worker, "person,age\nann,30\nbob,40,50\n"))
    reason = worker.site.wait_for(run, "failed", 204).body["reason"]
    assert "line 3" in reason
    assert "Traceback" not in reason
    assert _left(worker) == before


def test_an_upload_other_than_what_arrived_is_refused(worker: RunningWorker) -> None:
    job = _job(worker, "person,age\nann,30\n")
    run = _send(worker, job | {"source": job["source"] | {"digest": "0" * 64}})
    assert "DigestMismatch" in worker.site.wait_for(run, "failed", 204).body["reason"]


def test_a_target_out_of_the_storage_is_refused(worker: RunningWorker) -> None:
    run = _send(worker, _job(worker, "person,age\nann,30\n", target_path="../table"))
    assert "PathRefused" in worker.site.wait_for(run, "failed", 204).body["reason"]
    assert not (worker.storage.parent / "table").exists()


def test_a_cancelled_ingest_is_killed_and_leaves_nothing(worker: RunningWorker) -> None:
    before = _left(worker)
    job = _job(worker, _long(), lease_seconds=0.3)
    run = _send(worker, job, beats=["ok", "cancelled"])
    worker.site.wait_for(run, "heartbeat", 200)
    after = worker.send(worker.site.add(query_job(worker.storage)))
    worker.site.wait_for(after, "succeeded", 204)
    _, children = worker.main_and_children()
    assert len(children) == 1  # the worker's own; the ingest's is gone
    assert _left(worker) == before
    assert [e.action for e in worker.site.of(run)] == ["claim", "heartbeat", "heartbeat"]


def test_progress_is_told_while_it_runs(worker: RunningWorker) -> None:
    run = _send(worker, _job(worker, _long(), lease_seconds=0.3))
    worker.site.wait_for(run, "succeeded", 204)
    told = [e.body["progress"] for e in worker.site.of(run, "heartbeat")]
    assert told == sorted(told, key=lambda share: share or 0.0)
    assert told[-1] > 0


def test_a_killed_workers_remains_are_cleared_by_the_next_attempt(start: Start) -> None:
    worker = start()
    job = _job(worker, _long(), lease_seconds=0.6)
    run = _send(worker, job)
    versions = worker.storage / "versions"
    assert eventually(lambda: any("attempt-1" in name for name in os.listdir(versions)))
    _, (child, *_) = worker.main_and_children()
    ingest = descendants(child)
    os.kill(child, signal.SIGKILL)
    assert eventually(lambda: not alive(ingest))  # it ended with its parent
    assert _left(worker)
    worker.send(run, "ingest")
    body = worker.site.wait_for(run, "succeeded", 204).body
    assert body["epoch"] == 2
    assert _left(worker) == [job["version_id"]]


def test_a_stopping_worker_gives_its_ingest_up(start: Start) -> None:
    worker = start()
    run = _send(worker, _job(worker, _long(), lease_seconds=0.6))
    worker.site.wait_for(run, "heartbeat", 200)
    main, children = worker.main_and_children()
    os.kill(main, signal.SIGTERM)
    assert eventually(lambda: not alive({main, *children}))
    assert _left(worker) == []
    assert worker.site.of(run, "succeeded", "failed") == []


def test_a_file_beyond_the_memory_limit_is_refused_clearly(start: Start) -> None:
    worker = start(CARREL_WORKER_INGEST_MEMORY_BYTES=str(96 * 2**20))
    run = _send(worker, _job(worker, _long(2_000_000)))
    reason = worker.site.wait_for(run, "failed", 204, 120).body["reason"]
    assert "memory" in reason
    assert _left(worker) == []
