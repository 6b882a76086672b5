"""`Sandbox.run`: start a program, watch it, end it, and leave nothing behind."""

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from carrel_protocol.code import RunLimits
from carrel_protocol.outputs import Ending
from carrel_worker.sandbox import bubblewrap, cgroups, channel, drop, fence, gpu, once, seccomp
from carrel_worker.sandbox.errors import DataMoved, SandboxError, StartFailed, TierTooLow
from carrel_worker.sandbox.limits import PERIOD, Watchdog
from carrel_worker.sandbox.logs import CappedPipe
from carrel_worker.sandbox.pool import Pool
from carrel_worker.sandbox.probe import Probe, Tier, probe, words
from carrel_worker.sandbox.program import EnvironmentDir, Mount, Outcome, Program
from carrel_worker.sandbox.running import End, Running
from carrel_worker.sandbox.zygote import Stage

_SUBREAPER = 36
_ROOM = 64 * 2**20
_FILES, _FEW_FILES = 512, 128
"""Open at once in each process. What is in a pipe is the kernel's memory: only a cgroup counts it,
and all of it is to be let go when the tree ends."""
_FEW_PROCESSES = 16
_PROBED: dict[bool, Probe] = {}
_probing = threading.Lock()


@dataclass
class _Held:
    """What one run has open: all of it is closed when the run ends, however it ends."""

    program: Program
    mounts: list[tuple[str, int]]
    result: channel.Channel
    report: channel.Channel
    stdout: CappedPipe
    stderr: CappedPipe
    started: CappedPipe
    stack: contextlib.ExitStack


