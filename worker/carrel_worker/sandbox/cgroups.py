"""Control groups of one run each: memory and tasks as the kernel itself counts them.

Where the machine lets the worker make them: as root on version 1, in a delegated group on
version 2. They see what a watchdog cannot: memory that no process has mapped.
"""

import contextlib
import functools
import itertools
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "carrel-sandbox-"
_count = itertools.count()


@dataclass(frozen=True)
class Places:
    """Where groups are made: one directory for both on version 2, one each on version 1."""

    version: int
    memory: Path
    pids: Path


@functools.cache
def places() -> Places | None:
    """None where groups cannot be made. Leftovers of workers that were killed are collected."""
    for found in _candidates():
        if _usable(found):
            collect(found)
            return found
    return None


def _candidates() -> list[Places]:
    mounts: dict[str, Path] = {}
    try:
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            kind, _, options = after.split(" ", 2)
            point = Path(before.split()[4])
            if kind == "cgroup2":
                mounts.setdefault("unified", point)
            elif kind == "cgroup":
                for controller in {"memory", "pids"} & set(options.split(",")):
                    mounts.setdefault(controller, point)
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = {line.split(":")[1]: line.split(":")[2] for line in lines}
    except (OSError, ValueError, IndexError):
        return []
    found = []
    if "unified" in mounts and "" in own:
        here = mounts["unified"] / own[""].lstrip("/")
        # A group with processes of its own hands nothing down: its siblings do as well.
        found += [Places(2, place, place) for place in (here, here.parent) if _hands_down(place)]
    if "memory" in mounts and "pids" in mounts:
        memory = mounts["memory"] / own.get("memory", "/").lstrip("/")
        pids = mounts["pids"] / own.get("pids", "/").lstrip("/")
        found += [Places(1, memory, pids), Places(1, mounts["memory"], mounts["pids"])]
    return found


def _hands_down(place: Path) -> bool:
    try:
        return {"memory", "pids"} <= set((place / "cgroup.subtree_control").read_text().split())
    except OSError:
        return False


def _usable(found: Places) -> bool:
    try:
        Group(found, memory=2**28, tasks=64).remove()
    except OSError:
        return False
    return True


def _started(pid: int) -> str:
    """When a process began, in ticks since boot: with its number, a name that is never reused."""
    text = Path(f"/proc/{pid}/stat").read_text()
    return text.rpartition(")")[2].split()[19]


def collect(found: Places) -> None:
    """Remove the groups of workers that live no more, and kill what may be in them."""
    for parent in {found.memory, found.pids}:
        for group in parent.glob(f"{_PREFIX}*"):
            pid, start = group.name.removeprefix(_PREFIX).split("-")[:2]
            try:
                alive = _started(int(pid)) == start
            except (OSError, ValueError):
                alive = False
            if not alive:
                _empty(group)


def _empty(group: Path) -> None:
    for _ in range(200):
        try:
            for pid in (group / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
            group.rmdir()
        except FileNotFoundError:
            return
        except (OSError, ValueError):
            time.sleep(0.01)
        else:
            return


class Group:
    """One run's group. Raises `OSError` where it cannot be made; `remove` it at the end."""

    def __init__(self, where: Places, *, memory: int, tasks: int) -> None:
        name = f"{_PREFIX}{os.getpid()}-{_started(os.getpid())}-{next(_count)}"
        self._version = where.version
        self._memory, self._pids = where.memory / name, where.pids / name
        self._directories = sorted({self._memory, self._pids})
        try:
            for directory in self._directories:
                directory.mkdir()
            (self._pids / "pids.max").write_text(str(tasks))
            if where.version == 2:
                (self._memory / "memory.max").write_text(str(memory))
                self._maybe("memory.swap.max", "0")
                self._maybe("memory.oom.group", "1")
            else:
                (self._memory / "memory.limit_in_bytes").write_text(str(memory))
                self._maybe("memory.memsw.limit_in_bytes", str(memory))
        except OSError:
            self.remove()
            raise

    def _maybe(self, name: str, value: str) -> None:
        with contextlib.suppress(OSError):  # a kernel without swap accounting
            (self._memory / name).write_text(value)

    def attach(self, pid: int) -> None:
        for directory in self._directories:
            (directory / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> bool:
        """Whether the kernel killed something in it for want of memory."""
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        try:
            words = dict(line.split() for line in (self._memory / name).read_text().splitlines())
        except (OSError, ValueError):
            return False
        return int(words.get("oom_kill", "0")) > 0

    def peak(self) -> int:
        name = "memory.peak" if self._version == 2 else "memory.max_usage_in_bytes"
        try:
            return int((self._memory / name).read_text())
        except (OSError, ValueError):
            return 0

    def remove(self) -> None:
        for directory in self._directories:
            _empty(directory)
