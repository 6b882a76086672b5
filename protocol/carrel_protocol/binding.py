"""Binding a plan to a table's public schema: is it allowed, and what is its normal form?

`check_plan` is what stands between a plan that somebody sent and one that is priced, hashed and
run, whichever way it was written. It refuses what does not fit the schema, and it returns the
question's **normal form**, so that two spellings of one question are one question ("ask twice,
pay once"). Its rules, and why each leaves every row's outcome as it was, are in
`carrel_protocol.conditions`. `check_plan(check_plan(p, s), s) == check_plan(p, s)`: a worker may
bind again what it was sent and refuse a plan that changes.
"""

from collections.abc import Iterator

from carrel_protocol.conditions import normal_condition
from carrel_protocol.operands import PlanError, Refusals, TooManyErrors, find_column
from carrel_protocol.plan import (
    MAX_DEPTH,
    MAX_NODES,
    Aggregate,
    Arithmetic,
    Between,
    BooleanLiteral,
    Comparison,
    Expression,
    In,
    IsNull,
    Logical,
    Negate,
    Not,
    QueryPlan,
)
from carrel_protocol.schema import (
    MAX_INTEGER_KEYS,
    IntegerColumn,
    RealColumn,
    TableSchema,
    public_keys,
)
from carrel_protocol.sensitivity import MAX_ANSWER_BYTES, MAX_KEYS, answer_bytes


class PlanNotAllowed(ValueError):
    """A plan does not fit the schema. `errors` says where, and what to use instead."""

    def __init__(self, errors: tuple[PlanError, ...]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{e.path}: {e.message}" for e in errors))


def check_plan(plan: QueryPlan, schema: TableSchema) -> QueryPlan:
    """The normal form of `plan`, or `PlanNotAllowed` with the errors that were found.

    Never recurses deeper than `MAX_DEPTH`, whatever was sent, and stops at `MAX_ERRORS` errors.
    """
    refusals = Refusals()
    try:
        return _checked(plan, schema, refusals)
    except TooManyErrors:
        raise PlanNotAllowed(refusals.taken()) from None


def _checked(plan: QueryPlan, schema: TableSchema, refusals: Refusals) -> QueryPlan:
    if plan.where is not None:
        _check_size(plan.where, refusals)
    if refusals.errors:
        raise PlanNotAllowed(refusals.taken())

    group_by = _group_by(plan, schema, refusals)
    aggregates = _aggregates(plan, schema, refusals)
    if group_by and not refusals.errors:
        _check_answer_size(plan, schema, refusals)
    where = None
    if plan.where is not None:
        where = normal_condition(plan.where, schema, "where", refusals)
    if where is not None:
        _check_size(where, refusals)
    if refusals.errors:
        raise PlanNotAllowed(refusals.taken())
    if where == BooleanLiteral(value=True):
        where = None
    return QueryPlan(where=where, group_by=group_by, aggregates=aggregates)


def children(node: Expression) -> tuple[Expression, ...]:
    """The expressions directly below `node`, in the order they were written."""
    match node:
        case Arithmetic() | Comparison():
            return node.left, node.right
        case Logical():
            return node.args
        case Between():
            return node.arg, node.low, node.high
        case In():
            return node.arg, *node.values
        case Not() | Negate() | IsNull():
            return (node.arg,)
        case _:
            return ()


def _check_size(root: Expression, refusals: Refusals) -> None:
    """Depth and node count, without recursion."""
    for nodes, (depth, _node) in enumerate(_walk(root), start=1):
        if depth > MAX_DEPTH:
            refusals.add(
                "where",
                f"the condition is nested more than {MAX_DEPTH} levels deep; "
                "write it flatter, or ask for a view",
            )
            return
        if nodes > MAX_NODES:
            refusals.add(
                "where",
                f"the condition has more than {MAX_NODES} parts (each listed value is one); "
                "use a range, or ask for a view",
            )
            return


def _check_answer_size(plan: QueryPlan, schema: TableSchema, refusals: Refusals) -> None:
    size = answer_bytes(plan, schema)
    if size > MAX_ANSWER_BYTES:
        refusals.add(
            "group_by",
            f"the answer could take {size / 2**20:.1f} MiB, and {MAX_ANSWER_BYTES // 2**20} MiB "
            "is the most; ask for fewer aggregates at once, or group by fewer columns",
        )


def _walk(root: Expression) -> Iterator[tuple[int, Expression]]:
    stack = [(1, root)]
    while stack:
        depth, node = stack.pop()
        yield depth, node
        stack.extend((depth + 1, child) for child in children(node))


def _group_by(plan: QueryPlan, schema: TableSchema, refusals: Refusals) -> tuple[str, ...]:
    names: list[str] = []
    keys = 1
    for index, name in enumerate(plan.group_by):
        path = f"group_by[{index}]"
        column = find_column(name, schema, path, refusals)
        if column is None:
            continue
        values = public_keys(column)
        if values is None:
            what = (
                f"it has more than {MAX_INTEGER_KEYS} values"
                if isinstance(column, IntegerColumn)
                else "it is a real column"
            )
            refusals.add(
                path,
                f"{column.name!r} has no list of public keys to group by ({what}); "
                "ask the owner for a narrower domain or a category column",
            )
            continue
        names.append(column.name)
        before, keys = keys, keys * len(values)
        if keys > MAX_KEYS >= before:
            refusals.add(
                path,
                f"the answer would have {keys} rows or more, and {MAX_KEYS} is the most; "
                "group by fewer columns",
            )
    return tuple(names)


def _aggregates(plan: QueryPlan, schema: TableSchema, refusals: Refusals) -> tuple[Aggregate, ...]:
    checked: list[Aggregate] = []
    for index, aggregate in enumerate(plan.aggregates):
        if aggregate.column is None:
            checked.append(aggregate)
            continue
        path = f"aggregates[{index}].column"
        column = find_column(aggregate.column, schema, path, refusals)
        if column is None:
            continue
        name: str | None = column.name
        if aggregate.function == "count":
            # Where nothing is null, COUNT(x) is COUNT(*).
            name = column.name if column.nullable else None
        elif not isinstance(column, IntegerColumn | RealColumn):
            refusals.add(
                path,
                f"{aggregate.function.upper()} needs a number and {column.name!r} is a "
                f"{column.type} column; use COUNT(*) with WHERE or GROUP BY",
            )
            continue
        checked.append(Aggregate(function=aggregate.function, column=name, alias=aggregate.alias))
    return tuple(checked)
