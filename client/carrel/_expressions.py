"""Conditions and aggregates, written in Python.

    (col("age") > 70) & ~col("region").isin(["north", "south"])
    avg("drugexp")

They make the same plan as SQL does; the site checks it against the dataset's schema.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NoReturn, cast

from carrel._errors import InvalidInput, QueryNotAllowed
from carrel._made import made_query as made
from carrel_protocol import plan

Value = int | float | str | bool | Decimal
_Comparing = Literal["eq", "ne", "lt", "le", "gt", "ge"]
_Counting = Literal["add", "subtract", "multiply"]


class Expr:
    """An expression over one row: a column, a value, or what is made of them.

    Compare with < <= == != > >=, join with & | ~, calculate over integers with + - *.
    Comparisons with a null are null, as in SQL, and a null condition leaves the row out.
    """

    __slots__ = ("node",)
    __array_ufunc__ = None  # so that numpy leaves 70 < col("age") to this class

    def __init__(self, node: plan.Expression) -> None:
        self.node = node

    def __lt__(self, other: Expr | Value) -> Expr:
        return _compare("lt", self, other)

    def __le__(self, other: Expr | Value) -> Expr:
        return _compare("le", self, other)

    def __gt__(self, other: Expr | Value) -> Expr:
        return _compare("gt", self, other)

    def __ge__(self, other: Expr | Value) -> Expr:
        return _compare("ge", self, other)

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return _compare("eq", self, other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return _compare("ne", self, other)

    __hash__ = None  # type: ignore[assignment]  # == makes a condition, so nothing can look it up

    def __add__(self, other: Expr | Value) -> Expr:
        return _calculate("add", self, other)

    def __radd__(self, other: Value) -> Expr:
        return _calculate("add", lit(other), self)

    def __sub__(self, other: Expr | Value) -> Expr:
        return _calculate("subtract", self, other)

    def __rsub__(self, other: Value) -> Expr:
        return _calculate("subtract", lit(other), self)

    def __mul__(self, other: Expr | Value) -> Expr:
        return _calculate("multiply", self, other)

    def __rmul__(self, other: Value) -> Expr:
        return _calculate("multiply", lit(other), self)

    def __neg__(self) -> Expr:
        if isinstance(self.node, plan.IntegerLiteral):
            return lit(-self.node.value)
        return Expr(plan.Negate(arg=self.node))

    def __truediv__(self, _other: object) -> NoReturn:
        raise QueryNotAllowed(
            "Division is not allowed: it has no value for 0.",
            advice="Multiply the other side instead: a / b > 2 is a > b * 2 where b is positive.",
        )

    __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __truediv__

    def __and__(self, other: Expr | bool) -> Expr:
        return _join("and", self, other)

    __rand__ = __and__

    def __or__(self, other: Expr | bool) -> Expr:
        return _join("or", self, other)

    __ror__ = __or__

    def __invert__(self) -> Expr:
        return Expr(plan.Not(arg=self.node))

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a condition has no truth value here: it is worked out for each row, at the site. "
            "Write & for and, | for or, ~ for not, each side in parentheses: "
            "(col('age') > 70) & (col('female') == 1). Instead of a < x < b write "
            "x.between(a, b); instead of x in [...] write x.isin([...])."
        )

    def isin(self, values: Iterable[Value]) -> Expr:
        """Whether it is one of `values`."""
        if isinstance(values, str):
            raise InvalidInput("isin() needs a list of values, not one text.")
        constants = tuple(cast("plan.Constant", _node(value)) for value in values)
        return Expr(made(plan.In, arg=self.node, values=constants))

    def between(self, low: Expr | Value, high: Expr | Value) -> Expr:
        """low <= it <= high."""
        return Expr(made(plan.Between, arg=self.node, low=_node(low), high=_node(high)))

    def is_null(self) -> Expr:
        """Whether a column's value is missing."""
        if not isinstance(self.node, plan.ColumnRef):
            raise QueryNotAllowed("is_null() is for a column: col('x').is_null().")
        return Expr(plan.IsNull(arg=self.node))

    def is_not_null(self) -> Expr:
        return ~self.is_null()

    def __repr__(self) -> str:
        return written(self.node)


def col(name: str) -> Expr:
    """The column of that name (case is ignored)."""
    return Expr(made(plan.ColumnRef, name=name))


def lit(value: Value) -> Expr:
    """A value: a whole number, a decimal number, a text, true or false.

    A float is taken as it is written: 0.1 is exactly one tenth.
    """
    return Expr(_node(value))


class Aggregate:
    """What is released over the rows of a group: `count`, `sum_` or `avg`."""

    __slots__ = ("column", "function")

    def __init__(self, function: Literal["count", "sum", "avg"], column: str | None) -> None:
        self.function = function
        self.column = column

    def named(self, alias: str) -> plan.Aggregate:
        return made(plan.Aggregate, function=self.function, column=self.column, alias=alias)

    def __repr__(self) -> str:
        return f"{self.function.upper()}({self.column or '*'})"


def count(column: str | Expr | None = None) -> Aggregate:
    """How many rows; with a column, how many rows where it is not null."""
    return Aggregate("count", None if column is None else column_name(column))


def sum_(column: str | Expr) -> Aggregate:
    """The sum of a column, each value within its public domain."""
    return Aggregate("sum", column_name(column))


def avg(column: str | Expr) -> Aggregate:
    """The mean of a column: a private sum over a private count, which share the cost."""
    return Aggregate("avg", column_name(column))


def column_name(column: str | Expr) -> str:
    if isinstance(column, str):
        return column
    if isinstance(column, Expr) and isinstance(column.node, plan.ColumnRef):
        return column.node.name
    raise QueryNotAllowed(
        f"A column is needed here, and {column!r} is an expression.",
        advice="Ask the owner for a column that holds it, or put the condition into where().",
    )


