"""Intervals: exact quantiles of the noise for COUNT and SUM, simulated ones for AVG."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from carrel_protocol.jobs import QueryContent
from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.privacy import Noise
from carrel_protocol.schema import IntegerColumn, RealColumn, TableSchema, UnitBounds
from carrel_worker.executors.query import execute
from carrel_worker.mechanisms.distributions import half_width, strata
from tests.worker.engine.tables import (
    content_of,
    gaussian_content,
    laplace_content,
    stored,
    table_of,
)

KEYS = 1_000
ROWS = 60
ALPHA = 1e-8
"""The level of each test of a coverage; there are 16."""
SCHEMA = table_of(
    IntegerColumn(name="key", lower=1, upper=KEYS, nullable=False),
    RealColumn(name="x", lower="-2", upper="9", resolution="0.5", nullable=False),
    bounds=UnitBounds(rows_per_group=1, groups_per_unit=1),
)
PLAN = QueryPlan(
    group_by=("key",),
    aggregates=(
        Aggregate(function="count", alias="n"),
        Aggregate(function="sum", column="x", alias="s"),
        Aggregate(function="avg", column="x", alias="m"),
    ),
)
TRUTH = {"n": ROWS, "s": ROWS / 2 * 7.5, "m": 3.75}

noises = st.builds(
    Noise,
    mechanism=st.sampled_from(["discrete_laplace", "discrete_gaussian"]),
    scale=st.one_of(st.floats(0.05, 50), st.floats(50, 1e4)),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In every group as many people, half with 7.5 and half with 0."""
    records = [
        (f"{key}-{person}", str(key), "7.5" if person % 2 else "0")
        for key in range(1, KEYS + 1)
        for person in range(ROWS)
    ]
    return stored(tmp_path_factory.mktemp("intervals"), SCHEMA, records)


@pytest.mark.parametrize("confidence", [0.6, 0.95])
@pytest.mark.parametrize("make", [laplace_content, gaussian_content])
def test_intervals_cover_the_bounded_value_as_often_as_they_say(
    data: Path, make: Callable[[TableSchema, QueryPlan, float], QueryContent], confidence: float
) -> None:
    content = make(SCHEMA, PLAN, 1.0).model_copy(update={"confidence": confidence})
    answers = [execute(content, data) for _ in range(2)]
    assert {answer.confidence for answer in answers} == {confidence}
    for place, name in enumerate("nsm"):
        covered = sum(
            low <= TRUTH[name] <= high
            for answer in answers
            for low, high in zip(
                answer.measures[place].low, answer.measures[place].high, strict=True
            )
        )
        # Simulation around the noisy values is approximate: AVG may be off by 3 points.
        slack = 0.03 if name == "m" else 0.0
        low = binomtest(covered, 2 * KEYS, confidence - slack, "less").pvalue
        assert low > ALPHA, (name, covered)
        if name == "m":
            high = binomtest(covered, 2 * KEYS, confidence + slack, "greater").pvalue
            assert high > ALPHA, (name, covered)


@pytest.mark.parametrize("make", [laplace_content, gaussian_content])
def test_measures_are_their_primitives_in_the_columns_unit(
    data: Path, make: Callable[[TableSchema, QueryPlan, float], QueryContent]
) -> None:
    answer = execute(make(SCHEMA, PLAN, 1.0), data)
    by_kind = {(p.kind, p.centre): np.array(p.values, dtype=float) for p in answer.primitives}
    assert set(by_kind) == {("count", 0), ("sum", 0), ("sum", 7)}
    count, plain, centred = by_kind["count", 0], by_kind["sum", 0], by_kind["sum", 7]
    n, s, m = answer.measures
    assert np.array_equal(n.values, count)
    assert all(isinstance(value, int) for value in n.values)
    assert np.allclose(s.values, plain * 0.5)
    expected = np.clip(0.5 * (7 + centred / np.maximum(1, count)), -2, 9)
    assert np.allclose(m.values, expected)
    for measure in answer.measures:
        assert np.all(np.array(measure.low) <= np.array(measure.values))
        assert np.all(np.array(measure.values) <= np.array(measure.high))
    assert [key for (key,) in answer.keys] == list(range(1, KEYS + 1))


