"""Numbers that leave as words: in the names of items, parts and columns, and in texts."""

import math
import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

from carrel_protocol.labels import evenly_spaced, is_numeral
from carrel_worker.executors.checks.grids import Grid, Place

_MOST = 100_000
_NUMBER = re.compile(r"[-+]?\d(?:[\d_.,']*\d)?(?:[eE][-+]?\d{1,3})?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}([,'_]\d{3})+(\.\d+)?")
_LONGEST = 40


class Written(NamedTuple):
    number: float
    cell: Place | None
    """None for one in a name."""


def in_names(grid: Grid) -> list[Written]:
    return [Written(number, None) for name in grid.names for number in _numbers(name)][:_MOST]


def in_texts(grid: Grid) -> list[Written]:
    """Of cells that are not a number and nothing else: such are read as one, see `Column`."""
    found: list[Written] = []
    paths = grid.index > 0 and not grid.is_table  # of a value: its names, told already
    for column in grid.columns[int(paths) :]:
        for row, cell in enumerate(column.cells):
            if isinstance(cell, str) and not is_numeral(cell):
                found += [Written(number, (row, column.place)) for number in _numbers(cell)]
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


def significant(number: float) -> int:
    """Significant decimal digits of the shortest text that gives this number back."""
    return len(f"{float(abs(number))!r}".partition("e")[0].replace(".", "").strip("0"))


def _numbers(text: str) -> Iterator[float]:
    for match in _NUMBER.finditer(text):
        number = _number(match[0])
        if number is not None and math.isfinite(number):
            yield number


def _number(text: str) -> float | None:
    """What people read: 12,345.67 and 12'345 with thousands apart, 12,5 with a decimal comma."""
    if len(text) > _LONGEST:
        return None
    if _THOUSANDS.fullmatch(text):
        text = re.sub("[,'_]", "", text)
    elif text.count(",") == 1:
        text = text.replace(".", "").replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None  # a date, a version, an address
