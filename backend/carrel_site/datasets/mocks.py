"""Made-up rows from public metadata alone.

Nothing here ever sees a private row, so nothing about one can leave: the same metadata and seed
give the same rows on every site. A mock is there so that code fails on it rather than later on
the private rows: where it has the rows for it, each category, each end of a range and a missing
value occur, and some unit has more rows than an answer may use of it.
"""

import math
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from carrel_protocol.api.datasets import Mock
from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    Column,
    IntegerColumn,
    RealColumn,
    TableSchema,
)

Value = int | float | str | bool | None

MAX_CELLS = 1_000_000
_NARROW = 40
"""A whole-number domain of at most this many values is drawn from as a list of them."""
_NULL_SHARES = (0.02, 0.12)
_FEWEST_UNITS = 8
"""Of a mock with the rows for it, however many rows each is declared to have: with fewer units
nothing shows how they differ."""
_MOST_TIMES_THE_MEAN = 10
_ONE_MORE = 0.05
"""Share of the units that have a row more than a declared one: the size is approximate."""


class _Source:
    """Draws decided by a name. They rest on `random()` alone, whose sequence for a seed Python
    keeps from version to version; its other draws may change."""

    def __init__(self, name: str) -> None:
        self.share = random.Random(name).random  # noqa: S311 (decided by its seed, on purpose)

    def below(self, end: int) -> int:
        """A whole number in [0, end)."""
        return min(int(self.share() * end), end - 1)

    def mix_in(self, values: list[Any], first: int = 1) -> list[Any]:
        """Move each of values[first:] to any place among those before it, each as likely.

        From 1 on that shuffles the list (Fisher and Yates, inside out).
        """
        for place in range(first, len(values)):
            other = self.below(place + 1)
            values[place], values[other] = values[other], values[place]
        return values


def make_mock(table: TableSchema, rows: int, seed: int) -> Mock:
    """`rows` rows of the unit column and then every declared column, decided by `seed`.

    Units are numbered from 1 and have about as many rows each as the declared size says, some
    many more than others. Each column is drawn on its own: how columns hang together is private.
    """
    columns = [
        _column(column, rows, _Source(f"carrel/mock/2/{seed}/{column.name}"))
        for column in table.columns
    ]
    units = _units(table, rows, _Source(f"carrel/mock/2/{seed}"))
    return Mock(
        columns=(table.unit_column, *(column.name for column in table.columns)),
        rows=tuple(zip(units, *columns, strict=True)),
    )


def _units(table: TableSchema, rows: int, source: _Source) -> list[Value]:
    """A unit for each row, in shuffled order.

    Rows a unit are geometric, as visits and purchases are: most units have few, some have many.
    Where a fourth of the rows suffice for it, one unit exceeds the bound on rows that count: what
    takes one row a unit for granted, or the bound for the truth, is wrong here already.
    """
    declared = max(1.0, table.size.rows / table.size.units)
    mean = min(declared, max(1.0, rows / _FEWEST_UNITS))
    most = max(1, math.ceil(_MOST_TIMES_THE_MEAN * mean))
    counts = []
    if (beyond := table.bounds.rows_per_unit + 1) <= rows // 4:
        counts.append(beyond)
    left = rows - sum(counts)
    while left > 0:
        count = min(_rows_of_one(mean, most, source), left)
        counts.append(count)
        left -= count
    return source.mix_in([unit for unit, count in enumerate(counts, 1) for _ in range(count)])


def _rows_of_one(mean: float, most: int, source: _Source) -> int:
    if mean <= 1.0:
        return 2 if source.share() < _ONE_MORE else 1
    drawn = math.log(1.0 - source.share()) / math.log(1.0 - 1.0 / mean)
    return min(1 + int(drawn), most)


def _column(column: Column, rows: int, source: _Source) -> list[Value]:
    """A value for each row. Of two rows or more, one at least is null where that is allowed."""
    nulls = 0
    if column.nullable and rows > 1:
        low, high = _NULL_SHARES
        nulls = max(1, round(rows * (low + (high - low) * source.share())))
    certain, draws = _values(column, rows - nulls, source)
    return source.mix_in([*draws, *certain, *[None] * nulls], max(1, len(draws)))


def _values(column: Column, count: int, source: _Source) -> tuple[Sequence[Value], Sequence[Value]]:
    """`count` values together: some that have to occur, and draws of which any may come first."""
    match column:
        case BooleanColumn():
            return _of_list((True, False), count, source)
        case CategoryColumn():
            return _of_list(column.categories, count, source)
        case IntegerColumn():
            return _numbers(column, count, source)
        case RealColumn():
            step = Decimal(column.resolution)
            ends, draws = _numbers(column, count, source)
            return [float(x * step) for x in ends], [float(x * step) for x in draws]


def _of_list(
    listed: Sequence[Value], count: int, source: _Source
) -> tuple[Sequence[Value], Sequence[Value]]:
    """Each value of the list, as far as `count` goes; what is left favours some of them."""
    mixed = source.mix_in(list(listed))
    shares = (source.share() for _ in range(count - len(mixed)))
    # The first of the shuffled list comes up most, the last least, but often enough.
    return mixed[:count], [mixed[int(len(mixed) * (0.7 * s * s + 0.3 * s))] for s in shares]


def _numbers(
    column: IntegerColumn | RealColumn, count: int, source: _Source
) -> tuple[Sequence[int], Sequence[int]]:
    """Multiples of the column's step in its bounds; both bounds, if there are three."""
    lower, upper = column.stored_bounds
    size = upper - lower + 1
    if size <= _NARROW:
        each = list(range(lower, upper + 1))
        source.mix_in(each)
        return each[:count], [lower + source.below(size) for _ in range(count - size)]
    ends = [lower, upper] if count >= 3 else []
    share = source.share
    # The mean of three even draws is nearly bell-shaped, and never outside. Squared, it leans to
    # the left as ages, counts and amounts do, which begin at nought.
    power = 2 if lower == 0 else 1
    bells = (((share() + share() + share()) / 3) ** power for _ in range(count - len(ends)))
    return ends, [min(lower + int(bell * size), upper) for bell in bells]
