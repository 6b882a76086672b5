"""Named sets of packages that code may run in. Nothing is installed when it runs.

`default` is what this worker itself runs in: its interpreter and the packages reached from those
that data is worked on with, and no others (`installed`). More were built ahead
(`environment_build`) below one directory:

    NAME/LOCK_HASH/packages/   read-only to whatever runs
    NAME/LOCK_HASH/lock.json   what they are

The lock is the list of packages with their versions and the SHA-256 of their wheels or, for
`default`, of what each RECORD says of the files. Its hash is part of what is approved, and a worker
whose lock differs refuses to run. The files that are shown are compared with the digest in
`lock.json` once a process, before they are first used: that finds damage, but who can write both
files can write this worker's own packages too.
"""

import json
import platform
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

import structlog

from carrel_protocol.canonical import tagged_hash
from carrel_protocol.jobs import BuiltEnvironment
from carrel_worker import installed
from carrel_worker.executors.code.errors import EnvironmentChanged
from carrel_worker.installed import LOCK, PACKAGES, Listed
from carrel_worker.sandbox.program import EnvironmentDir
from carrel_worker.trees import tree_digest

DEFAULT = "default"
ROOTS = ("matplotlib", "numpy", "pandas", "pillow", "pyarrow", "scipy")
"""What `default` offers of what is installed, with all that these need."""
NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_log = structlog.get_logger("carrel_worker")
_HASH = re.compile(r"[0-9a-f]{64}")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EnvironmentMissing(EnvironmentChanged):
    """This worker does not have the environment."""


class EnvironmentDamaged(EnvironmentChanged):
    """The environment's files are not those that were built."""


@dataclass(frozen=True)
class Environment:
    """An environment as this worker has it."""

    built: BuiltEnvironment
    directory: EnvironmentDir
    tree: str | None = None
    """The digest of its files; None for `default`, which is this worker's own."""


def lock_hash(locked: Iterable[str]) -> str:
    """The hash that an approval names."""
    return tagged_hash("environment/1", sorted(locked))


@dataclass(frozen=True)
class Described:
    """The environment that this process runs in, as far as `default` covers it."""

    built: BuiltEnvironment
    files: tuple[Listed, ...]


@cache
def described() -> Described:
    """What `default` is, by what is installed. Raises `installed.NotCovered`."""
    found = _reached(ROOTS)
    files = tuple(installed.listed(each, normal(each.metadata["Name"])) for each in found)
    python = f"python=={platform.python_version()}"
    locked = [f"{each.name}=={each.version}" for each in files]
    pinned = [f"{n} record:{each.digest}" for n, each in zip(locked, files, strict=True)]
    written = [(each.place).stat().st_mtime for each in files]
    built = BuiltEnvironment(
        name=DEFAULT,
        packages=tuple(name for name in ROOTS if name in {each.name for each in files}),
        locked=tuple(sorted([python, *locked])),
        imports=imports(found),
        lock_hash=lock_hash([python, *pinned]),
        built_at=datetime.fromtimestamp(max(written, default=0.0), UTC),
    )
    return Described(built, files)


def default(root: Path) -> Environment:
    """The environment of what is installed here: the directory that shows it is made, by the
    first who wants it, within what is installed or below `root`. Raises `EnvironmentChanged`."""
    found = described()
    try:
        packages = installed.shown(found.files, found.built.lock_hash, installed.places(root))
    except OSError as error:
        raise EnvironmentMissing(
            f"there is no place for what 'default' shows of the installed packages: {error}"
        ) from error
    here = EnvironmentDir.bare()
    return Environment(found.built, EnvironmentDir(DEFAULT, here.interpreter, (packages,)))


def ready(root: Path) -> None:
    """Have `default` there before a worker's children begin, or say why it is not."""
    try:
        default(root)
    except EnvironmentChanged as error:
        _log.error("no default environment", why=f"{type(error).__name__}: {error}")


