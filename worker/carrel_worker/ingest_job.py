"""Running one claimed ingest: lay an upload out in a limited child, hand over what came of it."""

import hashlib
import os
import traceback
from pathlib import Path

from carrel_protocol.jobs import IngestJob, IngestSucceeded
from carrel_worker.attempts import attempt_path, remove_attempts, sync_directory
from carrel_worker.delivery import Delivery, Result, deliver, failure
from carrel_worker.executors.ingest import (
    IngestCancelled,
    IngestDiskFull,
    IngestError,
    IngestOutOfMemory,
    run_in_child,
)
from carrel_worker.lease import Lease
from carrel_worker.process import ChildProcess

BEAT_SECONDS = 2.0
"""How often an owner who watches an upload sees its progress move."""


class ClaimEnded(Exception):
    """The site took the claim back; what was done is of no use."""


def run_ingest(job: IngestJob, child: ChildProcess) -> Delivery:
    """Carry out `job`. A cancelled or lost claim, and a worker that is to stop, end it at once.

    A stopping worker reports nothing: its lease runs out, and the site gives the run to another.
    However it ends, no temporary file is left.
    """
    with Lease(child.site, child.heartbeat, job, beat_seconds=BEAT_SECONDS) as lease:
        try:
            result = _result(job, child, lease)
        except IngestCancelled:
            return Delivery.CLAIM_LOST if lease.ended else Delivery.GIVEN_UP
        except ClaimEnded:
            return Delivery.CLAIM_LOST
        return deliver(child.site, job, result, lease, child.settings.result_patience_seconds)


def _result(job: IngestJob, child: ChildProcess, lease: Lease) -> Result:
    try:
        target = child.storage.target(job.target_path)
        attempt = attempt_path(target, job.epoch)
        remove_attempts(target)
        try:
            return _lay_out(job, child, lease, target, attempt)
        finally:
            remove_attempts(target, attempt)
    except (IngestError, IngestOutOfMemory, IngestDiskFull) as error:
        return failure(job, str(error))  # written for the owner: what is wrong, and where
    except (IngestCancelled, ClaimEnded):
        raise
    except Exception:  # noqa: BLE001 (whatever went wrong, the owner is told and the slot is free)
        return failure(job, traceback.format_exc())


def _lay_out(
    job: IngestJob, child: ChildProcess, lease: Lease, target: Path, attempt: Path
) -> IngestSucceeded:
    def note(share: float) -> None:
        lease.progress = share

    outcome = run_in_child(
        child.storage.verified(job.source),
        job.source_format,
        job.table,
        attempt,
        memory_bytes=child.settings.ingest_memory_bytes,
        max_expanded_bytes=job.max_expanded_bytes,
        progress=note,
        stopped=lambda: lease.ended is not None or child.shutdown.is_set(),
    )
    with attempt.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = os.fstat(file.fileno()).st_size
    # Another worker may have the run by now, and have left its own table under the same name.
    if not lease.confirm():
        raise ClaimEnded
    attempt.replace(target)
    sync_directory(target.parent)
    return IngestSucceeded(
        claim_token=job.claim_token,
        epoch=job.epoch,
        digest=digest,
        size=size,
        rows=outcome.rows,
        units=outcome.units,
        units_digest=outcome.units_digest,
        report=outcome.report,
    )
