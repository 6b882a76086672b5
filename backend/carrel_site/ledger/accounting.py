"""The ledger's arithmetic: what an event costs, what an account can hold, and who is admitted.

An account fixes (ε, δ_conv, δ_add) and, at its first charge, two Rényi orders Λ = {α_G, α_S}.
A charge has a cost at each order and a δ. The rule, `admits`:

    (some α in Λ has Σ cost(α) + new ≤ B(α))   and   Σ δ + new ≤ δ_add

with B(α) = ε − [ln(1/(α·δ')) / (α−1) + ln(1 − 1/α)] and δ' = δ_conv / |Λ|.

Why that guarantees (ε, δ_conv + δ_add)-DP to the account's unit, however each charge was chosen
in view of earlier answers:

- At one fixed order, a sum of adaptively chosen Rényi costs kept below a preset bound is a valid
  privacy filter (Feldman & Zrnic 2021, arXiv 2008.11193, Thm 4.3; Lécuyer 2021). Concurrent
  sessions: arXiv 2309.05901.
- Rényi cost B(α) at order α is (ε, δ')-DP (Canonne, Kamath & Steinke 2020, arXiv 2004.00010,
  Prop. 12; Asoodeh et al. 2020). Two orders are two filters, of which one must hold at each
  step: a union bound over Λ, hence δ' = δ_conv / |Λ|.
- Events that are private only up to δᵢ add up in δ_add.

Costs are integer nano-units (1e-9) rounded up and limits integer nano-units rounded down; δ is
in integer atto-units (1e-18), likewise. Logarithms and exponentials are taken with 60 digits,
of which the 40th and later are given away in the safe direction (`_GUARD`).
Orders are integers in thousandths. Everything here is pure; nothing reads a clock or a database.
"""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache

from carrel_site.pricing import tails

NANO = 10**9
ATTO = 10**18
MILLI = 1000
MAX_NANO = 2**62
"""No cost or limit is beyond this: Postgres keeps them in 64 bits."""
MINIMUM_SHARE = Fraction(1, 100_000)
"""The least that any charge is, as a share of the limit: it bounds how often one can ask."""

_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN, Emin=-9999, Emax=9999)
_GUARD = Decimal("1e-40")
_MAX_ORDER = 100_000
_MAX_SAMPLING_ORDER = 256
_STEEP = 10_000
_REFERENCE_RATE = Fraction(256, 60_000)
_REFERENCE_SIGMA = Fraction(11, 10)
"""The training that α_S is chosen for: batches of 256 of 60,000 units with noise multiplier 1.1
(the usual MNIST setting; Abadi et al. 2016, arXiv 1607.00133, §5)."""


class ImpossibleLimits(ValueError):
    """No order leaves anything to spend (ε too small for this δ), or a number is out of range."""


@dataclass(frozen=True, slots=True)
class Limits:
    """An account's preset bounds: B(α) at its two orders, and δ_add."""

    orders_milli: tuple[int, int]
    nano: tuple[int, int]
    delta_atto: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What an event costs (or events have cost) at an account's two orders, and in δ."""

    nano: tuple[int, int]
    delta_atto: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        a, b = self.nano, other.nano
        return Cost((a[0] + b[0], a[1] + b[1]), self.delta_atto + other.delta_atto)


NOTHING = Cost((0, 0), 0)


# Rounding


def nano_up(value: Fraction) -> int:
    """The least whole number of nano-units that is no less than `value`."""
    return math.ceil(value * NANO)


def nano_down(value: Fraction) -> int:
    """The greatest whole number of nano-units that is no more than `value`."""
    return math.floor(value * NANO)


def atto_up(delta: float) -> int:
    """δ in atto-units, rounded up: for a charge."""
    return math.ceil(Fraction(delta) * ATTO)


def atto_down(delta: float) -> int:
    """δ in atto-units, rounded down: for a limit."""
    return math.floor(Fraction(delta) * ATTO)


def _decimal_nano_up(value: Decimal) -> int:
    scaled = _CONTEXT.multiply(_CONTEXT.add(value, _slack(value)), Decimal(NANO))
    return int(scaled.to_integral_value(ROUND_CEILING))


def _decimal_nano_down(value: Decimal) -> int:
    scaled = _CONTEXT.multiply(_CONTEXT.subtract(value, _slack(value)), Decimal(NANO))
    return int(scaled.to_integral_value(ROUND_FLOOR))


def _slack(value: Decimal) -> Decimal:
    """More than the error of a value worked out in a few dozen operations with 60 digits."""
    return _CONTEXT.multiply(_GUARD, max(abs(value), Decimal(1)))


