"""What a black box costs and how far off its noise may be, from public facts alone."""

import math
from dataclasses import dataclass
from fractions import Fraction

from carrel_protocol.api.requests import ExpectedError
from carrel_protocol.black_box import OutputVector
from carrel_protocol.privacy import AccuracyTarget, Claimed, Noise, PrivacyTarget
from carrel_site.ledger.accounting import Cost
from carrel_site.pricing import tails
from carrel_site.pricing.price import CONFIDENCE, cost_of_claims, price_primitives, total


@dataclass(frozen=True, slots=True)
class PricedBlackBox:
    noise: tuple[Noise, ...]
    """One a coordinate, in steps, on the sum over blocks."""
    claimed: tuple[Claimed, ...]
    epsilon: float | None
    rho: float | None
    confidence: float
    expected_errors: tuple[ExpectedError, ...]
    """Of the noise alone: how far the mean over blocks is from the whole is not known."""

    def cost(self, orders_milli: tuple[int, int]) -> Cost:
        """In nano-units at an account's two orders, before the minimum charge."""
        return cost_of_claims(self.claimed, orders_milli)


def price_black_box(
    output: OutputVector, blocks: int, target: PrivacyTarget, *, orders_milli: tuple[int, ...]
) -> PricedBlackBox:
    """Noise, claims and expected errors. Raises `QueryNotAllowed` for a target that nothing meets.

    An accuracy target is for each coordinate of the mean, in the output's own unit.
    """

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
