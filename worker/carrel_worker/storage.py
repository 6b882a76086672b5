"""Reading what a grant names, below the storage root, and nothing else."""

import hashlib
import os
import stat
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path, PurePosixPath

from carrel_protocol.jobs import StorageGrant

_REMEMBERED = 4096
# O_PATH: a directory of grants may be passed through, not listed.
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_Identity = tuple[int, int, int, int]


class GrantError(Exception):
    """A grant that is not honoured: the bytes are not read, or not used."""


class GrantExpired(GrantError):
    """The grant's time is over."""


class PathRefused(GrantError):
    """The path leaves the storage root, passes a symbolic link, or is not a plain file."""


class FileMissing(GrantError):
    """The granted file is not there."""


class DigestMismatch(GrantError):
    """The bytes are not those that were approved."""


class NoStorage(GrantError):
    """This worker was started without a storage: it is given no data and keeps none."""


class Storage:
    """The files below one root. Paths are taken apart and opened link-free, part by part.

    Without a root every method raises `NoStorage`.
    """

    def __init__(self, root: Path | None) -> None:
        self._given = root and root.absolute()
        self._verified: OrderedDict[_Identity, str] = OrderedDict()

    @property
    def _root(self) -> Path:
        if self._given is None:
            raise NoStorage("this worker has no storage; it runs on made-up rows alone")
        return self._given

    def verified(self, grant: StorageGrant) -> Path:
        """The granted file, once its bytes were found to have the granted digest (SHA-256, hex).

        A file is hashed once for as long as its device, inode, size and modification time stay.
        Raises `GrantError` of the kind that fits.
        """
        os.close(self.opened(grant))
        return self._root.joinpath(*_parts(grant.path))

    def opened(self, grant: StorageGrant) -> int:
        """A descriptor, for the caller to close, of the very file that `verified` looked at.

        Whatever is put in the file's place afterwards, this stays what was granted.
        """
        if grant.expires_at <= time.time():
            raise GrantExpired("the grant has expired")
        descriptor = self._open(_parts(grant.path))
        try:
            self._verify(descriptor, grant)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _verify(self, descriptor: int, grant: StorageGrant) -> None:
        before = _identity(descriptor)
        if before[2] != grant.size:
            raise DigestMismatch(f"the file holds {before[2]} bytes, not {grant.size}")
        digest = self._verified.get(before)
        if digest is None:
            with os.fdopen(os.dup(descriptor), "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if _identity(descriptor) != before:
                raise DigestMismatch("the file changed while it was read")
            os.lseek(descriptor, 0, os.SEEK_SET)  # the copy reads from the same place
            self._remember(before, digest)
        if digest != grant.digest:
            raise DigestMismatch("the file's digest is not the granted one")

    def target(self, path: str) -> Path:
        """Where a new file may be written: its directories exist afterwards, link-free.

        Raises PathRefused.
        """
        parts = _parts(path)
        directory = self._root
        for part in parts[:-1]:
            directory = directory / part
            with suppress(FileExistsError):
                directory.mkdir(mode=0o750)
            if not stat.S_ISDIR(directory.lstat().st_mode):
                raise PathRefused(f"{part!r} in the target's path is no directory")
        target = directory / parts[-1]
        if target.is_symlink():
            raise PathRefused("the target is a symbolic link")
        return target

    def _open(self, parts: tuple[str, ...]) -> int:
        # The root itself may be reached through links: it is the operator's choice.
        directory = os.open(self._root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts[:-1]:
                inner = os.open(part, _DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = inner
            descriptor = os.open(parts[-1], _FILE, dir_fd=directory)
        except FileNotFoundError as error:
            raise FileMissing("the granted file is not in the storage") from error
        except OSError as error:  # ELOOP and ENOTDIR: a link, or no directory
            raise PathRefused(f"the granted path was not followed: {error.strerror}") from error
        finally:
            os.close(directory)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise PathRefused("the granted path is no plain file")
        return descriptor

    def _remember(self, identity: _Identity, digest: str) -> None:
        self._verified[identity] = digest
        while len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)


def _parts(path: str) -> tuple[str, ...]:
    """`path` in parts. Raises PathRefused unless it is relative and goes downwards only."""
    pure = PurePosixPath(path)
    if not path or "\0" in path or pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise PathRefused("the granted path does not stay below the storage root")
    return pure.parts


def _identity(descriptor: int) -> _Identity:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
