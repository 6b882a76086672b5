"""What a black box costs and how far off its noise may be, from public facts alone."""

import math
from dataclasses import dataclass
from fractions import Fraction

from carrel_protocol.api.requests import ExpectedError
from carrel_protocol.black_box import Aggregate, OutputVector
from carrel_protocol.median import Choice, rank_half_width
from carrel_protocol.privacy import AccuracyTarget, Claimed, EpsilonTarget, Noise, PrivacyTarget
from carrel_site.ledger.accounting import Cost
from carrel_site.pricing import tails
from carrel_site.pricing.errors import QueryNotAllowed
from carrel_site.pricing.price import CONFIDENCE, cost_of_claims, price_primitives, shares, total


@dataclass(frozen=True, slots=True)
class PricedBlackBox:
    noise: tuple[Noise, ...]
    """One a coordinate: in steps, on the sum over blocks; for a median, in ranks."""
    claimed: tuple[Claimed, ...]
    epsilon: float | None
    rho: float | None
    confidence: float
    expected_errors: tuple[ExpectedError, ...]
    """Of the noise alone: how far the mean or median over blocks is from the whole is not known."""

    def cost(self, orders_milli: tuple[int, int]) -> Cost:
        """In nano-units at an account's two orders, before the minimum charge."""
        return cost_of_claims(self.claimed, orders_milli)


def price_black_box(
    output: OutputVector,
    blocks: int,
    target: PrivacyTarget,
    *,
    aggregate: Aggregate = "mean",
    orders_milli: tuple[int, ...],
) -> PricedBlackBox:
    """Noise, claims and expected errors. Raises `QueryNotAllowed` for what nothing meets."""
    if aggregate == "median":
        return _medians(output, blocks, target)
    return _means(output, blocks, target, orders_milli)


def _means(
    output: OutputVector, blocks: int, target: PrivacyTarget, orders_milli: tuple[int, ...]
) -> PricedBlackBox:
    """An accuracy target is for each coordinate of the mean, in the output's own unit."""

    def within(wanted: AccuracyTarget) -> list[int]:
        return [
            math.floor(Fraction(wanted.within) * blocks / Fraction(output.step(each)))
            for each in range(output.length)
        ]

    noise, claimed = price_primitives(
        output.primitives(), target, within, orders_milli=orders_milli
    )
    confidence = target.confidence if isinstance(target, AccuracyTarget) else CONFIDENCE
    return PricedBlackBox(
        noise=noise,
        claimed=claimed,
        epsilon=total(claimed, "epsilon"),
        rho=total(claimed, "rho"),
        confidence=confidence,
        expected_errors=tuple(
            ExpectedError(
                measure=f"[{each}]",
                plus_minus=min(
                    tails.half_width(noise[each], confidence) * output.step(each) / blocks,
                    output.upper[each] - output.lower[each],
                ),
                confidence=confidence,
                expected=False,
            )
            for each in range(output.length)
        ),
    )


def _medians(output: OutputVector, blocks: int, target: PrivacyTarget) -> PricedBlackBox:
    """One choice a coordinate, with equal shares of the target.

    A share ε is taken as the choice's bounded range: it is ε-DP as asked, and charged as what it
    also is, (ε²/8)-zCDP, a quarter or so of what noise of that epsilon costs.
    """
    if isinstance(target, AccuracyTarget):
        raise QueryNotAllowed(
            [
                {
                    "loc": "target",
                    "message": "how exact a median is depends on how far the blocks are from each "
                    "other, so `within` cannot be promised; ask with epsilon or rho (the price "
                    "says how many ranks it is off), or for the mean",
                }
            ]
        )
    if isinstance(target, EpsilonTarget):
        claimed = shares(target.epsilon, "range", output.length)
    else:
        claimed = shares(target.rho, "rho", output.length)
    noise = tuple(map(_choice_noise, output.choices(), claimed))
    return PricedBlackBox(
        noise=noise,
        claimed=tuple(claimed),
        epsilon=total(tuple(claimed), "range"),
        rho=total(tuple(claimed), "rho"),
        confidence=CONFIDENCE,
        expected_errors=tuple(
            ExpectedError(
                measure=f"[{place}]",
                plus_minus=rank_half_width(each.scale, output.steps, blocks, CONFIDENCE),
                confidence=CONFIDENCE,
                expected=False,
                ranks=blocks,
            )
            for place, each in enumerate(noise)
        ),
    )


def _choice_noise(choice: Choice, claim: Claimed) -> Noise:
    """The least scale, as a float, at which a choice is as private as claimed.

    scale·η ≥ range, or 8·ρ·scale² ≥ range²: see `carrel_protocol.median`.
    """
    promised = Fraction(claim.value)
    if claim.kind == "range":
        scale = choice.range / claim.value
        while Fraction(scale) * promised < choice.range:
            scale = math.nextafter(scale, math.inf)
    else:
        scale = choice.range / math.sqrt(8 * claim.value)
        while 8 * promised * Fraction(scale) ** 2 < choice.range**2:
            scale = math.nextafter(scale, math.inf)
    return Noise(mechanism="exponential", scale=scale)
