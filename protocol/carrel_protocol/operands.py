"""The sides of a comparison: what type each has, and between which bounds its values lie.

Bounds come from the public domains, so that integer arithmetic which could leave 64 bits is
refused before any row is read, and the same for every table with that schema.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from fractions import Fraction

from carrel_protocol.plan import (
    Arithmetic,
    ColumnRef,
    DecimalLiteral,
    Expression,
    IntegerLiteral,
    Negate,
    TextLiteral,
)
from carrel_protocol.schema import (
    MAX_ABS_STORED,
    BooleanColumn,
    CategoryColumn,
    Column,
    IntegerColumn,
    RealColumn,
    TableSchema,
)

MAX_ABS_EXPRESSION = 2**62
"""The largest absolute value an integer expression may be able to take: 64 bits, with room."""
MAX_CONSTANT = 10**18
"""Constants are smaller than this, as every bound of a domain is (`schema.DecimalText`)."""
MAX_ERRORS = 10
"""A refusal names this many errors at most, and says when there are more."""
MAX_HINTS = 2
"""A refusal looks for this many nearest names at most: each looks at every candidate."""
MAX_CANDIDATES = 2000
"""Among more names than this, no nearest one is looked for."""
_EXACT = Context(prec=60, traps=[Inexact])


@dataclass(frozen=True, slots=True)
class PlanError:
    path: str
    """Where in the plan: "where.args[1].left", "group_by[0]", "aggregates[2].column"."""
    message: str


@dataclass(slots=True)
class Refusals:
    """The errors found so far, each once."""

    errors: dict[PlanError, None] = field(default_factory=dict)
    hints: int = 0
    """How many nearest names were looked for."""

    def add(self, path: str, message: str) -> None:
        """Record an error; raises `TooManyErrors` at the first beyond `MAX_ERRORS`."""
        error = PlanError(path, message)
        if error in self.errors:
            return
        if len(self.errors) == MAX_ERRORS:
            self.errors[PlanError(path, "and more from here on; correct those first")] = None
            raise TooManyErrors
        self.errors[error] = None

    def hint(self, name: str, names: Sequence[str]) -> str:
        """`nearest`, where looking for it is cheap; else nothing."""
        if self.hints >= MAX_HINTS or len(names) > MAX_CANDIDATES:
            return ""
        self.hints += 1
        return nearest(name, names)

    def taken(self) -> tuple[PlanError, ...]:
        return tuple(self.errors)


class TooManyErrors(Exception):
    """Enough errors are recorded; the rest of the plan is not looked at."""


class Refused(Exception):
    """This part of the plan is not allowed; its errors are recorded."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number that does not depend on a row."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer column, or integer arithmetic over such columns, with values in [low, high]."""

    expression: Expression
    low: int
    high: int
    nullable: bool
    step: Fraction = Fraction(1)

    @property
    def is_column(self) -> bool:
        return isinstance(self.expression, ColumnRef)


@dataclass(frozen=True, slots=True)
class Real:
    """A real column: whole multiples of `step`, from low·step to high·step."""

    expression: ColumnRef
    low: int
    high: int
    nullable: bool
    step: Fraction
    is_column: bool = True


@dataclass(frozen=True, slots=True)
class Words:
    """A text column, or (without one) a text constant."""

    column: CategoryColumn | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Truth:
    """Something that is true, false or null."""

    column: BooleanColumn | None
    expression: Expression


Operand = Constant | Whole | Real | Words | Truth


def nearest(name: str, names: Iterable[str]) -> str:
    """ " Did you mean 'x'?", or nothing where no name is near."""
    by_folded = {candidate.lower(): candidate for candidate in names}
    matches = difflib.get_close_matches(name.lower(), list(by_folded), n=1, cutoff=0.6)
    return f"; did you mean {by_folded[matches[0]]!r}?" if matches else ""


def find_column(name: str, schema: TableSchema, path: str, refusals: Refusals) -> Column | None:
    """The column of that name; records why not and returns None where there is none."""
    column = schema.column(name)
    if column is not None:
        return column
    if name.lower() == schema.unit_column.lower():
        refusals.add(
            path,
            f"{schema.unit_column!r} says whose row it is and cannot be used in a question; "
            "COUNT(*) with 1 row per unit counts each one once",
        )
        return None
    names = [c.name for c in schema.columns]
    hint = refusals.hint(name, names) or (
        f"; the columns are {', '.join(names[:20])}{', …' if len(names) > 20 else ''}"
    )
    refusals.add(path, f"there is no column {name!r}{hint}")
    return None


def operand(expression: Expression, schema: TableSchema, path: str, refusals: Refusals) -> Operand:
    """What `expression` is. Raises `Refused` after recording why it is not allowed."""
    match expression:
        case IntegerLiteral() | DecimalLiteral():
            return _constant(Fraction(expression.value), path, refusals)
        case TextLiteral():
            return Words(None, expression.value)
        case ColumnRef():
            column = find_column(expression.name, schema, path, refusals)
            if column is None:
                raise Refused
            return _column(column)
        case Negate():
            return _negated(expression, schema, path, refusals)
        case Arithmetic():
            return _arithmetic(expression, schema, path, refusals)
        case _:
            return Truth(None, expression)


def describe(side: Operand) -> str:
    """The type of an operand, for messages."""
    match side:
        case Constant():
            return "a number"
        case Whole():
            return (
                f"{side.expression.name!r} (integer)"
                if isinstance(side.expression, ColumnRef)
                else "an integer expression"
            )
        case Real():
            return f"{side.expression.name!r} (real)"
        case Words():
            return f"{side.column.name!r} (text)" if side.column else f"the text {side.text!r}"
        case Truth():
            return f"{side.column.name!r} (boolean)" if side.column else "a condition"


def literal(value: Fraction) -> IntegerLiteral | DecimalLiteral:
    """The one way to write `value`: an integer where it is one, else without trailing zeros.

    `value` must be a finite decimal that the plan can carry.
    """
    if value.denominator == 1:
        if abs(value) <= MAX_ABS_STORED:
            return IntegerLiteral(value=int(value))
        return DecimalLiteral(value=str(int(value)))
    quotient = _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))
    return DecimalLiteral(value=f"{quotient:f}".rstrip("0"))


def written(node: Expression) -> str:
    """A deterministic text for an expression; sorting by it is what makes order irrelevant."""
    return node.model_dump_json()


def _column(column: Column) -> Operand:
    reference = ColumnRef(name=column.name)
    match column:
        case IntegerColumn():
            return Whole(reference, column.lower, column.upper, column.nullable)
        case RealColumn():
            low, high = column.stored_bounds
            return Real(reference, low, high, column.nullable, Fraction(column.unit))
        case CategoryColumn():
            return Words(column)
        case BooleanColumn():
            return Truth(column, reference)


def _constant(value: Fraction, path: str, refusals: Refusals) -> Constant:
    if abs(value) >= MAX_CONSTANT:
        refusals.add(path, "numbers have at most 18 digits before the point; write a smaller one")
        raise Refused
    return Constant(value)


def _negated(node: Negate, schema: TableSchema, path: str, refusals: Refusals) -> Operand:
    arg = operand(node.arg, schema, f"{path}.arg", refusals)
    match arg:
        case Constant():
            return Constant(-arg.value)
        case Whole():
            if isinstance(arg.expression, Negate):
                inner = arg.expression.arg
                return Whole(inner, -arg.high, -arg.low, arg.nullable)
            return Whole(Negate(arg=arg.expression), -arg.high, -arg.low, arg.nullable)
        case _:
            return _no_arithmetic(arg, f"{path}.arg", refusals)


def _arithmetic(node: Arithmetic, schema: TableSchema, path: str, refusals: Refusals) -> Operand:
    left = operand(node.left, schema, f"{path}.left", refusals)
    right = operand(node.right, schema, f"{path}.right", refusals)
    if isinstance(left, Constant) and isinstance(right, Constant):
        return _constant(_apply(node.op, left.value, right.value), path, refusals)
    a = _whole(left, f"{path}.left", refusals)
    b = _whole(right, f"{path}.right", refusals)
    op = node.op
    if op == "subtract" and isinstance(right, Constant):
        op, b = "add", _literal_whole(-b.low)
    corners = [_apply_int(op, x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    low, high = min(corners), max(corners)
    if max(abs(low), abs(high)) > MAX_ABS_EXPRESSION:
        refusals.add(
            path,
            f"this expression can exceed 64 bits (its public range is {low} to {high}); "
            "use smaller factors, or ask the owner for narrower domains",
        )
        raise Refused
    nullable = a.nullable or b.nullable
    neutral = 0 if op == "add" else 1
    if op != "subtract":
        # Neither addition nor multiplication minds the order of two whole numbers.
        for one, other in ((a, b), (b, a)):
            if one.expression == IntegerLiteral(value=neutral):
                return other
        if written(a.expression) > written(b.expression):
            a, b = b, a
    return Whole(Arithmetic(op=op, left=a.expression, right=b.expression), low, high, nullable)


def _apply(op: str, x: Fraction, y: Fraction) -> Fraction:
    return x + y if op == "add" else x - y if op == "subtract" else x * y


def _apply_int(op: str, x: int, y: int) -> int:
    return x + y if op == "add" else x - y if op == "subtract" else x * y


def _literal_whole(value: int) -> Whole:
    return Whole(IntegerLiteral(value=value), value, value, nullable=False)


def _whole(side: Operand, path: str, refusals: Refusals) -> Whole:
    match side:
        case Whole():
            return side
        case Constant() if side.value.denominator == 1 and abs(side.value) <= MAX_ABS_STORED:
            return _literal_whole(int(side.value))
        case Constant() if side.value.denominator == 1:
            refusals.add(path, "whole numbers go from -(2^53 - 1) to 2^53 - 1; write a smaller one")
            raise Refused
        case Constant():
            refusals.add(path, "arithmetic is over whole numbers; scale the other side instead")
            raise Refused
        case _:
            return _no_arithmetic(side, path, refusals)


def _no_arithmetic(side: Operand, path: str, refusals: Refusals) -> Whole:
    advice = (
        "compare a real column with a number"
        if isinstance(side, Real)
        else "only integer columns and numbers can be added, subtracted or multiplied"
    )
    refusals.add(
        path, f"arithmetic is over integer columns, and this is {describe(side)}; {advice}"
    )
    raise Refused
