"""Two releases that differ in few people, under whatever names and in whatever form they come.

Two tables that are nearly the same tell together what neither tells alone. So each column and each
row of numbers is held against each that leaves with it or left before, as a set of numbers: what
they are called, how they are ordered, and whether they stand side by side or below each other can
be changed by whoever asks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.outputs import Finding
from carrel_worker.executors.checks.grids import Column, Grid, Place

_MOST_NUMBERS = 200_000_000
"""That many are compared at most; then the reviewer is told."""
_AT_ONCE = 1_000_000
_MOST_SERIES = 1000
_LEAST_SERIES = 2
_NEAR = 0.01
"""Relative difference of numbers that are no counts, of two tables that are otherwise the same."""
_PEOPLE = 100
"""Whole numbers below this may be anything, such as ages."""
_MOST_TOTALS = 6
_SMALL_TOTAL = 50
"""Totals are compared of few columns, and from so many smallest cells on: others are near each
other by chance."""


@dataclass(frozen=True)
class _Series:
    """Numbers that stand together, in ascending order, and where each stands."""

    numbers: NDArray[np.float64]
    cell: Callable[[int], Place]
    counts: bool


@dataclass(frozen=True)
class _Held:
    """What there is to compare of a grid."""

    series: list[_Series]
    totals: list[float]


@dataclass
class _Room:
    """How much may still be compared."""

    left: int = _MOST_NUMBERS
    short: bool = False

    def take(self, numbers: int) -> bool:
        self.left -= numbers
        self.short |= self.left < 0
        return self.left >= 0


@dataclass
class _Told:
    alarms: set[Place] = field(default_factory=set)
    warned: int = 0
    totals: int = 0


def differencing(
    grids: list[Grid], earlier: list[tuple[str, Grid]], least: int
) -> Iterator[Finding]:
    """Numbers that differ by less than `least` from those of a like table: what both tell
    together is about so few people."""
    room = _Room()
    made = {id(grid): _held(grid, least) for grid in [*grids, *(grid for _, grid in earlier)]}
    pairs = [(grid, name, before) for grid in grids for name, before in earlier]
    pairs += [(grid, f"'{other.item}'", other) for grid, other in combinations(grids, 2)]
    for grid, name, before in pairs:
        told = _Told(set(_by_labels(grid, before, least)))
        if not told.alarms:
            _as_sets(made[id(grid)], made[id(before)], least, room, told)
        yield from _findings(grid, name, told, least)
    if room.short:
        yield Finding(
            check="differencing",
            level="warning",
            item="",
            message="There is too much to compare: differences to other releases were not looked "
            "for in all of it.",
        )


def _findings(grid: Grid, name: str, told: _Told, least: int) -> Iterator[Finding]:
    if told.alarms:
        yield grid.finding(
            "differencing",
            "alarm",
            f"{len(told.alarms)} counts differ by less than {least} from those of {name}: what the "
            "two tell together is about so few people.",
            sorted(told.alarms),
        )
    elif told.warned:
        yield grid.finding(
            "differencing",
            "warning",
            f"{told.warned} rows or columns hold nearly the same numbers as {name}: the two may "
            "differ in few people.",
        )
    elif told.totals:
        yield grid.finding(
            "differencing",
            "warning",
            f"The total of {told.totals} columns differs by less than {least} from one of {name}.",
        )


def _by_labels(grid: Grid, before: Grid, least: int) -> Iterator[Place]:
    """Counts in rows and columns of the same names that differ by little, and not by nothing."""
    if not grid.keys_of_rows or not before.keys_of_rows:
        return
    rows = {key: row for row, key in enumerate(before.keys())}
    rows.pop(("",), None)  # of a single number, which has no name
    columns = {column.name: column for column in before.measures}
    for column in grid.measures:
        other = columns.get(column.name)
        if other is None or not (_whole(column.numbers) and _whole(other.numbers)):
            continue
        now, then = column.numbers, other.numbers
        for row, key in enumerate(grid.keys()):
            if key in rows and 0 < abs(now[row] - then[rows[key]]) < least:
                yield row, column.place


def _as_sets(now: _Held, before: _Held, least: int, room: _Room, told: _Told) -> None:
    """Hold each series against each of its length, both in ascending order: so they differ least
    where one was made of the other."""
    by_length: dict[int, list[_Series]] = {}
    for each in before.series:
        by_length.setdefault(each.numbers.size, []).append(each)
    for series in now.series:
        size = series.numbers.size
        others = by_length.get(size, [])
        if not others or not room.take(len(others) * size):
            continue
        at_once = max(1, _AT_ONCE // size)
        for first in range(0, len(others), at_once):
            part = others[first : first + at_once]
            apart = np.abs(np.stack([other.numbers for other in part]) - series.numbers)
            same = (apart == 0).sum(axis=1)
            for n in np.flatnonzero(
                (same < size) & ((apart < least).all(axis=1) | (2 * same >= size))
            ):
                _look(series, part[n], apart[n], least, told)
    for total in now.totals:
        told.totals += any(0 < abs(total - other) < least for other in before.totals)


def _look(
    series: _Series, other: _Series, apart: NDArray[np.float64], least: int, told: _Told
) -> None:
    """Two series of which one or more numbers differ."""
    size, same = apart.size, int((apart == 0).sum())
    half = 2 * same >= size
    if series.counts and other.counts:
        most = float(series.numbers[-1])
        if not (apart < least).all() or most < least:
            return
        if half and most >= _PEOPLE:
            told.alarms.update(series.cell(int(n)) for n in np.flatnonzero(apart))
        elif half or size != _LEAST_SERIES:
            # Other groups of the same people have the same total.
            told.warned += bool(series.numbers.sum() != other.numbers.sum()) or half
        return
    scale = np.maximum(np.abs(series.numbers), np.abs(other.numbers))
    if size > _LEAST_SERIES and half and (apart <= _NEAR * scale).all():
        told.warned += 1


def _held(grid: Grid, least: int) -> _Held:
    """Its columns of numbers and, of a table or matrix, its rows."""
    columns = [column for column in grid.measures if not np.isnan(column.numbers).all()]
    columns = columns[:_MOST_SERIES]
    if not columns or not grid.rows:
        return _Held([], [])
    numbers = np.stack([column.numbers for column in columns])
    upright = [_one(numbers[n], partial(_below, grid, column)) for n, column in enumerate(columns)]
    across = []
    if len(columns) > 1 and grid.rows <= _MOST_SERIES:
        across = [
            _one(numbers[:, row], partial(_beside, grid, columns, row)) for row in range(grid.rows)
        ]
    found = [each for each in (*upright, *across) if each.numbers.size]
    return _Held(found, _totals(upright, least))


def _below(grid: Grid, column: Column, n: int) -> Place:
    return grid.at(n, column)


def _beside(grid: Grid, columns: list[Column], row: int, n: int) -> Place:
    return grid.at(row, columns[n])


def _totals(columns: Sequence[_Series], least: int) -> list[float]:
    """Of columns of counts, and of all of them together: that of a cross table."""
    counts = [float(each.numbers.sum()) for each in columns if each.counts]
    if not counts or len(columns) > _MOST_TOTALS or columns[0].numbers.size < _LEAST_SERIES:
        return []
    together = [sum(counts)] if len(counts) > 1 else []
    return [each for each in (*counts, *together) if each >= _SMALL_TOTAL * least]


def _one(numbers: NDArray[np.float64], place: Callable[[int], Place]) -> _Series:
    there = np.flatnonzero(~np.isnan(numbers))
    order = there[np.argsort(numbers[there], kind="stable")]
    return _Series(numbers[order], lambda n: place(int(order[n])), _whole(numbers[order]))


def _whole(numbers: NDArray[np.float64]) -> bool:
    """Whether these may be counts."""
    numbers = numbers[~np.isnan(numbers)]
    return bool(numbers.size and (numbers >= 0).all() and (numbers == np.floor(numbers)).all())
