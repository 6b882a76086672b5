"""Running approved code: check, run, look at what came out, hand over, hold the slot.

However the code itself ends, the run has ended well: its report and what it returned wait for
people. A run fails only where the code was not run: what was approved is not what is here, or
the sandbox does not hold.

How long it took is its data's to tell, and whoever asked may have another run waiting behind this
one. So the place of a run, however it ended or was cancelled, is free at its public time only.
"""

import os
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from carrel_protocol.jobs import CodeEnded, CodeJob, StorageGrant
from carrel_worker.attempts import BEAT_SECONDS
from carrel_worker.delivery import Delivery, Result, deliver, failure
from carrel_worker.executors.checks import Background, look_at
from carrel_worker.executors.code import prepare, results
from carrel_worker.executors.code.errors import BadResult, CodeRefused
from carrel_worker.executors.code.run import run
from carrel_worker.lease import Lease
from carrel_worker.process import ChildProcess
from carrel_worker.slot import Slot
from carrel_worker.storage import GrantError, Storage

_FILE_MODE = 0o640


class Stopped(Exception):
    """The claim is over, or the worker is to stop."""


def run_code(job: CodeJob, slot: Slot, child: ChildProcess) -> Delivery:
    """Carry out `job`; returns when its slot's public time has come, whatever happened.

    The end of the claim, and of the worker, kill the code at once.
    """
    try:
        return _carry_out(job, child)
    finally:
        slot.hold(child.shutdown.is_set)


def _carry_out(job: CodeJob, child: ChildProcess) -> Delivery:
    with Lease(child.site, child.heartbeat, job, beat_seconds=BEAT_SECONDS) as lease:

        def stopped() -> bool:
            return lease.ended is not None or child.shutdown.is_set()

        recorded = False
        try:
            result = _result(job, child, stopped)
            delivery = deliver(
                child.site, job, result, lease, child.settings.result_patience_seconds
            )
            recorded = isinstance(result, CodeEnded) and delivery is Delivery.ACCEPTED
        except Stopped:
            delivery = Delivery.CLAIM_LOST if lease.ended else Delivery.GIVEN_UP
    if not recorded and delivery is not Delivery.SITE_LOST:
        # What was never recorded is deleted unread. A site that was lost may have recorded it.
        discard(child.storage, job.target_path)
    return delivery


def _result(job: CodeJob, child: ChildProcess, stopped: Callable[[], bool]) -> Result:
    try:
        with prepare.approved(
            job, child.storage, child.settings.environments_dir, child.work
        ) as prepared:
            background = Background(
                schemas={each.alias: each.table for each in job.content.data},
                tables=prepared.data,
                earlier=earlier_releases(child.storage, job.earlier),
                least_cell=job.least_cell,
            )
            ran = run(child.sandbox, prepared, stopped, gpu=child.settings.sandbox_gpu is not None)
            go_on(stopped)
            findings = look_at(ran.results, background)
            store(child.storage, job.target_path, ran.results)
    except Stopped:
        raise
    except (CodeRefused, GrantError) as error:
        return failure(job, f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 (whatever went wrong, the owner is told and the slot is free)
        return failure(job, traceback.format_exc())
    return CodeEnded(
        claim_token=job.claim_token,
        epoch=job.epoch,
        report=ran.report,
        items=tuple(each.item for each in ran.results),
        findings=findings,
    )


def go_on(stopped: Callable[[], bool]) -> None:
    """Raise `Stopped` if it is time to: what was killed did not end by itself."""
    if stopped():
        raise Stopped


def store(storage: Storage, target_path: str, found: Sequence[results.Result]) -> None:
    """Write each item into the target's directory, named by its number; durable on return."""
    discard(storage, target_path)
    directory: Path | None = None
    for number, each in enumerate(found):
        path = storage.target(f"{target_path}/{number}")
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE
        )
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _FILE_MODE)
            file.write(each.content)
            file.flush()
            os.fsync(descriptor)
        directory = path.parent
    if directory is not None:
        for path in (directory, directory.parent):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def discard(storage: Storage, target_path: str) -> None:
    """Remove what an attempt left at the target: files named by numbers, and nothing else."""
    with suppress(GrantError, OSError):
        directory = storage.target(target_path)
        for path in directory.iterdir():
            if path.name.isdecimal():
                path.unlink()
        directory.rmdir()


def earlier_releases(
    storage: Storage, grants: Sequence[StorageGrant]
) -> tuple[tuple[str, results.Result], ...]:
    """What was released, by its place among the grants; what cannot be read is passed over.

    Raises `GrantError`: a comparison that was left out would look like one that found nothing.
    """
    found = []
    for number, grant in enumerate(grants, 1):
        descriptor = storage.opened(grant)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read()
        with suppress(BadResult):
            found.append((f"earlier release {number}", results.parse_released(content)))
    return tuple(found)
