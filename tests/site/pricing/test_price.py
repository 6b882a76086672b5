"""Prices: noise that passes the worker's exact check, costs that cover it, errors that hold."""

import math
from fractions import Fraction

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.privacy import (
    AccuracyTarget,
    Claimed,
    EpsilonTarget,
    Noise,
    PrivacyTarget,
    RhoTarget,
)
from carrel_protocol.schema import (
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
    UnitBounds,
)
from carrel_protocol.sensitivity import Primitive, lower
from carrel_site.ledger.accounting import preset, pure_cost, zcdp_cost
from carrel_site.pricing.bind import check_plan
from carrel_site.pricing.errors import QueryNotAllowed
from carrel_site.pricing.price import (
    PricedQuery,
    cost_of_claims,
    effective_bounds,
    price_query,
)
from carrel_site.pricing.tails import (
    gaussian_coverage,
    laplace_coverage,
    largest_gaussian_scale,
    largest_laplace_scale,
)
from tests.protocol.plans import SCHEMA, plans

LIMITS = preset(3.0, 1e-6)
ORDERS = LIMITS.orders_milli
bounds = st.builds(
    UnitBounds,
    rows_per_unit=st.integers(1, 10**6),
    rows_per_group=st.integers(1, 10**6),
    groups_per_unit=st.integers(1, 10**6),
)
targets: st.SearchStrategy[PrivacyTarget] = st.one_of(
    st.floats(1e-6, 100).map(lambda e: EpsilonTarget(epsilon=e)),
    st.floats(1e-10, 1000).map(lambda r: RhoTarget(rho=r)),
    st.builds(AccuracyTarget, within=st.floats(1e-3, 1e15), confidence=st.floats(0.5, 0.9999)),
)


def worker_accepts(primitive: Primitive, noise: Noise, claimed: Claimed) -> bool:
    """The check a worker makes before it reads a row, from the definitions."""
    scale, value = Fraction(noise.scale), Fraction(claimed.value)
    if claimed.kind == "epsilon":
        return noise.mechanism == "discrete_laplace" and scale >= primitive.l1 / value
    return noise.mechanism == "discrete_gaussian" and scale**2 >= primitive.l2_squared / (2 * value)


def price(plan: QueryPlan, target: PrivacyTarget, at: UnitBounds = SCHEMA.bounds) -> PricedQuery:
    return price_query(plan, SCHEMA, at, target, orders_milli=ORDERS)


@settings(max_examples=300, deadline=None)
@given(plans(), bounds, targets)
def test_a_worker_accepts_what_was_priced(
    plan: QueryPlan, at: UnitBounds, target: PrivacyTarget
) -> None:
    try:
        priced = price(check_plan(plan, SCHEMA), target, at)
    except QueryNotAllowed as refused:
        (error,) = refused.errors
        assert error["loc"].startswith("target")
        return
    primitives = priced.lowered.primitives
    assert priced.lowered == lower(plan, SCHEMA, at)
    assert len(priced.noise) == len(priced.claimed) == len(primitives)
    for primitive, noise, claimed in zip(primitives, priced.noise, priced.claimed, strict=True):
        assert worker_accepts(primitive, noise, claimed)
    total = sum(Fraction(claimed.value) for claimed in priced.claimed)
    match target:
        case EpsilonTarget():
            assert total <= Fraction(target.epsilon)
            assert priced.epsilon == pytest.approx(target.epsilon)
            assert priced.rho is None
        case RhoTarget():
            assert total <= Fraction(target.rho)
            assert priced.rho == pytest.approx(target.rho)
            assert priced.epsilon is None
        case AccuracyTarget():
            assert (priced.epsilon is None) != (priced.rho is None)
    shown = priced.epsilon if priced.epsilon is not None else priced.rho
    assert shown is not None
    assert Fraction(shown) >= total


