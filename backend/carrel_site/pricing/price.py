"""What a question costs and how far off its answer may be, from public facts alone.

Noise is scaled so that the worker's exact check passes: scale·ε ≥ L1 for discrete Laplace and
2·ρ·scale² ≥ L2² for discrete Gaussian, as fractions of the floats that are sent. Where rounding
must give way, noise gets larger and claims get larger, never smaller.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from carrel_protocol.api.requests import ExpectedError
from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.jobs import QueryContent
from carrel_protocol.plan import QueryPlan
from carrel_protocol.privacy import (
    AccuracyTarget,
    Claimed,
    EpsilonTarget,
    Noise,
    PrivacyTarget,
    RhoTarget,
)
from carrel_protocol.schema import TableSchema, UnitBounds
from carrel_protocol.sensitivity import Lowered, Measure, Primitive, lower
from carrel_site.ledger.accounting import Cost, bounded_range_cost, pure_cost, zcdp_cost
from carrel_site.pricing import tails
from carrel_site.pricing.errors import QueryNotAllowed

CONFIDENCE = 0.95
MAX_SCALE = 1e16
"""Noise beyond this could leave 64 bits, and would drown any column's sum anyway."""
MAX_CLAIM = 1e6
"""No budget allows an epsilon or rho like this; it also keeps costs within 64 bits."""


@dataclass(frozen=True, slots=True)
class PricedQuery:
    lowered: Lowered
    noise: tuple[Noise, ...]
    """One a primitive, in their order; scales in stored units."""
    claimed: tuple[Claimed, ...]
    epsilon: float | None
    """The sum over primitives, rounded up, where noise is discrete Laplace."""
    rho: float | None
    """The sum over primitives, rounded up, where noise is discrete Gaussian."""
    expected_errors: tuple[ExpectedError, ...]
    """One a measure, in the measure's own units."""

    def cost(self, orders_milli: tuple[int, int]) -> Cost:
        """In nano-units at an account's two orders, before the minimum charge."""
        return cost_of_claims(self.claimed, orders_milli)


def cost_of(content: QueryContent | BlackBoxContent, orders_milli: tuple[int, int]) -> Cost:
    """What an approved query or black box costs an account with these orders."""
    return cost_of_claims(content.claimed, orders_milli)


def cost_of_claims(claimed: tuple[Claimed, ...], orders_milli: tuple[int, int]) -> Cost:
    """Rényi costs add over primitives, at each order."""
    first, second = (_nano(claimed, order) for order in orders_milli)
    return Cost((first, second))


def _nano(claimed: tuple[Claimed, ...], order_milli: int) -> int:
    rho = sum((Fraction(c.value) for c in claimed if c.kind == "rho"), Fraction(0))
    pure = sum(pure_cost(c.value, order_milli) for c in claimed if c.kind == "epsilon")
    chosen = sum(bounded_range_cost(c.value, order_milli) for c in claimed if c.kind == "range")
    return pure + chosen + zcdp_cost(rho, order_milli)


def effective_bounds(schema: TableSchema, override: UnitBounds | None) -> UnitBounds:
    """The bounds per unit that a question is answered with: the asker's, else the owner's.

    Any bounds are sound, since they are what noise is scaled to; `UnitBounds` keeps them within
    1 and 1e6.
    """
    return override if override is not None else schema.bounds


def price_query(
    plan: QueryPlan,
    schema: TableSchema,
    bounds: UnitBounds,
    target: PrivacyTarget,
    *,
    orders_milli: tuple[int, ...],
) -> PricedQuery:
    """Noise, claims and expected errors of a checked plan.

    orders_milli: Rényi orders at which mechanisms are compared for an accuracy target. Raises
    `QueryNotAllowed` (at "target…") for a target that no noise can meet.
    """
    lowered = lower(plan, schema, bounds)
    noise, claimed = price_primitives(
        lowered.primitives,
        target,
        lambda wanted: [_steps(wanted, lowered, index) for index in range(len(lowered.primitives))],
        orders_milli=orders_milli,
    )
    confidence = target.confidence if isinstance(target, AccuracyTarget) else CONFIDENCE
    return PricedQuery(
        lowered=lowered,
        noise=noise,
        claimed=claimed,
        epsilon=total(claimed, "epsilon"),
        rho=total(claimed, "rho"),
        expected_errors=tuple(
            _expected_error(measure, lowered, noise, schema, confidence)
            for measure in lowered.measures
        ),
    )


