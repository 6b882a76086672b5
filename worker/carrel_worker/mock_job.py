"""Running one claimed mock: see that it fits the table, keep its rows, compare them."""

import hashlib
import os
import traceback
from pathlib import Path

from carrel_protocol.jobs import MockComparison, MockJob, MockSucceeded
from carrel_worker.attempts import attempt_path, remove_attempts, sync_directory
from carrel_worker.delivery import Delivery, Result, deliver, failure
from carrel_worker.executors.ingest import (
    IngestCancelled,
    IngestDiskFull,
    IngestError,
    IngestOutOfMemory,
    run_in_child,
)
from carrel_worker.executors.mock import Stopped, codes_of, compare, read_rows, write_rows
from carrel_worker.ingest_job import BEAT_SECONDS, ClaimEnded
from carrel_worker.lease import Lease
from carrel_worker.process import ChildProcess
from carrel_worker.tables.layout import Codes, open_table

_MOST_CELLS = 5_000_000


def run_mock(job: MockJob, child: ChildProcess) -> Delivery:
    """Carry out `job`; it ends as an ingest does. However it ends, no temporary file is left."""
    with Lease(child.site, child.heartbeat, job, beat_seconds=BEAT_SECONDS) as lease:
        try:
            result = _result(job, child, lease)
        except (IngestCancelled, Stopped):
            return Delivery.CLAIM_LOST if lease.ended else Delivery.GIVEN_UP
        except ClaimEnded:
            return Delivery.CLAIM_LOST
        return deliver(child.site, job, result, lease, child.settings.result_patience_seconds)


def _result(job: MockJob, child: ChildProcess, lease: Lease) -> Result:
    try:
        target = child.storage.target(job.target_path)
        attempt = attempt_path(target, job.epoch)
        remove_attempts(target)
        try:
            return _check(job, child, lease, target, attempt)
        finally:
            remove_attempts(target, attempt)
    except (IngestError, IngestOutOfMemory, IngestDiskFull) as error:
        return failure(job, str(error))  # written for the owner: what is wrong, and where
    except (IngestCancelled, Stopped, ClaimEnded):
        raise
    except Exception:  # noqa: BLE001 (whatever went wrong, the owner is told and the slot is free)
        return failure(job, traceback.format_exc())


def _check(
    job: MockJob, child: ChildProcess, lease: Lease, target: Path, attempt: Path
) -> MockSucceeded:
    again = job.source_format == "rows"
    if again:
        attempt = child.storage.verified(job.source)
        rows, units = read_rows(attempt, job.table)
        codes = codes_of(rows, job.table)
    else:
        codes, units = _take_in(job, child, lease, attempt)
    comparison = _compared(job, child, lease, codes)
    with attempt.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = os.fstat(file.fileno()).st_size
    # Another worker may have the run by now, and have left its own rows under the same name.
    if not lease.confirm():
        raise ClaimEnded
    if not again:
        attempt.replace(target)
        sync_directory(target.parent)
    return MockSucceeded(
        claim_token=job.claim_token,
        epoch=job.epoch,
        digest=digest,
        size=size,
        rows=next(iter(codes.values())).size,
        units=units,
        comparison=comparison,
    )


def _take_in(
    job: MockJob, child: ChildProcess, lease: Lease, attempt: Path
) -> tuple[dict[str, Codes], int]:
    """Lay the file out as a table, and leave its rows at `attempt`."""
    assert job.source_format != "rows"

    def note(share: float) -> None:
        lease.progress = share / 2

    laid_out = attempt.with_name(f"{attempt.name}.table")
    run_in_child(
        child.storage.verified(job.source),
        job.source_format,
        job.table,
        laid_out,
        memory_bytes=child.settings.ingest_memory_bytes,
        max_expanded_bytes=job.max_expanded_bytes,
        max_rows=min(job.max_rows, _MOST_CELLS // (len(job.table.columns) + 1)),
        strict=True,
        progress=note,
        stopped=lambda: _stopped(child, lease),
    )
    table = open_table(laid_out, job.table.columns)
    write_rows(table, job.table, attempt)
    return table.columns, table.units


def _compared(
    job: MockJob, child: ChildProcess, lease: Lease, codes: dict[str, Codes]
) -> MockComparison | None:
    if job.private is None:
        return None

    def note(share: float) -> None:
        lease.progress = 0.5 + share / 2

    private = open_table(child.storage.verified(job.private), job.table.columns)
    return compare(codes, private, job.table, lambda: _stopped(child, lease), note)


def _stopped(child: ChildProcess, lease: Lease) -> bool:
    return lease.ended is not None or child.shutdown.is_set()
