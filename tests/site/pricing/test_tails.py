"""Coverages and half-widths of discrete noise, against sums of the exact distributions."""

import math
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from carrel_protocol.privacy import Noise
from carrel_site.pricing.tails import (
    gaussian_coverage,
    gaussian_half_width,
    half_width,
    laplace_coverage,
    laplace_half_width,
    largest_gaussian_scale,
    largest_laplace_scale,
)

SCALES = [0.05, 0.3, 1.0, 2.718, 10.0, 29.999, 30.0, 77.7, 400.0]
CONFIDENCES = [0.5, 0.9, 0.95, 0.9999]


def exact_gaussian(scale: float, within: int) -> float:
    """By summing every term, in 50 digits."""
    with localcontext(prec=50):
        s = Decimal(scale)
        reach = math.ceil(14 * scale) + 3
        terms = [(-(Decimal(x) ** 2) / (2 * s * s)).exp() for x in range(reach)]
        inside = 2 * sum(terms[: within + 1]) - 1
        return float(inside / (2 * sum(terms) - 1))


@pytest.mark.parametrize("scale", SCALES)
def test_gaussian_coverage_is_the_sum_and_never_above_it(scale: float) -> None:
    for within in {0, 1, math.floor(scale), math.floor(2 * scale), math.floor(3.9 * scale)}:
        exact, ours = exact_gaussian(scale, within), gaussian_coverage(scale, within)
        assert exact - 5e-8 <= ours <= exact


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_a_gaussian_half_width_is_the_least_that_covers(scale: float, confidence: float) -> None:
    width = gaussian_half_width(scale, confidence)
    assert exact_gaussian(scale, width) >= confidence - 1e-11
    assert width == 0 or exact_gaussian(scale, width - 1) < confidence
    assert half_width(Noise(mechanism="discrete_gaussian", scale=scale), confidence) == width


@pytest.mark.parametrize("scale", [*SCALES, 1e6, 3e15])
@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_a_laplace_half_width_is_the_least_that_covers(scale: float, confidence: float) -> None:
    width = laplace_half_width(scale, confidence)
    exact = stats.dlaplace(1 / scale)
    # P(|X| ≤ w) = 1 − 2·P(X ≤ −w−1)
    assert 1 - 2 * exact.cdf(-width - 1) >= confidence - 1e-11
    assert width == 0 or 1 - 2 * exact.cdf(-width) < confidence + 1e-11
    assert half_width(Noise(mechanism="discrete_laplace", scale=scale), confidence) == width


@settings(deadline=None)
@given(
    st.one_of(st.integers(0, 100), st.integers(0, 10**15)),
    st.floats(0.5, 0.9999),
)
def test_the_largest_scale_keeps_its_promise_and_no_larger_one_would(
    within: int, confidence: float
) -> None:
    laplace = largest_laplace_scale(within, confidence)
    assert laplace_coverage(laplace, within) >= confidence
    assert laplace_coverage(laplace * (1 + 1e-9), within) < confidence
    gaussian = largest_gaussian_scale(within, confidence)
    assert gaussian_coverage(gaussian, within) >= confidence
    assert gaussian_coverage(gaussian * (1 + 1e-6), within) < confidence + 1e-7
    assert laplace_half_width(laplace, confidence) <= within
    assert gaussian_half_width(gaussian, confidence) <= within


@given(st.floats(0.05, 1e6), st.integers(0, 10**6))
def test_laplace_coverage_is_the_closed_form_and_never_above_it(scale: float, within: int) -> None:
    with localcontext(prec=50):
        t = (-1 / Decimal(scale)).exp()
        exact = 1 - 2 * t ** (within + 1) / (1 + t)
        assert exact - Decimal("3e-12") <= Decimal(laplace_coverage(scale, within)) <= exact


def test_wide_gaussians_meet_the_continuous_one() -> None:
    for scale in (1e4, 1e8, 1e15):
        width = gaussian_half_width(scale, 0.95)
        assert width == pytest.approx(stats.norm.ppf(0.975) * scale, rel=1e-4)
