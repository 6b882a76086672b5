"""Child processes in their own sessions that end when their parent does."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from carrel_site.embedded.identity import Identity, shim_command
from carrel_site.embedded.shim import KILL_ALL

_POLL_SECONDS = 0.02
_GUARD_SECONDS = 5.0


@dataclass(frozen=True)
class Program:
    """What to run and how it is stopped. `arguments[0]` is an absolute path.

    death_signal: what the kernel sends when the supervisor dies. guard: also kill whatever the
    program forks (shim.guard), for programs whose children ignore their parent's end.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path | None
    """None: our own output, for a program that speaks to the person at the terminal."""
    cwd: Path | None = None
    identity: Identity = field(default_factory=Identity.myself)
    death_signal: signal.Signals = signal.SIGKILL
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    guard: bool = False
    pass_fds: tuple[int, ...] = ()


class SpawnedOffMainThread(RuntimeError):
    """The kernel ties the death signal to the thread that forked, so only the main one may."""


class Child:
    """A running Program. Nothing else may wait for its pid."""

    def __init__(self, program: Program, popen: "subprocess.Popen[bytes]") -> None:
        self.program = program
        self._popen = popen

    @property
    def pid(self) -> int:
        return self._popen.pid

    def exit_code(self) -> int | None:
        """None while it runs; -N if signal N ended it."""
        return self._popen.poll()

    def wait(self, seconds: float) -> int | None:
        """Wait up to `seconds`; its exit code, or None if it still runs."""
        deadline = time.monotonic() + seconds
        while (code := self.exit_code()) is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return code

    def stop(self) -> None:
        """Ask it to end, and kill its process group if it has not after `stop_seconds`."""
        self.send(self.program.stop_signal)
        if self.wait(self.program.stop_seconds) is None:
            self.kill()
        self.wait(5.0)

    def send(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)  # which does nothing to one that has ended

    def kill(self) -> None:
        """Kill its process group (its session too: it began as a leader), or all it guards."""
        if self.program.guard:
            self.send(KILL_ALL)
            self.wait(_GUARD_SECONDS)
        if self.exit_code() is None:
            os.killpg(self.pid, signal.SIGKILL)


def spawn(program: Program) -> Child:
    """Start `program` in its own session; its output is appended to its log (0600).

    Raises SpawnedOffMainThread: it would end when a thread did, not when we do.
    """
    if threading.current_thread() is not threading.main_thread():
        raise SpawnedOffMainThread(f"{program.name} must be started from the main thread")
    options = {
        "parent": os.getpid(),
        "death_signal": signal.SIGTERM if program.guard else program.death_signal,
        "guard": program.guard,
        "cwd": str(program.cwd) if program.cwd else None,
        **program.identity.shim_options(),
    }
    with _output(program.log) as output:
        popen = subprocess.Popen(  # noqa: S603
            [*shim_command(options), *program.arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            env=dict(program.environment),
            start_new_session=True,
            pass_fds=program.pass_fds,
        )
    return Child(program, popen)


@contextmanager
def _output(log: Path | None) -> Iterator[int | None]:
    if log is None:
        yield None
        return
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def clean_environment(**extra: str) -> dict[str, str]:
    """What a program needs to run, and nothing that ours happens to hold."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
    return {"PATH": os.defpath, "LANG": "C.UTF-8"} | kept | extra
