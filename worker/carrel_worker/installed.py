"""What is installed beside this worker, shown to code as far as a lock covers it, and no further.

A distribution's RECORD names its files with their hashes. A directory is made of just these, once
for each lock: hard links where the installed files are on the same disk and safe to share, copies
elsewhere. Each file is compared with its hash on the way, and bytecode is compiled anew, since
RECORD says nothing of it. So a package that is not in the lock cannot be imported, one that was
changed is found out, and one that is upgraded meanwhile stays what it was for those who use it.

Whoever uses a directory holds a lock (flock) on it for as long as the process lives; directories
that nobody holds are removed when another one is made beside them.
"""

import base64
import csv
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

from carrel_worker.executors.code.errors import EnvironmentChanged
from carrel_worker.trees import tree_digest

LOCK = "lock.json"
PACKAGES = "packages"
_BUILDING = ".building-"
_MADE = re.compile(r"[0-9a-f]{64}|\.building-.*")
_ALGORITHMS = ("sha256", "sha384", "sha512")
_INSTALLERS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"}
"""Written by whoever installed it, and so another one on every machine."""


class NotCovered(EnvironmentChanged):
    """An installed package is not what its RECORD says, or has none that says it."""


@dataclass(frozen=True)
class Listed:
    """A distribution by its RECORD."""

    name: str
    version: str
    place: Path
    """The directory that it is installed in."""
    files: dict[str, str]
    """Each file's path below `place`, and its hash as 'sha256=…'."""

    @property
    def digest(self) -> str:
        """SHA-256 of names and hashes of the files: the same wherever the same wheel lies."""
        lines = sorted(f"{path},{told}\n" for path, told in self.files.items())
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def listed(distribution: metadata.Distribution, name: str) -> Listed:
    """What the distribution's RECORD covers. Raises `NotCovered`.

    Not covered, and so not shown: scripts and what else lies outside, bytecode, and any file
    without a hash.
    """
    if _is_editable(distribution):
        raise NotCovered(f"{name} is installed as editable: its files are covered by no hash")
    record = distribution.read_text("RECORD")
    if not record:
        raise NotCovered(f"{name} is installed without a RECORD of its files")
    files = {}
    for row in csv.reader(record.splitlines()):
        path = PurePosixPath(row[0]) if row else PurePosixPath("..")
        algorithm, _, told = row[1].partition("=") if len(row) > 1 else ("", "", "")
        own = path.parts[0].endswith(".dist-info") and path.name in _INSTALLERS
        if path.is_absolute() or ".." in path.parts or path.suffix == ".pyc" or own:
            continue
        if algorithm in _ALGORITHMS and told:
            files[str(path)] = row[1]
    place = Path(str(distribution.locate_file("")))
    return Listed(name, distribution.version, place, files)


def _is_editable(distribution: metadata.Distribution) -> bool:
    try:
        told = json.loads(distribution.read_text("direct_url.json") or "{}")
        return bool(told.get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError):
        return True


def places(environments: Path) -> tuple[Path, ...]:
    """Where a directory may be: in the virtual environment that it shows, or below `environments`.

    Within a virtual environment it is there for every site that is started from it.
    """
    own = (Path(sys.prefix, "share", "carrel"),) if sys.prefix != sys.base_prefix else ()
    return tuple(each / "default" for each in (*own, environments.absolute()))


_one_at_a_time = threading.Lock()
_held: dict[str, tuple[Path, int]] = {}
"""By lock, the directory in use and the descriptor whose lock says so: open until the end."""


def shown(found: Sequence[Listed], lock_hash: str, where: Sequence[Path]) -> Path:
    """The directory with these distributions' files. Raises `NotCovered`, `OSError`.

    It is looked for in each of the places, and else made in the first that can be written to.
    """
    with _one_at_a_time:
        if lock_hash not in _held and not any(_take(place, lock_hash) for place in where):
            _make_in_one(found, lock_hash, where)
        return _held[lock_hash][0] / PACKAGES


