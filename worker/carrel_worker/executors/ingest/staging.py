"""The rows in DuckDB, read once and sorted by unit, before they are coded.

A value becomes a number or a category's place. A null, NaN or infinity stays null; a value that
could not be read, or is on no public list, becomes a marker of its own, so that both can be
counted. Each value is treated without a look at any other row (SOUNDNESS 1 in the design).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from carrel_protocol.schema import BooleanColumn, CategoryColumn, Column, TableSchema
from carrel_worker.executors.ingest.sources import Format, Source, open_source

UNKNOWN_NUMBER = float("-inf")
UNKNOWN_PLACE = -1
_NUMERIC = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL",
)  # fmt: skip
_TRUE = "('true', 't', 'yes', 'y', '1', '1.0')"
_FALSE = "('false', 'f', 'no', 'n', '0', '0.0')"


@contextmanager
def staging_database(
    source: Path, scratch: Path, memory_bytes: int | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own that spills to `scratch` and may read `source`, but no other file."""
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
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def stage(
    connection: duckdb.DuckDBPyConnection, path: Path, source_format: Format, table: TableSchema
) -> Source:
    """Fill `staged`: `place` (the row in the file, from 1), `unit` (text, nulls last), v0, v1, …

    Rows are sorted by unit and then by their place in the file, so that the same file always
    gives the same table. Raises `IngestError`, `IngestOutOfMemory`.
    """
    source = open_source(connection, path, source_format, table)
    values = []
    for index, column in enumerate(table.columns):
        name, kind = source.columns[column.name], source.types[column.name]
        if isinstance(column, CategoryColumn):
            _create_categories(connection, index, column)
        values.append(f"{_value(column, index, name, kind)} AS v{index}")
    unit = _unit(source.columns[table.unit_column], source.types[table.unit_column])
    try:
        connection.execute(
            f"CREATE TABLE staged AS SELECT row_number() OVER () AS place, {unit} AS unit, "  # noqa: S608
            f"{', '.join(values)} FROM {source.relation} ORDER BY unit NULLS LAST, place",
            source.parameters,
        )
    except duckdb.Error as error:
        raise source.refused(error) from error
    return source


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
