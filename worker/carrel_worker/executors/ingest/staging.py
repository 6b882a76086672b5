"""The rows in DuckDB, read once and sorted by unit, before they are coded.

A value becomes a number or a category's place. A null, NaN or infinity stays null; a value that
could not be read, or is on no public list, becomes a marker of its own, so that both can be
counted. Each value is treated without a look at any other row (SOUNDNESS 1 in the design).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from carrel_protocol.schema import BooleanColumn, CategoryColumn, Column, TableSchema
from carrel_worker.executors.ingest.expansion import Limits, check_gzip, check_parquet
from carrel_worker.executors.ingest.sources import Format, Source, open_source

NO_LIMITS = Limits()
UNKNOWN_NUMBER = float("-inf")
UNKNOWN_PLACE = -1
_NUMERIC = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL",
)  # fmt: skip
_LOOK_SECONDS = 0.25
_GZIP_SHARE = 0.2
"""Of the time that staging takes: what a first pass over compressed text is."""
_TRUE = "('true', 't', 'yes', 'y', '1', '1.0')"
_FALSE = "('false', 'f', 'no', 'n', '0', '0.0')"


@contextmanager
def staging_database(
    source: Path, scratch: Path, memory_bytes: int | None, spilled_bytes: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own that spills to `scratch`, at most `spilled_bytes`, and may read
    `source`, but no other file."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": str(scratch),
        "threads": 2,
    }
    if memory_bytes is not None:
        config["memory_limit"] = f"{memory_bytes // 2**20}MiB"
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute("SET allowed_paths = [?]", [str(source)])
        # Kept, so that others can be told of it, and not drawn.
        connection.execute("SET enable_progress_bar = true")
        connection.execute("SET enable_progress_bar_print = false")
        connection.execute("SET progress_bar_time = 0")
        if spilled_bytes is not None:
            # Not by `config`: DuckDB 2.0 shows it from there, and goes beyond it.
            most = f"{max(1, spilled_bytes // 2**20)}MiB"
            connection.execute(f"SET max_temp_directory_size = '{most}'")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def stage(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    source_format: Format,
    table: TableSchema,
    limits: Limits = NO_LIMITS,
    progress: Callable[[float], None] = lambda _: None,
) -> Source:
    """Fill `staged`: `place` (the row in the file, from 1), `unit` (text, nulls last), v0, v1, …

    Rows are sorted by unit and then by their place in the file, so that the same file always
    gives the same table. Raises `IngestError`, `IngestOutOfMemory`, `IngestDiskFull`.
    """
    most = limits.expanded_bytes
    if most is not None and source_format == "csv.gz":
        check_gzip(path, most, lambda share: progress(_GZIP_SHARE * share))
    source = open_source(connection, path, source_format, table)
    if most is not None and source_format == "parquet":
        check_parquet(connection, path, len(source.columns), most)
    began = _GZIP_SHARE if source_format == "csv.gz" else 0.0
    values = []
    for index, column in enumerate(table.columns):
        name, kind = source.columns[column.name], source.types[column.name]
        if isinstance(column, CategoryColumn):
            _create_categories(connection, index, column)
        values.append(f"{_value(column, index, name, kind)} AS v{index}")
    unit = _unit(source.columns[table.unit_column], source.types[table.unit_column])
    try:
        with _watched(connection, lambda share: progress(began + (1 - began) * share)):
            connection.execute(
                f"CREATE TABLE staged AS SELECT row_number() OVER () AS place, {unit} AS unit, "  # noqa: S608
                f"{', '.join(values)} FROM {source.relation} ORDER BY unit NULLS LAST, place",
                source.parameters,
            )
    except duckdb.Error as error:
        raise source.refused(error) from error
    return source


@contextmanager
def _watched(
    connection: duckdb.DuckDBPyConnection, progress: Callable[[float], None]
) -> Iterator[None]:
    """Tell several times a second how far the statement is that runs in the block."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            share = connection.query_progress() / 100  # negative: nothing is known
            if share > 0:
                progress(min(share, 1.0))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _unit(name: str, kind: str) -> str:
    present = f"NOT isnan({name})" if kind in ("FLOAT", "DOUBLE") else "true"
    return f"CASE WHEN {present} THEN nullif(trim(CAST({name} AS VARCHAR), ' \t\r\n'), '') END"


def _value(column: Column, index: int, name: str, kind: str) -> str:
    """SQL for the value of one column. Only numbered names go into it."""
    text = f"CAST({name} AS VARCHAR)"
    match column:
        case CategoryColumn():
            given = text if "" in column.categories else f"nullif({text}, '')"
            place = f"CAST(enum_code(TRY_CAST({given} AS category_{index})) AS INTEGER)"
            return f"CASE WHEN {given} IS NOT NULL THEN coalesce({place}, {UNKNOWN_PLACE}) END"
        case BooleanColumn():
            given = f"nullif(lower(trim({text})), '')"
            return (
                f"CASE WHEN {given} IS NULL OR {given} = 'nan' THEN NULL "
                f"WHEN {given} IN {_TRUE} THEN 1 WHEN {given} IN {_FALSE} THEN 0 "
                f"ELSE {UNKNOWN_PLACE} END"
            )
        case _ if kind.startswith(_NUMERIC):
            number = f"CAST({name} AS DOUBLE)"
            return f"CASE WHEN isfinite({number}) THEN {number} END"
        case _:
            given = f"nullif(trim({text}), '')"
            number = f"TRY_CAST({given} AS DOUBLE)"
            return (
                f"CASE WHEN {given} IS NULL THEN NULL WHEN {number} IS NULL "
                f"THEN CAST('-infinity' AS DOUBLE) WHEN isfinite({number}) THEN {number} END"
            )


def _create_categories(
    connection: duckdb.DuckDBPyConnection, index: int, column: CategoryColumn
) -> None:
    """An enumeration whose codes are the categories' places in the public list."""
    connection.execute(f"CREATE TEMP TABLE listed_{index} (place INTEGER, value VARCHAR)")
    connection.execute(
        f"INSERT INTO listed_{index} "
        "SELECT unnest(range(len($1::VARCHAR[]))), unnest($1::VARCHAR[])",
        [list(column.categories)],
    )
    connection.execute(
        f"CREATE TYPE category_{index} AS ENUM "  # noqa: S608 (a number)
        f"(SELECT value FROM listed_{index} ORDER BY place)"
    )
    connection.execute(f"DROP TABLE listed_{index}")