class Sandbox:
    """Runs programs, each in a sandbox of its own. Its methods may be called from any thread.

    `minimum`: below this tier nothing runs. `warm`: how many processes wait, for each environment,
    with its packages imported. `staging`: directories of which such a process may be handed parts;
    data from anywhere else is run with anew. `quiet`: programs have few processes and no pipes,
    nothing that they print is kept, and nothing waits warm, so that none leaves a mark for the
    next or is long in ending. `gpu`: the number of the card that programs may be given which ask
    for one. `tier` and `cgroup` are for tests: another tier than the best, and no cgroup where
    there is one.

    Raises `TierTooLow`.
    """

    def __init__(
        self,
        *,
        minimum: Tier = Tier.BUBBLEWRAP,
        warm: int = 0,
        staging: Sequence[Path] = (),
        quiet: bool = False,
        tier: Tier | None = None,
        cgroup: bool = True,
        gpu: int | None = None,
    ) -> None:
        # Orphans of what we start come back to us and are reaped, not left as zombies.
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
        self.probe = found()
        self.tier = self.probe.tier if tier is None else tier
        if self.tier < max(minimum, Tier.LANDLOCK) or self.tier > self.probe.tier:
            raise TierTooLow(self.probe.tier.word, minimum.word, self.probe.why)
        self._cgroups = cgroups.places() if cgroup else None
        self._quiet = quiet
        self._gpu = gpu
        waits = self.tier is Tier.BUBBLEWRAP and not quiet
        self._pool = Pool(warm if waits else 0, staging)

    def words(self, *, gpu: bool = False) -> str:
        """The tier with what the machine added: 'bubblewrap+seccomp+cgroup', or '…+gpu'."""
        features = {"seccomp"} | ({"cgroup"} if self._cgroups else set())
        features |= {"gpu"} if gpu else set()
        return words(self.tier, frozenset(features))

    def warm_up(self, environment: EnvironmentDir) -> None:
        """Have a process wait for programs of this environment, and come back when it does."""
        self._pool.fill(environment)

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        program: Program,
        mounts: Sequence[Mount] = (),
        *,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Run the program to its end. `cancelled` is asked about ten times a second.

        However the code ends is an `Outcome`. Raises `SandboxError` only for what came before it
        began: no code can bring that about.
        """
        if self._quiet and program.limits.processes > _FEW_PROCESSES:
            limits = program.limits.model_copy(update={"processes": _FEW_PROCESSES})
            program = replace(program, limits=limits)
        if program.gpu:
            self._check_gpu()
        elif (outcome := self._run_warm(program, mounts, cancelled)) is not None:
            return outcome
        return self._run_anew(program, mounts, cancelled)

    def gpu_works(self) -> str:
        """Why a program that asks for a GPU is not run; '' if it is."""
        try:
            self._check_gpu()
        except SandboxError as error:
            return str(error)
        return ""

    def _check_gpu(self) -> None:
        """Raise `GpuUnavailable` unless a card was granted, can be held, and works inside."""
        with _probing:
            gpu.check(
                self._gpu,
                "" if self.tier is Tier.BUBBLEWRAP else f"the tier '{self.tier.word}' holds none",
                grouped=self._cgroups is not None,
                run=lambda program: self._run_anew(program, (), lambda: False),
            )

    def _run_anew(
        self, program: Program, mounts: Sequence[Mount], cancelled: Callable[[], bool]
    ) -> Outcome:
        with contextlib.ExitStack() as stack:
            held = self._hold(program, mounts, stack)
            start = self._wrapped if self.tier is Tier.BUBBLEWRAP else self._fenced
            try:
                return start(held, cancelled)
            except StartFailed as error:
                said = held.stderr.text()[:2000]
                raise StartFailed(f"{error}: {said}" if said else str(error)) from error

    def _run_warm(
        self, program: Program, mounts: Sequence[Mount], cancelled: Callable[[], bool]
    ) -> Outcome | None:
        """In a sandbox forked from a waiting process; None if the program has to start anew."""
        with contextlib.ExitStack() as stack:
            held = self._hold(program, mounts, stack)
            stage = self._pool.take(program.environment, [fd for _, fd in held.mounts])
            if stage is None:
                return None
            try:
                outcome = self._forked(held, stage, cancelled)
            except StartFailed:
                # Nothing of the program has run, or this would be its outcome.
                self._pool.drop(stage)
                return None
            except BaseException:
                self._pool.drop(stage)
                raise
            self._pool.give_back(stage)
            return outcome

    def _hold(
        self, program: Program, mounts: Sequence[Mount], stack: contextlib.ExitStack
    ) -> _Held:
        opened = []
        for mount in mounts:
            descriptor = mount.open()
            stack.callback(os.close, descriptor)
            drop.check_readable(descriptor, mount.name)
            opened.append((mount.name, descriptor))
        limits = program.limits
        result = channel.Channel("result", limits.output_bytes + channel.HEADER_BYTES)
        stack.callback(result.close)
        report = channel.Channel("report", channel.REPORT_BYTES)
        stack.callback(report.close)
        pipes = []
        for limit in (limits.log_bytes, limits.log_bytes, 64):
            pipe = CappedPipe(limit)
            stack.callback(pipe.close)
            pipes.append(pipe)
        stdout, stderr, started = pipes
        return _Held(program, opened, result, report, stdout, stderr, started, stack)

    def _job(self, held: _Held, **more: Any) -> dict[str, Any]:
        program = held.program
        statuses = [(name, os.fstat(descriptor)) for name, descriptor in held.mounts]
        return {
            "files": dict(program.files),
            "entry": dict(program.entry),
            "parameters": dict(program.parameters),
            "tables": dict(program.tables),
            "limits": program.limits.model_dump(mode="json"),
            "mounts": [[name, status.st_dev, status.st_ino] for name, status in statuses],
            "mapped_bytes": sum(map(_size, held.mounts)),
            "result": held.result.descriptor,
            "report": held.report.descriptor,
            "started": held.started.writer,
            "result_bytes": held.result.size,
            "data": "/data",
            "scratch": "/tmp",  # noqa: S108 (inside)
            "code": "/tmp/.program",  # noqa: S108
            "packages": bubblewrap.packages(program.environment),
            "reaper": self.tier is Tier.BUBBLEWRAP,
            "open_files": _FILES if self._cgroups and not self._quiet else _FEW_FILES,
            "gpu": program.gpu,
            **more,
        }

    def _streams(self, held: _Held) -> once.Streams:
        if not self._quiet:
            return once.Streams(held.stdout.writer, held.stderr.writer)
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        held.stack.callback(os.close, nowhere)
        return once.Streams(nowhere, nowhere)

    def _job_file(self, held: _Held, job: dict[str, Any]) -> int:
        descriptor = channel.job(job)
        held.stack.callback(os.close, descriptor)
        return descriptor

    def _wrapped(self, held: _Held, cancelled: Callable[[], bool]) -> Outcome:
        program = held.program
        binds = bubblewrap.Binds()
        held.stack.callback(binds.close)
        for name, descriptor in held.mounts:
            binds.add(os.dup(descriptor), f"/data/{name}")
        job = self._job_file(held, self._job(held))
        running = once.Wrapped(
            program.environment,
            program.limits.scratch_bytes,
            binds,
            self._streams(held),
            [job, held.result.descriptor, held.report.descriptor, held.started.writer],
            seccomp.compile_filter(quiet=self._quiet, closing=program.closes, gpu=program.gpu),
            gpu.nodes(self._gpu) if program.gpu and self._gpu is not None else (),
        )
        return self._see_through(held, running, _watchdog(program, cancelled))

    def _forked(self, held: _Held, stage: Stage, cancelled: Callable[[], bool]) -> Outcome:
        program = held.program
        job = self._job(
            held,
            sources=self._pool.sources([fd for _, fd in held.mounts]),
            scratch_size=program.limits.scratch_bytes + bubblewrap.CODE_BYTES,
            shm_size=bubblewrap.SHM_BYTES,
        )
        rules = once.memory_file("filter", seccomp.compile_filter(closing=program.closes))
        held.stack.callback(os.close, rules)
        running = stage.fork(
            [
                *(self._job_file(held, job), rules, held.stdout.writer, held.stderr.writer),
                *(held.result.descriptor, held.report.descriptor, held.started.writer),
            ]
        )
        outcome = self._see_through(held, running, _watchdog(program, cancelled))
        outcome.warm = True
        return outcome

    def _fenced(self, held: _Held, cancelled: Callable[[], bool]) -> Outcome:
        program = held.program
        place = held.stack.enter_context(fence.place())
        rules = fence.rules(place, program, held.mounts, quiet=self._quiet)
        job = self._job(
            held,
            data=str(place / "data"),
            scratch=str(place / "tmp"),
            code=str(place / "tmp" / ".program"),
            packages=[str(each) for each in program.environment.packages],
        )
        job["limits"]["processes"] += fence.tasks()
        descriptors = [held.result.descriptor, held.report.descriptor, held.started.writer]
        inherited = [self._job_file(held, job), *descriptors]
        running = once.Fenced(
            program.environment,
            {**rules, **fence.command(place, program.environment, inherited)},
            self._streams(held),
            inherited,
        )
        watchdog = Watchdog(program.limits, cancelled, scratch=place / "tmp", reaper=False)
        return self._see_through(held, running, watchdog)

    def _see_through(self, held: _Held, running: Running, watchdog: Watchdog) -> Outcome:
        """From the held start to the end, with everything of it gone."""
        limits = held.program.limits
        group: cgroups.Group | None = None
        ending: Ending | None = None
        end = End(0)
        try:
            try:
                if self._cgroups is not None:
                    memory = limits.memory_bytes + limits.scratch_bytes + limits.output_bytes
                    memory += bubblewrap.SHM_BYTES + _ROOM
                    group = cgroups.Group(self._cgroups, memory=memory, tasks=limits.processes + 4)
                    with contextlib.suppress(ProcessLookupError):  # it has ended: seen below
                        group.attach(running.pid)
                watchdog.began = time.monotonic()
                running.release()
                for pipe in (held.stdout, held.stderr, held.started):
                    pipe.hand_over()
                # At once too: a short program ends before the first period does.
                ending = watchdog.verdict(running.pid)
                while ending is None and not running.ended(PERIOD):
                    ending = watchdog.verdict(running.pid)
            finally:
                wall_ms = (time.monotonic() - watchdog.began) * 1000
                running.kill()
                end = running.finish()
            if ending is None and group is not None and group.out_of_memory():
                ending = "memory"
            peak = max(watchdog.peak_bytes, group.peak() if group is not None else 0)
        finally:
            if group is not None:
                group.remove()
        outcome = self._outcome(held, watchdog, ending, end)
        outcome.wall_ms, outcome.peak_bytes = wall_ms, peak
        outcome.cpu_ms = max(end.cpu_seconds, watchdog.cpu_seconds) * 1000
        outcome.tier = self.words(gpu=held.program.gpu)
        return outcome

    def _outcome(self, held: _Held, watchdog: Watchdog, ending: Ending | None, end: End) -> Outcome:
        """What happened: the supervisor's word first, then the runner's."""
        stdout, stderr = held.stdout.text(), held.stderr.text()
        began = held.started.text()
        if ending is not None:
            return Outcome(ending, watchdog.message(ending), stdout, stderr)
        if began.startswith("moved"):
            raise DataMoved(", ".join(name for name, _ in held.mounts))
        if not began:
            raise StartFailed(f"it ended with status {end.status}")
        report = channel.read_report(held.report)
        if report is None:
            how = f"signal {end.status - 128}" if end.status > 128 else f"status {end.status}"
            cpu = end.status == 128 + 24 or end.cpu_seconds > held.program.limits.cpu_seconds
            if cpu:
                return Outcome("cpu_time", watchdog.message("cpu_time"), stdout, stderr)
            kind: Ending = "killed" if end.status > 128 else "exited"
            return Outcome(kind, f"it ended at once, with {how}", stdout, stderr)
        outcome = Outcome(report.ending, report.message, stdout, stderr, report.traceback)
        if report.ending == "returned":
            outcome.payload = held.result.read(min(report.length, held.result.size))
        return outcome


def _watchdog(program: Program, cancelled: Callable[[], bool]) -> Watchdog:
    size = program.limits.scratch_bytes + bubblewrap.CODE_BYTES
    return Watchdog(program.limits, cancelled, tmpfs_bytes=size)


def _size(mount: tuple[str, int]) -> int:
    """Bytes of a file, or of the files directly in a directory."""
    status = os.fstat(mount[1])
    try:
        with os.scandir(f"/proc/self/fd/{mount[1]}") as entries:
            return sum(e.stat(follow_symlinks=False).st_size for e in entries)
    except NotADirectoryError:
        return status.st_size


def found() -> Probe:
    """What this machine offers: tried once per process."""
    with _probing:
        if True not in _PROBED:
            _PROBED[True] = probe(_attempt)
        return _PROBED[True]


def _attempt(tier: Tier) -> str | None:
    sandbox = Sandbox.__new__(Sandbox)
    sandbox.tier, sandbox._cgroups, sandbox._pool = tier, cgroups.places(), Pool(0, ())
    sandbox._quiet, sandbox._gpu = False, None
    program = Program(
        files={"empty.py": ""},
        entry={"kind": "script", "path": "empty.py"},
        environment=EnvironmentDir.bare(),
        limits=RunLimits(wall_seconds=30),
    )
    try:
        outcome = sandbox.run(program)
    except (SandboxError, OSError) as error:
        return str(error)
    return None if outcome.ending == "returned" else f"{outcome.ending}: {outcome.message}"
