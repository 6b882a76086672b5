"""The stored table: integer columns, sorted by unit, in one file that is mapped into memory.

The file is a safetensors file (an eight-byte header length, a JSON header, raw little-endian
arrays), so its bytes can be read without this project and need no decoding to be aggregated:

- `units`: int64, units + 1 entries; rows `units[u]` to `units[u + 1]` are those of unit u.
- `column:<name>`: one array of codes per column (see `codes`), one entry per row.

Which unit is u is not stored. Units are numbered by the sorted order of their values.
"""

import json
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.schema import Column
from carrel_worker.tables.codes import as_dtype, code_type, fingerprint, type_name

FORMAT = "carrel-table/1"
_STARTS = "units"
_METADATA = "__metadata__"
_MAX_HEADER = 16 * 1024 * 1024

Codes = NDArray[np.unsignedinteger[Any]]


class NotATable(ValueError):
    """The file is not a stored table, or is cut short."""


class CodedDifferently(ValueError):
    """The table was laid out for other columns or domains than the schema declares."""


@dataclass(frozen=True, slots=True)
class Table:
    """A stored table, mapped read-only. The mapping lives as long as any of its arrays."""

    rows: int
    units: int
    starts: NDArray[np.int64]
    """units + 1 row numbers: where each unit's rows begin, and the number of rows."""
    columns: dict[str, Codes]


def open_table(path: Path, columns: Iterable[Column]) -> Table:
    """Map `columns` of the table at `path`.

    Raises `OSError`, `NotATable`, and `CodedDifferently` if a column is absent or was coded for
    another domain: its codes would then stand for other values.
    """
    with path.open("rb") as file:
        header, start = _read_header(file)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    metadata = header.get(_METADATA, {})
    if metadata.get("format") != FORMAT:
        raise NotATable(f"{path.name} is no table of format {FORMAT}")
    starts = _array(mapped, header, _STARTS, start)
    found = {}
    for column in columns:
        if metadata.get(_entry(column.name)) != fingerprint(column):
            raise CodedDifferently(f"column {column.name!r} was laid out for another domain")
        found[column.name] = _array(mapped, header, _entry(column.name), start)
    rows = int(starts[-1])
    for column in columns:
        codes = found[column.name]
        if codes.dtype != code_type(column) or codes.size != rows:
            raise NotATable(f"column {column.name!r} has another type or length than it should")
    return Table(rows, starts.size - 1, starts, found)


class TableFile:
    """A table being written, array by array and in any order of rows."""

    def __init__(self, file: BinaryIO, start: int, header: Mapping[str, Any]) -> None:
        self._file = file
        self._start = start
        self._header = header
        self.missing = sum(e["shape"][0] for name, e in header.items() if name != _METADATA)

    def write_starts(self, starts: NDArray[np.int64]) -> None:
        """Where each unit's rows begin, and the number of rows."""
        self._write(_STARTS, 0, starts)

    def write_codes(self, column: str, row: int, codes: Codes) -> None:
        """The codes of one column from `row` on."""
        self._write(_entry(column), row, codes)

    def _write(self, name: str, place: int, piece: NDArray[Any]) -> None:
        dtype = np.dtype(as_dtype(self._header[name]["dtype"]))
        if piece.dtype != dtype:
            raise TypeError(f"{name} holds {dtype}, not {piece.dtype}")
        begin, end = self._header[name]["data_offsets"]
        begin += place * dtype.itemsize
        if begin + piece.nbytes > end:
            raise ValueError(f"{name} has more values than were announced")
        self._file.seek(self._start + begin)
        self._file.write(np.ascontiguousarray(piece).view(np.uint8).data)
        self.missing -= piece.size


@contextmanager
def new_table(
    target: Path, columns: Iterable[Column], rows: int, units: int, *, durable: bool = True
) -> Iterator[TableFile]:
    """Write a table of known size; it appears at `target` complete, or not at all.

    The caller writes every value of every array, once. The bytes are on disk before the file
    gets its name, unless it need not be `durable`.
    """
    types = {_STARTS: np.dtype("<i8"), **{_entry(c.name): code_type(c) for c in columns}}
    sizes = {name: (units + 1 if name == _STARTS else rows) for name in types}
    # Wide types first, so that every array starts at a multiple of its item size.
    names = sorted(types, key=lambda name: (name != _STARTS, -types[name].itemsize))
    header: dict[str, Any] = {
        _METADATA: {"format": FORMAT, **{_entry(c.name): fingerprint(c) for c in columns}}
    }
    end = 0
    for name in names:
        begin, end = end, end + sizes[name] * types[name].itemsize
        header[name] = {
            "dtype": type_name(types[name]),
            "shape": [sizes[name]],
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    partial = partial_path(target, os.getpid())
    try:
        with partial.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            table = TableFile(file, 8 + len(text), header)
            yield table
            if table.missing:
                raise RuntimeError(f"{table.missing} values of the table were not written")
            file.flush()
            if durable:
                os.fsync(file.fileno())
        partial.replace(target)
        if durable:
            _sync_directory(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def partial_path(target: Path, pid: int) -> Path:
    """Where process `pid` writes what will become `target`."""
    return target.with_name(f".{target.name}.{pid}.partial")


def _entry(column: str) -> str:
    return f"column:{column}"


def _read_header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= _MAX_HEADER:
        raise NotATable("no table header")
    try:
        header = json.loads(file.read(length))
    except ValueError as error:
        raise NotATable("the table header is damaged") from error
    if not isinstance(header, dict):
        raise NotATable("the table header is damaged")
    return header, 8 + length


def _array(mapped: mmap.mmap, header: Mapping[str, Any], name: str, start: int) -> NDArray[Any]:
    try:
        entry = header[name]
        dtype = np.dtype(as_dtype(entry["dtype"]))
        begin, end = entry["data_offsets"]
        count = (end - begin) // dtype.itemsize
        return np.frombuffer(mapped, dtype, count, start + begin)
    except (KeyError, TypeError, ValueError) as error:
        raise NotATable(f"{name!r} is missing from the table, or cut short") from error


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
