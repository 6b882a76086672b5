"""What a budget buys, in things people can picture. Pure: from limits and public sizes alone."""

from collections.abc import Callable
from functools import lru_cache

from carrel_protocol.api.budgets import Simulation
from carrel_protocol.api.datasets import BudgetLimits, BudgetPreviewResult
from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.privacy import EpsilonTarget, PrivacyTarget, RhoTarget
from carrel_protocol.schema import DeclaredSize, RealColumn, TableSchema, UnitBounds
from carrel_site.ledger import accounting, service
from carrel_site.ledger.accounting import Cost, Limits
from carrel_site.ledger.models import LedgerAccount
from carrel_site.pricing.price import PricedQuery, price_query

_BOUNDS = UnitBounds(rows_per_unit=1, rows_per_group=1, groups_per_unit=1)
_COUNT = QueryPlan(aggregates=(Aggregate(function="count", alias="n"),))
_MEAN = QueryPlan(aggregates=(Aggregate(function="avg", column="x", alias="mean"),))
_MEAN_WITHIN = 0.01
_MOST_EPSILON, _MOST_RHO = 100.0, 1000.0
_HALVINGS = 40


def preview(limits: BudgetLimits, units: int, epsilon: float) -> BudgetPreviewResult:
    """What a budget would buy of a table with one row for each of `units` units."""
    bought = service.preset(limits)
    counts = accounting.counts_within(bought, units)
    means = _means(bought, units)
    queries = accounting.queries_at_epsilon(bought, epsilon)
    within = max(1, units // 100)
    return BudgetPreviewResult(
        counts_within_one_percent=counts,
        means_within=means,
        example_queries=queries,
        examples=(
            f"{counts:,} counts of all {units:,}, each right to within 1 % (±{within:,}) "
            "19 times out of 20"
            if counts
            else f"No count of all {units:,} that is right to within 1 %",
            f"{means:,} means of a number from 0 to 1, each right to within {_MEAN_WITHIN} "
            "19 times out of 20"
            if means
            else f"No mean of a number from 0 to 1 that is right to within {_MEAN_WITHIN}",
            f"{queries:,} counts asked with epsilon = {epsilon:g}",
        ),
    )


def simulate(
    account: LedgerAccount, together: LedgerAccount, target: PrivacyTarget, times: int
) -> Simulation:
    """What `times` counts with this target would take from `account`.

    together: the population's own account, which pays too (the same one where `account` is it).
    Raises `QueryNotAllowed` for a target that no noise can meet.
    """
    fitting = {side.id: _more(side, target) for side in (account, together)}
    limits = service.limits_of(account)
    each = service.charge_of(account, _count_cost(target, limits))
    left = max(0.0, 1 - service.share_used(account))
    all_of_them = Cost((each.nano[0] * times, each.nano[1] * times))
    after = max(0.0, 1 - service.share(service.used(account) + all_of_them, limits))
    how_many = min(fitting.values())
    fits = times <= how_many
    shared = fitting[together.id] < fitting[account.id]
    return Simulation(
        share_each=service.share(each, limits),
        how_many=how_many,
        fits=fits,
        limited_by="together" if shared else "account",
        share_left=left,
        share_left_after=after if fits else 0.0,
        in_words=_said(times, how_many, after if fits else None, shared=shared),
    )


def _said(times: int, how_many: int, after: float | None, *, shared: bool) -> str:
    asked = "One such count" if times == 1 else f"{times:,} such counts"
    if after is not None:
        more = how_many - times
        then = f"{more:,} more would fit then" if more else "none would fit then"
        return f"{asked} would leave {_percent(after)} of the budget; {then}."
    whose = "what everyone has together" if shared else "what is left"
    return f"{asked} would take more than {whose}: {how_many:,} would fit."


def _percent(share: float) -> str:
    """Never nothing for something."""
    return "less than 0.1 %" if 0 < share < 0.001 else f"{share * 100:.3g} %"


def _more(account: LedgerAccount, target: PrivacyTarget) -> int:
    """How many more counts with this target the account can pay."""
    limits = service.limits_of(account)
    if account.overdrawn:
        return 0
    return accounting.how_many_more(service.used(account), _count_cost(target, limits), limits)


def _count_cost(target: PrivacyTarget, limits: Limits) -> Cost:
    priced = price_query(_COUNT, _table(1), _BOUNDS, target, orders_milli=limits.orders_milli)
    return priced.cost(limits.orders_milli)


def _means(limits: Limits, units: int) -> int:
    """How many means of a column from 0 to 1 fit, each expected right to within 0.01."""
    costs = [
        accounting.how_many(priced.cost(limits.orders_milli), limits)
        for priced in _cheapest_means(units)
    ]
    return max(costs, default=0)


@lru_cache(maxsize=256)
def _cheapest_means(units: int) -> tuple[PricedQuery, ...]:
    """The mean with the least discrete Laplace and Gaussian cost that is right enough, if any."""
    laplace = _least(units, _MOST_EPSILON, lambda size: EpsilonTarget(epsilon=size))
    gaussian = _least(units, _MOST_RHO, lambda size: RhoTarget(rho=size))
    return tuple(priced for priced in (laplace, gaussian) if priced is not None)


def _least(units: int, most: float, target: Callable[[float], PrivacyTarget]) -> PricedQuery | None:
    """By bisection on the factor: the error falls as the cost grows."""

    def priced(size: float) -> PricedQuery:
        return price_query(_MEAN, _table(units), _BOUNDS, target(size), orders_milli=())

    def right_enough(query: PricedQuery) -> bool:
        return query.expected_errors[0].plus_minus <= _MEAN_WITHIN

    low, high = 1e-6, most
    best = priced(high)
    if not right_enough(best):
        return None
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        candidate = priced(middle)
        if right_enough(candidate):
            high, best = middle, candidate
        else:
            low = middle
    return best


def _table(units: int) -> TableSchema:
    return TableSchema(
        unit_column="unit",
        columns=(RealColumn(name="x", lower="0", upper="1", resolution="0.001", nullable=False),),
        bounds=_BOUNDS,
        size=DeclaredSize(rows=units, units=units),
    )
