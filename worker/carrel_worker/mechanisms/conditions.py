"""WHERE as vectorised comparisons, in SQL's three-valued logic.

A condition is compiled for one of two questions: where is it true, or where is it false? The
rows of neither are null. So NOT swaps the questions, De Morgan's laws do the rest, and a row
passes where the first is answered with yes. Compiling reads no row: what cannot be compiled
fails alike for every table of that schema.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

import numpy as np
from numpy.typing import NDArray

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
    TextLiteral,
)
from carrel_protocol.schema import BooleanColumn, CategoryColumn, Column, TableSchema
from carrel_worker.mechanisms import numbers, texts
from carrel_worker.mechanisms.numbers import FUNCTIONS, MIRRORED, Mask, Number, Op, Rows
from carrel_worker.tables.codes import null_code

_OPPOSITE: dict[Op, Op] = {
    "eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt",
}  # fmt: skip


class UnsupportedCondition(ValueError):
    """The condition does not fit the schema's types."""


def compile_condition(where: Expression, schema: TableSchema) -> Mask:
    """For rows of `schema`'s codes, where `where` is true. Never fails on a row.

    The mask is one boolean per row, or a single one if the condition reads no column. Raises
    `UnsupportedCondition` for a plan that does not fit the schema.
    """
    return _Compiler(schema).where(where, wanted=True)


def columns_read(where: Expression | None, schema: TableSchema) -> set[str]:
    """The names of the columns that a condition refers to, as the schema spells them."""
    if where is None:
        return set()
    names = set()
    pending: list[Expression] = [where]
    while pending:
        node = pending.pop()
        match node:
            case ColumnRef():
                names.add(_column(schema, node.name).name)
            case Arithmetic() | Comparison():
                pending += [node.left, node.right]
            case Negate() | Not() | In() | IsNull():
                pending.append(node.arg)
            case Between():
                pending += [node.arg, node.low, node.high]
            case Logical():
                pending += node.args
            case _:
                pass
    return names


@dataclass(frozen=True, slots=True)
class _Truth:
    """An operand that is itself a condition."""

    node: Expression


_Operand = Number | Fraction | CategoryColumn | str | _Truth


