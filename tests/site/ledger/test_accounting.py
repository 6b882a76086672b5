"""The ledger's arithmetic: against dp-accounting, against exact arithmetic, and the rule itself."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import dp_accounting
import pytest
from dp_accounting import NeighboringRelation
from dp_accounting.rdp import RdpAccountant
from dp_accounting.rdp.rdp_privacy_accountant import compute_epsilon
from hypothesis import given, settings
from hypothesis import strategies as st

from carrel_site.ledger import accounting
from carrel_site.ledger.accounting import (
    MILLI,
    NANO,
    Cost,
    ImpossibleLimits,
    Limits,
    admits,
    at_least_minimum,
    bounded_range_cost,
    counts_within,
    epsilon_of,
    gaussian_cost,
    how_many,
    preset,
    pure_cost,
    queries_at_epsilon,
    rdp_bound,
    subsampled_gaussian_cost,
    zcdp_cost,
)

ORDERS = [1_001, 1_500, 2_000, 7_933, 23_256, 64_000, 178_083, 2_611_300]
EPSILONS = [1e-6, 1e-3, 0.05, 0.5, 1.0, 3.0, 10.0, 50.0]


def peer_rdp(
    event: dp_accounting.DpEvent,
    order: float,
    relation: NeighboringRelation = NeighboringRelation.ADD_OR_REMOVE_ONE,
) -> float:
    accountant = RdpAccountant([order], relation)
    accountant.compose(event)
    return float(accountant._rdp[0])


# Costs, held against dp-accounting


@pytest.mark.parametrize("order_milli", ORDERS)
@pytest.mark.parametrize("sigma", [0.3, 1.0, 7.5, 1e3, 1e6])
def test_a_gaussian_costs_what_dp_accounting_says(order_milli: int, sigma: float) -> None:
    ours = gaussian_cost(1, sigma, order_milli)
    peer = peer_rdp(dp_accounting.GaussianDpEvent(sigma), order_milli / MILLI) * NANO
    assert ours >= peer * (1 - 1e-12)
    assert ours <= peer * (1 + 1e-12) + 1


@pytest.mark.parametrize("order_milli", ORDERS)
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_a_pure_event_costs_what_dp_accounting_says(order_milli: int, epsilon: float) -> None:
    ours = pure_cost(epsilon, order_milli)
    event = dp_accounting.dp_event.RandomizedResponseDpEvent(2 / (1 + math.exp(epsilon)), 2)
    # With two buckets the report is right with probability 1 − noise/2 = e^ε/(1 + e^ε).
    order = order_milli / MILLI
    peer = peer_rdp(event, order, NeighboringRelation.REPLACE_ONE) * NANO
    # The peer loses about 1e-16/(order - 1) to cancellation.
    slack = 1e-6 * peer + 4e-16 * NANO / (order - 1) + 1
    assert peer - slack <= ours <= peer + slack
    laplace = peer_rdp(dp_accounting.LaplaceDpEvent(1 / epsilon), order) * NANO
    assert ours >= laplace * (1 - 1e-9) - 4e-16 * NANO / (order - 1)


@pytest.mark.parametrize("order_milli", ORDERS)
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_a_pure_event_costs_its_formula_and_no_less(order_milli: int, epsilon: float) -> None:
    with localcontext(prec=200, Emax=10**9, Emin=-(10**9)):
        eps, order = Decimal(epsilon), Decimal(order_milli) / MILLI
        p = eps.exp() / (1 + eps.exp())
        q = 1 - p
        both = p**order * q ** (1 - order) + q**order * p ** (1 - order)
        exact = both.ln() / (order - 1) * NANO
        ours = pure_cost(epsilon, order_milli)
        assert exact <= ours < exact + Decimal("1.01") + exact * Decimal("1e-4") * (epsilon > 1)
        assert ours <= math.ceil(Fraction(epsilon) * NANO)


@given(
    st.lists(st.integers(0, 8), min_size=2, max_size=12),
    st.integers(0, 8),
    st.floats(0.02, 50),
    st.sampled_from(ORDERS),
)
@settings(max_examples=400)
def test_a_choice_costs_no_less_than_its_divergence(
    points: list[int], other: int, eta: float, order_milli: int
) -> None:
    """Medians by the exponential mechanism, of neighbours: one value substituted by another."""

    def probabilities(values: list[int]) -> list[Decimal]:
        half = len(values) // 2
        scores = [
            max(0, sum(v < c for v in values) - half, sum(v > c for v in values) - half)
            for c in range(9)
        ]
        weights = [(-score * Decimal(eta) / 2).exp() for score in scores]  # scale = 2/η
        return [weight / sum(weights) for weight in weights]

    with localcontext(prec=60, Emax=10**9, Emin=-(10**9)):
        order = Decimal(order_milli) / MILLI
        ours = bounded_range_cost(eta, order_milli)
        one, two = probabilities(points), probabilities([other, *points[1:]])
        for p, q in ((one, two), (two, one)):
            terms = (order * a.ln() + (1 - order) * b.ln() for a, b in zip(p, q, strict=True))
            moment = sum((term.exp() for term in terms), Decimal(0))
            assert moment.ln() / (order - 1) * NANO <= ours + Decimal("1e-6")


@pytest.mark.parametrize("order_milli", ORDERS)
@pytest.mark.parametrize("eta", EPSILONS)
def test_a_choice_costs_what_two_outcomes_of_its_range_do_at_most_or_nearly(
    order_milli: int, eta: float
) -> None:
    """No more than a pure epsilon does, nor than its rho; where both are far off, by the first."""
    ours = bounded_range_cost(eta, order_milli)
    assert ours <= pure_cost(eta, order_milli)
    assert ours <= zcdp_cost(Fraction(eta) ** 2 / 8, order_milli)
    assert ours in (pure_cost(eta, order_milli), zcdp_cost(Fraction(eta) ** 2 / 8, order_milli))
    with localcontext(prec=60, Emax=10**9, Emin=-(10**9)):
        # Two outcomes whose odds move from e^(−η/2) to e^(η/2): a mechanism of this range.
        order, grown = Decimal(order_milli) / MILLI, (Decimal(eta) / 2).exp()
        p = grown / (1 + grown)
        q = 1 - p
        moment = p**order * q ** (1 - order) + q**order * p ** (1 - order)
        assert moment.ln() / (order - 1) * NANO <= ours + Decimal("1e-6")


@pytest.mark.parametrize("order", [2, 5, 13, 64, 172])
@pytest.mark.parametrize(("rate", "sigma"), [(256 / 60_000, 1.1), (0.01, 0.8), (0.5, 4.0), (1, 2)])
def test_subsampling_costs_what_dp_accounting_says(order: int, rate: float, sigma: float) -> None:
    event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(sigma))
    peer = peer_rdp(event, order) * NANO
    ours = subsampled_gaussian_cost(rate, sigma, order * MILLI)
    assert peer * (1 - 1e-9) - 1e-6 <= ours <= peer * (1 + 1e-9) + 1 + 1e-6


@pytest.mark.parametrize("order_milli", [1_100, 2_000, 7_933, 23_256, 178_083])
@pytest.mark.parametrize("delta", [1e-10, 1e-6, 1e-3])
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 8.0])
def test_the_bound_inverts_dp_accountings_conversion(
    order_milli: int, delta: float, epsilon: float
) -> None:
    bound = rdp_bound(epsilon, delta, order_milli)
    with localcontext(prec=80):
        order, d = Decimal(order_milli) / MILLI, Decimal(delta)
        exact = Decimal(epsilon) - ((1 / (order * d)).ln() / (order - 1) + (1 - 1 / order).ln())
        assert 0 <= exact - bound < Decimal("1e-30") * max(1, abs(exact))
    if bound > 0:
        # An RDP curve known at this order alone: infinite everywhere else.
        spent, _ = compute_epsilon([order_milli / MILLI], [float(bound)], delta)
        assert spent == pytest.approx(epsilon, rel=1e-12, abs=1e-12)


# Rounding


fractions = st.fractions(min_value=0, max_value=1000)


@given(fractions, st.integers(MILLI + 1, 10**6))
def test_costs_round_up_and_by_less_than_one(rho: Fraction, order_milli: int) -> None:
    exact = rho * order_milli / MILLI * NANO
    assert exact <= zcdp_cost(rho, order_milli) < exact + 1


@given(st.floats(1e-9, 20), st.floats(1e-9, 20), st.sampled_from(ORDERS))
def test_costs_grow_with_epsilon_and_two_never_cost_less_than_half(
    one: float, other: float, order_milli: int
) -> None:
    low, high = sorted((one, other))
    assert pure_cost(low, order_milli) <= pure_cost(high, order_milli)
    whole = Fraction(low) + Fraction(high)
    assert (
        pure_cost(low, order_milli) + pure_cost(high, order_milli)
        <= pure_cost(whole, order_milli) + 1
    )


@given(st.floats(1e-9, 50), st.integers(MILLI + 1, 10**6), st.integers(MILLI + 1, 10**6))
def test_costs_grow_with_the_order(epsilon: float, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert pure_cost(epsilon, low) <= pure_cost(epsilon, high)


@given(fractions, fractions, st.sampled_from(ORDERS))
def test_what_is_charged_apart_covers_what_is_charged_together(
    one: Fraction, other: Fraction, order_milli: int
) -> None:
    apart = zcdp_cost(one, order_milli) + zcdp_cost(other, order_milli)
    assert zcdp_cost(one + other, order_milli) <= apart <= zcdp_cost(one + other, order_milli) + 1


@given(st.floats(0, 1, exclude_max=True))
def test_deltas_round_up_for_charges_and_down_for_limits(delta: float) -> None:
    exact = Fraction(delta) * accounting.ATTO
    assert accounting.atto_down(delta) <= exact <= accounting.atto_up(delta)
    assert accounting.atto_up(delta) - accounting.atto_down(delta) <= 1


@pytest.mark.parametrize("bad", [-1e-9, -5.0])
def test_nothing_has_a_negative_cost(bad: float) -> None:
    with pytest.raises(ValueError, match="negative"):
        pure_cost(bad, 2_000)
    with pytest.raises(ValueError, match="negative"):
        admits(Cost((0, 0)), Cost((-1, 5)), Limits((2_000, 3_000), (10, 10), 0))


@pytest.mark.parametrize("order_milli", [0, 999, 1_000])
def test_an_order_exceeds_one(order_milli: int) -> None:
    with pytest.raises(ValueError, match="exceed 1"):
        zcdp_cost(1.0, order_milli)


# Limits


GRANTS = [(0.01, 1e-9), (0.1, 1e-6), (1.0, 1e-6), (3.0, 1e-5), (10.0, 1e-6), (100.0, 1e-6)]


@pytest.mark.parametrize(("epsilon", "delta"), GRANTS)
def test_limits_are_the_bounds_rounded_down(epsilon: float, delta: float) -> None:
    limits = preset(epsilon, delta, 1e-7)
    for order_milli, nano in zip(limits.orders_milli, limits.nano, strict=True):
        exact = max(Decimal(0), rdp_bound(epsilon, delta / 2, order_milli) * NANO)
        assert nano <= exact < nano + 1 + Decimal("1e-9")
    assert limits.orders_milli[1] % MILLI == 0
    assert limits.delta_atto == math.floor(Fraction(1e-7) * accounting.ATTO)


@pytest.mark.parametrize(("epsilon", "delta"), GRANTS)
def test_the_gaussian_order_holds_the_most_gaussian_noise(epsilon: float, delta: float) -> None:
    chosen = preset(epsilon, delta).orders_milli[0]

    def room(order_milli: int) -> Decimal:
        return rdp_bound(epsilon, delta / 2, order_milli) / order_milli

    grid = {MILLI + round(MILLI * 10 ** (i / 100)) for i in range(-250, 500)}
    assert room(chosen) >= max(room(order) for order in grid) * (1 - Decimal("1e-9"))


@pytest.mark.parametrize(("epsilon", "delta"), GRANTS[2:])
def test_the_sampling_order_holds_the_most_training_steps(epsilon: float, delta: float) -> None:
    chosen = preset(epsilon, delta).orders_milli[1]

    def steps(order_milli: int) -> float:
        cost = subsampled_gaussian_cost(Fraction(256, 60_000), Fraction(11, 10), order_milli, 1000)
        return float(rdp_bound(epsilon, delta / 2, order_milli)) / cost

    assert steps(chosen) >= max(steps(order * MILLI) for order in range(2, 65)) * (1 - 1e-6)


def test_orders_that_were_fixed_stay() -> None:
    first = preset(1.0, 1e-6)
    raised = preset(2.0, 1e-6, orders_milli=first.orders_milli)
    assert raised.orders_milli == first.orders_milli
    assert all(new > old for new, old in zip(raised.nano, first.nano, strict=True))


@pytest.mark.parametrize(
    ("epsilon", "delta_conv", "delta_add"),
    [
        (1e-12, 1e-12, 0),
        (0, 1e-6, 0),
        (-1, 1e-6, 0),
        (math.nan, 1e-6, 0),
        (math.inf, 1e-6, 0),
        (1, 0, 0),
        (1, 1, 0),
        (1, 1e-6, -1e-9),
        (1, 1e-6, 1),
    ],
)
def test_impossible_limits_are_refused(epsilon: float, delta_conv: float, delta_add: float) -> None:
    with pytest.raises(ImpossibleLimits):
        preset(epsilon, delta_conv, delta_add)


# The rule


costs = st.builds(
    Cost, st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), st.integers(0, 2**40)
)
limit_values = st.builds(
    Limits,
    st.just((7_933, 8_000)),
    st.tuples(st.integers(0, 2**42), st.integers(0, 2**42)),
    st.integers(0, 2**43),
)


@given(limit_values, st.lists(costs, max_size=40))
def test_the_filter_never_admits_beyond_its_limits(limits: Limits, asked: list[Cost]) -> None:
    spent = Cost((0, 0))
    for cost in asked:
        if admits(spent, cost, limits):
            spent += cost
        else:
            after = spent + cost
            over = all(used > limit for used, limit in zip(after.nano, limits.nano, strict=True))
            assert over or after.delta_atto > limits.delta_atto
    assert spent.delta_atto <= limits.delta_atto
    assert spent == Cost((0, 0)) or any(
        used <= limit for used, limit in zip(spent.nano, limits.nano, strict=True)
    )


@given(limit_values, costs, costs)
def test_admission_is_monotone(limits: Limits, spent: Cost, cost: Cost) -> None:
    if admits(spent + cost, Cost((1, 1)), limits):
        assert admits(spent, cost, limits)
        assert admits(Cost((0, 0)), cost, limits)


@given(limit_values, costs)
def test_the_minimum_charge(limits: Limits, cost: Cost) -> None:
    charged = at_least_minimum(cost, limits)
    for paid, asked, limit in zip(charged.nano, cost.nano, limits.nano, strict=True):
        assert paid >= max(asked, 1)
        assert paid * 100_000 >= limit
        assert paid == asked or (paid - 1) * 100_000 < limit or paid == 1
    assert charged.delta_atto == cost.delta_atto
    assert at_least_minimum(charged, limits) == charged


@given(limit_values, costs)
def test_how_many_is_how_often_the_filter_admits(limits: Limits, cost: Cost) -> None:
    each = at_least_minimum(cost, limits)
    times = how_many(cost, limits)

    def total(n: int) -> Cost:
        return Cost((each.nano[0] * n, each.nano[1] * n), each.delta_atto * n)

    if times:
        assert admits(total(times - 1), each, limits)
    assert not admits(total(times), each, limits)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(GRANTS), st.lists(st.floats(1e-5, 2.0), min_size=1, max_size=60))
def test_what_was_admitted_is_within_epsilon_by_dp_accounting(
    grant: tuple[float, float], epsilons: list[float]
) -> None:
    """Mixed charges until the filter stops: the peer's own composition agrees with the grant."""
    epsilon, delta = grant
    limits = preset(epsilon, delta)
    spent, events = Cost((0, 0)), []
    for index, asked in enumerate(epsilons):
        if index % 2:
            first, second = (pure_cost(asked, order) for order in limits.orders_milli)
            event = dp_accounting.LaplaceDpEvent(1 / asked)
        else:
            first, second = (zcdp_cost(asked**2 / 2, order) for order in limits.orders_milli)
            event = dp_accounting.GaussianDpEvent(1 / asked)
        if admits(spent, Cost((first, second)), limits):
            spent += Cost((first, second))
            events.append(event)
    if not events:
        return
    accountant = RdpAccountant([order / MILLI for order in limits.orders_milli])
    accountant.compose(dp_accounting.ComposedDpEvent(events))
    peer = accountant.get_epsilon(delta / 2)
    assert peer <= epsilon * (1 + 1e-9)
    ours = epsilon_of(spent, limits, delta)
    assert peer * (1 - 1e-9) <= ours <= epsilon + 1e-9


