"""Single numbers that are somebody's own, and more digits than an aggregate needs."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.labels import is_numeral
from carrel_protocol.outputs import Finding
from carrel_protocol.schema import IntegerColumn, RealColumn
from carrel_protocol.written import significant
from carrel_worker.executors.checks.grids import Column, Grid, Place
from carrel_worker.executors.checks.groups import Private, numbers
from carrel_worker.executors.checks.thresholds import (
    FULL_DIGITS,
    MANY_DIGITS,
    MANY_TEXTS,
    SAME,
    SIGNIFICANT,
)
from carrel_worker.executors.checks.written import in_names, in_texts, irregular
from carrel_worker.executors.code.results import Result
from carrel_worker.tables.codes import step

_MOST_COMPARED = 100_000
_SAMPLED = 20_000
_AROUND = 50
_LEAST_AROUND = 50
_MANY = 30.0
_SURPRISE = 1e-3
"""How often numbers that are nobody's are said to be somebody's."""


class _Sought(NamedTuple):
    number: float
    cell: Place | None


class _Few(NamedTuple):
    """What few people have: whole multiples of a column's unit, sorted."""

    what: str
    stored: NDArray[np.int64]
    size: float

    def met(self, sought: NDArray[np.float64]) -> tuple[NDArray[np.bool_], float]:
        """Which numbers are among these; and how many would be if each had come out a little
        different, within a fiftieth of it."""
        with np.errstate(over="ignore", invalid="ignore"):
            place = np.rint(sought / self.size)
            apart = np.abs(sought / self.size - place)
        on_grid = (apart <= SAME * np.maximum(1.0, np.abs(place))) & (np.abs(place) < 2**62)
        whole = np.where(on_grid, place, 0).astype(np.int64)
        met = on_grid & np.isin(whole, self.stored)
        around = np.maximum(_LEAST_AROUND, np.abs(whole) // _AROUND)
        near = np.searchsorted(self.stored, whole + around, side="right")
        near -= np.searchsorted(self.stored, whole - around)
        dense = (near - met) / (2 * around)
        return met, float(dense[on_grid].sum())


def _by_chance(found: int, chance: float) -> bool:
    """Whether so many are no wonder where `chance` are expected (Poisson)."""
    if chance > _MANY:
        return found <= chance + 4 * math.sqrt(chance)
    below = sum(math.exp(-chance) * chance**k / math.factorial(k) for k in range(found))
    return 1 - below > _SURPRISE


def unrounded(
    result: Result, grid: Grid, privates: Iterable[Private], least: int
) -> Iterator[Finding]:
    """Numbers that equal a value or a sum which fewer than `least` people have, as numbers, in
    texts and in names; more digits than are published."""
    told = [
        _Sought(float(number), (row, column.place))
        for column in grid.measures
        if not _is_count(column)
        for row, number in enumerate(column.numbers[:_MOST_COMPARED])
        if np.isfinite(number) and significant(number) >= SIGNIFICANT
    ]
    names, texts = in_names(grid), in_texts(grid)
    words = [
        _Sought(each.number, each.cell)
        for each in (*names, *texts)
        if significant(each.number) >= SIGNIFICANT
    ]
    for private in privates:
        if private.too_large or not (told or words):
            continue
        for column in private.schema.columns:
            if isinstance(column, IntegerColumn | RealColumn):
                yield from _somebodys(grid, private, column, told, words, least)
    yield from _digits(result, grid, told)
    if irregular(names, SIGNIFICANT) > MANY_TEXTS:
        yield grid.finding(
            "unrounded",
            "warning",
            f"Its names hold {irregular(names, SIGNIFICANT)} different numbers: names can carry "
            "what cells may not.",
        )
    kept = sum(isinstance(c, str) and is_numeral(c) for m in grid.measures for c in m.cells)
    if words or kept:
        yield grid.finding(
            "unrounded",
            "note",
            f"{len(words) + kept} numbers stand in texts and names: rounding leaves those as they "
            "are.",
        )


def _somebodys(
    grid: Grid,
    private: Private,
    column: IntegerColumn | RealColumn,
    told: list[_Sought],
    words: list[_Sought],
    least: int,
) -> Iterator[Finding]:
    few = list(_of_few(private, column, least))
    for sought, where in ((told, ""), (words, " in texts and names")):
        if not sought:
            continue
        values = np.array([each.number for each in sought])
        for those in few:
            met, chance = those.met(values)
            if met.any() and not _by_chance(int(met.sum()), chance):
                yield grid.finding(
                    "unrounded",
                    "alarm",
                    f"{met.sum()} numbers{where} equal {those.what} of '{column.name}' that fewer "
                    f"than {least} people of '{private.alias}' have.",
                    [s.cell for s, yes in zip(sought, met, strict=True) if yes and s.cell],
                )


def _of_few(private: Private, column: IntegerColumn | RealColumn, least: int) -> Iterator[_Few]:
    """Values, and sums over one unit, that few units have."""
    values = numbers(private, column)
    there = ~np.isnan(values)
    units = private.units()[there]
    values = values[there]
    size = float(step(column))
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
        if few.size:
            yield _Few(what, few, size)


def _digits(result: Result, grid: Grid, told: list[_Sought]) -> Iterator[Finding]:
    """Digits beyond those that mean anything may carry anything: 32 bits a number, unseen."""
    full = [each for each in told if significant(each.number) > FULL_DIGITS]
    many = [each for each in told if MANY_DIGITS < significant(each.number) <= FULL_DIGITS]
    tensors = sum(_full(each) for each in _tensors(result))
    if full or tensors:
        yield grid.finding(
            "unrounded",
            "warning",
            f"{_counted(len(full) + tensors)} more than {FULL_DIGITS} significant digits, all a "
            "number can hold. The last ones mean nothing, and may carry anything: round them.",
            [each.cell for each in full if each.cell],
        )
    if many:
        yield grid.finding(
            "unrounded",
            "note",
            f"{_counted(len(many))} more than {MANY_DIGITS} significant digits. Rounding costs a "
            "reader nothing, and hides what the last digits may carry.",
            [each.cell for each in many if each.cell],
        )


def _counted(numbers: int) -> str:
    return "1 number has" if numbers == 1 else f"{numbers} numbers have"


def _tensors(result: Result) -> list[NDArray[Any]]:
    if result.item.kind != "tensors":
        return []
    doubles = [np.asarray(each) for each in result.value.values()]
    return [each for each in doubles if each.dtype == np.float64]


def _full(tensor: NDArray[Any]) -> int:
    """About how many of its numbers have all digits: some are looked at."""
    flat = tensor.reshape(-1)
    every = max(1, flat.size // _SAMPLED)
    return every * sum(
        bool(np.isfinite(each)) and significant(float(each)) > FULL_DIGITS for each in flat[::every]
    )


def _is_count(column: Column) -> bool:
    """Whole numbers in a column of small ones: many people's values equal them, and so it goes."""
    return column.counts and float(np.nanmax(column.numbers)) < 10**SIGNIFICANT
