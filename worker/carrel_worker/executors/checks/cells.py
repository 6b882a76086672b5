"""Small cells, and few people who make up nearly all of a total."""

import re
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.outputs import Finding
from carrel_protocol.schema import IntegerColumn, RealColumn
from carrel_worker.executors.checks import groups as behind
from carrel_worker.executors.checks.grids import Column, Grid, as_number
from carrel_worker.executors.checks.groups import Groups, Private
from carrel_worker.executors.checks.thresholds import NK_SHARE, P_SHARE
from carrel_worker.executors.code.results import Result

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
            f"{len(below)} whole {'number' if len(below) == 1 else 'numbers'} from 1 to {least - 1}"
            + ("" if sure else ", which may be counts")
            + ": somebody may be found in so small a group.",
            list(dict.fromkeys(cell for cell, _ in below)),
        )
    for private in privates:
        found = behind.traced(grid, private)
        if found is None:
            continue
        form, groups = found
        people = behind.people(groups, private, form.rows)
        rows = np.flatnonzero((people > 0) & (people < least))
        if rows.size:
            yield grid.finding(
                "small_cells",
                "alarm",
                f"{rows.size} rows, grouped by {', '.join(groups.by)}, have fewer than {least} "
                f"people of '{private.alias}' behind them (fewest: {people[rows].min()}), whatever "
                "the numbers in them are.",
                [cell for row in rows for cell in form.cells_of(int(row))],
            )


def untraced(result: Result, grid: Grid, privates: list[Private]) -> Iterator[Finding]:
    """Say where groups were not looked for: silence would pass for a clean table."""
    if result.item.kind == "figure":
        yield grid.finding(
            "small_cells",
            "note",
            "No check reads a picture: how many people are behind what it shows is for you to see.",
        )
        return
    numbers = any(not np.isnan(column.numbers).all() for column in grid.columns if column.cells)
    if not (numbers or result.item.kind in ("tensors", "frame")) or not privates:
        return
    if all(behind.traced(grid, private) is None for private in privates):
        yield grid.finding(
            "small_cells",
            "note",
            "Its groups could not be traced to the rows that they were made from: that no small "
            "group was found in it says nothing. How many people are behind each number is for "
            "the program to show.",
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
            if 0 < as_number(cell) < least:
                yield (row, column.place), True


def dominance(grid: Grid, privates: Iterable[Private]) -> Iterator[Finding]:
    """Totals and means of a private column by groups of which one or two units hold nearly all."""
    for private in privates:
        found = behind.traced(grid, private)
        if found is None:
            continue
        form, groups = found
        for column in private.schema.columns:
            if not isinstance(column, IntegerColumn | RealColumn):
                continue
            values = np.nan_to_num(behind.numbers(private, column))
            released = [each for each in form.measures if _is_of(each, groups, values, form.rows)]
            if not released:
                continue
            total, first, second = behind.shares(groups, private, values, form.rows)
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
                    [form.at(int(row), each) for row in rows for each in released],
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
