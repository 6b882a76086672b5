"""A plan in words, for the people who decide about it."""

from carrel_protocol.plan import (
    Aggregate,
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
from carrel_protocol.schema import UnitBounds

_SIGN = {
    "eq": "=",
    "ne": "≠",
    "lt": "<",
    "le": "≤",
    "gt": ">",
    "ge": "≥",
    "add": "+",
    "subtract": "−",
    "multiply": "×",
}


def in_words(plan: QueryPlan, bounds: UnitBounds) -> str:
    """One sentence on what is computed, of which rows, and one on how much of a unit counts."""
    asked = ", ".join(_aggregate(aggregate) for aggregate in plan.aggregates)
    groups = f" for each {' and '.join(plan.group_by)}" if plan.group_by else ""
    rows = f" where {expression(plan.where)}" if plan.where is not None else ""
    return f"{asked[0].upper()}{asked[1:]}{groups}, of the rows{rows}. {_bounds(plan, bounds)}"


def expression(node: Expression) -> str:
    """A condition as people write it."""
    match node:
        case ColumnRef(name=name):
            return name
        case IntegerLiteral(value=value) | DecimalLiteral(value=value):
            return str(value)
        case TextLiteral(value=value):
            return f"“{value}”"
        case BooleanLiteral(value=value):
            return "true" if value else "false"
        case Comparison(op=op, left=left, right=right) | Arithmetic(op=op, left=left, right=right):
            return f"{_inner(left)} {_SIGN[op]} {_inner(right)}"
        case Logical(op=op, args=args):
            return f" {op} ".join(_inner(arg) for arg in args)
        case Not(arg=IsNull(arg=arg)):
            return f"{arg.name} is known"
        case Not(arg=arg):
            return f"not {_inner(arg)}"
        case IsNull(arg=arg):
            return f"{arg.name} is missing"
        case Negate(arg=arg):
            return f"−{_inner(arg)}"
        case In(arg=arg, values=values):
            return f"{_inner(arg)} is one of {', '.join(expression(value) for value in values)}"
        case Between(arg=arg, low=low, high=high):
            return f"{_inner(arg)} is from {_inner(low)} to {_inner(high)}"


def _inner(node: Expression) -> str:
    text = expression(node)
    return f"({text})" if isinstance(node, Logical | Arithmetic | In | Between) else text


def _aggregate(aggregate: Aggregate) -> str:
    match aggregate.function:
        case "count" if aggregate.column is None:
            what = "the number"
        case "count":
            what = f"the number with a known {aggregate.column}"
        case "sum":
            what = f"the sum of {aggregate.column}"
        case "avg":
            what = f"the average of {aggregate.column}"
    return f"{what} (as {aggregate.alias})"


def _bounds(plan: QueryPlan, bounds: UnitBounds) -> str:
    if not plan.group_by:
        return f"At most {_rows(bounds.rows_per_unit)} of each unit count."
    return (
        f"At most {_rows(bounds.rows_per_group)} of each unit count in a group, "
        f"in at most {bounds.groups_per_unit} groups."
    )


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"
