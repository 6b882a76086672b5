"""Sensitivities, against what removing a unit can do to bounded answers."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.schema import (
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
    UnitBounds,
    public_keys,
)
from carrel_protocol.sensitivity import MAX_KEYS, Primitive, TooManyKeysError, lower
from tests.protocol.plans import SCHEMA, plans

primitives = st.builds(
    lambda kind, ends, k, groups: Primitive(
        kind=kind,
        column=None,
        centre=0,
        lower=1 if kind == "count" else min(ends),
        upper=1 if kind == "count" else max(ends),
        rows_per_group=k,
        groups_per_unit=groups,
    ),
    st.sampled_from(["count", "sum"]),
    st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    st.integers(1, 5),
    st.integers(1, 4),
)


@given(primitives, st.data())
def test_one_unit_moves_an_answer_by_no_more_than_its_sensitivity(
    primitive: Primitive, data: st.DataObject
) -> None:
    """What a unit adds to each group, bounded as the definition of a primitive says."""
    k = primitive.rows_per_group
    groups = data.draw(
        st.lists(
            st.lists(st.integers(primitive.lower, primitive.upper), min_size=1, max_size=2 * k + 2),
            max_size=primitive.groups_per_unit,
        )
    )
    moved = []
    for rows in groups:
        count = len(rows)
        if primitive.kind == "count":
            moved.append(min(count, k))
            continue
        total = Fraction(sum(rows))
        if count > k:
            total = total * k / count
        towards_zero = int(total)
        low, high = k * min(primitive.lower, 0), k * max(primitive.upper, 0)
        moved.append(max(low, min(high, towards_zero)))
    assert sum(map(abs, moved)) <= primitive.l1
    assert sum(m * m for m in moved) <= primitive.l2_squared


@given(primitives)
def test_the_sensitivity_is_reached(primitive: Primitive) -> None:
    k, groups, m = primitive.rows_per_group, primitive.groups_per_unit, primitive.magnitude
    assert primitive.l1 == groups * k * m
    assert primitive.l2_squared == groups * (k * m) ** 2
    assert m >= 1


@given(plans())
def test_every_measure_has_its_primitives_and_none_is_left_over(plan: QueryPlan) -> None:
    lowered = lower(plan, SCHEMA, SCHEMA.bounds)
    used = set()
    for measure, aggregate in zip(lowered.measures, plan.aggregates, strict=True):
        assert measure.alias == aggregate.alias
        primitive = lowered.primitives[measure.primitive]
        assert primitive.kind == ("count" if aggregate.function == "count" else "sum")
        assert (measure.denominator is None) == (aggregate.function != "avg")
        used |= {measure.primitive} | ({measure.denominator} - {None})
        column = SCHEMA.column(aggregate.column or "")
        if isinstance(column, IntegerColumn | RealColumn) and primitive.kind == "sum":
            low, high = column.stored_bounds
            assert (primitive.lower + primitive.centre, primitive.upper + primitive.centre) == (
                low,
                high,
            )
            assert measure.unit == column.unit
    assert used == set(range(len(lowered.primitives)))
    assert len(set(lowered.primitives)) == len(lowered.primitives)
    keys = 1
    for name in plan.group_by:
        column = SCHEMA.column(name)
        assert column is not None
        keys *= len(public_keys(column) or ())
    assert lowered.keys == keys
    for primitive in lowered.primitives:
        assert primitive.groups_per_unit == (
            min(SCHEMA.bounds.groups_per_unit, keys) if plan.group_by else 1
        )


def test_measures_share_primitives() -> None:
    plan = QueryPlan(
        aggregates=(
            Aggregate(function="count", alias="n"),
            Aggregate(function="count", column="kids", alias="known"),
            Aggregate(function="avg", column="kids", alias="mean"),
            Aggregate(function="sum", column="tax", alias="total"),
            Aggregate(function="avg", column="age", alias="age"),
        )
    )
    lowered = lower(plan, SCHEMA, SCHEMA.bounds)
    kinds = [(p.kind, p.column) for p in lowered.primitives]
    assert kinds == [
        ("count", None),
        ("sum", "kids"),
        ("sum", "tax"),
        ("sum", "Age"),
        ("count", "Age"),
    ]
    assert [m.denominator for m in lowered.measures] == [None, None, 0, None, 4]


def test_averages_are_centred_on_the_domain() -> None:
    schema = TableSchema(
        unit_column="u",
        columns=(RealColumn(name="x", lower="100", upper="200", resolution="0.5"),),
        size=DeclaredSize(rows=1, units=1),
    )
    plan = QueryPlan(
        aggregates=(
            Aggregate(function="avg", column="x", alias="a"),
            Aggregate(function="sum", column="x", alias="s"),
        )
    )
    lowered = lower(plan, schema, UnitBounds())
    centred, plain = lowered.primitives[0], lowered.primitives[2]
    assert (centred.centre, centred.magnitude) == (300, 100)
    assert (plain.centre, plain.magnitude) == (0, 400)
    assert lowered.measures[0].unit == Decimal("0.5")


def test_bounds_follow_the_grouping() -> None:
    bounds = UnitBounds(rows_per_unit=7, rows_per_group=3, groups_per_unit=100)
    count = (Aggregate(function="count", alias="n"),)
    alone = lower(QueryPlan(aggregates=count), SCHEMA, bounds)
    grouped = lower(QueryPlan(group_by=("region",), aggregates=count), SCHEMA, bounds)
    assert alone.primitives[0].l1 == 7
    assert grouped.primitives[0].l1 == 3 * 4  # no more groups than the answer has


@pytest.mark.parametrize(
    "plan",
    [
        QueryPlan(group_by=("income",), aggregates=(Aggregate(function="count", alias="n"),)),
        QueryPlan(group_by=("person",), aggregates=(Aggregate(function="count", alias="n"),)),
        QueryPlan(aggregates=(Aggregate(function="sum", column="region", alias="n"),)),
        QueryPlan(aggregates=(Aggregate(function="avg", column="nowhere", alias="n"),)),
        QueryPlan(aggregates=(Aggregate(function="count", column="nowhere", alias="n"),)),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(plan: QueryPlan) -> None:
    with pytest.raises(ValueError, match=r".+"):
        lower(plan, SCHEMA, UnitBounds())


def test_the_number_of_keys_is_bounded() -> None:
    schema = TableSchema(
        unit_column="u",
        columns=tuple(
            IntegerColumn(name=name, lower=1, upper=upper, nullable=False)
            for name, upper in (("a", 100), ("b", MAX_KEYS // 100), ("c", 2))
        ),
        size=DeclaredSize(rows=1, units=1),
    )
    count = (Aggregate(function="count", alias="n"),)
    most = lower(QueryPlan(group_by=("a", "b"), aggregates=count), schema, UnitBounds())
    assert most.keys == MAX_KEYS
    with pytest.raises(TooManyKeysError):
        lower(QueryPlan(group_by=("a", "b", "c"), aggregates=count), schema, UnitBounds())