def price_primitives(
    primitives: tuple[Primitive, ...],
    target: PrivacyTarget,
    within: Callable[[AccuracyTarget], list[int]],
    *,
    orders_milli: tuple[int, ...],
) -> tuple[tuple[Noise, ...], tuple[Claimed, ...]]:
    """One noise and one claim a primitive, equal shares of the target.

    within: for an accuracy, how many steps each primitive's noise may be off.
    """
    match target:
        case EpsilonTarget():
            claims = shares(target.epsilon, "epsilon", len(primitives))
            pairs = [_laplace(p, c) for p, c in zip(primitives, claims, strict=True)]
        case RhoTarget():
            claims = shares(target.rho, "rho", len(primitives))
            pairs = [_gaussian(p, c) for p, c in zip(primitives, claims, strict=True)]
        case AccuracyTarget():
            pairs = _for_accuracy(primitives, within(target), target, orders_milli)
    return tuple(n for n, _ in pairs), tuple(c for _, c in pairs)


def total(claimed: tuple[Claimed, ...], kind: str) -> float | None:
    """The sum of the claims of a kind, rounded up; None where there are none."""
    exact = sum((Fraction(c.value) for c in claimed if c.kind == kind), Fraction(0))
    if not exact:
        return None
    shown = float(exact)
    return shown if Fraction(shown) >= exact else math.nextafter(shown, math.inf)


def shares(total: float, kind: str, parts: int) -> list[Claimed]:
    """Equal shares of the target whose exact sum is no more than it."""
    share = total / parts
    while Fraction(share) * parts > Fraction(total):
        share = math.nextafter(share, 0)
    return [Claimed.model_validate({"kind": kind, "value": share})] * parts


def _laplace(primitive: Primitive, claim: Claimed) -> tuple[Noise, Claimed]:
    """The least discrete Laplace scale b, as a float, with b·ε ≥ L1 (Dwork & Roth 2014, §3.3)."""
    epsilon = Fraction(claim.value)
    scale = primitive.l1 / claim.value
    while Fraction(scale) * epsilon < primitive.l1:
        scale = math.nextafter(scale, math.inf)
    return _noise("discrete_laplace", scale), claim


def _gaussian(primitive: Primitive, claim: Claimed) -> tuple[Noise, Claimed]:
    """The least discrete Gaussian σ, as a float, with 2·ρ·σ² ≥ L2² (arXiv 2004.00010, Thm 14)."""
    rho = Fraction(claim.value)
    scale = math.sqrt(primitive.l2_squared / (2 * claim.value))
    while 2 * rho * Fraction(scale) ** 2 < primitive.l2_squared:
        scale = math.nextafter(scale, math.inf)
    return _noise("discrete_gaussian", scale), claim


def _noise(mechanism: str, scale: float) -> Noise:
    if scale > MAX_SCALE:
        raise QueryNotAllowed(
            [
                {
                    "loc": "target",
                    "message": f"the noise would have a scale of {scale:.3g} steps and drown any "
                    "answer; ask with a larger epsilon or rho, or bound rows and groups tighter",
                }
            ]
        )
    return Noise.model_validate({"mechanism": mechanism, "scale": scale})


# Accuracy


