"""The private rows behind the rows of a released table, where its labels tell which they are."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_protocol.schema import Column as SchemaColumn
from carrel_worker.executors.checks.grids import Cell, Column, Grid, is_number
from carrel_worker.executors.checks.thresholds import MOST_ROWS, SAME
from carrel_worker.tables.codes import last_code, lowest, null_code, step
from carrel_worker.tables.layout import Table

_MARGIN = -1
_MARGINS = ("all", "total")
"""How margins of a cross table are called."""
_TRUTHS: dict[object, int] = {"True": 1, "False": 0}
"""As names of columns."""


@dataclass(frozen=True)
class Private:
    """A private table with what its codes mean."""

    alias: str
    schema: TableSchema
    table: Table

    @property
    def too_large(self) -> bool:
        return self.table.rows > MOST_ROWS

    def units(self) -> NDArray[np.int64]:
        """The unit of each row."""
        return np.repeat(np.arange(self.table.units, dtype=np.int64), np.diff(self.table.starts))


@dataclass(frozen=True)
class Groups:
    """Rows of a grid, each with the private rows that have its labels."""

    group: NDArray[np.int64]
    """Of each private row: the grid's row, or -1."""
    by: tuple[str, ...]


def code_of(column: SchemaColumn, cell: Cell) -> int | None:
    """The code of a released cell if it is a value of the column's domain, else None."""
    if cell is None:
        return null_code(column)
    match column:
        case CategoryColumn():
            if isinstance(cell, str) and column.has(cell):
                return column.categories.index(cell)
        case BooleanColumn():
            if cell in (0, 1):
                return int(cell)
        case IntegerColumn() | RealColumn():
            if not is_number(cell) or not math.isfinite(cell):
                return None
            stored = float(cell) / float(step(column))
            code = round(stored) - lowest(column)
            if abs(stored - round(stored)) <= SAME * max(1.0, abs(stored)) and (
                0 <= code <= last_code(column)
            ):
                return code
    return None


def traced(grid: Grid, private: Private) -> tuple[Grid, Groups] | None:
    """The grid in the finest form of which the rows are groups of private rows, and those.

    Its columns may be groups too: of both at once (a cross table), or they alone. None where
    neither are values of private columns.
    """
    if private.too_large:
        return None
    for made in (grid.melted, lambda: grid, grid.turned):
        form = made()
        if form is not None and (groups := groups_of(form, private)) is not None:
            return form, groups
    return None


def groups_of(grid: Grid, private: Private) -> Groups | None:
    """None where the labels are not all values of private columns, or do not tell rows apart."""
    codes: list[tuple[SchemaColumn, list[int]]] = []
    for label in _labels(grid):
        found = _codes(label, private.schema, {column.name for column, _ in codes})
        if found is None:
            return None
        codes.append(found)
    if not codes or private.too_large or grid.rows == 0:
        return None
    group = np.zeros(private.table.rows, dtype=np.int64)
    wanted = np.zeros(grid.rows, dtype=np.int64)
    margins = np.zeros(grid.rows, dtype=np.bool_)
    size = 1
    for column, each in codes:
        width = last_code(column) + 2
        if size > 2**62 // width:
            return None
        group = group * width + private.table.columns[column.name].astype(np.int64)
        wanted = wanted * width + np.array(each, dtype=np.int64)
        margins |= np.array(each) == _MARGIN
        size *= width
    wanted[margins] = _MARGIN
    if np.unique(wanted[~margins]).size != (~margins).sum() or margins.all():
        return None
    order = np.argsort(wanted)
    places = np.searchsorted(wanted[order], group)
    places[places == grid.rows] = 0
    rows = order[places]
    return Groups(
        np.where(wanted[rows] == group, rows, -1), tuple(column.name for column, _ in codes)
    )


def _labels(grid: Grid) -> list[Column]:
    """What labels the rows: what is said to, or else texts and truth values."""
    if grid.index:
        return grid.keys_of_rows
    return [c for c in grid.columns if any(isinstance(cell, bool | str) for cell in c.cells)]


def _codes(
    label: Column, schema: TableSchema, used: set[str]
) -> tuple[SchemaColumn, list[int]] | None:
    """The private column whose values the labels are: that of their name, or the only one that
    has all these values."""
    named = schema.column(label.name) if label.name else None
    if named is not None and named.name not in used and (codes := _coded(named, label)):
        return named, codes
    if not any(isinstance(cell, bool | str) for cell in label.cells):
        return None  # numbers may be anybody's
    found = [
        (column, codes)
        for column in schema.columns
        if isinstance(column, CategoryColumn | BooleanColumn) and column.name not in used
        if (codes := _coded(column, label))
    ]
    return found[0] if len(found) == 1 else None


def _coded(column: SchemaColumn, label: Column) -> list[int] | None:
    """The labels' codes, `_MARGIN` for those of totals."""
    codes: list[int] = []
    for cell in label.cells:
        code = _TRUTHS.get(cell) if isinstance(column, BooleanColumn) else None
        code = code_of(column, cell) if code is None else code
        if code is None and isinstance(cell, str) and cell.lower() in _MARGINS:
            code = _MARGIN
        if code is None:
            return None
        codes.append(code)
    return codes


def people(groups: Groups, private: Private, rows: int) -> NDArray[np.int64]:
    """How many units are behind each row of the grid."""
    inside = groups.group >= 0
    pairs = np.unique(
        groups.group[inside] * np.int64(private.table.units) + private.units()[inside]
    )
    return np.bincount(pairs // private.table.units, minlength=rows)


def shares(
    groups: Groups, private: Private, values: NDArray[np.float64], rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Each row's total of |values| and its largest and second largest unit's part of it."""
    inside = groups.group >= 0
    pairs, place = np.unique(
        groups.group[inside] * np.int64(private.table.units) + private.units()[inside],
        return_inverse=True,
    )
    part = np.abs(np.bincount(place, weights=values[inside], minlength=pairs.size))
    row = pairs // private.table.units
    total = np.bincount(row, weights=part, minlength=rows).astype(np.float64)
    first, second = np.zeros(rows), np.zeros(rows)
    np.maximum.at(first, row, part)
    order = np.lexsort((-part, row))
    starts = np.searchsorted(row[order], np.arange(rows))
    for each in range(rows):
        if starts[each] + 1 < order.size and row[order[starts[each] + 1]] == each:
            second[each] = part[order[starts[each] + 1]]
    return total, first, second


def numbers(private: Private, column: SchemaColumn) -> NDArray[np.float64]:
    """A private numeric column's values, NaN for nulls."""
    codes = private.table.columns[column.name]
    values = (codes.astype(np.float64) + lowest(column)) * float(step(column))
    if (null := null_code(column)) is not None:
        values[codes == null] = np.nan
    return values