def _make_in_one(found: Sequence[Listed], lock_hash: str, where: Sequence[Path]) -> None:
    failure = OSError("there is none")
    for place in where:
        try:
            place.mkdir(mode=0o755, parents=True, exist_ok=True)
            _make(found, lock_hash, place)
        except OSError as error:
            failure = error
        else:
            return
    raise failure


def _take(place: Path, lock_hash: str) -> bool:
    """Hold a directory that is there, if it is whole; one that is not is put out of the way."""
    directory = place / lock_hash
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        told = json.loads((directory / LOCK).read_text())["tree"]
        whole = told == tree_digest(directory / PACKAGES)
        there = os.path.samestat(directory.stat(), os.fstat(descriptor))
    except BlockingIOError:
        whole, there = True, False  # it is being removed
    except (OSError, ValueError, KeyError, TypeError):
        whole, there = False, True
    if whole and there:
        _held[lock_hash] = directory, descriptor
        return True
    os.close(descriptor)
    if not whole:
        _remove(directory)
    return False


def _make(found: Sequence[Listed], lock_hash: str, place: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=place))
    descriptor = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        packages = work / PACKAGES
        packages.mkdir()
        _fill(found, packages)
        _compile(packages)
        locked = [f"{each.name}=={each.version}" for each in found]
        lock = {"locked": locked, "lock_hash": lock_hash, "tree": tree_digest(packages)}
        (work / LOCK).write_text(json.dumps(lock, indent=2) + "\n")
        for folder, _, _ in os.walk(work):
            os.chmod(folder, 0o755)  # noqa: S103 (packages for another user to read)
        try:
            work.rename(place / lock_hash)
        except OSError:
            # Another worker was there first.
            if not _take(place, lock_hash):
                raise
            os.close(descriptor)
            return
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _held[lock_hash] = place / lock_hash, descriptor
    except BaseException:
        os.close(descriptor)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _tidy(place)


def _fill(found: Iterable[Listed], packages: Path) -> None:
    """Every file, compared with its hash as it lies there. Where two distributions have one of
    the same name, it may be the one or the other."""
    wanted: dict[str, tuple[Path, list[str]]] = {}
    for each in found:
        for path, told in each.files.items():
            wanted.setdefault(path, (each.place / path, []))[1].append(told)
    for path, (source, hashes) in sorted(wanted.items()):
        target = packages / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _bring(source, target)
            right = any(_hash(target, told) == told for told in hashes)
        except FileNotFoundError:
            right = False
        if not right:
            raise NotCovered(
                f"{source} is not the file that was installed there: reinstall its package "
                "(pip install --force-reinstall), then start the worker again"
            )


def _bring(source: Path, target: Path) -> None:
    """A link to the file, or a copy where a link would not do: another disk, another's file, one
    that others may write to, or that the sandbox's user may not read."""
    real = Path(os.path.realpath(source))
    mode = real.stat().st_mode
    if stat.S_ISREG(mode) and mode & 0o444 == 0o444 and not mode & 0o022:
        try:
            os.link(real, target)
        except OSError:
            pass
        else:
            return
    shutil.copyfile(real, target)
    target.chmod(0o644)


def _hash(path: Path, told: str) -> str:
    algorithm = told.partition("=")[0]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).digest()
    return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _compile(packages: Path) -> None:
    """Bytecode beside the sources, since nothing can be written there later. Its own tests are
    left out: nobody imports them. What does not compile cannot be imported either way."""
    words = ["-q", "-j", "0", "-x", "/tests/", "--invalidation-mode", "unchecked-hash"]
    subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-m", "compileall", *words, "-s", str(packages), str(packages)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def _tidy(place: Path) -> None:
    """Remove what nobody holds: of other locks, or of a worker that was killed while it built."""
    kept = {directory for directory, _ in _held.values()}
    for directory in place.iterdir():
        if _MADE.fullmatch(directory.name) and directory not in kept:
            _remove(directory)


def _remove(directory: Path) -> None:
    """Remove a directory, unless it is held by anybody, or another user's."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Under another name first, so that nobody finds half of it.
        gone = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=directory.parent))
        directory.rename(gone / directory.name.lstrip("."))
        shutil.rmtree(gone, ignore_errors=True)
    except OSError:
        return
    finally:
        os.close(descriptor)
