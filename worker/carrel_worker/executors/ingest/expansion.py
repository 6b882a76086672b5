"""How much a file holds once it is decompressed, before any of it is kept.

A small file can stand for terabytes: gzip expands up to a thousandfold, and a run-length encoded
Parquet column any number of times. What memory allows is limited besides (`child`), and so is
what DuckDB may spill to disk (`staging`).
"""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from carrel_worker.executors.ingest.errors import IngestError, in_short

_CHUNK = 1 << 20
_VALUE_BYTES = 8
_NOT_GZIP = "the file is not gzip, or is cut short; compress it again and upload that"


@dataclass(frozen=True, slots=True)
class Limits:
    """What an upload may come to. None: no limit."""

    memory_bytes: int | None = None
    """Of the process."""
    expanded_bytes: int | None = None
    """Of the file's content, once it is decompressed."""
    rows: int | None = None


def check_gzip(source: Path, limit: int, progress: Callable[[float], None]) -> None:
    """Raise `IngestError` if the file expands beyond `limit` bytes, is damaged or cut short."""
    whole = max(1, source.stat().st_size)
    size = 0
    try:
        with source.open("rb") as raw, gzip.open(raw) as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise IngestError(
                        f"decompressed, the file has more than {limit} bytes, the most that this "
                        "site takes (CARREL_UPLOAD_EXPANDED_MAX_BYTES)"
                    )
                progress(raw.tell() / whole)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise IngestError(_NOT_GZIP) from error


def check_parquet(
    connection: duckdb.DuckDBPyConnection, source: Path, columns: int, limit: int
) -> None:
    """Raise `IngestError` if the file says of itself that it expands beyond `limit` bytes.

    Counted as the larger of what it says its pages hold and eight bytes for each value that is
    taken in: a page of a few bytes can repeat one value for billions of rows. Rows are counted by
    row group, which is what is read: the total beside them may say anything.
    """
    try:
        pages, rows = connection.execute(
            "SELECT coalesce(sum(pages), 0), coalesce(sum(rows), 0) FROM ("
            "SELECT sum(total_uncompressed_size) AS pages, max(row_group_num_rows) AS rows "
            "FROM parquet_metadata(?) GROUP BY row_group_id)",
            [str(source)],
        ).fetchall()[0]
    except duckdb.Error as error:
        said = in_short(error, source)
        raise IngestError(f"the file cannot be read as Parquet: {said}") from error
    expanded = max(int(pages), int(rows) * columns * _VALUE_BYTES)
    if expanded > limit:
        raise IngestError(
            f"decompressed, the file has about {expanded} bytes ({rows} rows); the most that this "
            f"site takes is {limit} (CARREL_UPLOAD_EXPANDED_MAX_BYTES)"
        )
