"""The distributions of the noise: what intervals are worked out from. Post-processing only."""

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.privacy import Noise

Floats = NDArray[np.float64]

_TABULATED = 2000.0
"""Up to this scale a discrete Gaussian is tabulated; beyond, a step is 0.05 % of its scale."""


@lru_cache(maxsize=1024)
def half_width(noise: Noise, confidence: float) -> int:
    """The smallest t with P[|noise| ≤ t] ≥ confidence.

    Discrete Laplace: P[|X| > t] = 2·r^(t + 1)/(1 + r), r = e^(−1/scale). A discrete Gaussian
    beyond the tabulated ones takes the continuous quantile, which is never too small: P[X ≥ m]
    ≤ P[N(0, σ²) ≥ m − 1] (Canonne, Kamath & Steinke 2020, arXiv 2004.00010, Proposition 25).
    """
    missed = 1 - confidence
    if noise.mechanism == "discrete_laplace":
        rate = 1 / noise.scale
        steps = -math.log(missed * (1 + math.exp(-rate)) / 2) / rate
        return max(0, math.ceil(steps) - 1)
    if noise.scale > _TABULATED:
        return math.ceil(NormalDist().inv_cdf(1 - missed / 2) * noise.scale)
    support, cumulative = _gaussian(noise.scale)
    return int(support[np.searchsorted(cumulative, 1 - missed / 2)])


@lru_cache(maxsize=64)
def strata(noise: Noise, count: int) -> Floats:
    """`count` equally likely values of the noise, ascending: its quantiles at (i + ½)/count."""
    levels = (np.arange(count) + 0.5) / count
    if noise.mechanism == "discrete_laplace":
        rate = 1 / noise.scale
        outside = np.minimum(levels, 1 - levels)
        size = np.ceil(-np.log(outside * (1 + math.exp(-rate))) / rate) - 1
        return np.asarray(np.copysign(np.maximum(size, 0), levels - 0.5))
    if noise.scale > _TABULATED:
        return np.rint(_standard_normal(count) * noise.scale)
    support, cumulative = _gaussian(noise.scale)
    return np.asarray(support[np.searchsorted(cumulative, levels)])


@lru_cache(maxsize=16)
def _gaussian(scale: float) -> tuple[Floats, Floats]:
    """Support and cumulative distribution of a discrete Gaussian, to 10 scales either way."""
    reach = math.ceil(10 * scale) + 1
    support = np.arange(-reach, reach + 1, dtype=np.float64)
    weights = np.exp(-((support / scale) ** 2) / 2)
    cumulative = np.cumsum(weights)
    return support, cumulative / cumulative[-1]


@lru_cache(maxsize=4)
def _standard_normal(count: int) -> Floats:
    inverse = NormalDist().inv_cdf
    return np.array([inverse((i + 0.5) / count) for i in range(count)])
