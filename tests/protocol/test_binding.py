"""Normal forms mean what was written, and what does not fit the schema is refused by place."""

import itertools
import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from carrel_protocol import operands
from carrel_protocol.binding import PlanNotAllowed, check_plan
from carrel_protocol.plan import (
    MAX_DEPTH,
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
    MAX_ABS_STORED,
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_protocol.sensitivity import lower
from tests.protocol.plans import SCHEMA, atoms, conditions, evaluate, plans, rows

COUNT = (Aggregate(function="count", alias="n"),)


def plan_where(condition: Expression) -> QueryPlan:
    return QueryPlan(where=condition, aggregates=COUNT)


def normal(condition: Expression, schema: TableSchema = SCHEMA) -> Expression | None:
    return check_plan(plan_where(condition), schema).where


def column(name: str) -> ColumnRef:
    return ColumnRef(name=name)


def compare(op: Any, name: str, value: int | str | bool) -> Comparison:
    right: Any
    match value:
        case bool():
            right = BooleanLiteral(value=value)
        case int():
            right = IntegerLiteral(value=value)
        case str() if value[-1].isdigit():
            right = DecimalLiteral(value=value)
        case str():
            right = TextLiteral(value=value)
    return Comparison(op=op, left=column(name), right=right)


def number(value: int) -> IntegerLiteral:
    return IntegerLiteral(value=value)


def text(value: str) -> TextLiteral:
    return TextLiteral(value=value)


def both(*args: Expression) -> Logical:
    return Logical(op="and", args=args)


def either(*args: Expression) -> Logical:
    return Logical(op="or", args=args)


@settings(max_examples=300, deadline=None)
@given(conditions, st.lists(rows(), min_size=1, max_size=6))
def test_the_normal_form_is_true_false_and_null_for_the_same_rows(
    condition: Expression, table: list[dict[str, Any]]
) -> None:
    for written in (condition, Not(arg=condition)):
        form = normal(written) or BooleanLiteral(value=True)
        for row in table:
            assert evaluate(form, row) is evaluate(written, row)


def every_comparison() -> Iterator[tuple[str, Expression]]:
    """Each column with each operator and constants on, between, at and beyond its values."""
    numbers = [*map(number, range(-5, 8))]
    numbers += [DecimalLiteral(value=v) for v in ("0.5", "-0.25", "1.1", "1.500", "-9.9", "3.0")]
    for name in ("Age", "kids", "constant", "income", "tax"):
        yield name, Comparison(op="ge", left=column(name), right=column(name))
        for op in ("eq", "ne", "lt", "le", "gt", "ge"):
            for value in numbers:
                yield name, Comparison(op=op, left=column(name), right=value)
                yield name, Comparison(op=op, left=value, right=column(name))
        for one, other in itertools.product(numbers[4:11:2] + numbers[-6:-2:2], repeat=2):
            yield name, In(arg=column(name), values=(one, other))
            yield name, Between(arg=column(name), low=one, high=other)
            if name == "Age":
                for ops in itertools.product(("eq", "ne", "lt", "ge"), repeat=2):
                    sides = [
                        Comparison(op=op, left=column(name), right=value)
                        for op, value in zip(ops, (one, other), strict=True)
                    ]
                    yield name, both(*sides)
                    yield name, either(*sides)
    for name in ("smokes", "insured"):
        yield name, column(name)
        for op, value in itertools.product(("eq", "ne"), (True, False)):
            yield name, compare(op, name, value)
            both_values = (BooleanLiteral(value=value), BooleanLiteral(value=True))
            yield name, In(arg=column(name), values=both_values)
    for name, op in itertools.product(("region", "birthplace"), ("eq", "ne")):
        yield name, Comparison(op=op, left=column(name), right=column(name))
        yield name, compare(op, name, "north")
        yield name, In(arg=column(name), values=(text("west"), text("north")))
    for known in SCHEMA.columns:
        yield known.name, IsNull(arg=column(known.name))


def values_of(name: str) -> list[Any]:
    found = SCHEMA.column(name)
    match found:
        case IntegerColumn() | RealColumn():
            low, high = found.stored_bounds
            values: list[Any] = [n * Fraction(found.unit) for n in range(low, high + 1)]
        case CategoryColumn():
            values = list(found.categories)
        case _:
            values = [True, False]
    assert found is not None
    return [*values, None] if found.nullable else values


def test_every_comparison_keeps_its_meaning_for_every_value() -> None:
    checked = 0
    for name, condition in every_comparison():
        for written in (condition, Not(arg=condition)):
            form = normal(written) or BooleanLiteral(value=True)
            assert normal(form) in (form, None)
            for value in values_of(name):
                row = {name.lower(): value}
                assert evaluate(form, row) is evaluate(written, row), (written, form, value)
                checked += 1
    assert checked > 15_000


@settings(max_examples=300, deadline=None)
@given(atoms, st.lists(rows(), min_size=1, max_size=6))
def test_so_is_that_of_every_single_comparison(
    atom: Expression, table: list[dict[str, Any]]
) -> None:
    for written in (atom, Not(arg=atom)):
        form = normal(written) or BooleanLiteral(value=True)
        for row in table:
            assert evaluate(form, row) is evaluate(written, row)


@given(plans())
def test_a_normal_form_is_its_own_normal_form(plan: QueryPlan) -> None:
    once = check_plan(plan, SCHEMA)
    assert check_plan(once, SCHEMA) == once
    again = QueryPlan.model_validate_json(once.model_dump_json())
    assert again == once


@given(plans())
def test_normalising_keeps_what_is_released(plan: QueryPlan) -> None:
    before = lower(plan, SCHEMA, SCHEMA.bounds)
    after = lower(check_plan(plan, SCHEMA), SCHEMA, SCHEMA.bounds)
    assert before == after


@given(st.lists(conditions, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_make_another_question(
    parts: list[Expression], rng: random.Random
) -> None:
    shuffled = [*parts, rng.choice(parts)]
    rng.shuffle(shuffled)
    for op in ("and", "or"):
        one = Logical(op=op, args=tuple(parts))
        other = Logical(op=op, args=tuple(shuffled))
        assert normal(one) == normal(other)
        assert normal(Not(arg=Not(arg=one))) == normal(one)


TWICE = [
    (both(compare("gt", "age", 1), compare("ge", "age", 3)), compare("gt", "age", 2)),
    (
        either(compare("lt", "income", "0.5"), compare("le", "income", 0)),
        compare("lt", "income", "0.5"),
    ),
    (both(compare("ge", "age", 1), compare("le", "age", 99)), compare("ge", "age", 1)),
    (
        In(arg=column("region"), values=(text("west"),)),
        both(
            compare("eq", "region", "west"),
            Comparison(op="eq", left=column("region"), right=column("REGION")),
        ),
    ),
    (compare("gt", "age", 2), compare("ge", "AGE", 3)),
    (
        compare("gt", "age", 2),
        Comparison(op="lt", left=number(2), right=column("age")),
    ),
    (compare("gt", "age", 2), compare("gt", "age", "2.5")),
    (compare("eq", "age", 2), compare("eq", "age", "2.00")),
    (compare("gt", "income", "0.5"), compare("ge", "income", "0.75")),
    (compare("gt", "income", "0.5"), compare("gt", "income", "0.500")),
    (
        Between(arg=column("age"), low=number(1), high=number(2)),
        both(compare("le", "age", 2), compare("gt", "age", 0)),
    ),
    (
        In(arg=column("age"), values=(number(2), number(1))),
        either(compare("eq", "age", 1), compare("eq", "age", 2)),
    ),
    (
        Not(arg=In(arg=column("region"), values=(text("west"), text("north")))),
        both(compare("ne", "region", "north"), compare("ne", "region", "west")),
    ),
    (compare("eq", "smokes", True), column("Smokes")),
    (compare("ne", "smokes", True), Not(arg=column("smokes"))),
    (compare("eq", "kids", 1), compare("gt", "kids", 0)),
    (compare("ge", "age", -5), compare("le", "age", 100)),
    (
        Comparison(op="eq", left=column("region"), right=column("birthplace")),
        Comparison(op="eq", left=column("birthplace"), right=column("region")),
    ),
    (
        compare("gt", "age", 2),
        Comparison(
            op="gt",
            left=column("age"),
            right=Arithmetic(op="add", left=number(1), right=number(1)),
        ),
    ),
    (
        Comparison(
            op="gt",
            left=Arithmetic(op="add", left=column("age"), right=column("kids")),
            right=number(0),
        ),
        Comparison(
            op="gt",
            left=Arithmetic(
                op="add", left=column("kids"), right=Negate(arg=Negate(arg=column("age")))
            ),
            right=number(0),
        ),
    ),
]


@pytest.mark.parametrize(("one", "other"), TWICE)
def test_two_spellings_are_one_question(one: Expression, other: Expression) -> None:
    assert normal(one) == normal(other)
    assert normal(Not(arg=one)) == normal(Not(arg=other))


def test_a_condition_that_no_row_can_change_is_left_out() -> None:
    assert normal(compare("ge", "kids", -100)) is None
    assert normal(IsNull(arg=column("insured"))) == BooleanLiteral(value=False)
    assert normal(either(compare("eq", "tax", "0.10"), BooleanLiteral(value=False))) == (
        BooleanLiteral(value=False)
    )


def test_counting_a_column_without_nulls_counts_rows() -> None:
    plan = QueryPlan(aggregates=(Aggregate(function="count", column="KIDS", alias="n"),))
    assert check_plan(plan, SCHEMA).aggregates == COUNT


REFUSED = [
    (compare("eq", "person", 1), "where.left", "whose row"),
    (compare("eq", "Region", "nroth"), "where.right", "did you mean 'north'"),
    (compare("eq", "regoin", "north"), "where.left", "did you mean 'region'"),
    (compare("lt", "region", "north"), "where.right", "no order"),
    (compare("eq", "region", 1), "where.right", "text compares with text"),
    (compare("eq", "age", "north"), "where.right", "without quotes"),
    (compare("eq", "smokes", 1), "where.right", "NOT smokes"),
    (compare("lt", "smokes", True), "where.right", "no order"),
    (column("age"), "where", "a condition is needed"),
    (number(1), "where", "a condition is needed"),
    (Comparison(op="lt", left=column("income"), right=column("age")), "where.right", "resolution"),
    (
        Comparison(op="gt", left=Negate(arg=column("income")), right=number(1)),
        "where.left.arg",
        "arithmetic is over integer columns",
    ),
    (
        Comparison(op="eq", left=compare("gt", "age", 1), right=compare("gt", "age", 2)),
        "where.right",
        "join them by AND",
    ),
    (
        both(
            compare("gt", "age", 1),
            Between(arg=column("age"), low=text("a"), high=column("age")),
        ),
        "where.args[1].low",
        "cannot be compared",
    ),
    (
        In(arg=column("age"), values=(number(1), text("x"))),
        "where.values[1]",
        "cannot be compared",
    ),
    (IsNull(arg=column("person")), "where.arg", "whose row"),
]


@pytest.mark.parametrize(("condition", "path", "words"), REFUSED)
def test_a_refusal_says_where_and_what_to_do(condition: Expression, path: str, words: str) -> None:
    with pytest.raises(PlanNotAllowed) as refused:
        normal(condition)
    (error,) = refused.value.errors
    assert error.path == path
    assert words in error.message


def test_every_error_is_told_at_once() -> None:
    plan = QueryPlan(
        where=both(compare("eq", "nowhere", 1), compare("eq", "region", 1)),
        group_by=("income", "person", "region"),
        aggregates=(
            Aggregate(function="sum", column="region", alias="a"),
            Aggregate(function="avg", column="smokes", alias="b"),
            Aggregate(function="count", column="nothing", alias="c"),
        ),
    )
    with pytest.raises(PlanNotAllowed) as refused:
        check_plan(plan, SCHEMA)
    assert [error.path for error in refused.value.errors] == [
        "group_by[0]",
        "group_by[1]",
        "aggregates[0].column",
        "aggregates[1].column",
        "aggregates[2].column",
        "where.args[0].left",
        "where.args[1].right",
    ]


def test_a_refusal_costs_little_however_much_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def nearest(name: str, names: Sequence[str]) -> str:
        asked.append(len(names))
        return ""

    monkeypatch.setattr(operands, "nearest", nearest)
    few = CategoryColumn(name="few", categories=("a", "b"))
    many = CategoryColumn(name="many", categories=tuple(f"c{n}" for n in range(5000)))
    schema = TableSchema(unit_column="u", columns=(few, many), size=DeclaredSize(rows=1, units=1))
    unknown = tuple(text(f"x{n}") for n in range(1000))
    nowhere = either(*(compare("eq", f"nowhere{n}", 1) for n in range(200)))
    for condition, hints in (
        (In(arg=column("few"), values=unknown), [2] * operands.MAX_HINTS),
        (In(arg=column("many"), values=unknown), []),
        (nowhere, [2] * operands.MAX_HINTS),
    ):
        asked.clear()
        with pytest.raises(PlanNotAllowed) as refused:
            normal(condition, schema)
        assert asked == hints
        *told, last = refused.value.errors
        assert len(told) == operands.MAX_ERRORS
        assert "and more" in last.message


def test_exactly_as_many_errors_as_are_told_are_all() -> None:
    unknown = tuple(text(f"x{n}") for n in range(operands.MAX_ERRORS))
    with pytest.raises(PlanNotAllowed) as refused:
        normal(In(arg=column("region"), values=unknown))
    assert [error.path for error in refused.value.errors] == [
        f"where.values[{n}]" for n in range(operands.MAX_ERRORS)
    ]


def test_depth_and_size_are_bounded_without_recursion() -> None:
    deep: Expression = column("smokes")
    for _ in range(50_000):
        deep = Not.model_construct(op="not", arg=deep)
    plan = QueryPlan.model_construct(version=1, where=deep, group_by=(), aggregates=COUNT)
    with pytest.raises(PlanNotAllowed, match=f"more than {MAX_DEPTH} levels"):
        check_plan(plan, SCHEMA)
    while isinstance(deep, Not):  # take it apart: its destructor would recurse
        deep = deep.arg

    thousand = tuple(number(v) for v in range(1000))
    wide = either(*(In(arg=column("age"), values=thousand) for _ in range(3)))
    with pytest.raises(PlanNotAllowed, match="more than 2000 parts"):
        normal(wide)


@given(
    st.recursive(
        st.sampled_from(["a", "b", "c"]).map(column)
        | st.integers(-MAX_ABS_STORED, MAX_ABS_STORED).map(number),
        lambda inner: (
            st.builds(Negate, arg=inner)
            | st.builds(
                Arithmetic,
                op=st.sampled_from(["add", "subtract", "multiply"]),
                left=inner,
                right=inner,
            )
        ),
        max_leaves=6,
    ),
    st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"]),
    st.integers(-MAX_ABS_STORED, MAX_ABS_STORED),
    st.data(),
)
def test_allowed_arithmetic_never_leaves_64_bits(
    expression: Expression, op: Any, value: int, data: st.DataObject
) -> None:
    bounds = {"a": (-MAX_ABS_STORED, MAX_ABS_STORED), "b": (-1000, 500), "c": (0, 2**31)}
    schema = TableSchema(
        unit_column="u",
        columns=tuple(
            IntegerColumn(name=name, lower=low, upper=high) for name, (low, high) in bounds.items()
        ),
        size=DeclaredSize(rows=1, units=1),
    )
    condition = Comparison(op=op, left=expression, right=number(value))
    try:
        form = normal(condition, schema) or BooleanLiteral(value=True)
    except PlanNotAllowed:
        reject()
    row = {
        name: data.draw(st.sampled_from([low, high]) | st.integers(low, high))
        for name, (low, high) in bounds.items()
    }
    assert evaluate(form, row) is evaluate(condition, row)
    for node in _inside(form):
        if isinstance(node, Arithmetic | Negate):
            assert abs(evaluate(node, row)) <= 2**62


def _inside(node: Any) -> list[Any]:
    found = [node]
    for name in ("left", "right", "arg"):
        if hasattr(node, name):
            found += _inside(getattr(node, name))
    for part in getattr(node, "args", ()):
        found += _inside(part)
    return found


def test_overflow_is_named_at_its_place() -> None:
    schema = TableSchema(
        unit_column="u",
        columns=(IntegerColumn(name="x", lower=0, upper=2**40),),
        size=DeclaredSize(rows=1, units=1),
    )
    square = Arithmetic(op="multiply", left=column("x"), right=column("x"))
    with pytest.raises(PlanNotAllowed, match="can exceed 64 bits") as refused:
        normal(Comparison(op="gt", left=square, right=number(1)), schema)
    assert refused.value.errors[0].path == "where.left"


@pytest.mark.parametrize("op", ["lt", "le", "gt", "ge", "eq", "ne"])
@pytest.mark.parametrize("value", ["999999999999999999", "-999999999999999999", "0.000000000001"])
def test_extreme_constants_are_total(op: Any, value: str) -> None:
    schema = TableSchema(
        unit_column="u",
        columns=(
            IntegerColumn(name="x", lower=-MAX_ABS_STORED, upper=MAX_ABS_STORED),
            RealColumn(name="y", lower="-900000000000000000", upper="9000", resolution="1000"),
        ),
        size=DeclaredSize(rows=1, units=1),
    )
    for name in ("x", "y"):
        condition = compare(op, name, value)
        form = normal(condition, schema)
        assert form is not None
        for stored in (-MAX_ABS_STORED, 0, 1000, 9000, -900000000000000000, None):
            if name == "x" and stored is not None and abs(stored) > MAX_ABS_STORED:
                continue
            row = {name: stored}
            assert evaluate(form, row) is evaluate(condition, row)


def test_too_many_keys_are_refused() -> None:
    schema = TableSchema(
        unit_column="u",
        columns=tuple(IntegerColumn(name=n, lower=0, upper=500) for n in "ab"),
        size=DeclaredSize(rows=1, units=1),
    )
    plan = QueryPlan(group_by=("a", "b"), aggregates=COUNT)
    with pytest.raises(PlanNotAllowed, match="fewer columns") as refused:
        check_plan(plan, schema)
    assert refused.value.errors[0].path == "group_by[1]"
