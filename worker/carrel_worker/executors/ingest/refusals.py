"""Values that a file must not have where it has them: found by count, then named by line."""

from dataclasses import dataclass

import duckdb

from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    Column,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_worker.executors.ingest.sources import Source
from carrel_worker.executors.ingest.staging import UNKNOWN_NUMBER, UNKNOWN_PLACE
from carrel_worker.tables.codes import step


@dataclass(slots=True)
class Counts:
    """What became of a column's values, over the rows kept."""

    clamped: int = 0
    nulls: int = 0
    unknown: int = 0

    def report(self) -> dict[str, int]:
        return {"clamped": self.clamped, "nulls": self.nulls, "unknown": self.unknown}


def refuse_missing(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: TableSchema,
    counts: dict[str, Counts],
) -> None:
    """Raise the error of the first value that is null in a column that has no nulls."""
    for index, column in enumerate(table.columns):
        count = counts[column.name]
        if column.nullable or not (count.nulls or count.unknown):
            continue
        place, unknown = connection.execute(
            f"SELECT place, v{index} IS NOT NULL FROM staged WHERE unit IS NOT NULL "  # noqa: S608
            f"AND (v{index} IS NULL OR v{index} = ?) ORDER BY place LIMIT 1",
            [_marker(column)],
        ).fetchall()[0]
        raise source.missing_value(place, column.name, unknown=unknown)


def refuse_contradicted(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: TableSchema,
    counts: dict[str, Counts],
    rows: int,
) -> None:
    """Raise the error of a column of whose values, two at least, none is in its domain.

    Such a column would be laid out as nothing but nulls or bounds: its type or domain is not
    what the file has. A single value may be an outlier.
    """
    for index, column in enumerate(table.columns):
        count = counts[column.name]
        present = rows - count.nulls
        if present > 1 and count.unknown + count.clamped == present:
            place = _first_outside(connection, index, column)
            raise source.bad_value(
                place,
                column.name,
                f"is not in {_domain(column)}, nor is any other value of the column: correct its "
                "type or domain, or the file",
            )


def refuse_outside(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: TableSchema,
    counts: dict[str, Counts],
) -> None:
    """Raise the error of the first value that is not in its column's domain."""
    for index, column in enumerate(table.columns):
        if counts[column.name].unknown or counts[column.name].clamped:
            place = _first_outside(connection, index, column)
            raise source.bad_value(place, column.name, f"is not in {_domain(column)}")


def _first_outside(connection: duckdb.DuckDBPyConnection, index: int, column: Column) -> int:
    """The place in the file of the first value that is unknown or beyond a bound."""
    outside, bounds = f"v{index} = ?", [_marker(column)]
    if isinstance(column, IntegerColumn | RealColumn):
        # As the values are coded: rounded to the step first, half to even.
        low, high = column.stored_bounds
        unit = step(column)
        outside += f" OR round_even(v{index} * ? / ?, 0) NOT BETWEEN ? AND ?"
        bounds += [float(unit.denominator), float(unit.numerator), low, high]
    return int(
        connection.execute(
            f"SELECT min(place) FROM staged WHERE unit IS NOT NULL AND ({outside})",  # noqa: S608
            bounds,
        ).fetchall()[0][0]
    )


def _marker(column: Column) -> float:
    return UNKNOWN_NUMBER if isinstance(column, IntegerColumn | RealColumn) else UNKNOWN_PLACE


def _domain(column: Column) -> str:
    match column:
        case BooleanColumn():
            return "the declared domain (true, false)"
        case CategoryColumn():
            some = ", ".join(repr(value) for value in column.categories[:5])
            more = ", …" if len(column.categories) > 5 else ""
            return f"the declared categories ({some}{more})"
        case _:
            return f"the declared domain [{column.lower}, {column.upper}] of type {column.type}"
