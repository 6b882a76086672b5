"""Single numbers that are somebody's own, and rows that are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.outputs import Finding
from carrel_protocol.schema import Column as SchemaColumn
from carrel_protocol.schema import IntegerColumn, RealColumn, TableSchema
from carrel_worker.executors.checks.grids import Column, Grid
from carrel_worker.executors.checks.groups import Private, code_of, numbers
from carrel_worker.executors.checks.thresholds import MANY_DIGITS, SAME, SIGNIFICANT
from carrel_worker.executors.mock.compare import compare
from carrel_worker.tables.codes import code_type, last_code, step
from carrel_worker.tables.layout import Table

_MOST_COMPARED = 100_000
_FEWEST_MATCHED = 0.95


def unrounded(grid: Grid, privates: Iterable[Private], least: int) -> Iterator[Finding]:
    """Numbers that equal a value or a sum which fewer than `least` people have; more digits than
    are published."""
    wanted = [
        (column, row, number)
        for column in grid.measures
        for row, number in enumerate(column.numbers[:_MOST_COMPARED])
        if np.isfinite(number) and _digits(number) >= SIGNIFICANT and not _is_count(column)
    ]
    for private in privates:
        if private.too_large or not wanted:
            continue
        sought = np.array([number for _, _, number in wanted])
        for column in private.schema.columns:
            if not isinstance(column, IntegerColumn | RealColumn):
                continue
            for what, met, chance in _met(private, column, sought, least):
                if met.sum() > chance + 4 * np.sqrt(chance):
                    yield grid.finding(
                        "unrounded",
                        "alarm",
                        f"{met.sum()} numbers equal {what} of '{column.name}' that fewer than "
                        f"{least} people of '{private.alias}' have.",
                        [
                            (row, c.place)
                            for (c, row, _), yes in zip(wanted, met, strict=True)
                            if yes
                        ],
                    )
    many = [(row, c.place) for c, row, number in wanted if _digits(number) > MANY_DIGITS]
    if many:
        yield grid.finding(
            "unrounded",
            "note",
            f"{len(many)} numbers have more than {MANY_DIGITS} significant digits. Rounding them "
            "costs a reader nothing, and hides what their last digits may carry.",
            many,
        )


def _met(
    private: Private, column: IntegerColumn | RealColumn, sought: NDArray[np.float64], least: int
) -> Iterator[tuple[str, NDArray[np.bool_], float]]:
    """Which numbers are values, or sums over one unit, that few units have; and how many would be
    if numbers were drawn anywhere within the range of these."""
    values = numbers(private, column)
    there = ~np.isnan(values)
    units = private.units()[there]
    values = values[there]
    size = float(step(column))
    width = float(last_code(column) + 1)
    stored = np.rint(values / size).astype(np.int64)
    pairs = np.unique(np.stack([stored, units]), axis=1)
    of_few, counts = np.unique(pairs[0], return_counts=True)
    rare = of_few[counts < least]
    sums = np.zeros(0, dtype=np.int64)
    if units.size and np.bincount(units).max() > 1:
        totals = np.bincount(units, weights=values, minlength=private.table.units)
        several = np.bincount(units, minlength=private.table.units) > 1
        kept, counts = np.unique(
            np.rint(totals[several] / size).astype(np.int64), return_counts=True
        )
        sums = kept[counts < least]
    for what, few in (("a value", rare), ("one person's sum", sums)):
        if few.size == 0:
            continue
        place = np.rint(sought / size)
        on_grid = np.abs(sought / size - place) <= SAME * np.maximum(1.0, np.abs(sought / size))
        span = max(width, float(few[-1] - few[0] + 1))
        inside = on_grid & (place >= few[0]) & (place <= few[-1])
        met = on_grid & np.isin(np.where(on_grid, place, 0), few)
        yield what, met, float(inside.sum()) * few.size / span


def _is_count(column: Column) -> bool:
    """Whole numbers in a column of small ones: many people's values equal them, and so it goes."""
    return column.counts and float(np.nanmax(column.numbers)) < 10**SIGNIFICANT


def _digits(number: float) -> int:
    """Significant decimal digits of the shortest text that gives this number back."""
    mantissa = f"{float(abs(number))!r}".partition("e")[0].replace(".", "").strip("0")
    return len(mantissa)


def private_rows(
    grid: Grid, privates: Iterable[Private], stopped: Callable[[], bool] = lambda: False
) -> Iterator[Finding]:
    """Rows of which two or more columns together are a private row's, beyond chance."""
    if grid.rows == 0:
        return
    for private in privates:
        matched = _matched(grid, private)
        if len(matched) < 2 or private.too_large:
            continue
        schema = TableSchema(
            unit_column=private.schema.unit_column,
            columns=tuple(column for column, _ in matched),
            size=private.schema.size,
        )
        codes = [[code_of(column, cell) for cell in each.cells] for column, each in matched]
        rows = [
            row
            for row in range(min(grid.rows, _MOST_COMPARED))
            if all(c[row] is not None for c in codes)
        ]
        if not rows:
            continue
        coded = {
            column.name: np.array([each[row] for row in rows], dtype=code_type(column))
            for (column, _), each in zip(matched, codes, strict=True)
        }
        # Only the columns in question: `compare` hashes what both sides have.
        table = replace(
            private.table, columns={name: private.table.columns[name] for name in coded}
        )
        found = compare(coded, table, schema, stopped)
        if found.suspicious:
            names = ", ".join(column.name for column, _ in matched)
            yield grid.finding(
                "private_rows",
                "alarm",
                f"{found.exact} of {len(rows)} rows equal rows of '{private.alias}' in {names}, "
                f"and {found.near} are near to some (chance explains {found.exact_by_chance} and "
                f"{found.near_by_chance}).",
                [
                    (rows[each - 1], column.place)
                    for each in found.examples
                    for _, column in matched
                ],
            )


def _matched(grid: Grid, private: Private) -> list[tuple[SchemaColumn, Column]]:
    """Columns with the name of a private one; without names, those whose values are its."""
    found: list[tuple[SchemaColumn, Column]] = []
    left = {column.name: column for column in private.schema.columns}
    for column in grid.columns:
        named = private.schema.column(column.name) if column.name else None
        if named is not None and left.pop(named.name, None) is not None:
            found.append((named, column))
    if found:
        return found
    for column in grid.columns:
        best = _by_values(column, left, private.table)
        if best is not None:
            found.append((left.pop(best.name), column))
    return found


def _by_values(column: Column, left: dict[str, SchemaColumn], table: Table) -> SchemaColumn | None:
    """The private column, with the widest domain, that holds nearly all of these values."""
    cells = column.cells[:1000]
    for each in sorted(left.values(), key=last_code, reverse=True):
        codes = [code_of(each, cell) for cell in cells]
        known = [code for code in codes if code is not None]
        if len(known) < max(1.0, _FEWEST_MATCHED * len(cells)):
            continue
        held = np.unique(table.columns[each.name])
        if np.isin(known, held).mean() >= _FEWEST_MATCHED and len(set(known)) > 1:
            return each
    return None
