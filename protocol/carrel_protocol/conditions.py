"""The normal form of a WHERE condition.

Every rewriting here holds in SQL's three-valued logic for every row that a stored table can
hold, so a condition and its normal form are true, false and null for the same rows:

- NOT is pushed inwards. De Morgan's laws and ¬¬a = a hold in Kleene's logic; the negation of a
  comparison is the opposite comparison (both are null when a side is null).
- AND and OR are flattened, sorted and rid of duplicates, TRUE and FALSE.
- BETWEEN is two comparisons. Equalities on one column under OR are one IN, inequalities on one
  column under AND one NOT IN, with their values sorted. Of several lower (upper) limits on one
  column the tighter stays under AND, the looser under OR: all are null for the same rows.
- Constants are worked out. A comparison with a constant has the constant on its right.
- Stored numbers are whole multiples of the column's resolution inside its public domain, so
  `x > 70.5` on an integer column is `x >= 71`. A comparison that no value of the domain can
  change is TRUE or FALSE, or, on a column with nulls, `x = x` or `x <> x`; these give way to (or
  swallow) other conditions on x, which are null for the same rows.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from carrel_protocol.comparisons import (
    MIRRORED,
    Op,
    listed,
    mismatch,
    number,
    ordered,
    rank,
    settled,
    stepped,
    tightened,
)
from carrel_protocol.operands import (
    Constant,
    Operand,
    Real,
    Refusals,
    Refused,
    Truth,
    Whole,
    Words,
    describe,
    find_column,
    literal,
    operand,
    written,
)
from carrel_protocol.plan import (
    Between,
    BooleanLiteral,
    ColumnRef,
    Comparison,
    Expression,
    In,
    IsNull,
    Logical,
    Not,
    TextLiteral,
)
from carrel_protocol.schema import MAX_ABS_STORED, CategoryColumn, TableSchema

_OPPOSITE: dict[Op, Op] = {
    "eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt",
}  # fmt: skip
_HOLDS: dict[Op, Callable[[Fraction, Fraction], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}
MAX_CONDITIONS = 200
MAX_LISTED = 1000
TRUE = BooleanLiteral(value=True)
FALSE = BooleanLiteral(value=False)


def normal_condition(
    root: Expression, schema: TableSchema, path: str, refusals: Refusals
) -> Expression | None:
    """The normal form of `root`; None once its errors were recorded.

    `root` is at most `plan.MAX_DEPTH` deep: the caller has checked.
    """
    try:
        return _Normaliser(schema, refusals).condition(root, path, negated=False)
    except Refused:
        return None


class _Normaliser:
    def __init__(self, schema: TableSchema, refusals: Refusals) -> None:
        self.schema = schema
        self.refusals = refusals
        self.same_values: dict[tuple[str, str], bool] = {}
        """Whether two columns have one list of values; lists are long, so compared once."""

    def refuse(self, path: str, message: str) -> Refused:
        self.refusals.add(path, message)
        return Refused()

    def operand(self, node: Expression, path: str) -> Operand:
        return operand(node, self.schema, path, self.refusals)

    def condition(  # noqa: PLR0911 (one return a kind of node)
        self, node: Expression, path: str, *, negated: bool
    ) -> Expression:
        """The normal form of `node`, or of its negation."""
        match node:
            case BooleanLiteral():
                return BooleanLiteral(value=node.value != negated)
            case Not():
                return self.condition(node.arg, f"{path}.arg", negated=not negated)
            case Logical():
                return self.logical(node, path, negated=negated)
            case Comparison():
                left = self.operand(node.left, f"{path}.left")
                right = self.operand(node.right, f"{path}.right")
                op = _OPPOSITE[node.op] if negated else node.op
                return self.comparison(op, left, right, f"{path}.left", f"{path}.right")
            case Between():
                return self.between(node, path, negated=negated)
            case In():
                return self.membership(node, path, negated=negated)
            case IsNull():
                column = find_column(node.arg.name, self.schema, f"{path}.arg", self.refusals)
                if column is None:
                    raise Refused
                if not column.nullable:
                    return BooleanLiteral(value=negated)
                return _not(IsNull(arg=ColumnRef(name=column.name)), negated=negated)
            case ColumnRef():
                side = self.operand(node, path)
                if isinstance(side, Truth):
                    return _not(side.expression, negated=negated)
                raise self.refuse(
                    path, f"a condition is needed here, and this is {describe(side)}; compare it"
                )
            case _:
                raise self.refuse(
                    path, "a condition is needed here, and this is a value; compare it"
                )

    def logical(self, node: Logical, path: str, *, negated: bool) -> Expression:
        args: list[Expression] = []
        failed = False
        for index, arg in enumerate(node.args):
            try:
                args.append(self.condition(arg, f"{path}.args[{index}]", negated=negated))
            except Refused:
                failed = True  # go on, so that every error is told at once
        if failed:
            raise Refused
        return self.combined(_dual(node.op) if negated else node.op, args, path)

    def between(self, node: Between, path: str, *, negated: bool) -> Expression:
        arg, low, high = (
            self.operand(side, f"{path}.{name}")
            for name, side in (("arg", node.arg), ("low", node.low), ("high", node.high))
        )
        above: Op = "lt" if negated else "ge"
        below: Op = "gt" if negated else "le"
        ends = [
            self.comparison(above, arg, low, f"{path}.arg", f"{path}.low"),
            self.comparison(below, arg, high, f"{path}.arg", f"{path}.high"),
        ]
        return self.combined("or" if negated else "and", ends, path)

    def combined(self, op: Literal["and", "or"], args: list[Expression], path: str) -> Expression:
        neutral, absorbing = (TRUE, FALSE) if op == "and" else (FALSE, TRUE)
        flat: dict[str, Expression] = {}
        for arg in args:
            inner = arg.args if isinstance(arg, Logical) and arg.op == op else (arg,)
            for part in inner:
                if part == absorbing:
                    return absorbing
                if part != neutral:
                    flat[written(part)] = part
        parts = tightened(op, self.gathered(op, list(flat.values()), path))
        if not parts:
            return neutral
        if len(parts) == 1:
            return parts[0]
        if len(parts) > MAX_CONDITIONS:
            raise self.refuse(
                path,
                f"more than {MAX_CONDITIONS} conditions are joined by {op.upper()}; "
                "use IN or a range",
            )
        return Logical(op=op, args=tuple(sorted(parts, key=written)))

    def gathered(
        self, op: Literal["and", "or"], parts: list[Expression], path: str
    ) -> list[Expression]:
        """Equalities under OR as IN; inequalities under AND as NOT IN."""
        lists: dict[str, list[tuple[Expression, tuple[Expression, ...]]]] = {}
        for part in parts:
            found = listed(part, negated=op == "and")
            if found is not None:
                lists.setdefault(written(found[0]), []).append(found)
        several = {key: group for key, group in lists.items() if len(group) > 1}
        if not several:
            return parts
        rest = []
        for part in parts:
            found = listed(part, negated=op == "and")
            if found is None or written(found[0]) not in several:
                rest.append(part)
        for group in several.values():
            values = {written(value): value for _, listing in group for value in listing}
            rest.append(self.listing(group[0][0], list(values.values()), path, negated=op == "and"))
        return rest

    def listing(
        self, arg: Expression, values: list[Expression], path: str, *, negated: bool
    ) -> Expression:
        if len(values) == 1:
            return Comparison(op="ne" if negated else "eq", left=arg, right=values[0])
        if len(values) > MAX_LISTED:
            raise self.refuse(path, f"more than {MAX_LISTED} values are listed; use a range")
        listing = In(arg=arg, values=tuple(sorted(values, key=rank)))
        return _not(listing, negated=negated)

    def comparison(  # noqa: PLR0911 (one return a pair of types)
        self, op: Op, left: Operand, right: Operand, left_path: str, right_path: str
    ) -> Expression:
        """`left op right`; the paths say where each side was written."""
        match left, right:
            case (Constant(), Constant()):
                return BooleanLiteral(value=_HOLDS[op](left.value, right.value))
            case (Whole() | Real(), Constant()):
                return self.against(op, left, right.value, right_path)
            case (Constant(), Whole() | Real()):
                return self.against(MIRRORED[op], right, left.value, left_path)
            case (Whole() | Real(), Whole() | Real()) if left.expression == right.expression:
                return settled(left, holds=op in ("eq", "le", "ge"))
            case (Whole(), Whole()):
                return ordered(op, left.expression, right.expression)
            case (Real(), Real()):
                if left.step == right.step:
                    return ordered(op, left.expression, right.expression)
                raise self.refuse(
                    right_path,
                    f"{left.expression.name!r} and {right.expression.name!r} are kept at "
                    "different resolutions; compare each with a number",
                )
            case (Words(), Words()):
                return self.texts(op, left, right, left_path, right_path)
            case (Truth(), Truth()):
                return self.truths(op, left, right, left_path, right_path)
            case _:
                raise self.refuse(right_path, mismatch(left, right))

    def against(self, op: Op, side: Whole | Real, value: Fraction, path: str) -> Expression:
        """`side op value` with a value that the side can take, on its grid."""
        if not side.is_column and abs(value) > MAX_ABS_STORED:
            raise self.refuse(
                path, "whole numbers go from -(2^53 - 1) to 2^53 - 1; write a smaller one"
            )
        steps = value / side.step
        floor, ceil = math.floor(steps), math.ceil(steps)
        if op in ("eq", "ne"):
            if floor != ceil or not side.low <= floor <= side.high:
                return settled(side, holds=op == "ne")
            return stepped(op, side, floor)
        if op in ("le", "lt"):
            return stepped("le", side, floor if op == "le" else ceil - 1)
        return stepped("ge", side, ceil if op == "ge" else floor + 1)

    def texts(
        self, op: Op, left: Words, right: Words, left_path: str, right_path: str
    ) -> Expression:
        if op not in ("eq", "ne"):
            raise self.refuse(right_path, "text has no order here; use =, <> or IN")
        if left.column is None and right.column is None:
            return BooleanLiteral(value=(left.text == right.text) == (op == "eq"))
        if left.column is None:
            left, right, right_path = right, left, left_path
        assert left.column is not None
        reference = ColumnRef(name=left.column.name)
        if right.column is None:
            self.known_category(left.column, right.text, right_path)
            return Comparison(op=op, left=reference, right=TextLiteral(value=right.text))
        if not self.comparable(left.column, right.column):
            raise self.refuse(
                right_path,
                f"{left.column.name!r} and {right.column.name!r} have different lists of values; "
                "compare each with a text",
            )
        if left.column.name == right.column.name and not left.column.nullable:
            return BooleanLiteral(value=op == "eq")
        return ordered(op, reference, ColumnRef(name=right.column.name))

    def comparable(self, one: CategoryColumn, other: CategoryColumn) -> bool:
        pair = (one.name, other.name)
        if pair not in self.same_values:
            self.same_values[pair] = one.categories == other.categories
        return self.same_values[pair]

    def known_category(self, column: CategoryColumn, text: str, path: str) -> None:
        if column.has(text):
            return
        some = ", ".join(repr(value) for value in column.categories[:8])
        hint = self.refusals.hint(text, column.categories) or (
            f"; they are {some}{', …' if len(column.categories) > 8 else ''}"
        )
        raise self.refuse(path, f"{text!r} is not among the values of {column.name!r}{hint}")

    def truths(
        self, op: Op, left: Truth, right: Truth, left_path: str, right_path: str
    ) -> Expression:
        if op not in ("eq", "ne"):
            raise self.refuse(right_path, "true and false have no order here; use = or <>")
        for one, other, path in ((right, left, left_path), (left, right, right_path)):
            if isinstance(one.expression, BooleanLiteral):
                same = one.expression.value == (op == "eq")
                return self.condition(other.expression, path, negated=not same)
        if left.column is None or right.column is None:
            raise self.refuse(
                right_path,
                "conditions cannot be compared with each other; join them by AND, OR, NOT",
            )
        if left.column.name == right.column.name and not left.column.nullable:
            return BooleanLiteral(value=op == "eq")
        return ordered(op, left.expression, right.expression)

    def membership(self, node: In, path: str, *, negated: bool) -> Expression:
        arg = self.operand(node.arg, f"{path}.arg")
        places = [
            (f"{path}.values[{i}]", self.operand(value, f"{path}.values[{i}]"))
            for i, value in enumerate(node.values)
        ]
        if isinstance(arg, Truth):
            op: Op = "ne" if negated else "eq"
            each = [self.comparison(op, arg, side, f"{path}.arg", p) for p, side in places]
            return self.combined("and" if negated else "or", each, path)
        found: dict[str, Expression] = {}
        failed = False
        for place, side in places:
            try:
                part = self.member(arg, side, place)
            except Refused:
                failed = True
                continue
            if part is not None:
                found[written(part)] = part
        if failed:
            raise Refused
        values = list(found.values())
        match arg:
            case Words(column=CategoryColumn() as column):
                return self.listing(ColumnRef(name=column.name), values, path, negated=negated)
            case Whole() | Real() if not values:
                return settled(arg, holds=negated)
            case Whole() | Real() if len(values) == 1:
                steps = int(number(values[0]) / arg.step)
                return stepped("ne" if negated else "eq", arg, steps)
            case Whole() | Real():
                return self.listing(arg.expression, values, path, negated=negated)
            case _:
                return BooleanLiteral(value=bool(values) != negated)

    def member(self, arg: Operand, side: Operand, path: str) -> Expression | None:
        """One listed value in its normal form; None if `arg` can never equal it."""
        match arg, side:
            case (Words(column=CategoryColumn() as column), Words(column=None)):
                self.known_category(column, side.text, path)
                return TextLiteral(value=side.text)
            case (Constant(), Constant()):
                return TRUE if arg.value == side.value else None
            case (Words(column=None), Words(column=None)):
                return TRUE if arg.text == side.text else None
            case (Whole() | Real(), Constant()):
                steps = side.value / arg.step
                possible = steps.denominator == 1 and arg.low <= steps <= arg.high
                return literal(side.value) if possible else None
            case _:
                raise self.refuse(path, mismatch(arg, side))


def _dual(op: Literal["and", "or"]) -> Literal["and", "or"]:
    return "or" if op == "and" else "and"


def _not(node: Expression, *, negated: bool) -> Expression:
    return Not(arg=node) if negated else node
