"""Bytes on disk: uploads as they came, versions as ingest laid them out, and grants to read them.

Nothing here looks inside a file. Whoever may read one version gets a *grant*: a hard link at a
path with 256 random bits in it, below a directory that can be entered but not listed. A grant's
directory carries its expiry as its modification time; a beat removes those that have ended.

    uploads/   0700  raw uploads, the site's alone, gone once ingest has ended; <id>.pieces while
                     one still arrives
    versions/  0770  laid-out tables and mocks: the worker writes them, as the same user or group
    outputs/   0770  what approved code returned: the worker writes <run>_<epoch>/<number>
    released/  0750  what of it left, as it left: <run>_<number>, the site's own copy
    grants/    0711  <random>/<file>
"""

import hashlib
import math
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO

from carrel_site.core.errors import PayloadTooLarge

_CHUNK = 1 << 20
_FILE_MODE = 0o640
_IN_MEMORY = 8 << 20
_PARTIAL = ".partial"
_PIECES = ".pieces"
_TABLE = ".table"
_MOCK = ".mock.jsonl"
_DIRECTORIES = (
    ("uploads", 0o700),
    ("versions", 0o770),
    ("outputs", 0o770),
    ("released", 0o750),
    ("grants", 0o711),
)


class DigestMismatch(Exception):
    """A stored file is not what was recorded of it."""


class PathOutsideStorage(ValueError):
    """A relative path that leaves the storage root, or names none of its files."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A whole file: its path below the root, SHA-256 in hex, and size in bytes."""

    path: str
    digest: str
    size: int


class Incoming:
    """A file being received. It appears under its name whole and synced, or never."""

    def __init__(self, partial: Path, limit: int) -> None:
        self._path = partial
        self._limit = limit
        self._sha256 = hashlib.sha256()
        self.size = 0
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        self._file = os.fdopen(descriptor, "wb")

    def write(self, chunk: bytes) -> None:
        """Append `chunk`; raises `PayloadTooLarge` past the limit."""
        self.size += len(chunk)
        if self.size > self._limit:
            raise PayloadTooLarge(
                f"The upload is larger than {self._limit} bytes.",
                advice="Upload less, compress it (csv.gz, parquet), or raise "
                "CARREL_UPLOAD_MAX_BYTES.",
            )
        self._sha256.update(chunk)
        self._file.write(chunk)

    def keep(self, target: Path, relative: str) -> Stored:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._path.rename(target)
        _sync_directory(target.parent)
        return Stored(relative, self._sha256.hexdigest(), self.size)

    def abandon(self) -> None:
        try:
            self._file.close()  # which may write what is left, and find the disk full
        finally:
            self._path.unlink(missing_ok=True)


