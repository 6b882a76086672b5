"""The watchdog: what a whole tree of processes takes, looked at from outside every few ms.

The kernel's own limits hold for one process each; a tree is as large as its processes together.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from carrel_protocol.code import RunLimits
from carrel_protocol.outputs import Ending

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
PERIOD = 0.02
MOST_FILES = 65_536
"""Files, directories and links that code may have at once."""
_CANCEL_PERIOD = 0.1
_MESSAGES: dict[Ending, str] = {
    "wall_time": "it ran for longer than {0.wall_seconds:g} s",
    "cpu_time": "it took more than {0.cpu_seconds:g} s of CPU time",
    "memory": "it took more than {0.memory_bytes} bytes of memory",
    "processes": "it had more than {0.processes} processes and threads",
    "output_size": "it wrote more than {0.scratch_bytes} bytes of files, or too many files",
    "killed": "it was cancelled",
}


@dataclass(frozen=True)
class Process:
    pid: int
    started: int
    threads: int
    cpu: float
    cpu_of_children: float
    memory: int
    """Private and shared anonymous pages; not files that are mapped."""


def look(pid: int) -> Process | None:
    """None for a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
        with open(f"/proc/{pid}/statm", "rb") as file:
            pages = file.read().split()
    except OSError:
        return None
    return Process(
        pid=pid,
        started=int(words[19]),
        threads=int(words[17]),
        cpu=(int(words[11]) + int(words[12])) / _TICK,
        cpu_of_children=(int(words[13]) + int(words[14])) / _TICK,
        memory=(int(pages[1]) - int(pages[2])) * _PAGE,
    )


def children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += map(int, file.read().split())
    except FileNotFoundError:
        if Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
            return found
        return _children_by_parent(pid)
    except OSError:
        pass
    return found


def _children_by_parent(parent: int) -> list[int]:
    """For a kernel without the file: look at every process."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                if int(file.read().rpartition(b")")[2].split()[1]) == parent:
                    found.append(int(name))
        except (OSError, ValueError, IndexError):
            continue
    return found


def tree(root: int, *, most: int = 10_000) -> list[int]:
    """A process and all that came of it. In a pid namespace orphans go to its first process."""
    found = [root]
    for pid in found:
        found += children(pid)
        if len(found) > most:
            break
    return found


def _proportional(pid: int) -> int:
    """Anonymous memory with shared pages divided among those who share them (after a fork)."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss_Anon:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    again = look(pid)
    return again.memory if again is not None else 0


@dataclass
class Watchdog:
    """Looks at one tree; says which limit was passed."""

    limits: RunLimits
    cancelled: Callable[[], bool]
    scratch: Path | None = None
    """A directory of the host's that stands for /tmp, in a tier without mounts of its own."""
    tmpfs_bytes: int | None = None
    """The size of the sandbox's own /tmp, in a tier with mounts."""
    reaper: bool = True
    """Whether the first process is ours: it waits for all others, so that the time they took is not
    lost, and has as much memory as it had before the program began."""
    began: float = field(default_factory=time.monotonic)
    peak_bytes: int = 0
    cpu_seconds: float = 0.0
    _seen: dict[tuple[int, int], float] = field(default_factory=dict)
    _asked: float = 0.0

    def verdict(self, root: int) -> Ending | None:  # noqa: PLR0911 (one a limit)
        """The limit that the tree below `root` has passed by now, or None."""
        now = time.monotonic()
        if now - self._asked >= _CANCEL_PERIOD:
            self._asked = now
            if self.cancelled():
                return "killed"
            if self.scratch is not None and _size(self.scratch) > self.limits.scratch_bytes + 2**21:
                return "output_size"
        if now - self.began > self.limits.wall_seconds:
            return "wall_time"
        most = self.limits.processes
        found = [p for pid in tree(root, most=2 * most + 16) if (p := look(pid)) is not None]
        if sum(process.threads for process in found) > most + self.reaper:
            return "processes"
        self._count_cpu(found)
        if self.cpu_seconds > self.limits.cpu_seconds:
            return "cpu_time"
        if _files(root, self.tmpfs_bytes) > MOST_FILES:
            return "output_size"
        theirs = [process for process in found if process.pid != root or not self.reaper]
        memory = sum(process.memory for process in theirs)
        if memory > self.limits.memory_bytes and len(theirs) > 1:
            memory = sum(_proportional(p.pid) for p in theirs)
        # A short program may have been seen at its start alone.
        self.peak_bytes = max(self.peak_bytes, memory, *(process.memory for process in found))
        return "memory" if memory > self.limits.memory_bytes else None

    def _count_cpu(self, found: list[Process]) -> None:
        """What lives with what it has waited for, or all that was ever seen: whichever is more."""
        for process in found:
            self._seen[process.pid, process.started] = process.cpu
        living = sum(process.cpu + process.cpu_of_children for process in found)
        self.cpu_seconds = max(self.cpu_seconds, living, sum(self._seen.values()))

    def message(self, ending: Ending) -> str:
        return _MESSAGES[ending].format(self.limits)


def _files(root: int, tmpfs_bytes: int | None) -> int:
    """How many files there are in the sandbox's own file system of memory.

    Each takes the kernel's memory, though it be empty, and no process has it mapped.
    """
    if tmpfs_bytes is None:
        return 0
    try:
        status = os.statvfs(f"/proc/{root}/root/tmp")
    except OSError:
        return 0
    # While the sandbox is being made, this path still leads elsewhere.
    if abs(status.f_blocks * status.f_frsize - tmpfs_bytes) > _PAGE:
        return 0
    return status.f_files - status.f_ffree


def _size(directory: Path) -> int:
    """Bytes of the files below; each counts a page at least, so that empty ones count too."""
    total = 0
    for place, _, names in os.walk(directory):
        for name in names:
            try:
                total += max(os.lstat(os.path.join(place, name)).st_blocks * 512, _PAGE)
            except OSError:
                continue
    return total
