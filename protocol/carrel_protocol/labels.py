"""Which of a released table's label columns hold labels, and which hold what was measured.

Code says itself how many of its first columns label the rows. What it says is taken at its word
for texts and truth values. Numbers label rows where nothing private can lie in them:

- values of a declared column of few public ones, under its name;
- row numbers, or evenly spaced ones (bins, years), in a table that has a row for each combination
  of its labels.

Others, written as numbers or as texts, are measured numbers, wherever they stand: disclosure checks
look at them, and rounding rounds them. Site and worker go by this one rule.
"""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import prod

from carrel_protocol.outputs import Cell
from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    Column,
    IntegerColumn,
    TableSchema,
)

MOST_VALUES = 1000
"""Of a declared column of numbers whose values label rows: years, ages, codes."""
EVENLY = 4
"""So many evenly spaced numbers are no accident; of two or three any may be."""

_NUMERAL = re.compile(r"\s*[-+]?\d{1,30}(\.\d{1,30})?\s*")

Labels = Sequence[tuple[str, Sequence[Cell]]]
"""Name and cells of each label column."""


def measured(labels: Labels, schemas: Iterable[TableSchema]) -> frozenset[int]:
    """The places of the label columns whose numbers are not labels."""
    schemas = tuple(schemas)
    taken: set[str] = set()
    declared: set[int] = set()
    free: list[int] = []
    for place, (name, cells) in enumerate(labels):
        if not any(_number(cell) is not None for cell in cells):
            continue
        if name.lower() not in taken and any(_declared(s.column(name), cells) for s in schemas):
            taken.add(name.lower())
            declared.add(place)
        else:
            free.append(place)
    numbered = {place for place in free if _spaced(labels[place][1])}
    if numbered and not _complete([cells for _, cells in labels]):
        numbered = set()
    found = set(free) - numbered
    kept = [cells for place, (_, cells) in enumerate(labels) if place not in found]
    if kept and not _distinct(kept):
        # Groups come once each. What repeats is rows, and these numbers are theirs.
        found |= declared | numbered
    return frozenset(found)


def is_numeral(text: str) -> bool:
    """Whether a text is a number and nothing else."""
    return _NUMERAL.fullmatch(text) is not None


def _number(cell: Cell) -> Fraction | None:
    """A float prints as the shortest decimal that it is nearest to: what it was meant to be."""
    if isinstance(cell, str):
        return Fraction(cell) if is_numeral(cell) else None
    return None if cell is None or isinstance(cell, bool) else Fraction(repr(cell))


def _declared(column: Column | None, cells: Sequence[Cell]) -> bool:
    there = [cell for cell in cells if cell is not None]
    if column is None:
        return False
    if isinstance(column, CategoryColumn):
        return all(isinstance(cell, str) and column.has(cell) for cell in there)
    numbers = [_number(cell) for cell in there]
    if isinstance(column, BooleanColumn):
        return all(number in (0, 1) for number in numbers)
    low, high = column.stored_bounds
    if high - low >= MOST_VALUES:
        return False
    step = Fraction(1) if isinstance(column, IntegerColumn) else Fraction(column.resolution)
    stored = [None if number is None else number / step for number in numbers]
    return all(n is not None and n.denominator == 1 and low <= n <= high for n in stored)


def _spaced(cells: Sequence[Cell]) -> bool:
    found = [_number(cell) for cell in cells if cell is not None]
    numbers = {number for number in found if number is not None}
    return None not in found and evenly_spaced(numbers)


def evenly_spaced(numbers: Iterable[float | Fraction]) -> bool:
    """Whether these are 0, 1, 2, … or 1, 2, 3, …, or at least `EVENLY` in steps of one size."""
    ordered = sorted(set(numbers))
    steps = {after - before for before, after in pairwise(ordered)}
    if not ordered:
        return False
    if ordered[0] in (0, 1) and steps <= {1}:
        return True
    return len(ordered) >= EVENLY and len(steps) == 1


def _distinct(columns: Sequence[Sequence[Cell]]) -> bool:
    keys = list(zip(*(map(_key, cells) for cells in columns), strict=True))
    return len(set(keys)) == len(keys)


def _complete(columns: Sequence[Sequence[Cell]]) -> bool:
    """Whether there is one row for each combination of the labels."""
    combinations = prod(len(set(map(_key, cells))) for cells in columns)
    return combinations == len(columns[0]) and _distinct(columns)


def _key(cell: Cell) -> tuple[str, Cell]:
    return ("truth" if isinstance(cell, bool) else "", cell)
