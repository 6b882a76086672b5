"""What a researcher says about privacy, as the wire's targets and bounds."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from carrel._errors import InvalidInput
from carrel._made import told
from carrel_protocol.privacy import AccuracyTarget, EpsilonTarget, PrivacyTarget, RhoTarget
from carrel_protocol.schema import UnitBounds

HOW = (
    "Say how private the answer must be: epsilon=0.1 (discrete Laplace noise), rho=0.005 "
    "(discrete Gaussian noise), or how exact: within=50, confidence=0.95 (for counts and sums; "
    "the site works out the cheapest way)."
)

Bounds = UnitBounds | Mapping[str, int]


def privacy_target(
    epsilon: float | None, rho: float | None, within: float | None, confidence: float | None
) -> PrivacyTarget | None:
    """The one target among the arguments; None if there is none.

    Raises `InvalidInput` for several at once, or for values that no site takes.
    """
    given = [
        f"{name}={value}"
        for name, value in (("epsilon", epsilon), ("rho", rho), ("within", within))
        if value is not None
    ]
    if len(given) > 1:
        raise InvalidInput(f"Choose one of {' and '.join(given)}.", advice=HOW)
    if confidence is not None and within is None:
        raise InvalidInput(
            "confidence= goes with within=.",
            advice="With epsilon= or rho=, intervals are at 95 %.",
        )
    try:
        if epsilon is not None:
            return EpsilonTarget(epsilon=epsilon)
        if rho is not None:
            return RhoTarget(rho=rho)
        if within is not None:
            if confidence is None:
                return AccuracyTarget(within=within)
            return AccuracyTarget(within=within, confidence=confidence)
    except ValidationError as error:
        raise InvalidInput(told(error)) from None
    return None


def unit_bounds(bounds: Bounds | None) -> UnitBounds | None:
    """`bounds` as the wire has it; a mapping's missing entries are 1.

    Raises `InvalidInput` for an unknown name or a value out of range.
    """
    if bounds is None or isinstance(bounds, UnitBounds):
        return bounds
    try:
        return UnitBounds(**bounds)
    except ValidationError as error:
        raise InvalidInput(
            f"bounds: {told(error)}",
            advice="They are rows_per_unit, rows_per_group and groups_per_unit.",
        ) from None
