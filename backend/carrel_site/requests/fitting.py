"""What would fit: advice beside a price that an account cannot pay.

Everything here comes from public facts and the asker's own accounts, as the price itself does.
"""

import math
from collections.abc import Callable

from carrel_protocol.privacy import AccuracyTarget, EpsilonTarget, PrivacyTarget, RhoTarget
from carrel_site.pricing.errors import QueryNotAllowed

_STEPS = 24
"""Halvings of the range, in logarithms: enough for more digits than are shown."""
_LEAST = {"epsilon": 1e-6, "rho": 1e-10}
_WIDEST = 1e15


def largest_that_fits(
    target: PrivacyTarget, admits: Callable[[PrivacyTarget], bool]
) -> PrivacyTarget | None:
    """The most exact target of the same kind that `admits` lets through, to two digits.

    admits: whether the accounts can pay for the question with that target; whoever wants less is
    let through as well. None when nothing fits.
    """

    def fits(value: float) -> bool:
        try:
            return admits(_with(target, value))
        except QueryNotAllowed:  # no noise is large enough, or none is allowed
            return False

    digits_to: Callable[[float], int] = math.floor
    match target:
        case EpsilonTarget(epsilon=asked) | RhoTarget(rho=asked):
            paid, refused = _LEAST[target.kind], asked
        case AccuracyTarget(within=asked):
            paid, refused, digits_to = _WIDEST, asked, math.ceil
    if not fits(paid):
        # Noise for the widest target may be beyond what can be added: then try nearer ones.
        paid = _nearer(paid, refused, fits)
        if not paid:
            return None
    for _ in range(_STEPS):
        middle = math.sqrt(paid * refused)
        paid, refused = (middle, refused) if fits(middle) else (paid, middle)
    shown = _two_digits(paid, digits_to)
    return _with(target, shown if fits(shown) else paid)


def _nearer(far: float, near: float, fits: Callable[[float], bool]) -> float:
    """The first of a row of powers of ten from `far` to `near` that fits; 0 if none does."""
    tens = round(abs(math.log10(far / near)))
    step = (near / far) ** (1 / max(tens, 1))
    return next((value for n in range(1, tens) if fits(value := far * step**n)), 0.0)


def _with(target: PrivacyTarget, value: float) -> PrivacyTarget:
    match target:
        case EpsilonTarget():
            return EpsilonTarget(epsilon=value)
        case RhoTarget():
            return RhoTarget(rho=value)
        case AccuracyTarget():
            return AccuracyTarget(within=value, confidence=target.confidence)


def _two_digits(value: float, to: Callable[[float], int]) -> float:
    power = math.floor(math.log10(value)) - 1
    # By text: 7 * 10**-3 is not the float that 0.007 is.
    return float(f"{to(value / 10.0**power)}e{power}")
