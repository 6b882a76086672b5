"""What an answer must be, in plain Python: slow, obvious, and written apart from the engine."""

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from carrel_protocol.plan import (
    Arithmetic,
    Between,
    BooleanLiteral,
    ColumnRef,
    Comparison,
    DecimalLiteral,
    Expression,
    In,
    IntegerLiteral,
    IsNull,
    Logical,
    Negate,
    Not,
    QueryPlan,
    TextLiteral,
)
from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    Column,
    IntegerColumn,
    RealColumn,
    TableSchema,
    public_keys,
)
from carrel_protocol.sensitivity import Primitive, lower
from tests.worker.engine.tables import Record

Row = dict[str, Any]
"""A row's values by column name: Fraction, str, bool or None."""

_COMPARE = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
}  # fmt: skip
_ARITHMETIC = {
    "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b,
}  # fmt: skip


def value(column: Column, text: str) -> Any:
    """What is stored for a field of a CSV file."""
    match column:
        case CategoryColumn():
            return text if text in column.categories else None
        case BooleanColumn():
            return {"true": True, "false": False, "1": True, "0": False}.get(text.strip().lower())
        case IntegerColumn() | RealColumn():
            try:
                number = float(text)
            except ValueError:
                return None
            if not math.isfinite(number):
                return None
            step = Fraction(column.unit)
            low, high = column.stored_bounds
            return min(max(round(Fraction(number) / step), low), high) * step


def rows_by_unit(schema: TableSchema, records: Sequence[Record]) -> dict[str, list[Row]]:
    units: dict[str, list[Row]] = {}
    for unit, *fields in records:
        if unit.strip():
            row = {
                column.name.lower(): value(column, text)
                for column, text in zip(schema.columns, fields, strict=True)
            }
            units.setdefault(unit.strip(), []).append(row)
    return units


def evaluate(node: Expression, row: Row) -> Any:
    """The value of an expression; None is null, or unknown."""
    match node:
        case ColumnRef():
            return row[node.name.lower()]
        case IntegerLiteral() | DecimalLiteral():
            return Fraction(node.value)
        case TextLiteral() | BooleanLiteral():
            return node.value
        case Negate():
            arg = evaluate(node.arg, row)
            return None if arg is None else -arg
        case Arithmetic():
            left, right = evaluate(node.left, row), evaluate(node.right, row)
            return None if left is None or right is None else _ARITHMETIC[node.op](left, right)
        case Comparison():
            left, right = evaluate(node.left, row), evaluate(node.right, row)
            return None if left is None or right is None else _COMPARE[node.op](left, right)
        case Between():
            ends = (
                Comparison(op="ge", left=node.arg, right=node.low),
                Comparison(op="le", left=node.arg, right=node.high),
            )
            return evaluate(Logical(op="and", args=ends), row)
        case In():
            arg = evaluate(node.arg, row)
            return None if arg is None else arg in [evaluate(v, row) for v in node.values]
        case IsNull():
            return row[node.arg.name.lower()] is None
        case Not():
            arg = evaluate(node.arg, row)
            return None if arg is None else not arg
        case Logical():
            args = [evaluate(arg, row) for arg in node.args]
            decisive = node.op == "or"
            if decisive in args:
                return decisive
            return None if None in args else not decisive


def exact(
    plan: QueryPlan, schema: TableSchema, records: Sequence[Record], offsets: dict[str, int]
) -> list[list[int]]:
    """One vector per primitive, by the definitions and nothing else."""
    lowered = lower(plan, schema, schema.bounds)
    grouping = [schema.column(name) for name in plan.group_by]
    keys = list(itertools.product(*(public_keys(c) or () for c in grouping if c is not None)))
    vectors = [dict.fromkeys(keys, 0) for _ in lowered.primitives]
    for unit, rows in rows_by_unit(schema, records).items():
        passing = [row for row in rows if plan.where is None or evaluate(plan.where, row) is True]
        groups: dict[Any, list[Row]] = {}
        for row in passing:
            key = tuple(row[c.name.lower()] for c in grouping if c is not None)
            groups.setdefault(key, []).append(row)
        ordered = sorted(groups, key=keys.index)
        count = len(ordered)
        if count > lowered.groups_per_unit:
            start = offsets[unit] % count
            ordered = [ordered[(start + i) % count] for i in range(lowered.groups_per_unit)]
        for key in ordered:
            for vector, primitive in zip(vectors, lowered.primitives, strict=True):
                vector[key] += contribution(primitive, schema, groups[key])
    return [[min(max(v, -(2**63)), 2**63 - 1) for v in vector.values()] for vector in vectors]


def contribution(primitive: Primitive, schema: TableSchema, rows: list[Row]) -> int:
    """What one unit's rows in one group add to a primitive."""
    k = primitive.rows_per_group
    if primitive.column is None:
        return min(len(rows), k)
    column = schema.column(primitive.column)
    values = [row[primitive.column.lower()] for row in rows]
    present = [v for v in values if v is not None]
    if primitive.kind == "count":
        return min(len(present), k)
    assert isinstance(column, IntegerColumn | RealColumn)
    total = sum(int(v / Fraction(column.unit)) - primitive.centre for v in present)
    if len(present) > k:
        total = int(Fraction(total * k, len(present)))  # towards zero
    return min(max(total, k * min(primitive.lower, 0)), k * max(primitive.upper, 0))
