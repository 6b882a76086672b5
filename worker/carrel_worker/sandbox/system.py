"""What of the host's own files code is shown: the interpreter, its library, the system's libraries.

Nothing else of /usr: no programs, no documentation, no other packages. Which file has been read
since the machine started can be told by how long it takes to read, so each one more is one more
mark that a run could leave for the next.
"""

import os
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from carrel_worker.sandbox.program import EnvironmentDir

_USR = Path("/usr")
_UNUSED = ("site-packages", "dist-packages", "test")
"""Beside the standard library, and no part of the environment."""
_CHUNK = 2**20


def shown(environment: EnvironmentDir) -> list[Path]:
    """Files and directories below /usr, which appear at their own places."""
    found = [*_libraries(), _USR / "share/zoneinfo"]
    found += [_USR / "lib/locale" / name for name in ("C.UTF-8", "C.utf8")]
    prefix = environment.prefix
    if prefix.is_relative_to(_USR):
        found += [environment.interpreter, *prefix.glob("lib/libpython*.so*")]
        found += [prefix / place / _version(environment) for place in ("lib", "lib64")]
    existing = [path for path in found if path.exists()]
    return [
        path
        for path in dict.fromkeys(existing)
        if not any(other in path.parents for other in existing)
    ]


def own(environment: EnvironmentDir) -> dict[str, Path]:
    """By their names below the prefix, what an interpreter of its own prefix is made of."""
    if environment.prefix.is_relative_to(_USR):
        return {}
    found = {f"bin/{environment.interpreter.name}": environment.interpreter}
    for name in ("lib", "lib64"):
        place = environment.prefix / name
        if place.is_dir() and not place.is_symlink():
            found[name] = place
    return found


def unused(environment: EnvironmentDir) -> list[Path]:
    """Directories within the interpreter's library that are covered."""
    found = []
    for place in ("lib", "lib64"):
        library = environment.prefix / place / _version(environment)
        found += [library / name for name in _UNUSED if (library / name).is_dir()]
    return [path for path in found if path.resolve() == path]


def loaders() -> list[Path]:
    """The loader's links and files directly in /usr/lib, where that is not shown as a whole."""
    if _USR / "lib" in _libraries():
        return []
    return sorted((_USR / "lib").glob("ld*.so*"))


def read_whole(environment: EnvironmentDir, seconds: float) -> bool:
    """Have what code may read in memory, so that no run finds what another has read.

    In that much time at most, the environment first; whether all of it was read.
    """
    until = time.monotonic() + seconds
    covered = set(unused(environment))
    buffer = bytearray(_CHUNK)
    for path in _files([*environment.packages, *own(environment).values(), *shown(environment)]):
        if covered.intersection(path.parents):
            continue
        try:
            with open(path, "rb", buffering=0) as file:
                while file.readinto(buffer):
                    if time.monotonic() > until:
                        return False
        except OSError:
            continue
    return True


def _files(places: Sequence[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_file():
            yield place
        for folder, _, names in os.walk(place):
            for name in names:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    yield path


def _libraries() -> list[Path]:
    """Debian and its kin have one directory an architecture; others have /usr/lib and lib64."""
    ours = _USR / "lib" / f"{platform.machine()}-linux-gnu"
    every = [ours if ours.is_dir() else _USR / "lib", _USR / "lib64"]
    return [path for path in every if path.is_dir() and not path.is_symlink()]


def _version(environment: EnvironmentDir) -> str:
    """'python3.12', the name of the standard library's directory."""
    name = environment.interpreter.name
    if name.rpartition("python")[2].count("."):
        return name
    libraries = sorted(environment.prefix.glob("lib*/python3.*/os.py"))
    return libraries[0].parent.name if libraries else name
