"""Running one claimed black box: check, divide, run block by block, add noise, hold the slot.

Nothing that a block prints or does is kept. When the last slot ends, and with it the work, was
public before the first one began.
"""

import fcntl
import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from carrel_protocol.black_box import BlackBoxContent, lead_seconds
from carrel_protocol.jobs import BlackBoxJob, BlackBoxSucceeded
from carrel_protocol.privacy import MECHANISM_VERSION
from carrel_worker import environments
from carrel_worker.attempts import BEAT_SECONDS
from carrel_worker.code_job import Stopped
from carrel_worker.delivery import Delivery, Result, deliver, failure
from carrel_worker.executors.black_box.blocks import Blocks, block_file, os_draws
from carrel_worker.executors.black_box.execute import block_points, check, release
from carrel_worker.executors.black_box.schedule import Schedule
from carrel_worker.executors.code.errors import ContentChanged
from carrel_worker.executors.code.prepare import schema_file, work_directory
from carrel_worker.lease import Lease
from carrel_worker.process import ChildProcess
from carrel_worker.query_job import OtherMechanism
from carrel_worker.sandbox import EnvironmentDir, Mount, Outcome, Program, Sandbox, Tier, drop
from carrel_worker.sandbox.runner import tables
from carrel_worker.sandbox.system import read_whole
from carrel_worker.slot import Slot
from carrel_worker.tables.layout import Table, open_table

_LOOK_SECONDS = 0.25
"""How often a wait looks whether it is to end."""
_READ_SECONDS = 2.0
"""Of the time before the first slot, for reading the environment into memory."""
_REHEARSAL = "pass\n"


class NotRunnable(Exception):
    """The sandbox does not run even an empty program in this environment."""


def run_black_box(job: BlackBoxJob, slot: Slot, child: ChildProcess) -> Delivery:
    """Carry out `job`; returns when its slot's public time has come, whatever happened."""
    try:
        with Lease(child.site, child.heartbeat, job, beat_seconds=BEAT_SECONDS) as lease:

            def stopped() -> bool:
                return lease.ended is not None or child.shutdown.is_set()

            try:
                result = _result(job, slot, child, stopped)
            except Stopped:
                return Delivery.CLAIM_LOST if lease.ended else Delivery.GIVEN_UP
            return deliver(child.site, job, result, lease, child.settings.result_patience_seconds)
    finally:
        slot.hold(child.shutdown.is_set)


def _result(
    job: BlackBoxJob, slot: Slot, child: ChildProcess, stopped: Callable[[], bool]
) -> Result:
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        content = job.content
        check_content(job)
        with _alone(child, stopped), work_directory(child.work) as work:
            # Never one that waits warm: how it was left would pass from block to block.
            sandbox = Sandbox(minimum=Tier.named(child.settings.sandbox_minimum_tier), quiet=True)
            environment = environments.find(
                content.environment.name,
                content.environment.lock_hash,
                child.settings.environments_dir,
            ).directory
            descriptor = child.storage.opened(job.data)
            try:
                table = open_table(Path(f"/proc/self/fd/{descriptor}"), content.data.table.columns)
            finally:
                os.close(descriptor)
            _rehearse(sandbox, environment, content)
            read_whole(environment, _READ_SECONDS)
            schedule = Schedule(
                origin=slot.claimed_at + lead_seconds(content.data.table.size.rows),
                seconds=content.slot_seconds(),
                sleep=_sleep(stopped),
            )
            run_block = _runner(sandbox, environment, content, table, work, stopped)
            answer = release(content, block_points(content, run_block, schedule))
    except Stopped:
        raise
    except Exception:  # noqa: BLE001 (to a researcher every failure is the same failure)
        return failure(job, traceback.format_exc())
    return BlackBoxSucceeded(
        claim_token=job.claim_token,
        epoch=job.epoch,
        answer=answer,
        cpu_ms=(time.process_time() - cpu) * 1000,
        wall_ms=(time.perf_counter() - wall) * 1000,
    )


def check_content(job: BlackBoxJob) -> None:
    """Raise ContentChanged, OtherMechanism or NoiseTooSmall unless what was approved would run."""
    content = job.content
    if content.content_hash() != job.content_hash:
        raise ContentChanged("the job's content does not have the hash that was approved")
    if content.mechanism_version != MECHANISM_VERSION:
        raise OtherMechanism(
            f"the content asks for mechanisms {content.mechanism_version}, "
            f"this worker has {MECHANISM_VERSION}"
        )
    check(content)


def _runner(
    sandbox: Sandbox,
    environment: EnvironmentDir,
    content: BlackBoxContent,
    table: Table,
    work: Path,
    stopped: Callable[[], bool],
) -> Callable[[int], Outcome]:
    """What runs a block by its number, each in a sandbox of its own."""
    alias, schema = content.data.alias, content.data.table
    asked = content.model_dump(mode="json", include={"entry", "parameters"})
    program = Program(
        files={file.path: file.text for file in content.files},
        entry=asked["entry"],
        environment=environment,
        limits=content.limits,
        parameters=asked["parameters"],
        tables={alias: alias},
    )
    described = work / tables.SCHEMA
    described.write_text(schema_file(schema), encoding="utf-8")
    drop.lend(described)
    blocks = Blocks(table, os_draws(table.units), content.blocks)

    def run(number: int) -> Outcome:
        with block_file(blocks, number, schema, work) as path:
            drop.lend(path)
            mounts = [
                Mount(path, f"{alias}/{tables.STORED}"),
                Mount(described, f"{alias}/{tables.SCHEMA}"),
            ]
            return sandbox.run(program, mounts, cancelled=stopped)

    return run


def _rehearse(sandbox: Sandbox, environment: EnvironmentDir, content: BlackBoxContent) -> None:
    """See that the sandbox runs anything at all, before a failure would count as a block's.

    An empty program without data, so that how this ends tells nothing.
    """
    program = Program(
        files={"empty.py": _REHEARSAL},
        entry={"kind": "script", "path": "empty.py"},
        environment=environment,
        limits=content.limits.model_copy(update={"wall_seconds": 60.0, "cpu_seconds": 60.0}),
    )
    outcome = sandbox.run(program)
    if outcome.ending != "returned":
        raise NotRunnable(f"an empty program {outcome.ending}: {outcome.message}")


def _sleep(stopped: Callable[[], bool]) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        if stopped():
            raise Stopped
        time.sleep(min(seconds, _LOOK_SECONDS))

    return sleep


@contextmanager
def _alone(child: ChildProcess, stopped: Callable[[], bool]) -> Iterator[None]:
    """Inside, no other black box runs beside this storage: two could hear each other's load.

    The lock is on the storage's root and ends with its descriptor, so with a killed process too.
    """
    assert child.settings.storage_dir is not None  # whence the data was granted
    root = os.open(child.settings.storage_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while True:
            try:
                fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                _sleep(stopped)(_LOOK_SECONDS)
        yield
    finally:
        os.close(root)
