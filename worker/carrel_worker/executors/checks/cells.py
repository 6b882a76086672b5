"""Small cells, dominance, and the differences to what was released before."""

import re
from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.outputs import Finding
from carrel_protocol.schema import IntegerColumn, RealColumn
from carrel_worker.executors.checks import groups as behind
from carrel_worker.executors.checks.grids import Column, Grid, is_number
from carrel_worker.executors.checks.groups import Groups, Private
from carrel_worker.executors.checks.thresholds import NK_SHARE, P_SHARE

_COUNTS = re.compile(
    r"(^|[_ .(/])(n|nr|num|number|count|counts|size|freq|frequency|obs|nobs|rows|units|people|"
    r"patients|cases|total)($|[_ .)/0-9])",
    re.IGNORECASE,
)


def small_cells(grid: Grid, privates: Iterable[Private], least: int) -> Iterator[Finding]:
    """Counts below `least`, and rows with fewer people than that behind them."""
    below = [*_small_columns(grid, least), *_small_rows(grid, least)]
    if below:
        sure = [cell for cell, certain in below if certain]
        yield grid.finding(
            "small_cells",
            "alarm" if sure else "warning",
            f"{len(below)} whole numbers from 1 to {least - 1}"
            + ("" if sure else ", which may be counts")
            + ": somebody may be found in so small a group.",
            list(dict.fromkeys(cell for cell, _ in below)),
        )
    for private in privates:
        groups = behind.groups_of(grid, private)
        if groups is None:
            continue
        people = behind.people(groups, private, grid.rows)
        rows = np.flatnonzero((people > 0) & (people < least))
        if rows.size:
            yield grid.finding(
                "small_cells",
                "alarm",
                f"{rows.size} rows, grouped by {', '.join(groups.by)}, have fewer than {least} "
                f"people of '{private.alias}' behind them (fewest: {people[rows].min()}), whatever "
                "the numbers in them are.",
                [(int(row), column.place) for row in rows for column in grid.measures],
            )


def _small_columns(grid: Grid, least: int) -> Iterator[tuple[tuple[int, int], bool]]:
    counts = [column for column in grid.measures if column.counts]
    # A cross table has nothing but counts, under whatever names its columns have.
    cross = grid.is_table and len(counts) == len(grid.measures) and grid.index > 0
    for column in counts:
        numbers = column.numbers
        for row in np.flatnonzero((numbers > 0) & (numbers < least)):
            yield (int(row), column.place), cross or bool(_COUNTS.search(column.name))


def _small_rows(grid: Grid, least: int) -> Iterator[tuple[tuple[int, int], bool]]:
    """Rows that are labelled as counts: `describe()` has one."""
    for row, key in enumerate(grid.keys() if grid.index else ()):
        if not any(isinstance(part, str) and _COUNTS.search(part) for part in key):
            continue
        for column in grid.measures:
            cell = column.cells[row]
            if is_number(cell) and 0 < cell < least:
                yield (row, column.place), True


def dominance(grid: Grid, privates: Iterable[Private]) -> Iterator[Finding]:
    """Totals and means of a private column by groups of which one or two units hold nearly all."""
    for private in privates:
        groups = behind.groups_of(grid, private)
        if groups is None:
            continue
        for column in private.schema.columns:
            if not isinstance(column, IntegerColumn | RealColumn):
                continue
            values = np.nan_to_num(behind.numbers(private, column))
            released = [each for each in grid.measures if _is_of(each, groups, values, grid.rows)]
            if not released:
                continue
            total, first, second = behind.shares(groups, private, values, grid.rows)
            rest = total - first - second
            rows = np.flatnonzero(
                (total > 0) & ((first + second > NK_SHARE * total) | (rest < P_SHARE * first))
            )
            if rows.size:
                yield grid.finding(
                    "dominance",
                    "alarm",
                    f"In {rows.size} groups one or two people make up nearly all of "
                    f"'{column.name}' (two hold more than {NK_SHARE:.0%}, or all others are less "
                    f"than {P_SHARE:.0%} of the largest): whoever is the second largest learns the "
                    "largest.",
                    [(int(row), each.place) for row in rows for each in released],
                )


def _is_of(released: Column, groups: Groups, values: NDArray[np.float64], rows: int) -> bool:
    """Whether a released column is the total or mean of private values in most of its groups."""
    inside = groups.group >= 0
    total = np.bincount(groups.group[inside], weights=values[inside], minlength=rows)
    count = np.bincount(groups.group[inside], minlength=rows)
    numbers = released.numbers
    there = ~np.isnan(numbers) & (count > 0)
    if not there.any():
        return False
    with np.errstate(divide="ignore", invalid="ignore"):
        means = total / count
    return any(
        np.isclose(numbers[there], each[there], rtol=1e-3).mean() > 0.5 for each in (total, means)
    )


def differencing(
    grids: list[Grid], earlier: list[tuple[str, Grid]], least: int
) -> Iterator[Finding]:
    """Counts that differ by less than `least` from those of a like table, and so tell of few."""
    for grid in grids:
        for name, before in earlier:
            yield from _differences(grid, name, before, least)
    for grid, other in combinations(grids, 2):
        yield from _differences(grid, f"'{other.item}'", other, least)


def _differences(grid: Grid, name: str, before: Grid, least: int) -> Iterator[Finding]:
    if not grid.is_table or [c.name for c in grid.labels] != [c.name for c in before.labels]:
        return
    if not grid.index and grid.rows != before.rows:
        return
    rows = {key: row for row, key in enumerate(before.keys())}
    cells: list[tuple[int, int]] = []
    totals: list[tuple[int, int]] = []
    for column in grid.measures:
        other = next((c for c in before.measures if c.name == column.name), None)
        if other is None or not (column.counts and other.counts):
            continue
        now, then = column.numbers, other.numbers
        for row, key in enumerate(grid.keys()):
            if key in rows and 0 < abs(now[row] - then[rows[key]]) < least:
                cells.append((row, column.place))
        if 0 < abs(np.nansum(now) - np.nansum(then)) < least:
            totals.append((0, column.place))
    if cells:
        yield grid.finding(
            "differencing",
            "alarm",
            f"{len(cells)} counts differ by less than {least} from those of {name}: what the two "
            "tables together tell is about so few people.",
            cells,
        )
    elif totals:
        yield grid.finding(
            "differencing",
            "warning",
            f"The total of {len(totals)} columns differs by less than {least} from that of {name}.",
        )
