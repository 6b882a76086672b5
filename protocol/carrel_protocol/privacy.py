"""How a researcher says what they want, and what noise that turns into."""

from typing import Annotated, Literal

from pydantic import Field

from carrel_protocol.base import Sent

MECHANISM_VERSION = 1
"""Raised whenever bounding or noise changes what an answer's distribution is."""


class EpsilonTarget(Sent):
    """Pure differential privacy for the whole query: discrete Laplace noise, or for a median the
    exponential mechanism."""

    kind: Literal["epsilon"] = "epsilon"
    epsilon: float = Field(ge=1e-6, le=100, allow_inf_nan=False)


class RhoTarget(Sent):
    """Zero-concentrated differential privacy for the whole query: discrete Gaussian noise, or for a
    median the exponential mechanism."""

    kind: Literal["rho"] = "rho"
    rho: float = Field(ge=1e-10, le=1000, allow_inf_nan=False)


class AccuracyTarget(Sent):
    """Every COUNT and SUM within `within` of its bounded value, with this confidence.

    The site picks the cheaper mechanism that promises it.
    """

    kind: Literal["accuracy"] = "accuracy"
    within: float = Field(gt=0, le=1e15, allow_inf_nan=False)
    confidence: float = Field(default=0.95, ge=0.5, le=0.9999)


PrivacyTarget = Annotated[EpsilonTarget | RhoTarget | AccuracyTarget, Field(discriminator="kind")]


class Noise(Sent):
    """The noise on one primitive, in its stored (fixed-point) units, or in one choice.

    discrete_laplace: P[x] ∝ exp(−|x|/scale). discrete_gaussian: P[x] ∝ exp(−x²/(2·scale²)).
    exponential: a candidate of score u is chosen with P ∝ exp(−u/scale).
    """

    mechanism: Literal["discrete_laplace", "discrete_gaussian", "exponential"]
    scale: float = Field(gt=0, le=1e18, allow_inf_nan=False)


class Claimed(Sent):
    """The privacy parameter that a primitive's charge was worked out from.

    range: bounded range, of a choice by the exponential mechanism. It is an epsilon, and costs less
    than other mechanisms of that epsilon: value²/8 as a rho.
    """

    kind: Literal["epsilon", "rho", "range"]
    value: float = Field(gt=0, allow_inf_nan=False)
