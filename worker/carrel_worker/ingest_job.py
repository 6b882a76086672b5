"""Running one claimed ingest: lay an upload out in a limited child, hand over what came of it."""

import hashlib
import os
import shutil
import traceback
from pathlib import Path

from carrel_protocol.jobs import IngestJob, IngestSucceeded
from carrel_worker.delivery import Delivery, Result, deliver, failure
from carrel_worker.executors.ingest import (
    IngestCancelled,
    IngestError,
    IngestOutOfMemory,
    run_in_child,
)
from carrel_worker.lease import Lease
from carrel_worker.process import ChildProcess

_BEAT_SECONDS = 2.0
"""How often an owner who watches an upload sees its progress move."""


class ClaimEnded(Exception):
    """The site took the claim back; what was done is of no use."""


def run_ingest(job: IngestJob, child: ChildProcess) -> Delivery:
    """Carry out `job`. A cancelled or lost claim, and a worker that is to stop, end it at once.

    A stopping worker reports nothing: its lease runs out, and the site gives the run to another.
    However it ends, no temporary file is left.
    """
    with Lease(child.site, child.heartbeat, job, beat_seconds=_BEAT_SECONDS) as lease:
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
        attempt = _attempt_path(target, job.epoch)
        _remove_attempts(target)
        try:
            return _lay_out(job, child, lease, target, attempt)
        finally:
            _remove_attempts(target, attempt)
    except (IngestError, IngestOutOfMemory) as error:
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
    _sync(target.parent)
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


def _attempt_path(target: Path, epoch: int) -> Path:
    return target.with_name(f"{target.name}.attempt-{epoch}")


def _remove_attempts(target: Path, only: Path | None = None) -> None:
    """Remove what attempts at `target` left beside it: those of workers that were killed too."""
    marker = only.name if only is not None else f"{target.name}.attempt-"
    for path in target.parent.iterdir():
        if not path.name.lstrip(".").startswith(marker):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    """Make a new name durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