def every(root: Path) -> list[Environment]:
    """`default`, and of each name below `root` the one that was built last. Others are passed
    over: an unreadable lock names nothing, and a `default` that cannot be shown is none."""
    found = []
    with suppress(EnvironmentChanged):  # whoever starts the worker was told
        found.append(default(root))
    for directory in sorted(root.iterdir()) if root.is_dir() else ():
        named = NAME.fullmatch(directory.name) and directory.name != DEFAULT
        if not named or not directory.is_dir():
            continue
        built = [each for each in map(_read, sorted(directory.iterdir())) if each is not None]
        if built:
            found.append(max(built, key=lambda each: each.built.built_at))
    return found


def find(name: str, wanted: str, root: Path) -> Environment:
    """The environment of that name and lock. Raises `EnvironmentChanged` of the kind that fits."""
    if name == DEFAULT:
        if described().built.lock_hash != wanted:
            raise EnvironmentChanged(
                "the packages of 'default' are others than when this was approved; ask anew"
            )
        return default(root)
    if not NAME.fullmatch(name) or not _HASH.fullmatch(wanted):
        raise EnvironmentMissing("no environment has such a name or lock")
    directory = root / name / wanted
    environment = _read(directory)
    if environment is None:
        raise EnvironmentMissing(f"this worker has no environment {name!r} with that lock")
    _check_tree(directory, environment.tree or "")
    return environment


def _read(directory: Path) -> Environment | None:
    """The environment in a directory that is named by its lock; None where there is none."""
    try:
        lock = json.loads((directory / LOCK).read_text())
        locked = [f"{each['name']}=={each['version']}" for each in lock["wheels"]]
        pinned = [
            f"{name} sha256:{each['sha256']}"
            for name, each in zip(locked, lock["wheels"], strict=True)
        ]
        python = f"python=={lock['python']}"
        built = BuiltEnvironment(
            name=directory.parent.name,
            packages=lock["packages"],
            locked=tuple(sorted([python, *locked])),
            imports=lock["imports"],
            lock_hash=lock_hash([python, *pinned]),
            built_at=lock["built_at"],
        )
        tree = str(lock["tree"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if built.lock_hash != directory.name or lock["python"] != platform.python_version():
        return None
    here = EnvironmentDir.bare()
    packages = (directory / PACKAGES,)
    return Environment(built, EnvironmentDir(built.name, here.interpreter, packages), tree)


_checked: dict[tuple[str, int, int], str] = {}


def _check_tree(directory: Path, told: str) -> None:
    status = (directory / PACKAGES).stat()
    key = (str(directory), status.st_ino, status.st_mtime_ns)
    if key not in _checked:
        _checked[key] = tree_digest(directory / PACKAGES)
    if _checked[key] != told:
        raise EnvironmentDamaged(
            f"the files of {directory.parent.name!r} are not those that were built; build it anew"
        )


def imports(distributions: Iterable[metadata.Distribution]) -> tuple[str, ...]:
    """The modules that code may import of these, by their top-level names."""
    found: set[str] = set()
    for each in distributions:
        listed = (each.read_text("top_level.txt") or "").split()
        for path in each.files or ():
            first = path.parts[0]
            if len(path.parts) == 1 and path.suffix not in (".py", ".so"):
                continue
            if len(path.parts) > 1 and "." in first:
                continue  # its libraries, or what describes it
            found.add(first.partition(".")[0])
        found.update(listed)
    return tuple(sorted(name for name in found if _MODULE.fullmatch(name) and name[0] != "_"))


def _reached(roots: Sequence[str]) -> list[metadata.Distribution]:
    """Those of `roots` that are installed and what they need of what is installed, by name.

    Markers are not worked out: what a marker would leave out is seldom installed, and one package
    more in the list does no harm.
    """
    found: dict[str, metadata.Distribution] = {}
    waiting = list(roots)
    while waiting:
        name = normal(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for needed in found[name].requires or ():
            match = _REQUIREMENT.match(needed)
            if match and "extra ==" not in needed:
                waiting.append(match.group(1))
    return [found[name] for name in sorted(found)]


def normal(name: str) -> str:
    """A distribution's name in its one spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
