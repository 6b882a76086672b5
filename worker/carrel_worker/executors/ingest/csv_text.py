"""CSV as Python reads it: the header before a file is taken in, and the place of an error after.

DuckDB does the parsing. When it refuses a file, this slower reader finds the line to name.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from carrel_worker.executors.ingest.errors import IngestError

_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_FIELD = 2**20


@contextmanager
def opened(source: Path, *, compressed: bool) -> Iterator[TextIO]:
    """The file as text. Raises `IngestError` where its bytes are not what they should be."""
    try:
        if compressed:
            with gzip.open(source, "rt", encoding="utf-8-sig", newline="") as text:
                yield text
        else:
            with source.open(encoding="utf-8-sig", newline="") as text:
                yield text
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise IngestError("the file is not gzip, or is cut short") from error
    except UnicodeDecodeError as error:
        line = _line_of_bad_byte(source, compressed=compressed)
        raise IngestError("a character is not UTF-8; save the file as UTF-8", line=line) from error


def header(source: Path, needed: list[str], *, compressed: bool) -> tuple[str, list[str]]:
    """The delimiter (the one that gives the `needed` columns) and the names in the first line.

    Raises `IngestError` for an empty file, a damaged one, or a first line that cannot be read.
    """
    with opened(source, compressed=compressed) as text:
        first = text.read(_LONGEST_FIELD)
    if not first.strip():
        raise IngestError("the file is empty; its first line must name the columns")
    candidates = []
    faults = []
    for delimiter in _DELIMITERS:
        try:
            names = next(_records(iter(first.splitlines(keepends=True)), delimiter))[1]
        except IngestError as fault:  # with another delimiter the quotes may be in place
            faults.append(fault)
            continue
        found = {name.strip().lower() for name in names}
        candidates.append((sum(n.lower() in found for n in needed), len(names), delimiter, names))
    if not candidates:
        raise faults[0]
    best = max(candidates, key=lambda candidate: candidate[:2])
    if not any(name.strip() for name in best[3]):
        raise IngestError("the first line is blank; it must name the columns", line=1)
    return best[2], best[3]


def find_fault(source: Path, delimiter: str, fields: int, *, compressed: bool) -> None:
    """Raise the `IngestError` of the first record that is not `fields` fields; or return."""
    with opened(source, compressed=compressed) as text:
        for line, record in _records(_alike(text), delimiter):
            if record and len(record) != fields:
                raise IngestError(
                    f"{len(record)} fields where the header names {fields} columns", line=line
                )


def record_at(
    source: Path, delimiter: str, number: int, *, compressed: bool
) -> tuple[int, list[str]]:
    """The line that the `number`-th record after the header (from 1) begins at, and its fields."""
    with opened(source, compressed=compressed) as text:
        seen = -1
        for line, record in _records(text, delimiter):
            seen += bool(record)
            if seen == number:
                return line, record
    raise IngestError(f"record {number} cannot be found again")


def _records(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line it begins at, fields) of each record; a blank line gives no fields."""
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise IngestError(f"a quoted field is not closed ({error})", line=line) from error


def _alike(lines: Iterator[str]) -> Iterator[str]:
    """`lines`, as long as all of them end in the same way."""
    endings: set[str] = set()
    for number, line in enumerate(lines, start=1):
        endings.add(line[len(line.rstrip("\r\n")) :])
        if len(endings - {""}) > 1:
            raise IngestError(
                "this line ends in another way than those before it (LF or CR LF)", line=number
            )
        yield line


def _line_of_bad_byte(source: Path, *, compressed: bool) -> int:
    with gzip.open(source, "rb") if compressed else source.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1
