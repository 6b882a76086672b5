"""What is the same about a started sandbox, however it was started."""

import contextlib
import os
import select
import signal
import time
from dataclasses import dataclass
from typing import Protocol

from carrel_worker.sandbox import limits

_GRACE = 15.0


@dataclass(frozen=True)
class End:
    """Exit status (128 + signal for a signal) and the CPU time of the whole tree, if known."""

    status: int
    cpu_seconds: float = 0.0


class Running(Protocol):
    """A program that is held at its start until `release`."""

    @property
    def pid(self) -> int:
        """The first process of the tree, by the host's number."""

    def release(self) -> None: ...

    def ended(self, seconds: float) -> bool:
        """Wait for that long at most; whether it has ended."""

    def kill(self) -> None:
        """Kill the whole tree, and come back when it is gone."""

    def finish(self) -> End:
        """Reap what has ended. Called once, at the end, always."""


class Handle:
    """A process by descriptor, so that its number cannot come to mean another."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.descriptor = os.pidfd_open(pid)
        self._poll = select.poll()
        self._poll.register(self.descriptor, select.POLLIN)

    def ended(self, seconds: float) -> bool:
        return bool(self._poll.poll(seconds * 1000))

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)

    def wait(self) -> None:
        """Until it has ended, or for as long as a process in the kernel's hands may take."""
        self.ended(_GRACE)

    def close(self) -> None:
        os.close(self.descriptor)


def kill_tree(root: int) -> None:
    """Kill all below `root`, again and again until nothing is there: they may go on forking.

    For a tree without a pid namespace, where killing the first process would not do.
    """
    until = time.monotonic() + _GRACE
    while time.monotonic() < until:
        below = limits.tree(root)[1:]
        if not below:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in below:
                try:
                    os.kill(pid, number)
                except (ProcessLookupError, PermissionError):
                    continue
        time.sleep(0.005)