def _for_accuracy(
    primitives: tuple[Primitive, ...],
    within: list[int],
    target: AccuracyTarget,
    orders_milli: tuple[int, ...],
) -> list[tuple[Noise, Claimed]]:
    """The cheaper of discrete Laplace and discrete Gaussian noise that keeps the promise.

    Cheaper: the smaller of the largest cost/α over `orders_milli`. A Gaussian costs α·ρ at every
    order, so cost/α is its ρ; for discrete Laplace it is the ρ that would cost as much there.
    """
    options = [
        [
            _claim_laplace(p, tails.largest_laplace_scale(w, target.confidence))
            for p, w in zip(primitives, within, strict=True)
        ],
        [
            _claim_gaussian(p, tails.largest_gaussian_scale(w, target.confidence))
            for p, w in zip(primitives, within, strict=True)
        ],
    ]

    def rho_equivalent(pairs: list[tuple[Noise, Claimed]]) -> Fraction:
        claimed = tuple(claim for _, claim in pairs)
        return max(Fraction(_nano(claimed, order), order) for order in orders_milli)

    affordable = [pairs for pairs in options if sum(claim.value for _, claim in pairs) <= MAX_CLAIM]
    if not affordable:
        raise QueryNotAllowed(
            [
                {
                    "loc": "target.within",
                    "message": "no budget allows an answer this exact; widen `within`, or bound "
                    "rows and groups tighter",
                }
            ]
        )
    return min(affordable, key=rho_equivalent)


def _steps(target: AccuracyTarget, lowered: Lowered, primitive: int) -> int:
    """How many stored units a primitive's noise may be off: the least of its measures' needs."""
    within = Decimal(repr(target.within))
    needs = []
    for measure in lowered.measures:
        if measure.function == "avg":
            raise QueryNotAllowed(
                [
                    {
                        "loc": "target.within",
                        "message": "an accuracy can be promised for COUNT and SUM only, and "
                        f"{measure.alias!r} is an AVG; ask with epsilon or rho, or ask for "
                        "SUM and COUNT",
                    }
                ]
            )
        if measure.primitive == primitive:
            needs.append(math.floor(Fraction(within) / Fraction(measure.unit)))
    return min(needs)


def _claim_laplace(primitive: Primitive, scale: float) -> tuple[Noise, Claimed]:
    """The least ε, as a float, that discrete Laplace noise of this scale can claim."""
    epsilon = primitive.l1 / scale
    while Fraction(scale) * Fraction(epsilon) < primitive.l1:
        epsilon = math.nextafter(epsilon, math.inf)
    return _noise("discrete_laplace", scale), Claimed(kind="epsilon", value=epsilon)


def _claim_gaussian(primitive: Primitive, scale: float) -> tuple[Noise, Claimed]:
    """The least ρ, as a float, that discrete Gaussian noise of this scale can claim."""
    rho = float(Fraction(primitive.l2_squared) / (2 * Fraction(scale) ** 2))
    while 2 * Fraction(rho) * Fraction(scale) ** 2 < primitive.l2_squared:
        rho = math.nextafter(rho, math.inf)
    return _noise("discrete_gaussian", scale), Claimed(kind="rho", value=rho)


# Expected errors


def _expected_error(
    measure: Measure,
    lowered: Lowered,
    noise: tuple[Noise, ...],
    schema: TableSchema,
    confidence: float,
) -> ExpectedError:
    """COUNT and SUM: the noise's own half-width. AVG: expected, at the declared size."""
    steps: float = tails.half_width(noise[measure.primitive], confidence)
    if measure.denominator is not None:
        count_steps = tails.half_width(noise[measure.denominator], confidence)
        steps = _average_steps(
            lowered.primitives[measure.primitive], steps, count_steps, _rows_a_key(lowered, schema)
        )
    return ExpectedError(
        measure=measure.alias,
        plus_minus=float(Decimal(steps) * measure.unit),
        confidence=confidence,
        expected=measure.denominator is not None,
    )


def _average_steps(summed: Primitive, sum_steps: float, count_steps: float, rows: float) -> float:
    """centre + S/N with S and N noisy: √(wS² + (h·wN)²)/n, by the delta method.

    n: the declared rows in a group (all of them, since WHERE's share is not known); h: the
    largest distance from the centre, since the true average is not known. Never more than the
    column's range.
    """
    spread = max(abs(summed.lower), abs(summed.upper))
    return min(
        math.hypot(sum_steps, spread * count_steps) / rows, float(summed.upper - summed.lower)
    )


def _rows_a_key(lowered: Lowered, schema: TableSchema) -> float:
    """The rows that one group's answer is expected to use, by the owner's declared size."""
    size = schema.size
    kept = min(size.rows, size.units * lowered.rows_per_group * lowered.groups_per_unit)
    return max(1.0, kept / lowered.keys)
