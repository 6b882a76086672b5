"""Rows that are somebody's: as they are, turned on their side, or rounded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.outputs import Finding
from carrel_protocol.schema import Column as SchemaColumn
from carrel_protocol.schema import IntegerColumn, RealColumn, TableSchema
from carrel_worker.executors.checks.grids import Cell, Column, Grid, as_number
from carrel_worker.executors.checks.groups import Private, code_of, numbers
from carrel_worker.executors.checks.thresholds import SAME
from carrel_worker.executors.mock.compare import compare
from carrel_worker.tables.codes import code_type, last_code, null_code, step
from carrel_worker.tables.layout import Codes, Table

_MOST_COMPARED = 100_000
_FEWEST_MATCHED = 0.95
_MOST_COLUMNS = 50
"""Of a grid without names: that many columns are looked for among the private ones."""
_LOOKED_AT = 1000
_STEPS = [m * 10.0**e for e in range(9, -7, -1) for m in (5, 2, 1)]
"""What numbers are rounded to, the coarsest first."""


@dataclass(frozen=True)
class _Match:
    """A released column that holds a private one's values, and both in codes of one kind."""

    column: SchemaColumn
    released: Column
    codes: list[int | None]
    private: Codes
    rounded_to: float = 0.0


def private_rows(
    grid: Grid, privates: Iterable[Private], stopped: Callable[[], bool] = lambda: False
) -> Iterator[Finding]:
    """Rows of which two or more columns together are a private row's, beyond chance."""
    for private in privates:
        if private.too_large:
            continue
        for form in (grid, grid.turned() if not grid.places else None):
            found = None if form is None else _alike(form, private, stopped)
            if form is not None and found is not None:
                yield grid.finding("private_rows", "alarm", *found)
                break


def _alike(
    grid: Grid, private: Private, stopped: Callable[[], bool]
) -> tuple[str, list[tuple[int, int]]] | None:
    """What there is to say, and the cells that it is about."""
    if grid.rows == 0:
        return None
    matches = _matched(grid, private)
    exact = [each for each in matches if not each.rounded_to]
    for used in (exact, matches):
        if len(used) < 2 or (used is matches and len(exact) == len(matches)):
            continue
        if (found := _compared(grid, private, used, stopped)) is not None:
            return found
    return None


def _compared(
    grid: Grid, private: Private, matches: list[_Match], stopped: Callable[[], bool]
) -> tuple[str, list[tuple[int, int]]] | None:
    schema = TableSchema(
        unit_column=private.schema.unit_column,
        columns=tuple(each.column for each in matches),
        size=private.schema.size,
    )
    rows = [
        row
        for row in range(min(grid.rows, _MOST_COMPARED))
        if all(each.codes[row] is not None for each in matches)
    ]
    if not rows:
        return None
    coded = {
        each.column.name: np.array([each.codes[row] for row in rows], code_type(each.column))
        for each in matches
    }
    # Only the columns in question: `compare` hashes what both sides have.
    table = replace(private.table, columns={m.column.name: m.private for m in matches})
    found = compare(coded, table, schema, stopped)
    if not found.suspicious:
        return None
    names = ", ".join(
        m.column.name + (f" (rounded to {m.rounded_to:g})" if m.rounded_to else "") for m in matches
    )
    words = (
        f"{found.exact} of {len(rows)} rows equal rows of '{private.alias}' in {names}, and "
        f"{found.near} are near to some (chance explains {found.exact_by_chance} and "
        f"{found.near_by_chance})."
    )
    return words, [grid.at(rows[n - 1], m.released) for n in found.examples for m in matches]


def _matched(grid: Grid, private: Private) -> list[_Match]:
    """Columns with the name of a private one; without names, those whose values are its, or are
    its rounded."""
    found: list[_Match] = []
    left = {column.name: column for column in private.schema.columns}
    for column in grid.columns:
        named = private.schema.column(column.name) if column.name else None
        if named is not None and left.pop(named.name, None) is not None:
            found.append(_as_it_is(named, column, private.table))
    if found:
        return found
    others: list[Column] = []
    for column in grid.columns[:_MOST_COLUMNS]:
        best = _by_values(column, left, private.table)
        if best is None:
            others.append(column)
        else:
            found.append(_as_it_is(left.pop(best.name), column, private.table))
    for column in others:
        match = _by_rounded(column, left, private)
        if match is not None:
            left.pop(match.column.name)
            found.append(match)
    return found


def _as_it_is(column: SchemaColumn, released: Column, table: Table) -> _Match:
    codes = [code_of(column, _number(column, cell)) for cell in released.cells]
    return _Match(column, released, codes, table.columns[column.name])


def _number(column: SchemaColumn, cell: Cell) -> Cell:
    """A number that is written as a text is one."""
    if isinstance(column, IntegerColumn | RealColumn) and isinstance(cell, str):
        return as_number(cell)  # NaN is no code
    return cell


def _by_values(column: Column, left: dict[str, SchemaColumn], table: Table) -> SchemaColumn | None:
    """The private column, with the widest domain, that holds nearly all of these values."""
    cells = column.cells[:_LOOKED_AT]
    for each in sorted(left.values(), key=last_code, reverse=True):
        codes = [code_of(each, _number(each, cell)) for cell in cells]
        known = [code for code in codes if code is not None]
        if len(known) < max(1.0, _FEWEST_MATCHED * len(cells)):
            continue
        held = np.unique(table.columns[each.name])
        if np.isin(known, held).mean() >= _FEWEST_MATCHED and len(set(known)) > 1:
            return each
    return None


def _by_rounded(column: Column, left: dict[str, SchemaColumn], private: Private) -> _Match | None:
    """The private column of numbers that, rounded as these are, holds nearly all of them."""
    released = column.numbers
    known = released[:_LOOKED_AT]
    known = known[~np.isnan(known)]
    to = rounded_to(known)
    if to is None or np.unique(known).size < 2:
        return None
    for each in sorted(left.values(), key=last_code, reverse=True):
        if not isinstance(each, IntegerColumn | RealColumn) or to <= float(step(each)):
            continue
        values = np.rint(numbers(private, each) / to)
        there = values[~np.isnan(values)]
        if there.size == 0 or np.isin(np.rint(known / to), np.unique(there)).mean() < (
            _FEWEST_MATCHED
        ):
            continue
        low, high = int(there.min()), int(there.max())
        coarse = IntegerColumn(name=each.name, lower=low, upper=high)
        coded = np.where(np.isnan(values), 0, values - low).astype(np.int64)
        null = null_code(coarse)
        assert null is not None  # columns are nullable unless they say otherwise
        coded[np.isnan(values)] = null
        codes = [
            None if np.isnan(number) or not low <= round(number / to) <= high
            else round(number / to) - low
            for number in released
        ]  # fmt: skip
        return _Match(coarse, column, codes, coded.astype(code_type(coarse)), to)
    return None


def rounded_to(numbers: NDArray[np.float64]) -> float | None:
    """The coarsest of the usual steps of which all these are multiples, if of any."""
    if numbers.size == 0 or not np.isfinite(numbers).all():
        return None
    for each in _STEPS:
        places = numbers / each
        if (np.abs(places - np.rint(places)) <= SAME * np.maximum(1.0, np.abs(places))).all():
            return each
    return None