class Storage:
    """The files below `root`. Paths given out and taken are relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the directories. Partial uploads of an earlier process are removed."""
        self.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        for name, mode in _DIRECTORIES:
            directory = self.root / name
            if not directory.is_dir():
                directory.mkdir(exist_ok=True)
                directory.chmod(mode)
        for partial in (self.root / "uploads").glob(f"*{_PARTIAL}"):
            if time.time() - partial.stat().st_mtime > 24 * 3600:
                partial.unlink(missing_ok=True)
        for misnamed in (self.root / "versions").glob("*.parquet"):
            # As they were once called. Another process may be doing the same.
            with suppress(FileNotFoundError):
                misnamed.rename(misnamed.with_suffix(_TABLE))

    # Uploads

    @staticmethod
    def upload_path(version_id: str) -> str:
        """Where a version's raw upload is, relative to the root."""
        return f"uploads/{_plain(version_id)}"

    def receive(self, version_id: str, limit: int) -> Incoming:
        """Start receiving a version's upload of at most `limit` bytes."""
        return Incoming(self._at(self.upload_path(version_id) + _PARTIAL), limit)

    def keep(self, incoming: Incoming, version_id: str) -> Stored:
        """Sync a received upload and give it its name, atomically."""
        relative = self.upload_path(version_id)
        return incoming.keep(self._at(relative), relative)

    def discard_upload(self, version_id: str) -> None:
        """Remove a raw upload, and every grant to read it; nothing happens when it is not there."""
        self._at(self.upload_path(version_id)).unlink(missing_ok=True)
        for link in (self.root / "grants").glob(f"*/{_plain(version_id)}"):
            shutil.rmtree(link.parent, ignore_errors=True)

    def uploads(self) -> dict[str, float]:
        """The raw uploads that are here: version id, and when it came (POSIX time)."""
        return {
            path.name: path.stat().st_mtime
            for path in (self.root / "uploads").iterdir()
            if path.suffix not in (_PARTIAL, _PIECES)
        }

    # Uploads in pieces

    def pieces(self, upload_id: str) -> Path:
        """The file of an upload that is still arriving."""
        return self._at(f"uploads/{_plain(upload_id)}{_PIECES}")

    def all_pieces(self) -> dict[str, float]:
        """The uploads in pieces that are here: upload id, and when it last grew (POSIX time)."""
        return {
            path.name.removesuffix(_PIECES): path.stat().st_mtime
            for path in (self.root / "uploads").glob(f"*{_PIECES}")
        }

    def keep_pieces(self, upload_id: str, version_id: str) -> None:
        """Give a whole upload its version's name too; safe to repeat."""
        target = self._at(self.upload_path(version_id))
        target.unlink(missing_ok=True)
        os.link(self.pieces(upload_id), target)
        _sync_directory(target.parent)

    def discard_pieces(self, upload_id: str) -> None:
        self.pieces(upload_id).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """What is free on the disk for whoever is no superuser."""
        return shutil.disk_usage(self.root).free

    # Versions

    @staticmethod
    def version_path(version_id: str) -> str:
        """Where a version's laid-out table is, relative to the root."""
        return f"versions/{_plain(version_id)}{_TABLE}"

    @staticmethod
    def mock_path(version_id: str) -> str:
        """Where an uploaded mock is, as lines of JSON, relative to the root."""
        return f"versions/{_plain(version_id)}{_MOCK}"

    def mock(self, version_id: str) -> Path:
        return self._at(self.mock_path(version_id))

    def discard_version(self, version_id: str) -> None:
        """Remove whatever was laid out for a version that never answers."""
        for path in (self.root / "versions").glob(f"*{_plain(version_id)}.*"):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(
                missing_ok=True
            )

    def laid_out(self) -> set[str]:
        """The versions that have anything below `versions/`."""
        return {path.name.lstrip(".").split(".")[0] for path in (self.root / "versions").iterdir()}

    # What code returned

    @staticmethod
    def output_path(run_id: str, epoch: int) -> str:
        """Where a run leaves what it returns under this epoch: no other claim writes there."""
        return f"outputs/{_plain(run_id)}_{epoch}"

    @staticmethod
    def released_path(run_id: str, number: int) -> str:
        """Where an item is as it left."""
        return f"released/{_plain(run_id)}_{number}"

    def take(self, relative: str, digest: str, size: int) -> IO[bytes]:
        """A copy, nobody else's, of the file at `relative`, which has this digest and size.

        Raises `DigestMismatch` when it has not, is no plain file, or is gone. A copy, since the
        file may be changed by whoever wrote it while it is read.
        """
        copy: IO[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        sha256, left = hashlib.sha256(), size + 1
        try:
            with self._plain_file(relative) as file:
                while left > 0 and (chunk := file.read(min(_CHUNK, left))):
                    left -= len(chunk)
                    sha256.update(chunk)
                    copy.write(chunk)
        except BaseException:
            copy.close()
            raise
        if left != 1 or sha256.hexdigest() != digest:
            copy.close()
            raise DigestMismatch(f"{relative} does not hold what was recorded.")
        copy.seek(0)
        return copy

    def put_released(self, run_id: str, number: int, content: IO[bytes]) -> None:
        """Keep an item as it leaves, whole and synced; one that is there is replaced."""
        target = self._at(self.released_path(run_id, number))
        partial = target.with_name(f"{target.name}.{secrets.token_hex(8)}{_PARTIAL}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                shutil.copyfileobj(content, file, _CHUNK)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)

    def returned(self) -> dict[str, float]:
        """What lies below `outputs/`: the name of each, and when it was made (POSIX time)."""
        return {path.name: path.lstat().st_mtime for path in (self.root / "outputs").iterdir()}

    def discard_returned(self, name: str) -> None:
        path = self._at(f"outputs/{_plain(name)}")
        shutil.rmtree(path, ignore_errors=True) if not path.is_symlink() else path.unlink()

    def _plain_file(self, relative: str) -> IO[bytes]:
        """The file, opened with no symbolic link below the root followed."""
        parts = PurePosixPath(relative).parts
        self._at(relative)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            below = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for part in parts[:-1]:
                    deeper = os.open(part, flags | os.O_DIRECTORY, dir_fd=below)
                    os.close(below)
                    below = deeper
                descriptor = os.open(parts[-1], flags, dir_fd=below)
            finally:
                os.close(below)
        except OSError as error:
            raise DigestMismatch(f"{relative} is not there as a plain file.") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise DigestMismatch(f"{relative} is no plain file.")
        return os.fdopen(descriptor, "rb")

    # Grants

    def grant(self, relative: str, seconds: float) -> str:
        """Leave to read the file at `relative` for `seconds`: an unguessable relative path.

        Raises FileNotFoundError when there is no such file.
        """
        source = self._at(relative)
        # The name says when it ends, so that there is no moment at which it looks as if it had.
        until = math.ceil(time.time() + seconds)
        directory = self.root / "grants" / f"{secrets.token_hex(32)}-{until}"
        directory.mkdir()
        try:
            os.link(source, directory / source.name, follow_symlinks=False)
            directory.chmod(0o711)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return f"grants/{directory.name}/{source.name}"

    def revoke(self, path: str) -> None:
        """End a grant. What already has the file open can read on; nobody can open it again."""
        parts = PurePosixPath(path).parts
        if len(parts) != 3 or parts[0] != "grants":
            raise PathOutsideStorage(f"{path!r} is no grant")
        shutil.rmtree(self._at(path).parent, ignore_errors=True)

    def purge(self, older_than: float) -> int:
        """End the grants that expired before `older_than` (a POSIX time); returns how many."""
        ended = 0
        for directory in (self.root / "grants").iterdir():
            _, _, until = directory.name.rpartition("-")
            if not until.isdigit() or int(until) < older_than:
                shutil.rmtree(directory, ignore_errors=True)
                ended += 1
        return ended

    # Digests

    def measure(self, relative: str) -> Stored:
        """The digest and size of the file at `relative`, read in chunks."""
        sha256, size = hashlib.sha256(), 0
        with self._at(relative).open("rb") as file:
            while chunk := file.read(_CHUNK):
                sha256.update(chunk)
                size += len(chunk)
        return Stored(relative, sha256.hexdigest(), size)

    def _at(self, relative: str) -> Path:
        parts = PurePosixPath(relative).parts
        if not parts or relative.startswith("/") or ".." in parts or "\x00" in relative:
            raise PathOutsideStorage(f"{relative!r} is not below the storage root")
        return self.root.joinpath(*parts)


@contextmanager
def receiving(storage: Storage, version_id: str, limit: int) -> Iterator[Incoming]:
    """An upload that leaves nothing behind unless it is kept before the block ends."""
    incoming = storage.receive(version_id, limit)
    try:
        yield incoming
    finally:
        incoming.abandon()


def _plain(name: str) -> str:
    if not name or not name.replace("_", "").isalnum() or not name.isascii():
        raise PathOutsideStorage(f"{name!r} is no id")
    return name


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