@given(plans(), targets)
def test_the_cost_is_the_sum_over_primitives_rounded_up(
    plan: QueryPlan, target: PrivacyTarget
) -> None:
    try:
        priced = price(check_plan(plan, SCHEMA), target)
    except QueryNotAllowed:
        return
    cost = priced.cost(ORDERS)
    assert cost == cost_of_claims(priced.claimed, ORDERS)
    assert cost.delta_atto == 0
    for order_milli, nano in zip(ORDERS, cost.nano, strict=True):
        apart = [
            pure_cost(c.value, order_milli)
            if c.kind == "epsilon"
            else zcdp_cost(c.value, order_milli)
            for c in priced.claimed
        ]
        assert sum(apart) - len(apart) < nano <= sum(apart)
        assert nano < 2**62


@settings(deadline=None)
@given(
    st.integers(1, 4),
    st.floats(0.25, 1e6),
    st.floats(0.5, 0.9999),
    st.integers(1, 50),
    st.integers(1, 8),
)
def test_an_accuracy_is_kept_by_the_cheaper_mechanism(
    measures: int, within: float, confidence: float, k: int, groups: int
) -> None:
    columns = [None, "age", "kids", "income"][:measures]
    plan = QueryPlan(
        group_by=("region",),
        aggregates=tuple(
            Aggregate(function="sum" if column else "count", column=column, alias=f"m{index}")
            for index, column in enumerate(columns)
        ),
    )
    at = UnitBounds(rows_per_unit=k, rows_per_group=k, groups_per_unit=groups)
    target = AccuracyTarget(within=within, confidence=confidence)
    try:
        priced = price(check_plan(plan, SCHEMA), target, at)
    except QueryNotAllowed as refused:
        event(refused.errors[0]["message"])
        return
    for measure, error in zip(priced.lowered.measures, priced.expected_errors, strict=True):
        noise = priced.noise[measure.primitive]
        steps = math.floor(Fraction(str(within)) / Fraction(measure.unit))
        coverage = laplace_coverage if noise.mechanism == "discrete_laplace" else gaussian_coverage
        assert coverage(noise.scale, steps) >= confidence
        assert error.plus_minus <= within
        assert error.confidence == confidence
        assert not error.expected
    primitives = priced.lowered.primitives
    needs = {
        index: min(
            math.floor(Fraction(str(within)) / Fraction(measure.unit))
            for measure in priced.lowered.measures
            if measure.primitive == index
        )
        for index in range(len(primitives))
    }
    laplace = [
        Fraction(p.l1) / Fraction(largest_laplace_scale(needs[i], confidence))
        for i, p in enumerate(primitives)
    ]
    gaussian = sum(
        Fraction(p.l2_squared) / (2 * Fraction(largest_gaussian_scale(needs[i], confidence)) ** 2)
        for i, p in enumerate(primitives)
    )
    paid = max(n / o for n, o in zip(priced.cost(ORDERS).nano, ORDERS, strict=True))
    for option in (
        [sum(pure_cost(epsilon, order) for epsilon in laplace) / order for order in ORDERS],
        [zcdp_cost(gaussian, order) / order for order in ORDERS],
    ):
        assert paid <= max(option) * (1 + 1e-9) + len(primitives) / min(ORDERS)


def test_the_cheaper_mechanism_depends_on_the_question() -> None:
    count = QueryPlan(aggregates=(Aggregate(function="count", alias="n"),))
    exact = price(count, AccuracyTarget(within=1))
    rough = price(count, AccuracyTarget(within=200))
    assert exact.noise[0].mechanism == "discrete_laplace"
    assert rough.noise[0].mechanism == "discrete_gaussian"
    # Least cost: a touch more noise would break the promise.
    assert gaussian_coverage(rough.noise[0].scale * 1.001, 200) < 0.95