def test_an_average_stays_in_the_domain_however_few_rows_there_are(tmp_path: Path) -> None:
    data = stored(tmp_path, SCHEMA, [])
    average = execute(laplace_content(SCHEMA, PLAN, 0.01), data).measures[2]
    everything = [*average.values, *average.low, *average.high]
    assert all(math.isfinite(value) for value in everything)
    assert min(everything) >= -2
    assert max(everything) <= 9


@given(noise=noises, confidence=st.floats(0.5, 0.9999))
@settings(max_examples=150, deadline=None)
def test_half_width_is_the_smallest_that_suffices(noise: Noise, confidence: float) -> None:
    width = half_width(noise, confidence)
    assert _inside(noise, width) >= confidence - 1e-12
    smallest = noise.mechanism == "discrete_laplace" or noise.scale <= 2000
    if width and smallest:
        assert _inside(noise, width - 1) < confidence + 1e-12
    elif width:
        assert _inside(noise, math.floor(width * 0.99)) < confidence


@given(noise=noises, confidence=st.floats(0.5, 0.99))
@settings(max_examples=100, deadline=None)
def test_strata_are_equally_likely_values(noise: Noise, confidence: float) -> None:
    count = 4001
    values = strata(noise, count)
    assert np.array_equal(values, np.rint(values))
    assert np.all(np.diff(values) >= 0)
    assert np.array_equal(values, -values[::-1])
    width = half_width(noise, confidence)
    inside = np.count_nonzero(np.abs(values) <= width) / count
    assert inside >= confidence - 2 / count
    assert inside <= _inside(noise, width) + 2 / count


def test_wide_noise_has_finite_intervals() -> None:
    for mechanism in ("discrete_laplace", "discrete_gaussian"):
        noise = Noise(mechanism=mechanism, scale=1e18)
        assert 1.9e18 < half_width(noise, 0.95) < 3.1e18
        assert np.all(np.isfinite(strata(noise, 987)))


def test_sums_beyond_exact_json_numbers_are_sent_as_text(tmp_path: Path) -> None:
    schema = table_of(
        IntegerColumn(name="x", lower=0, upper=2**53 - 1), bounds=UnitBounds(rows_per_unit=1)
    )
    plan = QueryPlan(aggregates=(Aggregate(function="sum", column="x", alias="s"),))
    data = stored(tmp_path, schema, [(str(i), str(2**53 - 1)) for i in range(9)])
    answer = execute(laplace_content(schema, plan, 100.0), data)
    (value,) = answer.primitives[0].values
    assert isinstance(value, str)
    assert abs(int(value) - 9 * (2**53 - 1)) < 2**53
    assert isinstance(answer.measures[0].values[0], float)
    assert type(answer).model_validate_json(answer.model_dump_json()) == answer


def test_the_confidence_is_the_contents(tmp_path: Path) -> None:
    plan = QueryPlan(aggregates=(Aggregate(function="count", alias="n"),))
    base = laplace_content(SCHEMA, plan, 0.1)
    data = stored(tmp_path, SCHEMA, [])
    widths = []
    for confidence in (0.5, 0.95, 0.9999):
        content = content_of(SCHEMA, plan, base.noise, base.claimed, confidence)
        (measure,) = execute(content, data).measures
        widths.append(measure.high[0] - measure.low[0])
    assert widths == sorted(set(widths))


def _inside(noise: Noise, width: int) -> float:
    """P[|noise| ≤ width], summed over the distribution."""
    laplace = noise.mechanism == "discrete_laplace"
    reach = math.ceil(noise.scale * (60 if laplace else 12)) + 2
    distance = np.arange(-reach, reach + 1) / noise.scale
    weights = np.exp(-np.abs(distance) if laplace else -(distance**2) / 2)
    near = np.abs(np.arange(-reach, reach + 1)) <= width
    return float(weights[near].sum() / weights.sum())
