"""Made-up rows from public metadata alone.

Nothing here ever sees a private row, so nothing about one can leave: the same metadata and seed
give the same rows on every site.
"""

import math
import random
from collections.abc import Callable
from decimal import Decimal

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
_NULL_SHARE = 0.05
_NARROW = 20
"""A whole-number domain of at most this many values is drawn from evenly."""


def make_mock(table: TableSchema, rows: int, seed: int) -> Mock:
    """`rows` rows of the unit column and then every declared column, decided by `seed`.

    Units are numbered from 1 and have about as many rows each as the declared size says. Numbers
    of a wide domain lie around its middle, as most measured things do, and touch its bounds.
    """
    source = random.Random(f"carrel/mock/1/{seed}")  # noqa: S311 (decided by its seed, on purpose)
    draws = [_drawer(column, source) for column in table.columns]
    return Mock(
        columns=(table.unit_column, *(column.name for column in table.columns)),
        rows=tuple((unit, *(draw() for draw in draws)) for unit in _units(table, rows, source)),
    )


def _units(table: TableSchema, rows: int, source: random.Random) -> list[int]:
    """A unit for each row, in shuffled order: from 1 to about twice the mean rows each."""
    mean = max(1.0, table.size.rows / table.size.units)
    most = min(rows, math.ceil(2 * mean - 1))
    units: list[int] = []
    unit = 0
    while len(units) < rows:
        unit += 1
        units.extend([unit] * min(source.randint(1, max(1, most)), rows - len(units)))
    source.shuffle(units)
    return units


def _drawer(column: Column, source: random.Random) -> Callable[[], Value]:
    draw = _values(column, source)
    if not column.nullable:
        return draw
    return lambda: None if source.random() < _NULL_SHARE else draw()


def _values(column: Column, source: random.Random) -> Callable[[], Value]:
    match column:
        case BooleanColumn():
            return lambda: source.random() < 0.5
        case CategoryColumn():
            categories = column.categories
            return lambda: source.choice(categories)
        case IntegerColumn():
            return lambda: _stored(column, source)
        case RealColumn():
            step = Decimal(column.resolution)
            return lambda: float(_stored(column, source) * step)


def _stored(column: IntegerColumn | RealColumn, source: random.Random) -> int:
    lower, upper = column.stored_bounds
    if upper - lower < _NARROW:
        return source.randint(lower, upper)
    middle, spread = (lower + upper) / 2, (upper - lower) / 5
    return min(max(round(source.gauss(middle, spread)), lower), upper)
