"""Normal forms of single comparisons, and of several on one column.

Parts of `carrel_protocol.conditions`, which says what a normal form is.
"""

from fractions import Fraction
from typing import Literal

from carrel_protocol.operands import (
    Constant,
    Operand,
    Real,
    Truth,
    Whole,
    Words,
    describe,
    literal,
    written,
)
from carrel_protocol.plan import (
    BooleanLiteral,
    Comparison,
    DecimalLiteral,
    Expression,
    In,
    IntegerLiteral,
    Not,
    TextLiteral,
)
from carrel_protocol.schema import MAX_ABS_STORED

Op = Literal["eq", "ne", "lt", "le", "gt", "ge"]
MIRRORED: dict[Op, Op] = {
    "eq": "eq", "ne": "ne", "lt": "gt", "gt": "lt", "le": "ge", "ge": "le",
}  # fmt: skip
_LITERALS = (IntegerLiteral, DecimalLiteral, TextLiteral)


def mismatch(left: Operand, right: Operand) -> str:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Truth) and one.column and isinstance(other, Constant):
            name = one.column.name
            return f"{describe(one)} is not a number; write {name} or NOT {name}"
        if isinstance(one, Real) and isinstance(other, Whole):
            return (
                f"{describe(one)} and {describe(other)} are kept at different resolutions; "
                "compare each with a number"
            )
        if isinstance(one, Words) and not isinstance(other, Words):
            return (
                f"{describe(one)} cannot be compared with {describe(other)}; "
                "text compares with text, and a number is written without quotes"
            )
    return f"{describe(left)} cannot be compared with {describe(right)}"


def stepped(op: Op, side: Whole | Real, steps: int) -> Expression:
    """`side op steps` for eq, ne, le and ge: the one spelling among those that mean the same."""
    low, high = side.low, side.high
    always = {"le": steps >= high, "ge": steps <= low, "eq": low == high, "ne": False}[op]
    never = {"le": steps < low, "ge": steps > high, "eq": False, "ne": low == high}[op]
    if always or never:
        return settled(side, holds=always)
    if op == "ne" and steps in (low, high):
        return stepped("ge", side, low + 1) if steps == low else stepped("le", side, high - 1)
    if (op == "le" and steps == low) or (op == "ge" and steps == high):
        op = "eq"
    return _plain(op, side, steps)


def _plain(op: Op, side: Whole | Real, steps: int) -> Expression:
    if isinstance(side, Whole) and abs(steps) > MAX_ABS_STORED:
        # One step beyond what a literal can name: only ever `< -MAX` or `> MAX`.
        op, steps = ("lt", steps + 1) if steps < 0 else ("gt", steps - 1)
    return Comparison(op=op, left=side.expression, right=literal(steps * side.step))


def settled(side: Whole | Real, *, holds: bool) -> Expression:
    """Always (never) true for a value of `side`'s public range, and null where it is null."""
    if not side.nullable:
        return BooleanLiteral(value=holds)
    return Comparison(op="eq" if holds else "ne", left=side.expression, right=side.expression)


def ordered(op: Op, left: Expression, right: Expression) -> Expression:
    """A comparison of two columns or expressions, the same whichever was written first."""
    if written(left) > written(right):
        op, left, right = MIRRORED[op], right, left
    return Comparison(op=op, left=left, right=right)


def tightened(op: Literal["and", "or"], parts: list[Expression]) -> list[Expression]:
    """`parts` without those that another one on the same column or expression makes idle.

    All conditions on x with constants are null for the same rows, so where one implies another
    the AND of both is the first and their OR the second.
    """
    groups: dict[str, list[Expression]] = {}
    rest: list[Expression] = []
    for part in parts:
        about = _about(part)
        group = rest if about is None else groups.setdefault(written(about), [])
        group.append(part)
    for group in groups.values():
        rest += _tightest(op, group)
    return rest


def _tightest(op: Literal["and", "or"], group: list[Expression]) -> list[Expression]:
    """`tightened` for conditions on one column or expression."""
    swallowing = [part for part in group if _constant_truth(part) == (op == "or")]
    if swallowing:
        return swallowing[:1]
    telling = [part for part in group if _constant_truth(part) is None]
    if not telling:
        return group[:1]
    kept: list[Expression] = []
    limits: dict[str, list[Comparison]] = {"le": [], "ge": []}
    for part in telling:
        if isinstance(part, Comparison) and part.op in limits:
            limits[part.op].append(part)
        else:
            kept.append(part)
    for name, found in limits.items():
        if found:
            pick = min if (name == "le") == (op == "and") else max
            kept.append(pick(found, key=lambda part: number(part.right)))
    return kept


def _about(part: Expression) -> Expression | None:
    """The column or expression that a condition compares with constants; None for others."""
    match part:
        case Comparison(left=left, right=right) if isinstance(right, _LITERALS) or left == right:
            return left
        case In(arg=arg) | Not(arg=In(arg=arg)):
            return arg
        case _:
            return None


def _constant_truth(part: Expression) -> bool | None:
    """True for `x = x`, False for `x <> x`, None for all else."""
    if isinstance(part, Comparison) and part.left == part.right:
        return part.op == "eq"
    return None


def listed(part: Expression, *, negated: bool) -> tuple[Expression, tuple[Expression, ...]] | None:
    """(arg, values) of an equality or IN (of an inequality or NOT IN), or None."""
    match part:
        case Comparison(op=op, left=left, right=right) if op == ("ne" if negated else "eq"):
            return (left, (right,)) if isinstance(right, _LITERALS) else None
        case Not(arg=In() as inner) if negated:
            return inner.arg, inner.values
        case In() if not negated:
            return part.arg, part.values
        case _:
            return None


def rank(value: Expression) -> tuple[Fraction, str]:
    return (Fraction(0), value.value) if isinstance(value, TextLiteral) else (number(value), "")


def number(node: Expression) -> Fraction:
    assert isinstance(node, IntegerLiteral | DecimalLiteral)
    return Fraction(node.value)
