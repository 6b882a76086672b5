"""From plan, schema and bounds to primitives and their sensitivities. Pure; the only place.

The site prices with it and the worker recomputes it before it adds noise. A *primitive* is one
vector of integers, an entry per public key, that noise is added to; a measure that a researcher
asked for is post-processing of one primitive (COUNT, SUM) or two (AVG).

Sensitivities are for adding or removing one unit. After bounding, a unit touches at most L0
keys and moves each by at most k·m, where m is the largest absolute value of one row (1 for a
count). Hence L1 ≤ L0·k·m and L2² ≤ L0·(k·m)² (Wilson et al. 2020, arXiv 1909.01917, §3;
Dwork & Roth 2014, §3.3).
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from json.encoder import encode_basestring_ascii
from typing import Literal

from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.schema import (
    CategoryColumn,
    IntegerColumn,
    RealColumn,
    TableSchema,
    UnitBounds,
    public_keys,
)

MAX_KEYS = 10_000
MAX_ANSWER_BYTES = 16 * 2**20
"""How large an answer's JSON may become: a worker sends it, and the site stores it, in one piece.

A site's `result_max_bytes` must be larger.
"""
_BYTES_PER_NUMBER = 40
"""More than the digits of any number that is released, with its sign, quotes and comma."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """One vector of bounded integers, before noise.

    count: rows of a unit in a group (those where `column` is not null, if one is named),
    clipped to k. sum: s, the sum of (x − centre) over those rows in stored units; scaled to
    s·k/c when the unit has c > k rows, then clipped to [k·min(lower,0), k·max(upper,0)].
    """

    kind: Literal["count", "sum"]
    column: str | None
    centre: int
    lower: int
    upper: int
    rows_per_group: int
    groups_per_unit: int

    @property
    def magnitude(self) -> int:
        """m: the largest absolute value of one row's contribution (at least 1)."""
        return max(abs(self.lower), abs(self.upper), 1)

    @property
    def l1(self) -> int:
        return self.groups_per_unit * self.rows_per_group * self.magnitude

    @property
    def l2_squared(self) -> int:
        return self.groups_per_unit * (self.rows_per_group * self.magnitude) ** 2


@dataclass(frozen=True, slots=True)
class Measure:
    """How a measure comes out of noisy primitives (indices into `Lowered.primitives`).

    COUNT and SUM: unit · primitive. AVG: unit · (centre + sum / max(1, count)), moved into the
    column's domain.
    """

    alias: str
    function: Literal["count", "sum", "avg"]
    primitive: int
    denominator: int | None
    centre: int
    unit: Decimal


@dataclass(frozen=True, slots=True)
class Lowered:
    primitives: tuple[Primitive, ...]
    measures: tuple[Measure, ...]
    keys: int
    """How many rows the answer has: the product of the group columns' public keys."""
    rows_per_group: int
    groups_per_unit: int


class TooManyKeysError(ValueError):
    """The public keys of the GROUP BY columns multiply to more than `MAX_KEYS`."""


def lower(plan: QueryPlan, schema: TableSchema, bounds: UnitBounds) -> Lowered:
    """Primitives and measures of `plan`.

    Two measures that need the same primitive share it: AVG(x) beside COUNT(*) on a column
    without nulls costs one sum and one count. Raises `ValueError` for a plan that does not fit
    the schema (`pricing` gives the reader-friendly version of the same errors).
    """
    keys = 1
    for name in plan.group_by:
        column = schema.column(name)
        values = public_keys(column) if column is not None else None
        if values is None:
            raise ValueError(f"{name!r} has no public keys to group by")
        keys *= len(values)
        if keys > MAX_KEYS:
            raise TooManyKeysError(f"the answer would have more than {MAX_KEYS} rows")
    grouped = bool(plan.group_by)
    k = bounds.rows_per_group if grouped else bounds.rows_per_unit
    groups = min(bounds.groups_per_unit, keys) if grouped else 1

    primitives: list[Primitive] = []

    def place(kind: Literal["count", "sum"], column: str | None, centre: int = 0) -> int:
        low, high = 1, 1
        if kind == "sum":
            assert column is not None
            low, high = (bound - centre for bound in _numeric(schema, column).stored_bounds)
        primitive = Primitive(kind, column, centre, low, high, k, groups)
        if primitive not in primitives:
            primitives.append(primitive)
        return primitives.index(primitive)

    def counted(aggregate: Aggregate) -> str | None:
        """The column whose nulls the count must skip; None if it has none."""
        if aggregate.column is None:
            return None
        column = schema.column(aggregate.column)
        if column is None:
            raise ValueError(f"no column {aggregate.column!r}")
        return column.name if column.nullable else None

    measures = []
    for aggregate in plan.aggregates:
        denominator, centre, unit = None, 0, Decimal(1)
        match aggregate.function:
            case "count":
                index = place("count", counted(aggregate))
            case "sum":
                column = _numeric(schema, aggregate.column)
                unit = column.unit
                index = place("sum", column.name)
            case "avg":
                column = _numeric(schema, aggregate.column)
                unit = column.unit
                centre = sum(column.stored_bounds) // 2
                index = place("sum", column.name, centre)
                denominator = place("count", counted(aggregate))
        measures.append(
            Measure(aggregate.alias, aggregate.function, index, denominator, centre, unit)
        )
    return Lowered(tuple(primitives), tuple(measures), keys, k, groups)


def answer_bytes(plan: QueryPlan, schema: TableSchema) -> int:
    """How many bytes the JSON of `plan`'s answer may have, by public facts alone.

    A row holds its key, three numbers a measure (value, low, high), and what was released for
    it: one number, or two for AVG. `plan` must fit `schema`.
    """
    keys, texts = 1, Fraction(0)
    for name in plan.group_by:
        column = schema.column(name)
        values = public_keys(column) if column is not None else None
        if values is None:
            raise ValueError(f"{name!r} has no public keys to group by")
        keys *= len(values)
        if isinstance(column, CategoryColumn):
            # Each value stands in as many rows as any other.
            written = sum(len(encode_basestring_ascii(value)) for value in column.categories)
            texts += Fraction(written, len(values))
    numbers = sum(5 if aggregate.function == "avg" else 4 for aggregate in plan.aggregates)
    return math.ceil(keys * (texts + (len(plan.group_by) + numbers) * _BYTES_PER_NUMBER))


def _numeric(schema: TableSchema, name: str | None) -> IntegerColumn | RealColumn:
    column = schema.column(name) if name is not None else None
    if not isinstance(column, IntegerColumn | RealColumn):
        raise ValueError(f"{name!r} is no numeric column")
    return column
