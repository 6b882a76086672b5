"""Numbers that leave as words: in the names of items, parts and columns, and in texts."""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from carrel_protocol.labels import evenly_spaced, is_numeral
from carrel_protocol.written import numbers_in, significant
from carrel_worker.executors.checks.grids import Grid, Place

_MOST = 100_000


class Written(NamedTuple):
    number: float
    cell: Place | None
    """None for one in a name."""


def in_names(grid: Grid) -> list[Written]:
    return [Written(number, None) for name in grid.names for number in numbers_in(name)][:_MOST]


def in_texts(grid: Grid) -> list[Written]:
    """Of cells that are not a number and nothing else: such are read as one, see `Column`."""
    found: list[Written] = []
    paths = grid.index > 0 and not grid.is_table  # of a value: its names, told already
    for column in grid.columns[int(paths) :]:
        for row, cell in enumerate(column.cells):
            if isinstance(cell, str) and not is_numeral(cell):
                found += [Written(number, (row, column.place)) for number in numbers_in(cell)]
                if len(found) >= _MOST:
                    return found[:_MOST]
    return found


def irregular(written: Iterable[Written], digits: int) -> int:
    """How many different numbers of at least so many digits there are, unless they are evenly
    spaced, as years are."""
    numbers = {each.number for each in written}
    if evenly_spaced(Fraction(repr(number)) for number in numbers):
        return 0
    return sum(significant(number) >= digits for number in numbers)