def _decimal(value: Fraction) -> Decimal:
    return _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))


def _order(order_milli: int) -> Fraction:
    if order_milli <= MILLI:
        raise ValueError(f"an order must exceed 1, and {order_milli} thousandths do not")
    return Fraction(order_milli, MILLI)


# What events cost


def zcdp_cost(rho: float | Fraction, order_milli: int) -> int:
    """Nano-units of an event that is rho-zCDP, at order α: α·ρ, exactly, rounded up.

    A (discrete) Gaussian with standard deviation σ on a vector of L2 sensitivity Δ has
    ρ = Δ²/(2σ²): Bun & Steinke 2016 (arXiv 1605.02065), Prop. 6; for the discrete one Canonne,
    Kamath & Steinke 2020 (arXiv 2004.00010), Thm 14.
    """
    return nano_up(_order(order_milli) * Fraction(rho))


def gaussian_cost(l2_squared: int | Fraction, sigma: float | Fraction, order_milli: int) -> int:
    """Nano-units of (discrete) Gaussian noise σ on L2² sensitivity `l2_squared`: α·Δ²/(2σ²)."""
    variance = Fraction(sigma) ** 2
    return zcdp_cost(Fraction(l2_squared) / (2 * variance), order_milli)


def pure_cost(epsilon: float | Fraction, order_milli: int) -> int:
    """Nano-units of an event that is ε-DP (discrete Laplace with scale Δ₁/ε, say), at order α.

    ln(p^α·q^(1−α) + q^α·p^(1−α)) / (α−1) with p = e^ε/(1+e^ε) and q = 1−p, rounded up: the Rényi
    divergence of randomised response, which no ε-DP mechanism exceeds (Kairouz, Oh & Viswanath
    2015, arXiv 1311.0776, Thm 2.5, with the data-processing inequality).
    """
    return _pure_cost(Fraction(epsilon), order_milli)


@lru_cache(maxsize=4096)
def _pure_cost(epsilon: Fraction, order_milli: int) -> int:
    if epsilon < 0:
        raise ValueError(f"epsilon must not be negative, and is {float(epsilon)}")
    order = _order(order_milli)
    if epsilon * order > _STEEP:
        return nano_up(epsilon)  # no Rényi divergence exceeds ε, and here it is as good as ε
    c = _CONTEXT
    # p/q = e^ε, so p^α·q^(1−α) = e^(ε(α−1))·p, and likewise with p and q changed.
    eps = _decimal(epsilon)
    grown = c.exp(eps)
    p = c.divide(grown, c.add(1, grown))
    q = c.divide(1, c.add(1, grown))
    lift = _decimal(epsilon * (order - 1))
    total = c.add(c.multiply(c.exp(lift), p), c.multiply(c.exp(c.minus(lift)), q))
    return _decimal_nano_up(c.divide(c.ln(total), _decimal(order - 1)))


def bounded_range_cost(eta: float | Fraction, order_milli: int) -> int:
    """Nano-units of an event of bounded range η (the exponential mechanism), at order α.

    It is (η²/8)-zCDP (Cesar & Rogers 2021, arXiv 2004.07223, Lemma 3.2) and η-DP (its log
    probabilities move by at most η: Durfee & Rogers 2019, arXiv 1905.04273), so at each order it
    costs no more than either: α·η²/8, or what pure epsilon η costs where that is less.
    """
    exact = Fraction(eta)
    return min(zcdp_cost(exact**2 / 8, order_milli), pure_cost(exact, order_milli))


def subsampled_gaussian_cost(
    rate: float | Fraction, sigma: float | Fraction, order_milli: int, steps: int = 1
) -> int:
    """Nano-units of `steps` Poisson-subsampled Gaussians, at an integer order α.

    A unit takes part with probability `rate`; the noise is `sigma` times the L2 sensitivity.
    ln(Σₖ C(α,k)·(1−q)^(α−k)·q^k·e^((k²−k)/(2σ²))) / (α−1), for adding or removing one unit
    (Mironov, Talwar & Zhang 2019, arXiv 1908.10530, §3.3).
    """
    value = _subsampled_gaussian(Fraction(rate), Fraction(sigma), order_milli)
    return _decimal_nano_up(_CONTEXT.multiply(value, Decimal(steps)))


