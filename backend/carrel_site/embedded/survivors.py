"""Processes that an earlier start left on a directory of ours."""

import os
import signal
import time
from pathlib import Path

_WAITS = (
    (signal.SIGQUIT, 10.0),
    (signal.SIGKILL, 5.0),
)


class StillInUse(RuntimeError):
    """A process that we could not end works in the directory."""


def end_survivors(directory: Path, name: str, grace_seconds: float = 10.0) -> None:
    """Wait for programs called `name` that work in `directory`, then end them.

    Raises StillInUse if one remains. Only processes whose working directory is `directory`
    itself and whose executable is `name` are touched.
    """
    if _gone(directory, name, grace_seconds):
        return
    for number, seconds in _WAITS:
        for pid in working_in(directory, name):
            _signal(pid, number)
        if _gone(directory, name, seconds):
            return
    raise StillInUse(f"{name} (pid {working_in(directory, name)}) still works in {directory}")


def working_in(directory: Path, name: str) -> list[int]:
    """Pids of programs called `name` whose working directory is `directory`."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            cwd = os.readlink(f"/proc/{entry}/cwd")
            executable = os.readlink(f"/proc/{entry}/exe").removesuffix(" (deleted)")
        except OSError:  # it ended, or is somebody else's
            continue
        if cwd == str(directory) and os.path.basename(executable) == name:
            found.append(int(entry))
    return found


def _gone(directory: Path, name: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while working_in(directory, name):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
