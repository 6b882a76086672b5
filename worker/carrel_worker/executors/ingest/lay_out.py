"""Coding the staged rows and writing the table."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from carrel_protocol.schema import (
    Column,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_worker.executors.ingest.errors import (
    IngestDiskFull,
    IngestError,
    IngestOutOfMemory,
    is_full_disk,
)
from carrel_worker.executors.ingest.expansion import Limits
from carrel_worker.executors.ingest.refusals import (
    Counts,
    refuse_contradicted,
    refuse_missing,
    refuse_outside,
)
from carrel_worker.executors.ingest.sources import Format, Source
from carrel_worker.executors.ingest.staging import (
    NO_LIMITS,
    UNKNOWN_NUMBER,
    UNKNOWN_PLACE,
    stage,
    staging_database,
)
from carrel_worker.tables.codes import code_type, last_code, null_code, step
from carrel_worker.tables.layout import Codes, TableFile, new_table

_VALUES_AT_ONCE = 2**21
_UNITS_AT_ONCE = 2**16
_SPILLED_TIMES = 8
_KEPT_FREE = 64 * 2**20
_SHARE_OF_DUCKDB = 0.3
"""Of the memory allowed. The rest is for what it allocates beside its buffers, the interpreter
and the values being coded: with less left, 5 million rows failed below 1 GB."""


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """What was taken in. All of it is the owner's only."""

    rows: int
    units: int
    units_digest: str
    """SHA-256, in hex, of the distinct unit ids in order: equal for equal sets of ids."""
    report: dict[str, dict[str, int]]
    """Per column {"clamped": n, "nulls": n, "unknown": n} over the rows kept; for the unit
    column, "nulls" are the rows that were left out because they name no unit."""


def ingest(
    source: Path,
    source_format: Format,
    table: TableSchema,
    target: Path,
    progress: Callable[[float], None] = lambda _: None,
    *,
    limits: Limits = NO_LIMITS,
    strict: bool = False,
) -> IngestOutcome:
    """Lay the file at `source` out as a table at `target`, which appears complete or not at all.

    Numbers outside a column's domain are moved to its nearest bound; reals are rounded to the
    resolution, half to even. Nulls, NaN, infinities, unreadable values and unlisted categories
    become nulls; if that is so of every value that a column has, its domain contradicts it, and
    the file is refused. strict: of any one value. Rows without a unit are left out. `progress` is
    called with shares of the work.

    Raises `IngestError` naming line and column if the file is at fault (a null where the column
    has none, a missing or doubled column, a ragged line, another encoding, an empty file, more
    than the limits allow), `IngestOutOfMemory`, `IngestDiskFull`, and `OSError`.
    """
    progress(0.0)
    with (
        _scratch(target) as scratch,
        staging_database(
            source, scratch, _share(limits.memory_bytes), _spilled(limits, scratch)
        ) as connection,
    ):
        staged = stage(
            connection, source, source_format, table, limits, lambda share: progress(0.5 * share)
        )
        progress(0.5)
        try:
            return _lay_out(connection, staged, table, target, progress, limits, strict=strict)
        except duckdb.Error as error:
            if is_full_disk(error):
                raise IngestDiskFull from error
            if isinstance(error, duckdb.OutOfMemoryException):
                raise IngestOutOfMemory(str(error)) from error
            raise


def scratch_path(target: Path, pid: int) -> Path:
    """Where process `pid` keeps what it needs while it prepares `target`."""
    return target.with_name(f".{target.name}.{pid}.scratch")


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    path = scratch_path(target, os.getpid())
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _share(memory_bytes: int | None) -> int | None:
    return None if memory_bytes is None else int(memory_bytes * _SHARE_OF_DUCKDB)


def _spilled(limits: Limits, scratch: Path) -> int | None:
    """What DuckDB may write to disk: as text of a few bytes a value, some times more, but never
    the disk's last bytes."""
    if limits.expanded_bytes is None:
        return None
    free = shutil.disk_usage(scratch).free - _KEPT_FREE
    return min(_SPILLED_TIMES * limits.expanded_bytes, free)


