"""One upload's file while it arrives in pieces.

A piece is appended under an exclusive lock on the file (flock), so that of several API processes
one alone writes. What counts are the bytes that its row says are synced: whatever a process that
died left beyond them is cut off before the next piece.
"""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carrel_site.datasets.errors import StorageFull, UploadBusy

_FILE_MODE = 0o640
_CHUNK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Pieces:
    """The locked file. `end` is how many bytes were written, synced or not."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.end = os.fstat(descriptor).st_size

    def cut(self, end: int) -> None:
        """Drop what is behind byte `end`, and append there."""
        os.ftruncate(self._descriptor, end)
        os.lseek(self._descriptor, end, os.SEEK_SET)
        self.end = end

    def write(self, chunk: bytes) -> None:
        """Append; raises `StorageFull`, after which what is behind the last sync is lost."""
        left = memoryview(chunk)
        with full_disk_said():
            while left:
                written = os.write(self._descriptor, left)
                left = left[written:]
                self.end += written

    def sync(self) -> int:
        """Have the disk keep what was written; returns `end`."""
        with full_disk_said():
            os.fsync(self._descriptor)
        return self.end

    def sha256(self) -> str:
        """Of the bytes up to `end`, in hex."""
        digest = hashlib.sha256()
        place = 0
        while place < self.end:
            chunk = os.pread(self._descriptor, min(_CHUNK, self.end - place), place)
            if not chunk:
                break
            digest.update(chunk)
            place += len(chunk)
        return digest.hexdigest()


@contextmanager
def locked(path: Path) -> Iterator[Pieces]:
    """The file at `path`, made if it is not there; raises `UploadBusy` while another has it."""
    with full_disk_said():
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UploadBusy("Another piece of this upload is arriving.") from None
        yield Pieces(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def full_disk_said() -> Iterator[None]:
    """What the system says of a full disk, as `StorageFull`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("There is no room on the site's disk for these bytes.") from error
        raise
