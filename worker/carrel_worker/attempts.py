"""Jobs that write one file: beside its target first, and in its place once they are to count."""

import hashlib
import os
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from carrel_protocol.jobs import IngestJob, MockJob
from carrel_worker.delivery import Delivery, Result, deliver, failure
from carrel_worker.executors.ingest import (
    IngestCancelled,
    IngestDiskFull,
    IngestError,
    IngestOutOfMemory,
)
from carrel_worker.executors.mock import Stopped
from carrel_worker.lease import Lease
from carrel_worker.process import ChildProcess

BEAT_SECONDS = 2.0
"""How often an owner who watches an upload sees its progress move."""


class ClaimEnded(Exception):
    """The site took the claim back; what was done is of no use."""


@dataclass(frozen=True)
class Attempt:
    """One claim's try at a job."""

    child: ChildProcess
    lease: Lease
    target: Path
    path: Path
    """Where it writes, until `put_in_place`."""

    def stopped(self) -> bool:
        """Whether to leave off: the claim is lost or cancelled, or the worker is to stop."""
        return self.lease.ended is not None or self.child.shutdown.is_set()

    def put_in_place(self) -> None:
        """Make what was written count. Raises `ClaimEnded`."""
        self.confirm()
        self.path.replace(self.target)
        _sync_directory(self.target.parent)

    def confirm(self) -> None:
        """Raise `ClaimEnded` unless the claim still holds: another worker may have the run by now,
        and have left its own file under the same name."""
        if not self.lease.confirm():
            raise ClaimEnded


def carry_out(
    job: IngestJob | MockJob, child: ChildProcess, work: Callable[[Attempt], Result]
) -> Delivery:
    """Do `work` and hand over its result. A cancelled or lost claim, and a worker that is to stop,
    end it at once.

    A stopping worker reports nothing: its lease runs out, and the site gives the run to another.
    However it ends, no temporary file is left.
    """
    with Lease(child.site, child.heartbeat, job, beat_seconds=BEAT_SECONDS) as lease:
        try:
            result = _result(job, child, lease, work)
        except (IngestCancelled, Stopped):
            return Delivery.CLAIM_LOST if lease.ended else Delivery.GIVEN_UP
        except ClaimEnded:
            return Delivery.CLAIM_LOST
        return deliver(child.site, job, result, lease, child.settings.result_patience_seconds)


def digest_and_size(path: Path) -> tuple[str, int]:
    """A file's SHA-256 in hexadecimal, and its bytes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, os.fstat(file.fileno()).st_size


def _result(
    job: IngestJob | MockJob,
    child: ChildProcess,
    lease: Lease,
    work: Callable[[Attempt], Result],
) -> Result:
    try:
        target = child.storage.target(job.target_path)
        attempt = Attempt(child, lease, target, _attempt_path(target, job.epoch))
        _remove_attempts(target)
        try:
            return work(attempt)
        finally:
            _remove_attempts(target, attempt.path)
    except (IngestError, IngestOutOfMemory, IngestDiskFull) as error:
        return failure(job, str(error))  # written for the owner: what is wrong, and where
    except (IngestCancelled, Stopped, ClaimEnded):
        raise
    except Exception:  # noqa: BLE001 (whatever went wrong, the owner is told and the slot is free)
        return failure(job, traceback.format_exc())


def _attempt_path(target: Path, epoch: int) -> Path:
    """Where the attempt of a claim writes: beside its target, which it replaces at the end."""
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


def _sync_directory(directory: Path) -> None:
    """Make a new name durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