def conjunction(conditions: Iterable[Expr | bool]) -> plan.Expression | None:
    """All of `conditions` together; None when there are none."""
    joined: Expr | None = None
    for condition in conditions:
        if not isinstance(condition, Expr | bool):
            raise InvalidInput(
                f"where() needs conditions such as col('age') > 70, not {condition!r}."
            )
        joined = _as_expr(condition) if joined is None else joined & condition
    return None if joined is None else joined.node


def written(node: plan.Expression) -> str:  # noqa: PLR0911 (one return a kind of node)
    """`node` as Python would write it."""
    match node:
        case plan.ColumnRef():
            return f"col({node.name!r})"
        case plan.DecimalLiteral():
            return node.value
        case plan.IntegerLiteral() | plan.TextLiteral() | plan.BooleanLiteral():
            return repr(node.value)
        case plan.Arithmetic() | plan.Comparison():
            return f"({written(node.left)} {_SIGNS[node.op]} {written(node.right)})"
        case plan.Logical():
            sign = " & " if node.op == "and" else " | "
            return f"({sign.join(written(arg) for arg in node.args)})"
        case plan.Not():
            return f"~{written(node.arg)}"
        case plan.Negate():
            return f"-{written(node.arg)}"
        case plan.In():
            return f"{written(node.arg)}.isin([{', '.join(map(written, node.values))}])"
        case plan.Between():
            return f"{written(node.arg)}.between({written(node.low)}, {written(node.high)})"
        case plan.IsNull():
            return f"{written(node.arg)}.is_null()"


def described(query: plan.QueryPlan) -> str:
    """A plan on one line."""
    parts = [
        ", ".join(f"{a.alias} = {Aggregate(a.function, a.column)!r}" for a in query.aggregates)
    ]
    if query.where is not None:
        parts.append(f"where {written(query.where)}")
    if query.group_by:
        parts.append(f"by {', '.join(query.group_by)}")
    return " ".join(parts)


def explain(error: QueryNotAllowed, *, sql: str | None, asked: plan.QueryPlan | None) -> None:
    """Make a site's refusal of a question show the question."""
    error.sql = sql
    if asked is not None:
        locs = [str(entry.get("loc")) for entry in error.errors]
        error.parts = {loc: _part_of(asked, loc) for loc in locs}


def _part_of(query: plan.QueryPlan, loc: str) -> str:
    """How the part of a plan at "where.args[1].left" or "group_by[0]" reads in Python."""
    part: Any = query
    try:
        for name, index in re.findall(r"(\w+)|\[(\d+)\]", loc.removeprefix("plan.")):
            part = getattr(part, name) if name else part[int(index)]
    except (AttributeError, IndexError, TypeError):
        return loc
    if isinstance(part, plan.Aggregate):
        return f"{part.alias} = {Aggregate(part.function, part.column)!r}"
    return written(part) if hasattr(part, "op") else repr(part)


_SIGNS = {
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "add": "+", "subtract": "-", "multiply": "*",
}  # fmt: skip


def _compare(op: _Comparing, left: Expr, right: object) -> Expr:
    if right is None:
        raise InvalidInput(
            "Nothing equals null, not even null.", advice="Write col('x').is_null() instead."
        )
    return Expr(made(plan.Comparison, op=op, left=left.node, right=_node(right)))


def _calculate(op: _Counting, left: Expr, right: object) -> Expr:
    return Expr(made(plan.Arithmetic, op=op, left=left.node, right=_node(right)))


def _join(op: Literal["and", "or"], left: Expr, right: object) -> Expr:
    if not isinstance(right, Expr | bool):
        raise InvalidInput(
            f"& and | join conditions, and {right!r} is none.",
            advice="Put each comparison in parentheses: (col('a') > 1) & (col('b') < 2).",
        )
    sides = (left.node, _as_expr(right).node)
    # a & b & c is one AND of three: nesting is limited, and flat conditions read better.
    args = tuple(
        arg
        for side in sides
        for arg in (side.args if isinstance(side, plan.Logical) and side.op == op else (side,))
    )
    return Expr(made(plan.Logical, op=op, args=args))


def _as_expr(value: Expr | bool) -> Expr:
    return value if isinstance(value, Expr) else lit(value)


def _node(value: object) -> plan.Expression:
    if isinstance(value, Expr):
        return value.node
    if not isinstance(value, int | float | str | Decimal) and hasattr(value, "item"):
        try:
            value = value.item()  # a scalar of numpy's or pandas'
        except (TypeError, ValueError):
            raise InvalidInput("A condition compares with one value; see isin().") from None
    if isinstance(value, bool):
        return plan.BooleanLiteral(value=value)
    if isinstance(value, str):
        return made(plan.TextLiteral, value=value)
    if isinstance(value, float | Decimal):
        return _decimal(value)
    try:
        whole = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidInput(
            f"{value!r} is a {type(value).__name__}; a condition compares with numbers, texts, "
            "True and False."
        ) from None
    return made(plan.IntegerLiteral, value=whole)


def _decimal(value: float | Decimal) -> plan.Expression:
    try:
        exact = Decimal(str(value)).normalize()
    except InvalidOperation:
        exact = Decimal("nan")
    if not exact.is_finite():
        raise InvalidInput(
            f"{value!r} is no number that a row can have.",
            advice="Stored tables have no NaN and no infinity: those are nulls, see is_null().",
        )
    if exact == exact.to_integral_value():
        return made(plan.IntegerLiteral, value=int(exact))
    return made(plan.DecimalLiteral, value=f"{exact:f}")