def test_a_decimal_accuracy_is_read_as_it_is_written() -> None:
    schema = TableSchema(
        unit_column="u",
        columns=(RealColumn(name="x", lower="0", upper="1", resolution="0.1"),),
        size=DeclaredSize(rows=1000, units=1000),
    )
    plan = QueryPlan(aggregates=(Aggregate(function="sum", column="x", alias="s"),))
    priced = price_query(
        plan, schema, schema.bounds, AccuracyTarget(within=0.3), orders_milli=ORDERS
    )
    assert priced.expected_errors[0].plus_minus == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("target", "loc", "words"),
    [
        (AccuracyTarget(within=5), "target.within", "COUNT and SUM only"),
        (EpsilonTarget(epsilon=1e-6), "target", "drown"),
        (RhoTarget(rho=1e-10), "target", "drown"),
    ],
)
def test_targets_that_cannot_be_met_say_what_to_do(
    target: PrivacyTarget, loc: str, words: str
) -> None:
    schema = TableSchema(
        unit_column="u",
        columns=(IntegerColumn(name="x", lower=0, upper=2**50),),
        size=DeclaredSize(rows=1000, units=1000),
    )
    plan = QueryPlan(aggregates=(Aggregate(function="avg", column="x", alias="mean"),))
    with pytest.raises(QueryNotAllowed, match=words) as refused:
        price_query(plan, schema, schema.bounds, target, orders_milli=ORDERS)
    assert refused.value.errors[0]["loc"] == loc


def test_an_impossibly_exact_answer_is_refused() -> None:
    schema = TableSchema(
        unit_column="u",
        columns=(IntegerColumn(name="x", lower=0, upper=2**50),),
        size=DeclaredSize(rows=1000, units=1000),
    )
    plan = QueryPlan(aggregates=(Aggregate(function="sum", column="x", alias="s"),))
    with pytest.raises(QueryNotAllowed, match="no budget allows"):
        price_query(plan, schema, schema.bounds, AccuracyTarget(within=1), orders_milli=ORDERS)


def test_expected_errors_of_averages_come_from_the_declared_size_and_say_so() -> None:
    plan = QueryPlan(aggregates=(Aggregate(function="avg", column="age", alias="mean"),))
    coarse, fine = (
        price_query(
            plan,
            SCHEMA.model_copy(update={"size": DeclaredSize(rows=rows, units=rows)}),
            UnitBounds(),
            EpsilonTarget(epsilon=1.0),
            orders_milli=ORDERS,
        ).expected_errors[0]
        for rows in (1_000, 100_000)
    )
    assert coarse.expected
    assert fine.expected
    assert fine.plus_minus == pytest.approx(coarse.plus_minus / 100)
    # Sum and count at ε = ½ each: scales 4 and 2, 95 % within 12 and 6 steps; h = 2.
    assert coarse.plus_minus == pytest.approx(math.hypot(12, 2 * 6) / 1_000)
    tiny = price_query(
        plan,
        SCHEMA.model_copy(update={"size": DeclaredSize(rows=1, units=1)}),
        UnitBounds(),
        EpsilonTarget(epsilon=0.01),
        orders_milli=ORDERS,
    ).expected_errors[0]
    assert tiny.plus_minus == 4  # never more than the column's range


def test_sums_are_priced_in_their_own_units() -> None:
    plan = QueryPlan(aggregates=(Aggregate(function="sum", column="tax", alias="s"),))
    priced = price(plan, EpsilonTarget(epsilon=1.0), UnitBounds())
    # Two steps of 0.25 at most: scale 2, of which 95 % lie within 6 steps.
    assert priced.noise[0].scale == 2
    assert priced.expected_errors[0].plus_minus == 1.5


def test_bounds_are_the_askers_or_else_the_owners() -> None:
    own = UnitBounds(rows_per_unit=7, rows_per_group=7, groups_per_unit=7)
    assert effective_bounds(SCHEMA, own) == own
    assert effective_bounds(SCHEMA, None) == SCHEMA.bounds


def test_a_thousand_groups_cost_no_more_than_one() -> None:
    schema = TableSchema(
        unit_column="u",
        columns=(CategoryColumn(name="c", categories=tuple(f"c{i}" for i in range(1000))),),
        size=DeclaredSize(rows=10**6, units=10**6),
    )
    one = QueryPlan(aggregates=(Aggregate(function="count", alias="n"),))
    many = QueryPlan(group_by=("c",), aggregates=one.aggregates)
    prices = [
        price_query(plan, schema, UnitBounds(), AccuracyTarget(within=10), orders_milli=ORDERS)
        for plan in (one, many)
    ]
    assert prices[0].claimed == prices[1].claimed
    assert prices[1].lowered.keys == 1001
