"""Why a file could not be taken in. The messages are for the owner."""

import errno
import os
from pathlib import Path


class IngestError(Exception):
    """The file is at fault. The message says where: its line (of a CSV) or row, and its column."""

    def __init__(
        self, message: str, *, line: int | None = None, row: int | None = None, column: str = ""
    ) -> None:
        place = [
            *([f"line {line}"] if line is not None else []),
            *([f"row {row}"] if row is not None else []),
            *([f"column {column!r}"] if column else []),
        ]
        super().__init__(f"{', '.join(place)}: {message}" if place else message)
        self.line = line
        self.row = row
        self.column = column


class IngestOutOfMemory(Exception):
    """The file needs more memory than the worker may use for it."""


class IngestDiskFull(Exception):
    """There is no room on the worker's disk for what the file comes to."""

    def __init__(self) -> None:
        super().__init__(
            "the disk is full: there is no room to lay the file out; free space where the site "
            "keeps its data, and upload the file again"
        )


def in_short(error: Exception, path: Path) -> str:
    """What DuckDB says, in a line or two, without where the file lies on this machine."""
    lines = " ".join(str(error).split("\n")[:2])
    return lines.replace(f"'{path}'", "the file").replace(str(path), "the file").strip()


def is_full_disk(error: BaseException) -> bool:
    """Whether that is what an error of the operating system's, or of DuckDB's, comes to."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    said = str(error)
    return any(sign in said for sign in _FULL_DISK)


_FULL_DISK = (
    os.strerror(errno.ENOSPC),
    os.strerror(errno.EDQUOT),
    os.strerror(errno.EFBIG),
    "max_temp_directory_size",
)
