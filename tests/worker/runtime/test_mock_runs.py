"""An uploaded mock's whole way through a real worker: kept, compared, compared again, refused."""

import hashlib
import json
import os
import secrets
from typing import Any

from tests.worker.runtime.conftest import RunningWorker
from tests.worker.runtime.jobs import grant, lay_out, table

HEAD = "person,age\n"


def _job(worker: RunningWorker, text: str, *, private: int | None = None) -> dict[str, Any]:
    """private: rows of the private table, all aged 50, to compare with."""
    name = "m" + secrets.token_hex(4)
    for directory in ("uploads", "versions"):
        (worker.storage / directory).mkdir(exist_ok=True)
    (worker.storage / "uploads" / name).write_text(text)
    stored = f"versions/ver_p{name}"
    if private is not None:
        lay_out(worker.storage / stored, private)
    return {
        "kind": "mock",
        "lease_seconds": 30.0,
        "version_id": name,
        "source_format": "csv",
        "table": table(3).model_dump(mode="json"),
        "source": grant(worker.storage, f"uploads/{name}"),
        "target_path": f"versions/{name}.mock.jsonl",
        "max_expanded_bytes": 10**8,
        "max_rows": 1000,
        "private": None if private is None else grant(worker.storage, stored),
    }


def _done(worker: RunningWorker, job: dict[str, Any]) -> Any:
    run = worker.send(worker.site.add(job), "ingest")
    return worker.site.wait_for(run, "succeeded", 204).body


def _refused(worker: RunningWorker, job: dict[str, Any]) -> str:
    run = worker.send(worker.site.add(job), "ingest")
    return str(worker.site.wait_for(run, "failed", 204).body["reason"])


def _left(worker: RunningWorker, job: dict[str, Any]) -> list[str]:
    names = os.listdir(worker.storage / "versions")
    return sorted(name for name in names if name.lstrip(".").startswith(job["version_id"]))


def test_a_mock_is_kept_as_rows_without_its_unit_ids(worker: RunningWorker) -> None:
    job = _job(worker, HEAD + "zoe,30\nann,40\nzoe,31\n")
    body = _done(worker, job)
    path = worker.storage / job["target_path"]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [["person", "age"], [1, 40], [2, 30], [2, 31]]
    assert body["digest"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (body["size"], body["rows"], body["units"]) == (path.stat().st_size, 3, 2)
    assert body["comparison"] is None
    assert _left(worker, job) == [f"{job['version_id']}.mock.jsonl"]


def test_a_mock_is_compared_and_compared_again(worker: RunningWorker) -> None:
    job = _job(worker, HEAD + "1,50\n2,40\n", private=10)
    body = _done(worker, job)
    assert body["comparison"]["exact"] == 1
    again = job | {
        "source_format": "rows",
        "source": grant(worker.storage, job["target_path"]),
    }
    before = (worker.storage / job["target_path"]).read_bytes()
    second = _done(worker, again)
    assert (second["digest"], second["rows"]) == (body["digest"], 2)
    assert second["comparison"]["exact"] == 1
    assert (worker.storage / job["target_path"]).read_bytes() == before


def test_a_value_out_of_its_domain_is_refused_by_line(worker: RunningWorker) -> None:
    job = _job(worker, HEAD + "1,50\n2,101\n")
    reason = _refused(worker, job)
    assert "line 3, column 'age'" in reason
    assert "Traceback" not in reason
    assert _left(worker, job) == []


def test_more_rows_than_a_mock_may_have_are_refused(worker: RunningWorker) -> None:
    job = _job(worker, HEAD + "1,50\n" * 1001)
    assert "1001 rows; here it may have 1000" in _refused(worker, job)
    assert _left(worker, job) == []


def test_rows_kept_for_other_columns_are_refused(worker: RunningWorker) -> None:
    job = _job(worker, "")
    (worker.storage / "uploads" / job["version_id"]).write_text('["person", "weight"]\n[1, 2]\n')
    job |= {
        "source_format": "rows",
        "source": grant(worker.storage, f"uploads/{job['version_id']}"),
    }
    assert "upload it anew" in _refused(worker, job)
