"""First level of the bound: one cell per (unit, group) that has a row.

Rows are sorted by unit, so a range of units is a slice of every column. It is aggregated in one
of two ways with the same result: into a dense table of units × groups where most of it is used,
else by sorting. Both are exact: where a float64 accumulator could round, codes are summed in
two halves.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.schema import Column
from carrel_worker.tables.codes import last_code, null_code

Ints = NDArray[np.int64]
Exact = NDArray[Any]
"""Integers that cannot wrap: int64 where a bound says they fit, else Python ints."""

ROWS_AT_ONCE = 2**17
CELLS_AT_ONCE = 2**17
_DENSE = 8
"""A table of units × groups is used while it has at most this many cells per row."""
_HALF = 26


@dataclass(frozen=True, slots=True)
class Sums:
    """Per cell: how many rows have a value in a column, and the sum of their codes."""

    rows: Ints
    total: Exact

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.rows + other.rows, self.total + other.total)

    def at(self, places: Ints) -> "Sums":
        return Sums(self.rows[places], self.total[places])


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a range of units, by unit and then by group."""

    unit: Ints
    """The unit's place in the range."""
    group: Ints
    rows: Ints
    """Rows that pass the condition: at least 1."""
    sums: dict[str, Sums]

    def only(self, kept: NDArray[np.bool_]) -> "Cells":
        places = np.flatnonzero(kept)
        sums = {name: item.at(places) for name, item in self.sums.items()}
        return Cells(self.unit[places], self.group[places], self.rows[places], sums)


@dataclass(frozen=True, slots=True)
class Summed:
    """A column to count in each cell, and to sum if `total`."""

    column: Column
    total: bool
    wide: bool
    """Whether the sums need more than 64 bits."""


@dataclass(frozen=True, slots=True)
class Piece:
    """At most ROWS_AT_ONCE rows: each one's cell (unit · groups + group) and its codes."""

    cell: Ints
    codes: dict[str, NDArray[Any]]


def unit_ranges(starts: Ints, groups: int) -> Iterator[tuple[int, int, bool]]:
    """Ranges of units that are small enough to aggregate at once: (first, end, dense).

    A range has at most ROWS_AT_ONCE rows unless it is a single unit, which is then dense.
    """
    units = starts.size - 1
    dense = units * groups <= _DENSE * int(starts[-1])
    most_units = max(1, CELLS_AT_ONCE // groups) if dense else units
    first = 0
    while first < units:
        limit = starts[first] + ROWS_AT_ONCE
        end = min(int(np.searchsorted(starts, limit, side="right")) - 1, first + most_units)
        if end <= first:  # one unit has more rows than that, hence more rows than groups
            yield first, first + 1, True
            end = first + 1
        else:
            yield first, end, dense
        first = end


def dense_cells(
    pieces: Iterator[Piece], units: int, groups: int, summed: tuple[Summed, ...]
) -> Cells:
    """Cells by counting into a table of units × groups."""
    size = units * groups
    rows: Ints = np.zeros(0, dtype=np.int64)
    sums: dict[str, Sums] = {}
    for piece in pieces:

        def tally(weights: NDArray[Any], cell: Ints = piece.cell) -> Ints:
            return np.bincount(cell, weights, minlength=size).astype(np.int64)

        counted = np.bincount(piece.cell, minlength=size)
        rows = rows + counted if rows.size else counted
        for item in summed:
            name = item.column.name
            part = _sums(item, piece.codes[name], counted, tally)
            sums[name] = sums[name] + part if name in sums else part
    used = np.flatnonzero(rows != 0)
    unit = used // groups
    return Cells(
        unit,
        used - unit * groups,
        rows[used],
        {name: part.at(used) for name, part in sums.items()},
    )


def sorted_cells(piece: Piece, groups: int, summed: tuple[Summed, ...]) -> Cells:
    """Cells by sorting the rows: for tables of units × groups that are nearly empty."""
    order = np.argsort(piece.cell, kind="stable")
    cell = piece.cell[order]
    new = np.ones(cell.size, dtype=bool)
    np.not_equal(cell[1:], cell[:-1], out=new[1:])
    first = np.flatnonzero(new)
    rows = np.diff(first, append=cell.size)

    def tally(weights: NDArray[Any]) -> Ints:
        if not first.size:
            return np.zeros(0, dtype=np.int64)
        return np.add.reduceat(weights[order], first, dtype=np.int64)

    used = cell[first]
    unit = used // groups
    sums = {
        item.column.name: _sums(item, piece.codes[item.column.name], rows, tally) for item in summed
    }
    return Cells(unit, used - unit * groups, rows, sums)


def _sums(
    item: Summed, codes: NDArray[Any], rows: Ints, tally: Callable[[NDArray[Any]], Ints]
) -> Sums:
    """Sums of `codes`, at most ROWS_AT_ONCE of them, by cell.

    `tally` is exact for totals below 2^53, so wider codes are summed in two halves.
    """
    null = null_code(item.column)
    if null is not None:
        valid = codes != null
        rows = tally(valid)
        codes = codes * valid
    if not item.total:
        return Sums(rows, np.zeros_like(rows))
    if last_code(item.column) * ROWS_AT_ONCE < 2**53:
        total: Exact = tally(codes)
        return Sums(rows, total.astype(object) if item.wide else total)
    low, high = tally(codes & (2**_HALF - 1)), tally(codes >> _HALF)
    if item.wide:
        return Sums(rows, high.astype(object) * 2**_HALF + low.astype(object))
    return Sums(rows, (high << _HALF) + low)
