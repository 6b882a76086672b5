"""How far discrete noise strays: coverage, half-widths, and the largest scale that keeps a promise.

Coverages are never above the true ones, so what is promised from them is kept. P[x] ∝ e^(−|x|/s)
for the discrete Laplace distribution and ∝ e^(−x²/2s²) for the discrete Gaussian one (Canonne,
Kamath & Steinke 2020, arXiv 2004.00010), x over all integers.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

from carrel_protocol.privacy import Noise

_SUMMED_BELOW = 30.0
"""Below this scale a discrete Gaussian is summed term by term."""
_FLOAT_SLACK = 1e-12
_REMAINDER = 0.0128
"""Bounds the Euler–Maclaurin remainder: (1/384)·∫|f⁗| ≤ (√24/384)·√(2π)·s⁻³ for
f(x) = e^(−x²/2s²), because ∫|He₄|φ ≤ √(E He₄²) = √24; over s·√(2π) that is 0.01276/s⁴."""


def half_width(noise: Noise, confidence: float) -> int:
    """The least w with P(|noise| ≤ w) ≥ confidence, in stored units."""
    if noise.mechanism == "discrete_laplace":
        return laplace_half_width(noise.scale, confidence)
    return gaussian_half_width(noise.scale, confidence)


def laplace_coverage(scale: float, within: int) -> float:
    """P(|X| ≤ within) for discrete Laplace noise: 1 − 2·t^(w+1)/(1+t), t = e^(−1/scale)."""
    tail = 2 * math.exp(-(within + 1) / scale) / (1 + math.exp(-1 / scale))
    return 1 - tail - _FLOAT_SLACK


def laplace_half_width(scale: float, confidence: float) -> int:
    missed = 1 - confidence
    log_tail = math.log(missed * (1 + math.exp(-1 / scale)) / 2)
    guess = max(0, math.ceil(-scale * log_tail - 1) - 1)
    while laplace_coverage(scale, guess) + _FLOAT_SLACK < confidence:
        guess += 1
    return guess


def gaussian_coverage(scale: float, within: int) -> float:
    """P(|X| ≤ within) for discrete Gaussian noise.

    Summed for small scales. For larger ones the midpoint rule with its first correction:
    Σ f = ∫ f + b·f(b)/(12·s²) + R over |x| ≤ b = within + ½, where the sum over all integers is
    s·√(2π) to more digits than a float has (Poisson summation).
    """
    if scale < _SUMMED_BELOW:
        reach = math.ceil(9 * scale) + 2
        terms = [math.exp(-x * x / (2 * scale * scale)) for x in range(reach + 1)]
        inside = min(within, reach)
        mass = 2 * math.fsum(terms[: inside + 1]) - 1
        return mass / (2 * math.fsum(terms) - 1) - _FLOAT_SLACK
    bound = within + 0.5
    ratio = bound / scale
    correction = (
        ratio * math.exp(-ratio * ratio / 2) / (12 * scale * scale * math.sqrt(2 * math.pi))
    )
    return math.erf(ratio / math.sqrt(2)) + correction - _REMAINDER / scale**4 - _FLOAT_SLACK


@lru_cache(maxsize=1024)
def gaussian_half_width(scale: float, confidence: float) -> int:
    slack = _FLOAT_SLACK + (0 if scale < _SUMMED_BELOW else _REMAINDER / scale**4)
    z = _z(confidence)
    guess = max(0, math.floor(z * scale - 0.5) - 1)
    while guess and gaussian_coverage(scale, guess - 1) + slack >= confidence:
        guess -= 1
    while gaussian_coverage(scale, guess) + slack < confidence:
        guess += 1
    return guess


@lru_cache(maxsize=1024)
def largest_laplace_scale(within: int, confidence: float) -> float:
    """The largest scale whose noise stays within `within` with probability `confidence`."""
    continuous = (within + 1) / -math.log(1 - confidence)
    return _largest(laplace_coverage, within, confidence, continuous)


@lru_cache(maxsize=1024)
def largest_gaussian_scale(within: int, confidence: float) -> float:
    """The largest scale whose noise stays within `within` with probability `confidence`."""
    return _largest(gaussian_coverage, within, confidence, (within + 0.5) / _z(confidence))


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _largest(
    coverage: Callable[[float, int], float], within: int, confidence: float, guess: float
) -> float:
    """Bisection; coverage falls as the scale grows. The result itself keeps the promise."""
    low, high = guess, guess
    while coverage(low, within) < confidence:
        low /= 1.25
    while coverage(high, within) >= confidence:
        high *= 1.25
    while high - low > 1e-10 * low:
        middle = (low + high) / 2
        if coverage(middle, within) >= confidence:
            low = middle
        else:
            high = middle
    return low
