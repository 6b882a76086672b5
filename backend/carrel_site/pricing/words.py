"""A plan, written for people: as SQL, and as a sentence."""

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
from carrel_protocol.schema import TableSchema, UnitBounds, public_keys
from carrel_site.pricing.advice import KEYWORDS

_SIGNS: dict[str, str] = {
    "eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "add": "+", "subtract": "-", "multiply": "*",
}  # fmt: skip
_LOOSENESS: dict[str, int] = {
    "or": 7, "and": 6, "not": 5, "eq": 4, "ne": 4, "lt": 4, "le": 4, "gt": 4, "ge": 4,
    "in": 4, "between": 4, "is_null": 4, "add": 3, "subtract": 3, "multiply": 2, "negate": 1,
}  # fmt: skip
_RESERVED = {
    "SELECT", "FROM", "WHERE", "GROUP", "BY", "AND", "OR", "NOT", "IN", "BETWEEN", "IS", "NULL",
    "TRUE", "FALSE", "AS",
}  # fmt: skip


def to_sql(plan: QueryPlan, dataset_name: str) -> str:
    """SQL that `parse_sql` reads as `plan` again."""
    names = [name_in_sql(name) for name in plan.group_by]
    for aggregate in plan.aggregates:
        column = name_in_sql(aggregate.column) if aggregate.column else "*"
        alias = name_in_sql(aggregate.alias)
        names.append(f"{aggregate.function.upper()}({column}) AS {alias}")
    parts = [f"SELECT {', '.join(names)}", f"FROM {name_in_sql(dataset_name)}"]
    if plan.where is not None:
        parts.append(f"WHERE {condition_in_sql(plan.where)}")
    if plan.group_by:
        parts.append(f"GROUP BY {', '.join(name_in_sql(name) for name in plan.group_by)}")
    return " ".join(parts)


def in_words(plan: QueryPlan, schema: TableSchema, bounds: UnitBounds) -> str:
    """One or two sentences: what is computed, over which rows, and how each unit is bounded."""
    measures = [
        f"{a.function.upper()}({a.column or '*'})"
        + ("" if a.alias == a.function else f" as {a.alias}")
        for a in plan.aggregates
    ]
    said = _listed(measures)
    if plan.group_by:
        sizes = [f"{name} ({_keys(schema, name)} values)" for name in plan.group_by]
        said += f" for each {_listed(sizes)}"
    if plan.where is not None:
        said += f", over rows where {condition_in_sql(plan.where)}"
    if plan.group_by:
        k, groups = bounds.rows_per_group, bounds.groups_per_unit
        bound = f"{_many(k, 'row')} in each of at most {_many(groups, 'group')}"
    else:
        bound = _many(bounds.rows_per_unit, "row")
    return f"{said}. Each {schema.unit_column} counts with at most {bound}."


def condition_in_sql(node: Expression) -> str:  # noqa: PLR0911 (one a node type)
    """A condition as SQL, with parentheses only where they matter."""
    match node:
        case ColumnRef():
            return name_in_sql(node.name)
        case IntegerLiteral() | DecimalLiteral():
            return str(node.value)
        case BooleanLiteral():
            return "TRUE" if node.value else "FALSE"
        case TextLiteral():
            return "'" + node.value.replace("'", "''") + "'"
        case Logical():
            return f" {node.op.upper()} ".join(_inside(arg, node) for arg in node.args)
        case Arithmetic() | Comparison():
            return f"{_inside(node.left, node)} {_SIGNS[node.op]} {_inside(node.right, node)}"
        case _:
            return _other(node)


def _other(  # noqa: PLR0911 (one a node type)
    node: Not | Negate | In | Between | IsNull,
) -> str:
    match node:
        case Not(arg=In() as inner):
            return _in_list(inner, "NOT IN")
        case Not(arg=IsNull() as inner):
            return f"{condition_in_sql(inner.arg)} IS NOT NULL"
        case Not():
            return f"NOT {_inside(node.arg, node)}"
        case Negate():
            return f"-{_inside(node.arg, node)}"
        case In():
            return _in_list(node, "IN")
        case Between():
            low, high = _inside(node.low, node), _inside(node.high, node)
            return f"{_inside(node.arg, node)} BETWEEN {low} AND {high}"
        case IsNull():
            return f"{condition_in_sql(node.arg)} IS NULL"


def _in_list(node: In, word: str) -> str:
    values = ", ".join(condition_in_sql(value) for value in node.values)
    return f"{_inside(node.arg, node)} {word} ({values})"


def _inside(child: Expression, parent: Expression) -> str:
    """`child` with parentheses unless it binds tighter than `parent`."""
    text = condition_in_sql(child)
    loose = _LOOSENESS.get(child.op, 0) >= _LOOSENESS[parent.op]
    negative = isinstance(parent, Negate) and text.startswith("-")
    return f"({text})" if loose or negative else text


def name_in_sql(name: str) -> str:
    """A name, in double quotes where it would be read as a word of SQL."""
    upper = name.upper()
    return f'"{name}"' if upper in _RESERVED or upper in KEYWORDS else name


def _keys(schema: TableSchema, name: str) -> int:
    column = schema.column(name)
    return len(public_keys(column) or ()) if column is not None else 0


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