@lru_cache(maxsize=4096)
def _subsampled_gaussian(rate: Fraction, sigma: Fraction, order_milli: int) -> Decimal:
    if order_milli % MILLI:
        raise ValueError(f"{order_milli} thousandths are no whole order")
    if not 0 <= rate <= 1:
        raise ValueError(f"a sampling rate lies in [0, 1], not {float(rate)}")
    order = int(_order(order_milli))
    c = _CONTEXT
    kept, left = _decimal(rate), _decimal(1 - rate)
    total = Decimal(0)
    for k in range(order + 1):
        weight = c.multiply(
            c.power(left, order - k) if order > k else 1, c.power(kept, k) if k else 1
        )
        moment = c.exp(_decimal(Fraction(k * k - k) / (2 * sigma**2)))
        total = c.add(total, c.multiply(c.multiply(math.comb(order, k), weight), moment))
    return c.divide(c.ln(total), Decimal(order - 1))


# What an account can hold


def rdp_bound(epsilon: float, delta: float, order_milli: int) -> Decimal:
    """B(α) for one order: the most Rényi cost at α that is still (epsilon, delta)-DP.

    To about 40 digits, and never above the true value. May be negative: then nothing fits.
    """
    return _bound(Fraction(epsilon), Fraction(delta), order_milli)


@lru_cache(maxsize=4096)
def _bound(epsilon: Fraction, delta: Fraction, order_milli: int) -> Decimal:
    order = _order(order_milli)
    c = _CONTEXT
    lost = c.add(
        c.divide(c.ln(_decimal(1 / (order * delta))), _decimal(order - 1)),
        c.ln(_decimal(1 - 1 / order)),
    )
    value = c.subtract(_decimal(epsilon), lost)
    return c.subtract(value, _slack(value))


def preset(
    epsilon: float,
    delta_conv: float,
    delta_add: float = 0.0,
    *,
    orders_milli: tuple[int, int] | None = None,
) -> Limits:
    """Λ and B(α), rounded down, for an owner's grant of (epsilon, delta_conv + delta_add)-DP.

    α_G is the order at which the most Gaussian noise fits, α_S the whole order at which the most
    steps of the reference training fit. An account that has been charged keeps its orders:
    pass them. Raises `ImpossibleLimits` where nothing fits.
    """
    if not (math.isfinite(epsilon) and 0 < epsilon <= 1e6):
        raise ImpossibleLimits(f"epsilon must lie in (0, 1e6], not {epsilon}")
    if not 0 < delta_conv < 1:
        raise ImpossibleLimits(f"delta_conv must lie in (0, 1), not {delta_conv}")
    if not 0 <= delta_add < 1:
        raise ImpossibleLimits(f"delta_add must lie in [0, 1), not {delta_add}")
    if orders_milli is None:
        gaussian = _gaussian_order(epsilon, delta_conv)
        orders_milli = (gaussian, _sampling_order(epsilon, delta_conv, gaussian))
    share = Fraction(delta_conv) / 2
    first, second = (
        max(0, _decimal_nano_down(_bound(Fraction(epsilon), share, order)))
        for order in orders_milli
    )
    if not (first or second):
        raise ImpossibleLimits(
            f"epsilon {epsilon} is too small for delta {delta_conv}: no query would fit; "
            "raise either"
        )
    return Limits(orders_milli, (first, second), atto_down(delta_add))


def _quick_bound(epsilon: float, delta_conv: float, order: float) -> float:
    """B(α) in floating point: only ever used to choose an order, which any choice makes safe."""
    log_term = math.log(2) - math.log(order) - math.log(delta_conv)
    return epsilon - log_term / (order - 1) - math.log1p(-1 / order)


def _gaussian_order(epsilon: float, delta_conv: float) -> int:
    """argmax of B(α)/α, in thousandths: a coarse scan by factors, then finer ones around it."""

    def room(milli: int) -> float:
        return _quick_bound(epsilon, delta_conv, milli / MILLI) / (milli / MILLI)

    low, high = MILLI + 1, _MAX_ORDER * MILLI
    while high - low > 2:
        points = _spread(low, high)
        best = max(range(len(points)), key=lambda i: room(points[i]))
        low, high = points[max(best - 1, 0)], points[min(best + 1, len(points) - 1)]
    return max(range(low, high + 1), key=room)


def _spread(low: int, high: int) -> list[int]:
    """About 40 thousandths from `low` to `high`, evenly by (order − 1)'s factor."""
    ratio = (high - MILLI) / (low - MILLI)
    steps = {low, high}
    for i in range(1, 40):
        steps.add(MILLI + round((low - MILLI) * ratio ** (i / 40)))
    return sorted(steps)


