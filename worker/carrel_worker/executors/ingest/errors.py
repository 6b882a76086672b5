"""Why a file could not be taken in. The messages are for the owner."""


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