class _Compiler:
    def __init__(self, schema: TableSchema) -> None:
        self.schema = schema

    def where(self, node: Expression, *, wanted: bool) -> Mask:  # noqa: PLR0911 (one a node type)
        """Where `node` is true (wanted) or false (not wanted)."""
        match node:
            case BooleanLiteral():
                return numbers.constant(holds=node.value == wanted)
            case ColumnRef():
                column = _column(self.schema, node.name)
                if not isinstance(column, BooleanColumn):
                    raise UnsupportedCondition(f"{node.name!r} is no condition")
                return lambda rows: rows[column.name] == int(wanted)
            case Not():
                return self.where(node.arg, wanted=not wanted)
            case Logical():
                parts = [self.where(arg, wanted=wanted) for arg in node.args]
                return _joined(np.logical_and if (node.op == "and") == wanted else _OR, parts)
            case Between():
                ends = (
                    Comparison(op="ge", left=node.arg, right=node.low),
                    Comparison(op="le", left=node.arg, right=node.high),
                )
                return self.where(Logical(op="and", args=ends), wanted=wanted)
            case Comparison():
                op = node.op if wanted else _OPPOSITE[node.op]
                return self.comparison(op, node.left, node.right)
            case In():
                return self.membership(node, wanted=wanted)
            case IsNull():
                column = _column(self.schema, node.arg.name)
                code = null_code(column)
                if code is None:
                    return numbers.constant(holds=not wanted)
                function = FUNCTIONS["eq" if wanted else "ne"]
                return lambda rows: function(rows[column.name], code)
            case _:
                raise UnsupportedCondition(f"{node.op} is no condition")

    def comparison(self, op: Op, left_node: Expression, right_node: Expression) -> Mask:
        left, right = self.operand(left_node), self.operand(right_node)
        match left, right:
            case Number(), Number():
                mask = numbers.compare(op, left, right)
            case Number(), Fraction():
                mask = numbers.compare_with(op, left, right)
            case Fraction(), Number():
                mask = numbers.compare_with(MIRRORED[op], right, left)
            case CategoryColumn(), CategoryColumn():
                mask = texts.compare(op, left, right)
            case CategoryColumn(), str():
                mask = texts.compare_with(op, left, right)
            case str(), CategoryColumn():
                mask = texts.compare_with(MIRRORED[op], right, left)
            case _Truth(), _Truth():
                return self.truths(op, left, right)
            case (Fraction(), Fraction()) | (str(), str()):
                return numbers.constant(holds=FUNCTIONS[op](left, right))
            case _:
                raise UnsupportedCondition(f"{left_node.op} and {right_node.op} do not compare")
        return self.known(mask, left, right)

    def truths(self, op: Op, left: _Truth, right: _Truth) -> Mask:
        """false < true."""
        yes, no = self.where(left.node, wanted=True), self.where(left.node, wanted=False)
        also, nor = self.where(right.node, wanted=True), self.where(right.node, wanted=False)
        sides = ((yes, True), (no, False)), ((also, True), (nor, False))
        pairs = [
            _joined(np.logical_and, [one, other])
            for one, first in sides[0]
            for other, second in sides[1]
            if FUNCTIONS[op](first, second)
        ]
        return _joined(_OR, pairs)

    def membership(self, node: In, *, wanted: bool) -> Mask:
        arg = self.operand(node.arg)
        values = [self.operand(value) for value in node.values]
        kind = Fraction if isinstance(arg, Number | Fraction) else str
        if isinstance(arg, _Truth):
            op: Op = "eq" if wanted else "ne"
            masks = [self.comparison(op, node.arg, value) for value in node.values]
            return _joined(_OR if wanted else np.logical_and, masks)
        constants = [value for value in values if isinstance(value, kind)]
        if len(constants) != len(values):
            raise UnsupportedCondition("IN lists a value of another type")
        match arg:
            case Number():
                mask = numbers.listed(arg, [v for v in constants if isinstance(v, Fraction)])
            case CategoryColumn():
                mask = texts.listed(arg, [v for v in constants if isinstance(v, str)])
            case _:
                mask = numbers.constant(holds=arg in constants)
        return self.known(mask if wanted else _negated(mask), arg)

    def operand(self, node: Expression) -> _Operand:  # noqa: PLR0911 (one a node type)
        match node:
            case IntegerLiteral() | DecimalLiteral():
                return Fraction(node.value)
            case TextLiteral():
                return node.value
            case ColumnRef():
                column = _column(self.schema, node.name)
                match column:
                    case CategoryColumn():
                        return column
                    case BooleanColumn():
                        return _Truth(node)
                    case _:
                        return numbers.of_column(column)
            case Negate():
                arg = self.number(node.arg)
                return -arg if isinstance(arg, Fraction) else numbers.negate(arg)
            case Arithmetic():
                left, right = (
                    numbers.of_constant(side) if isinstance(side, Fraction) else side
                    for side in (self.number(node.left), self.number(node.right))
                )
                return numbers.combine(node.op, left, right)
            case _:
                return _Truth(node)

    def number(self, node: Expression) -> Number | Fraction:
        side = self.operand(node)
        if not isinstance(side, Number | Fraction):
            raise UnsupportedCondition(f"arithmetic needs numbers, and {node.op} is none")
        return side

    def known(self, mask: Mask, *operands: _Operand) -> Mask:
        """`mask`, and no operand is null."""
        names: set[str] = set()
        for side in operands:
            if isinstance(side, Number):
                names |= side.nullable
            elif isinstance(side, CategoryColumn) and side.nullable:
                names.add(side.name)
        return _joined(np.logical_and, [mask, *(self.present(name) for name in sorted(names))])

    def present(self, name: str) -> Mask:
        code = null_code(_column(self.schema, name))
        return lambda rows: rows[name] != code


_OR = np.logical_or


def _joined(function: np.ufunc, parts: list[Mask]) -> Mask:
    if len(parts) == 1:
        return parts[0]
    return lambda rows: reduce(function, (part(rows) for part in parts))


def _negated(mask: Mask) -> Mask:
    def opposite(rows: Rows) -> NDArray[np.bool_]:
        return np.logical_not(mask(rows))

    return opposite


def _column(schema: TableSchema, name: str) -> Column:
    column = schema.column(name)
    if column is None:
        raise UnsupportedCondition(f"there is no column {name!r}")
    return column
