"""What /proc says about processes, for tests of who is left."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def alive(pids: Iterable[int]) -> dict[int, str]:
    """pid → command line, of those that still run (a zombie does not)."""
    found = {}
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            if stat.rpartition(")")[2].split()[0] not in ("Z", "X"):
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                found[pid] = command.replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


def children(parent: int) -> set[int]:
    """`parent`'s own children."""
    return {pid for pid, theirs in _parents().items() if theirs == parent}


def descendants(root: int) -> set[int]:
    """`root`'s children, their children, and so on."""
    parents = _parents()
    found: set[int] = set()
    level = {root}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level} - found
        found |= level
    return found


def _parents() -> dict[int, int]:
    """pid → its parent's pid, of every process there is."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    return parents


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether `condition` came true within `seconds`; a bound on waiting, not a measurement."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
