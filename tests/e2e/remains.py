"""What a site's processes hold at one moment, counted from outside, to be compared with another."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from carrel_worker.sandbox import cgroups
from tests.e2e.fleet import Fleet
from tests.embedded.procs import children, descendants

_NUMBERS = re.compile(r"\d+")
_ROLES = ("api", "beat", "worker")
_CONNECTION = "connection"
_ANONYMOUS = ("socket", "pipe", "listening", _CONNECTION)


@dataclass(frozen=True)
class Tree:
    """The processes of a site."""

    programs: dict[str, frozenset[int]]
    """APIs, beat, workers and workers' children, by program. Nothing that a sandbox made."""
    children: frozenset[int]
    """Those among them that carry out runs."""
    waiting: frozenset[int]
    """The warm pool: one process for each of `children` that has an environment loaded and waits
    for the next run, each with bubblewrap above it."""
    sandboxed: frozenset[int]
    """All that lives below `children`, `waiting` included."""

    @property
    def every(self) -> frozenset[int]:
        return self.sandboxed.union(*self.programs.values())


def tree_of(fleet: Fleet) -> Tree:
    programs, workers = {}, set()
    waiting, sandboxed = set(), set()
    for name, root in fleet.pids().items():
        every = {root, *descendants(root)}
        if any(crew.name == name for crew in fleet.crews):
            for main in children(root):
                for child in children(main):
                    workers.add(child)
                    waiting |= children(child)
                    every -= (below := descendants(child))
                    sandboxed |= below
        programs[name] = frozenset(every)
    return Tree(programs, frozenset(workers), frozenset(waiting), frozenset(sandboxed))


@dataclass(frozen=True)
class Remains:
    """What can be left behind, by what it is. Two moments at rest are equal."""

    processes: dict[str, int]
    waiting: int
    sandboxed: int
    zombies: int
    threads: int
    """Of workers. Those of an API come and go with what it is asked."""
    mounts: frozenset[str]
    namespaces: int
    groups: frozenset[str]
    files: frozenset[str]
    granted: frozenset[str]
    descriptors: Counter[str]
    """Of all programs, by kind; those of connections left out."""
    connections: Counter[str] = field(compare=False)
    """With the API, by whose end it is. At rest the APIs have none; each child of a worker keeps
    up to two for its next word, which may have been closed at the other end."""

    def rows(self) -> dict[str, int]:
        """Each as a number, for a table."""
        descriptors: Counter[str] = Counter()
        for kind, number in self.descriptors.items():
            descriptors[kind.partition(":")[0]] += number
        return {
            "processes": sum(self.processes.values()),
            "waiting warm, one a child": self.waiting,
            "all that sandboxes hold": self.sandboxed,
            "zombies": self.zombies,
            "threads of workers": self.threads,
            "mounts": len(self.mounts),
            "mount namespaces": self.namespaces,
            "cgroups": len(self.groups),
            "temporary files": len(self.files),
            "grants": len(self.granted),
            **{f"descriptors of {role}s": descriptors[role] for role in _ROLES},
            "kept connections of workers": self.connections["worker"],
        }


def count(fleet: Fleet, temporary: Path) -> Remains:
    """Count now. temporary: where all of the site's processes make their temporary files."""
    tree = tree_of(fleet)
    ours = frozenset[int]().union(*tree.programs.values())
    web = _web_sockets(fleet.port)
    descriptors: Counter[str] = Counter()
    for name, pids in tree.programs.items():
        role = name.partition("-")[0]
        for pid in pids:
            descriptors.update(f"{role}: {kind}" for kind in _open(pid, web))
    connections = Counter({role: descriptors.pop(f"{role}: {_CONNECTION}", 0) for role in _ROLES})
    spaces = {space for pid in tree.every if (space := _link(f"/proc/{pid}/ns/mnt"))}
    workers = {pid for name, pids in tree.programs.items() if name[:1] == "w" for pid in pids}
    return Remains(
        processes={name: len(pids) for name, pids in tree.programs.items()},
        waiting=len(tree.waiting),
        sandboxed=len(tree.sandboxed),
        zombies=sum(_state(pid) == "Z" for pid in tree.every),
        threads=sum(len(_list(f"/proc/{pid}/task")) for pid in workers),
        mounts=frozenset(line for pid in ours for line in _mounts(pid)),
        namespaces=len(spaces),
        groups=frozenset(groups_of(tree.children)),
        files=frozenset(_below(temporary)),
        granted=frozenset(_below(fleet.settings.storage_dir / "grants")),
        descriptors=descriptors,
        connections=connections,
    )


def groups_of(pids: Iterable[int]) -> list[str]:
    """Control groups that these processes made for runs."""
    found = cgroups.places()
    names = tuple(f"carrel-sandbox-{pid}-" for pid in pids)
    if found is None:
        return []
    there = (place for parent in {found.memory, found.pids} for place in parent.iterdir())
    return [str(place) for place in there if place.name.startswith(names)]


def _open(pid: int, web: dict[str, str]) -> list[str]:
    """What a process has open, by kind; numbers in names are of no matter."""
    found = []
    for name in _list(f"/proc/{pid}/fd"):
        target = _link(f"/proc/{pid}/fd/{name}")
        if target is None:
            continue
        kind, _, rest = target.partition(":")
        if kind == "socket":
            kind = web.get(rest.strip("[]"), "socket")
        found.append(kind if kind in _ANONYMOUS else _NUMBERS.sub("N", target))
    return found


def _web_sockets(port: int) -> dict[str, str]:
    """Of each TCP socket that has to do with the API's port what it is, by its inode."""
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if port in (int(address.rpartition(":")[2], 16) for address in words[1:3]):
            found[words[9]] = "listening" if words[3] == "0A" else _CONNECTION
    return found


def _mounts(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    return []


def _below(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in root.rglob("*")]


def _state(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def _list(directory: str) -> list[str]:
    with suppress(OSError):
        return os.listdir(directory)
    return []


def _link(path: str) -> str | None:
    with suppress(OSError):
        return os.readlink(path)
    return None
