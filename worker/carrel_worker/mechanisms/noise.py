"""Noise: OpenDP's exact discrete samplers, and what they must be scaled to.

The samplers draw from the operating system's generator and compute with rational numbers
(Canonne, Kamath & Steinke 2020, arXiv 2004.00010), so no floating-point artefact reaches an
answer.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Any

import opendp.prelude as dp

from carrel_protocol.privacy import Claimed, Noise
from carrel_protocol.sensitivity import Primitive

dp.enable_features("contrib")


class NoiseTooSmall(Exception):
    """A job asks for less noise than its price was worked out for."""


def check_noise(primitive: Primitive, noise: Noise, claimed: Claimed) -> None:
    """Raise `NoiseTooSmall` unless `noise` gives what `claimed` says, in exact arithmetic.

    Discrete Laplace of scale b is (l1/b)-DP, so b ≥ l1/ε. Discrete Gaussian of scale σ is
    (l2²/2σ²)-zCDP, so σ² ≥ l2²/2ρ (Canonne et al. 2020, Theorem 4).
    """
    scale, promised = Fraction(noise.scale), Fraction(claimed.value)
    match noise.mechanism, claimed.kind:
        case "discrete_laplace", "epsilon":
            enough = scale * promised >= primitive.l1
        case "discrete_gaussian", "rho":
            enough = 2 * promised * scale**2 >= primitive.l2_squared
        case _:
            enough = False
    if not enough:
        raise NoiseTooSmall(
            f"{noise.mechanism} of scale {noise.scale} does not give {claimed.kind} = "
            f"{claimed.value} for a {primitive.kind} of sensitivity l1 = {primitive.l1}, "
            f"l2² = {primitive.l2_squared}"
        )


def add_noise(values: list[int], noise: Noise) -> list[int]:
    """`values` (each within 64 bits) with independent noise added, saturated to 64 bits."""
    if not values:
        return []
    return list(_sampler(noise)(values))


@lru_cache(maxsize=256)
def _sampler(noise: Noise) -> Any:
    """OpenDP's measurement for `noise`; building one costs as much as several draws."""
    domain = dp.vector_domain(dp.atom_domain(T=dp.i64))
    if noise.mechanism == "discrete_laplace":
        return dp.m.make_laplace(domain, dp.l1_distance(T=dp.i64), scale=noise.scale)
    if noise.mechanism != "discrete_gaussian":
        raise ValueError(f"{noise.mechanism} noise is added to nothing")
    return dp.m.make_gaussian(domain, dp.l2_distance(T=dp.i64), scale=noise.scale)
