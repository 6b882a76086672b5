"""Random plans over a small table, and SQL's meaning of a condition in thirty lines of Python."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

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
from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
    UnitBounds,
)

SCHEMA = TableSchema(
    unit_column="person",
    columns=(
        IntegerColumn(name="Age", lower=0, upper=4),
        IntegerColumn(name="kids", lower=-2, upper=1, nullable=False),
        IntegerColumn(name="constant", lower=3, upper=3),
        RealColumn(name="income", lower="-1.00", upper="1.50", resolution="0.25"),
        RealColumn(name="tax", lower="0", upper="0.50", resolution="0.25", nullable=False),
        BooleanColumn(name="smokes"),
        BooleanColumn(name="insured", nullable=False),
        CategoryColumn(name="region", categories=("north", "south", "west")),
        CategoryColumn(name="birthplace", categories=("north", "south", "west")),
    ),
    bounds=UnitBounds(rows_per_unit=2, rows_per_group=2, groups_per_unit=3),
    size=DeclaredSize(rows=10_000, units=5_000),
)

Row = dict[str, Any]
_HOLDS = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
}  # fmt: skip
_ARITHMETIC = {
    "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b,
}  # fmt: skip


def evaluate(node: Expression, row: Row) -> Any:
    """The value of `node` on `row` (keys in lower case): True, False, None, a number or text."""
    match node:
        case ColumnRef():
            return row[node.name.lower()]
        case IntegerLiteral() | TextLiteral() | BooleanLiteral():
            return node.value
        case DecimalLiteral():
            return Fraction(Decimal(node.value))
        case Arithmetic():
            left, right = evaluate(node.left, row), evaluate(node.right, row)
            return None if left is None or right is None else _ARITHMETIC[node.op](left, right)
        case Negate():
            value = evaluate(node.arg, row)
            return None if value is None else -value
        case Comparison():
            left, right = evaluate(node.left, row), evaluate(node.right, row)
            return None if left is None or right is None else _HOLDS[node.op](left, right)
        case Logical():
            values = [evaluate(arg, row) for arg in node.args]
            absorbing = node.op == "or"
            if absorbing in [v for v in values if v is not None]:
                return absorbing
            return None if None in values else not absorbing
        case Not():
            value = evaluate(node.arg, row)
            return None if value is None else not value
        case In():
            parts = [Comparison(op="eq", left=node.arg, right=value) for value in node.values]
            return _any([evaluate(part, row) for part in parts])
        case Between():
            above = Comparison(op="ge", left=node.arg, right=node.low)
            below = Comparison(op="le", left=node.arg, right=node.high)
            return evaluate(Logical(op="and", args=(above, below)), row)
        case IsNull():
            return row[node.arg.name.lower()] is None
    raise AssertionError(node)


def _any(values: list[Any]) -> Any:
    return True if True in values else None if None in values else False


def rows() -> st.SearchStrategy[Row]:
    """Rows that the table can hold."""
    values: dict[str, st.SearchStrategy[Any]] = {}
    for column in SCHEMA.columns:
        match column:
            case IntegerColumn():
                value: st.SearchStrategy[Any] = st.integers(column.lower, column.upper)
            case RealColumn():
                step = Fraction(column.unit)
                value = st.integers(*column.stored_bounds).map(lambda n, step=step: n * step)
            case BooleanColumn():
                value = st.booleans()
            case CategoryColumn():
                value = st.sampled_from(column.categories)
        values[column.name.lower()] = st.none() | value if column.nullable else value
    return st.fixed_dictionaries(values)


def _named(*names: str) -> st.SearchStrategy[ColumnRef]:
    spelt = [n for name in names for n in (name, name.upper(), name.lower())]
    return st.sampled_from(spelt).map(lambda name: ColumnRef(name=name))


whole_literals = st.integers(-6, 6).map(lambda v: IntegerLiteral(value=v))
literals = whole_literals | st.sampled_from(
    ["0.5", "-0.5", "0.25", "1.00", "1.10", "-1.000001", "99", "3.0", "-7.5"]
).map(lambda v: DecimalLiteral(value=v))
whole_columns = _named("Age", "kids", "constant")
real_columns = _named("income", "tax")
wholes = st.recursive(
    whole_columns | whole_literals,
    lambda inner: (
        st.builds(Negate, arg=inner)
        | st.builds(
            Arithmetic,
            op=st.sampled_from(["add", "subtract", "multiply"]),
            left=inner,
            right=inner,
        )
    ),
    max_leaves=4,
)
texts = st.sampled_from(["north", "south", "west"]).map(lambda v: TextLiteral(value=v))
text_columns = _named("region", "birthplace")
truths = _named("smokes", "insured") | st.booleans().map(lambda v: BooleanLiteral(value=v))
orders = st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"])
equalities = st.sampled_from(["eq", "ne"])


def _some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=1, max_size=5).map(tuple)


atoms: st.SearchStrategy[Any] = st.one_of(
    truths,
    st.builds(Comparison, op=orders, left=wholes, right=wholes | literals),
    st.builds(Comparison, op=orders, left=literals, right=wholes | real_columns),
    st.builds(Comparison, op=orders, left=real_columns, right=literals | real_columns),
    st.builds(Comparison, op=equalities, left=text_columns, right=texts | text_columns),
    st.builds(Comparison, op=equalities, left=texts, right=text_columns | texts),
    st.builds(Comparison, op=equalities, left=truths, right=truths),
    st.builds(In, arg=whole_columns | real_columns | wholes, values=_some(literals)),
    st.builds(In, arg=text_columns | texts, values=_some(texts)),
    st.builds(
        In,
        arg=_named("smokes"),
        values=_some(st.booleans().map(lambda v: BooleanLiteral(value=v))),
    ),
    st.builds(Between, arg=wholes | real_columns, low=literals, high=literals),
    st.builds(Between, arg=wholes, low=wholes, high=wholes),
    st.builds(
        IsNull, arg=_named("Age", "kids", "income", "smokes", "insured", "region", "birthplace")
    ),
)
conditions: st.SearchStrategy[Any] = st.recursive(
    atoms,
    lambda inner: (
        st.builds(Not, arg=inner)
        | st.builds(
            Logical,
            op=st.sampled_from(["and", "or"]),
            args=st.lists(inner, min_size=2, max_size=4).map(tuple),
        )
    ),
    max_leaves=8,
)


@st.composite
def plans(draw: st.DrawFn) -> QueryPlan:
    """Plans that `SCHEMA` allows."""
    group_by = draw(
        st.lists(
            st.sampled_from(["age", "KIDS", "smokes", "region", "Birthplace"]),
            unique_by=str.lower,
            max_size=3,
        )
    )
    functions = draw(st.lists(st.sampled_from(["count", "sum", "avg"]), min_size=1, max_size=4))
    aggregates = []
    for index, function in enumerate(functions):
        if function == "count":
            column = draw(st.none() | st.sampled_from(["Region", "age", "kids", "smokes"]))
        else:
            column = draw(st.sampled_from(["AGE", "kids", "income", "tax", "constant"]))
        aggregates.append(Aggregate(function=function, column=column, alias=f"m{index}"))
    return QueryPlan(
        where=draw(st.none() | conditions),
        group_by=tuple(group_by),
        aggregates=tuple(aggregates),
    )
