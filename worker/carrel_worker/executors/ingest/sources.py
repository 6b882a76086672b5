"""Where the rows come from: a CSV or Parquet file, as one SQL table expression.

Column names of the file never become part of an SQL text: columns are numbered, c0 being the
file's first.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from carrel_protocol.schema import TableSchema
from carrel_worker.executors.ingest import csv_text
from carrel_worker.executors.ingest.errors import (
    IngestDiskFull,
    IngestError,
    IngestOutOfMemory,
    in_short,
    is_full_disk,
)

Format = Literal["csv", "csv.gz", "parquet"]
# Of text written as plain bytes, too; and a folder named "person=7" above the file is no column.
READ_PARQUET = "read_parquet(?, binary_as_string = true, hive_partitioning = false)"
_ENCRYPTED = b"PARE"
_NESTED = ("STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT", "GEOMETRY")


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read: `select … from {relation}` with `parameters`."""

    path: Path
    format: Format
    relation: str
    parameters: tuple[str, ...]
    columns: dict[str, str]
    """SQL name ("c7") of each column of the schema, and of the unit column."""
    types: dict[str, str]
    """DuckDB's type of each of `columns`."""
    delimiter: str = ","
    fields: int = 0

    @property
    def compressed(self) -> bool:
        return self.format == "csv.gz"

    def refused(self, error: duckdb.Error) -> Exception:
        """What DuckDB's refusal to read the file means to its owner."""
        if is_full_disk(error):
            return IngestDiskFull()
        if isinstance(error, duckdb.OutOfMemoryException):
            return IngestOutOfMemory(str(error))
        said = in_short(error, self.path)
        if self.format == "parquet":
            return IngestError(f"the file cannot be read as Parquet: {said}")
        try:
            csv_text.find_fault(self.path, self.delimiter, self.fields, compressed=self.compressed)
        except IngestError as fault:
            return fault
        return IngestError(f"the file cannot be read as CSV: {said}")

    def missing_value(self, row: int, column: str, *, unknown: bool) -> IngestError:
        """The error of a value that must not be null. row: counted from 1, after any header."""
        forbidden = "and the column is declared not nullable"
        if unknown:
            return self.bad_value(row, column, f"is not a value of the column, {forbidden}")
        if self.format == "parquet":
            return IngestError(f"the value is null, {forbidden}", row=row, column=column)
        line, _ = self._record(row)
        return IngestError(f"the value is missing, {forbidden}", line=line, column=column)

    def bad_value(self, row: int, column: str, said: str) -> IngestError:
        """The error of a value of which `said` is true; a CSV's is quoted."""
        if self.format == "parquet":
            kind = self.types[column]
            return IngestError(f"the value, a {kind} in the file, {said}", row=row, column=column)
        line, record = self._record(row)
        text = record[int(self.columns[column][1:])]
        return IngestError(f"{text[:80]!r} {said}", line=line, column=column)

    def _record(self, row: int) -> tuple[int, list[str]]:
        return csv_text.record_at(self.path, self.delimiter, row, compressed=self.compressed)


def open_source(
    connection: duckdb.DuckDBPyConnection, path: Path, source_format: Format, table: TableSchema
) -> Source:
    """Find the schema's columns in the file. Raises `IngestError` if any is absent or doubtful."""
    needed = [table.unit_column, *(column.name for column in table.columns)]
    if source_format == "parquet":
        return _parquet(connection, path, needed)
    delimiter, names = csv_text.header(path, needed, compressed=source_format == "csv.gz")
    columns = places_of(names, needed, line=1)
    listed = [f"c{i}" for i in range(len(names))]
    types = ", ".join(f"{name}: 'VARCHAR'" for name in listed)
    relation = (
        "read_csv(?, auto_detect = false, header = true, delim = ?, quote = '\"', escape = '\"', "
        f"columns = {{{types}}}, strict_mode = true, null_padding = false, "
        f"force_not_null = [{', '.join(repr(name) for name in listed)}], "
        f"compression = '{'gzip' if source_format == 'csv.gz' else 'none'}')"
    )
    return Source(
        path, source_format, relation, (str(path), delimiter), columns,
        dict.fromkeys(columns, "VARCHAR"), delimiter, len(names),
    )  # fmt: skip


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path, needed: list[str]) -> Source:
    described = parquet_columns(connection, path)
    names = [name for name, _ in described]
    columns = places_of(names, needed)
    types = {name: described[int(place[1:])][1] for name, place in columns.items()}
    for name, kind in types.items():
        if not can_be_taken_in(kind):
            raise IngestError(f"values of type {kind} cannot be taken in", column=name)
    listed = ", ".join(f"c{i}" for i in range(len(names)))
    relation = f"{READ_PARQUET} AS source({listed})"
    return Source(path, "parquet", relation, (str(path),), columns, types)


def parquet_columns(connection: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[str, str]]:
    """Name and DuckDB's type of each column, as the file describes itself. Reads no value.

    Raises `IngestError` for what is no Parquet file, a damaged one or an encrypted one.
    """
    with path.open("rb") as file:
        if file.read(len(_ENCRYPTED)) == _ENCRYPTED:
            raise IngestError("the file is encrypted; write it anew without encryption")
    try:
        tree = connection.execute(
            "SELECT name, num_children FROM parquet_schema(?)", [str(path)]
        ).fetchall()
        described = connection.execute(
            f"DESCRIBE SELECT * FROM {READ_PARQUET}",  # noqa: S608 (a constant)
            [str(path)],
        ).fetchall()
    except duckdb.Error as error:
        said = in_short(error, path)
        raise IngestError(f"the file cannot be read as Parquet: {said}") from error
    return [(name, str(row[1])) for name, row in zip(_top_level(tree), described, strict=True)]


def can_be_taken_in(kind: str) -> bool:
    """Whether a column of this type of DuckDB's holds one plain value a row."""
    return not (kind.startswith(_NESTED) or kind.endswith("]"))


def places_of(names: list[str], needed: list[str], line: int | None = None) -> dict[str, str]:
    """The numbered name of each needed column; case and outer spaces do not matter."""
    folded = [name.strip().lower() for name in names]
    for place, name in enumerate(folded):
        if folded.index(name) != place:
            raise IngestError(
                f"named twice, as columns {folded.index(name) + 1} and {place + 1}",
                line=line,
                column=names[place].strip(),
            )
    places = {}
    for name in needed:
        if name.lower() not in folded:
            some = ", ".join(repr(n.strip()) for n in names[:20])
            raise IngestError(f"not in the file, which has {some}", line=line, column=name)
        places[name] = f"c{folded.index(name.lower())}"
    return places


def _top_level(tree: list[tuple[str, int | None]]) -> list[str]:
    """Names of a Parquet schema's top-level fields, from its depth-first listing."""
    names = []
    place = 1
    while place < len(tree):
        names.append(tree[place][0])
        pending = 1
        while pending:
            pending += (tree[place][1] or 0) - 1
            place += 1
    return names