# What it means to people


@pytest.mark.parametrize(("epsilon", "delta"), GRANTS)
def test_epsilon_spent_reaches_the_grant_and_no_further(epsilon: float, delta: float) -> None:
    limits = preset(epsilon, delta)
    assert epsilon_of(Cost((0, 0)), limits, delta) == 0
    full = epsilon_of(Cost(limits.nano), limits, delta)
    assert epsilon - 3e-9 <= full <= epsilon
    half = epsilon_of(Cost((limits.nano[0] // 2, limits.nano[1] // 2)), limits, delta)
    assert 0 < half < full


def test_what_an_account_buys() -> None:
    limits = preset(1.0, 1e-6)
    # σ = 51.27 keeps 95 % within ±100 of 10,000, so ρ = 1.902e-4 each, of B(α)/α = 0.02294.
    assert counts_within(limits, 10_000) == 120
    assert counts_within(limits, 1_000) < 120 < counts_within(limits, 100_000)
    # The minimum charge is what bounds questions that cost next to nothing.
    assert 99_900 < counts_within(limits, 10**9) <= 100_000
    each = Cost((pure_cost(0.1, limits.orders_milli[0]), pure_cost(0.1, limits.orders_milli[1])))
    assert queries_at_epsilon(limits, 0.1) == how_many(each, limits)
    assert queries_at_epsilon(limits, 0.01) > 60 * queries_at_epsilon(limits, 0.1)
