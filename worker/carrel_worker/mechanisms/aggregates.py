"""The exact, bounded integers of a query, before any noise."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.plan import QueryPlan
from carrel_protocol.schema import Column, TableSchema, UnitBounds
from carrel_protocol.sensitivity import Lowered, Primitive, lower
from carrel_worker.mechanisms import cells
from carrel_worker.mechanisms.bounding import add_to, chosen, contributions, os_offsets
from carrel_worker.mechanisms.cells import (
    Cells,
    Exact,
    Ints,
    Piece,
    Summed,
    dense_cells,
    sorted_cells,
    unit_ranges,
)
from carrel_worker.mechanisms.conditions import columns_read, compile_condition
from carrel_worker.mechanisms.numbers import Mask
from carrel_worker.tables.codes import last_code, lowest
from carrel_worker.tables.layout import Table, open_table

Offsets = Callable[[int], NDArray[np.uint64]]
"""One secret 64-bit offset per unit, for a number of units."""

_FITS = 2**62
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


def exact(
    plan: QueryPlan,
    schema: TableSchema,
    bounds: UnitBounds,
    data: Path,
    offsets: Offsets = os_offsets,
) -> list[list[int]]:
    """One vector per primitive of `sensitivity.lower`: an integer per public key.

    Keys are the product of the group columns' public keys, the last column varying fastest.
    Values are exact, then saturated to 64 bits (which moves no two answers apart). Adding or
    removing one unit changes a vector by at most its primitive's sensitivity, whatever the data
    and the other units' offsets.

    Raises `ValueError` for a plan that does not fit the schema, before a row is read; `OSError`,
    `tables.layout.NotATable` and `CodedDifferently` for the file.
    """
    lowered = lower(plan, schema, bounds)
    condition = None if plan.where is None else compile_condition(plan.where, schema)
    grouping = [_column(schema, name) for name in plan.group_by]
    counted = [_column(schema, p.column) for p in lowered.primitives if p.column is not None]
    names = {c.name for c in (*grouping, *counted)} | columns_read(plan.where, schema)
    table = open_table(data, [_column(schema, name) for name in sorted(names)])
    query = _Query(lowered, condition, tuple(grouping), tuple(dict.fromkeys(counted)), table)
    return [[_saturated(int(value)) for value in vector] for vector in query.run(offsets)]


@dataclass(frozen=True, slots=True)
class _Query:
    lowered: Lowered
    condition: Mask | None
    grouping: tuple[Column, ...]
    counted: tuple[Column, ...]
    table: Table

    def run(self, offsets: Offsets) -> list[Exact]:
        groups, most_groups = self.lowered.keys, self.lowered.groups_per_unit
        starts, units = self.table.starts, self.table.units
        totals = [self.empty(primitive) for primitive in self.lowered.primitives]
        # A bound that no unit can exceed needs no choice, hence no offsets.
        drawn = offsets(units) if most_groups < groups else None
        summed = self.summed()
        for first, end, dense in unit_ranges(starts, groups):
            pieces = self.pieces(first, end, groups)
            if dense:
                found = dense_cells(pieces, end - first, groups, summed)
            else:
                found = sorted_cells(next(pieces), groups, summed)
            keep = None
            if drawn is not None:
                keep = chosen(found.unit, end - first, most_groups, drawn[first:end])
            kept = found if keep is None else found.only(keep)
            for total, primitive in zip(totals, self.lowered.primitives, strict=True):
                self.add(total, primitive, kept)
        return totals

    def add(self, total: Exact, primitive: Primitive, kept: Cells) -> None:
        sums, base = None, 0
        if primitive.column is not None:
            column = next(c for c in self.counted if c.name == primitive.column)
            sums, base = kept.sums[column.name], lowest(column)
        values = contributions(primitive, kept.rows, sums, base)
        add_to(total, kept.group, values, primitive.rows_per_group * primitive.magnitude)

    def empty(self, primitive: Primitive) -> Exact:
        """A vector of zeros of a type that no number of units can overflow."""
        largest = self.table.units * primitive.rows_per_group * primitive.magnitude
        return np.zeros(self.lowered.keys, dtype=np.int64 if largest < _FITS else object)

    def summed(self) -> tuple[Summed, ...]:
        most_rows = int(np.diff(self.table.starts).max(initial=1))
        items = []
        for column in self.counted:
            used = [p for p in self.lowered.primitives if p.column == column.name]
            spread = max(abs(lowest(column) - p.centre) for p in used) + last_code(column) + 1
            largest = spread * most_rows * self.lowered.rows_per_group
            total = any(p.kind == "sum" for p in used)
            items.append(Summed(column, total, wide=largest >= _FITS))
        return tuple(items)

    def pieces(self, first: int, end: int, groups: int) -> Iterator[Piece]:
        """The rows of units first … end − 1 that pass the condition, a bounded number at once."""
        starts = self.table.starts
        row, last = int(starts[first]), int(starts[end])
        while True:
            stop = min(last, row + cells.ROWS_AT_ONCE)
            rows = {name: codes[row:stop] for name, codes in self.table.columns.items()}
            if end - first == 1:
                cell: Ints = np.zeros(stop - row, dtype=np.int64)
            else:
                cell = np.repeat(
                    np.arange(0, (end - first) * groups, groups), np.diff(starts[first : end + 1])
                )
            self.number_cells(cell, rows, groups)
            codes = {column.name: rows[column.name] for column in self.counted}
            if self.condition is not None:
                passing = np.broadcast_to(self.condition(rows), stop - row)
                kept = np.flatnonzero(passing)
                cell = cell[kept]
                codes = {name: values[kept] for name, values in codes.items()}
            yield Piece(cell, codes)
            row = stop
            if row >= last:
                return

    def number_cells(self, cell: Ints, rows: dict[str, NDArray[Any]], groups: int) -> None:
        """Add each row's key, by its place among the public keys, to its unit's first cell."""
        stride = groups
        for column in self.grouping:
            stride //= _keys(column)
            codes = rows[column.name]
            cell += codes if stride == 1 else codes.astype(np.int64) * stride


def _keys(column: Column) -> int:
    return last_code(column) + 1 + int(column.nullable)


def _column(schema: TableSchema, name: str) -> Column:
    column = schema.column(name)
    assert column is not None, "`lower` has checked"
    return column


def _saturated(value: int) -> int:
    return min(max(value, _SMALLEST), _LARGEST)