def _lay_out(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: TableSchema,
    target: Path,
    progress: Callable[[float], None],
    limits: Limits,
    *,
    strict: bool,
) -> IngestOutcome:
    per_unit = connection.execute(
        "SELECT count(*) AS rows FROM staged WHERE unit IS NOT NULL GROUP BY unit ORDER BY unit"
    ).fetchnumpy()["rows"]
    starts = np.concatenate([[0], np.cumsum(per_unit)]).astype(np.int64)
    rows, units = int(starts[-1]), starts.size - 1
    without_unit = _scalar(connection, "SELECT count(*) FROM staged") - rows
    if limits.rows is not None and rows > limits.rows:
        raise IngestError(f"the file has {rows} rows; here it may have {limits.rows}")
    counts = {column.name: Counts() for column in table.columns}
    at_once = max(2048, _VALUES_AT_ONCE // len(table.columns))
    with new_table(target, table.columns, rows, units) as file:
        file.write_starts(starts)
        for first in range(0, rows, at_once):
            _write(connection, table, file, (first, min(rows, first + at_once)), counts)
            refuse_missing(connection, source, table, counts)
            if strict:
                refuse_outside(connection, source, table, counts)
            progress(0.5 + 0.5 * first / rows)
        refuse_contradicted(connection, source, table, counts, rows)
    progress(1.0)
    report = {name: count.report() for name, count in counts.items()}
    report[table.unit_column] = Counts(nulls=without_unit).report()
    return IngestOutcome(rows, units, _units_digest(connection, starts), report)


def _units_digest(connection: duckdb.DuckDBPyConnection, starts: NDArray[np.int64]) -> str:
    """Each id goes in with its length before it, so that no two sets give the same bytes."""
    sha256 = hashlib.sha256()
    last = starts.size - 1
    for first in range(0, last, _UNITS_AT_ONCE):
        span = [int(starts[first]), int(starts[min(last, first + _UNITS_AT_ONCE)])]
        text = connection.execute(
            "SELECT string_agg(strlen(unit) || ':' || unit, '' ORDER BY unit) "
            "FROM (SELECT DISTINCT unit FROM staged WHERE rowid >= ? AND rowid < ?)",
            span,
        ).fetchall()[0][0]
        sha256.update(text.encode())
    return sha256.hexdigest()


def _write(
    connection: duckdb.DuckDBPyConnection,
    table: TableSchema,
    file: TableFile,
    span: tuple[int, int],
    counts: dict[str, Counts],
) -> None:
    """Code the staged rows from span[0] to span[1] − 1; they are stored in the table's order."""
    listed = ", ".join(f"v{index}" for index in range(len(table.columns)))
    fetched = connection.execute(
        f"SELECT rowid, {listed} FROM staged WHERE rowid >= ? AND rowid < ?",  # noqa: S608
        span,
    ).fetchnumpy()
    if not np.array_equal(fetched["rowid"], np.arange(*span)):
        raise RuntimeError("the staged rows came back in another order")
    for index, column in enumerate(table.columns):
        values: NDArray[Any] = np.ma.asarray(fetched[f"v{index}"])
        absent = np.ma.getmaskarray(values)
        codes = coded(column, np.ma.getdata(values), absent, counts[column.name])
        file.write_codes(column.name, span[0], codes)


def coded(column: Column, values: NDArray[Any], absent: NDArray[np.bool_], counts: Counts) -> Codes:
    """Codes of staged values; adds to `counts`. absent: where the value is null."""
    numeric = isinstance(column, IntegerColumn | RealColumn)
    unknown = (values == (UNKNOWN_NUMBER if numeric else UNKNOWN_PLACE)) & ~absent
    present = ~(absent | unknown)
    counts.nulls += int(np.count_nonzero(absent))
    counts.unknown += int(np.count_nonzero(unknown))
    if isinstance(column, IntegerColumn | RealColumn):
        low, high = column.stored_bounds
        unit = step(column)
        with np.errstate(over="ignore"):
            # Where present, a value is finite; a product beyond every double is out of domain.
            scaled = np.rint(np.where(present, values, 0.0) * unit.denominator / unit.numerator)
        outside = present & ((scaled < low) | (scaled > high))
        counts.clamped += int(np.count_nonzero(outside))
        places = np.clip(scaled, low, high).astype(np.int64) - low
    else:
        places = np.where(present, values, 0).astype(np.int64)
    null = null_code(column)
    places[~present] = last_code(column) if null is None else null
    return places.astype(code_type(column))


def _scalar(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