def _sampling_order(epsilon: float, delta_conv: float, gaussian_milli: int) -> int:
    """argmax over whole orders of B(α) / (cost of one step of the reference training).

    Where ε is so small that no such order holds anything: the whole order at or above α_G.
    """
    room = {
        order: _quick_bound(epsilon, delta_conv, order)
        for order in range(2, _MAX_SAMPLING_ORDER + 1)
    }
    fitting = [order for order, bound in room.items() if bound > 0]
    if not fitting:
        return -(-gaussian_milli // MILLI) * MILLI
    return max(fitting, key=lambda order: room[order] / _reference_step(order)) * MILLI


@lru_cache(maxsize=_MAX_SAMPLING_ORDER)
def _reference_step(order: int) -> float:
    """`subsampled_gaussian_cost` of the reference training, in floating point."""
    rate, sigma = float(_REFERENCE_RATE), float(_REFERENCE_SIGMA)
    logs = [
        math.lgamma(order + 1) - math.lgamma(k + 1) - math.lgamma(order - k + 1)
        + (order - k) * math.log1p(-rate) + k * math.log(rate)
        + (k * k - k) / (2 * sigma**2)
        for k in range(order + 1)
    ]  # fmt: skip
    largest = max(logs)
    return (largest + math.log(math.fsum(math.exp(x - largest) for x in logs))) / (order - 1)


# The rule


def at_least_minimum(cost: Cost, limits: Limits) -> Cost:
    """`cost`, but at each order at least 1e-5 of the limit (rounded up) and 1 nano-unit."""
    least = [max(1, math.ceil(MINIMUM_SHARE * limit)) for limit in limits.nano]
    return Cost(
        (max(cost.nano[0], least[0]), max(cost.nano[1], least[1])),
        cost.delta_atto,
    )


def admits(spent: Cost, cost: Cost, limits: Limits) -> bool:
    """Whether an account that has spent `spent` can pay `cost`: the filter of this module."""
    if min(*cost.nano, cost.delta_atto) < 0:
        raise ValueError("a cost is never negative")
    after = spent + cost
    fits = any(total <= limit for total, limit in zip(after.nano, limits.nano, strict=True))
    return fits and after.delta_atto <= limits.delta_atto


def how_many(cost: Cost, limits: Limits) -> int:
    """How often `cost` (at least the minimum) can be paid from an account that spent nothing."""
    return how_many_more(NOTHING, cost, limits)


def how_many_more(spent: Cost, cost: Cost, limits: Limits) -> int:
    """How often `cost` (at least the minimum) can be paid once `spent` is gone."""
    if spent.delta_atto > limits.delta_atto:
        return 0
    each = at_least_minimum(cost, limits)
    times = max(
        max(limit - gone, 0) // price
        for limit, gone, price in zip(limits.nano, spent.nano, each.nano, strict=True)
    )
    if each.delta_atto:
        times = min(times, (limits.delta_atto - spent.delta_atto) // each.delta_atto)
    return times


# What it means to people


def counts_within(limits: Limits, units: int, share: float = 0.01) -> int:
    """How many COUNTs an account buys, each right to within `share` of `units`, 95 % of the time.

    One row per unit, one group, and the cheaper of discrete Laplace and discrete Gaussian noise.
    """
    within = math.floor(Fraction(share) * units)
    rho = 1 / (2 * Fraction(tails.largest_gaussian_scale(within, 0.95)) ** 2)
    epsilon = 1 / Fraction(tails.largest_laplace_scale(within, 0.95))
    return max(how_many(zcdp_costs(rho, limits), limits), queries_at_epsilon(limits, epsilon))


def queries_at_epsilon(limits: Limits, epsilon: float | Fraction) -> int:
    """How many queries an account buys, each of one primitive with discrete Laplace noise."""
    first, second = (pure_cost(epsilon, order) for order in limits.orders_milli)
    return how_many(Cost((first, second)), limits)


def zcdp_costs(rho: float | Fraction, limits: Limits) -> Cost:
    """A zCDP event's cost at an account's two orders."""
    first, second = (zcdp_cost(rho, order) for order in limits.orders_milli)
    return Cost((first, second))


def epsilon_of(spent: Cost, limits: Limits, delta_conv: float) -> float:
    """What has been spent, as an ε at the account's δ, rounded up: for display, never admission.

    The least over Λ of Σ(α) + ln(1/(α·δ'))/(α−1) + ln(1−1/α), at least 0: a statement about the
    charges so far, with δ = delta_conv + the δ spent.
    """
    if not any(spent.nano):
        return 0.0
    share = Fraction(delta_conv) / 2
    candidates = []
    for order_milli, nano in zip(limits.orders_milli, spent.nano, strict=True):
        overhead = _CONTEXT.minus(_bound(Fraction(0), share, order_milli))
        candidates.append(_CONTEXT.add(_decimal(Fraction(nano, NANO)), overhead))
    return math.nextafter(float(max(Decimal(0), min(candidates))), math.inf)
