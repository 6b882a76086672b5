"""Numbers in a condition: exact values of stored columns, and exact comparisons of them.

A number is a whole count of its unit (a fraction such as 1/100), with a range known from the
public domains. Where that range leaves 64 bits, Python's integers take over: slower, never wrong.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.schema import IntegerColumn, RealColumn
from carrel_worker.tables.codes import lowest, step

Op = Literal["eq", "ne", "lt", "le", "gt", "ge"]
Rows = Mapping[str, NDArray[Any]]
"""Codes of some rows, by column name."""
Mask = Callable[[Rows], NDArray[np.bool_]]
"""For each row (or for all of them at once) whether something holds."""

FUNCTIONS: dict[Op, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
MIRRORED: dict[Op, Op] = {
    "eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le",
}  # fmt: skip
_FITS = 2**62


@dataclass(frozen=True, slots=True)
class Number:
    """A number that differs from row to row: `values(rows) + shift` units, in [low, high].

    Where one of `nullable` columns is null, so is the number, and its value means nothing.
    """

    unit: Fraction
    low: int
    high: int
    nullable: frozenset[str]
    values: Callable[[Rows], NDArray[Any]]
    """Codes of a plain column, int64, or Python ints where `wide`."""
    shift: int = 0

    @property
    def wide(self) -> bool:
        return not _fits(self.low, self.high)


def of_column(column: IntegerColumn | RealColumn) -> Number:
    """The value of a column."""
    name = column.name
    low, high = column.stored_bounds
    nullable = frozenset([name] if column.nullable else [])
    return Number(step(column), low, high, nullable, operator.itemgetter(name), lowest(column))


def of_constant(value: Fraction) -> Number:
    """The same value in every row."""
    count = np.asarray(value.numerator, dtype=_dtype(wide=not _fits(value.numerator)))
    unit = Fraction(1, value.denominator)
    return Number(unit, value.numerator, value.numerator, frozenset(), lambda _: count)


def negate(number: Number) -> Number:
    """−number."""
    return Number(
        number.unit,
        -number.high,
        -number.low,
        number.nullable,
        lambda rows: np.negative(_counts(number, rows, number.wide)),
    )


def combine(op: Literal["add", "subtract", "multiply"], left: Number, right: Number) -> Number:
    """left + right, left − right or left · right, exactly."""
    unit, a, b = _common(left, right) if op != "multiply" else (left.unit * right.unit, 1, 1)
    function = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul}[op]
    corners = [
        function(x * a, y * b) for x in (left.low, left.high) for y in (right.low, right.high)
    ]
    low, high = min(corners), max(corners)
    wide = not _fits(low, high, left.low * a, left.high * a, right.low * b, right.high * b)

    def values(rows: Rows) -> NDArray[Any]:
        return np.asarray(
            function(_counts(left, rows, wide) * a, _counts(right, rows, wide) * b),
            dtype=_dtype(wide),
        )

    return Number(unit, low, high, left.nullable | right.nullable, values)


def compare(op: Op, left: Number, right: Number) -> Mask:
    """Where `left op right`; of no meaning where either is null."""
    _, a, b = _common(left, right)
    wide = not _fits(left.low * a, left.high * a, right.low * b, right.high * b)
    function = FUNCTIONS[op]

    def mask(rows: Rows) -> NDArray[np.bool_]:
        return np.asarray(
            function(_counts(left, rows, wide) * a, _counts(right, rows, wide) * b), dtype=bool
        )

    return mask


def compare_with(op: Op, number: Number, value: Fraction) -> Mask:
    """Where `number op value`; of no meaning where the number is null.

    The value need not be a multiple of the number's unit: x > 0.005 in cents is x ≥ 1.
    """
    exact = value / number.unit
    if op in ("eq", "ne"):
        if exact.denominator != 1 or not number.low <= exact <= number.high:
            return constant(holds=op == "ne")
        limit = int(exact)
    else:
        limit = math.ceil(exact) if op in ("lt", "ge") else math.floor(exact)
        limit = min(max(limit, number.low - 1), number.high + 1)
    limit -= number.shift
    function = FUNCTIONS[op]
    return lambda rows: np.asarray(function(number.values(rows), limit), dtype=bool)


def listed(number: Number, values: list[Fraction]) -> Mask:
    """Where the number equals one of `values`; of no meaning where it is null."""
    counts = {value / number.unit for value in values}
    possible = sorted(
        int(count) - number.shift
        for count in counts
        if count.denominator == 1 and number.low <= count <= number.high
    )
    if number.wide:
        wanted = frozenset(possible)
        return lambda rows: np.asarray(
            np.frompyfunc(wanted.__contains__, 1, 1)(number.values(rows)), dtype=bool
        )

    def mask(rows: Rows) -> NDArray[np.bool_]:
        values = number.values(rows)
        # Of one type: between uint64 and int64 NumPy compares float64, which rounds.
        return np.isin(values, np.array(possible, dtype=values.dtype))

    return mask


def constant(*, holds: bool) -> Mask:
    """The same answer for every row."""
    answer = np.asarray(holds)
    return lambda _: answer


def _counts(number: Number, rows: Rows, wide: bool) -> NDArray[Any]:
    counts = np.asarray(number.values(rows)).astype(_dtype(wide))
    return np.asarray(counts + number.shift, dtype=_dtype(wide)) if number.shift else counts


def _common(left: Number, right: Number) -> tuple[Fraction, int, int]:
    """A unit that both units are whole multiples of, and the two multiples."""
    a, b = left.unit, right.unit
    unit = Fraction(
        math.gcd(a.numerator * b.denominator, b.numerator * a.denominator),
        a.denominator * b.denominator,
    )
    return unit, int(a / unit), int(b / unit)


def _fits(*counts: int) -> bool:
    return all(abs(count) <= _FITS for count in counts)


def _dtype(wide: bool) -> np.dtype[Any]:
    return np.dtype(object) if wide else np.dtype(np.int64)
