"""The released noise, through `execute` on a stored table: its distribution, scale, independence.

Every assertion below is a test of level ALPHA, with a bound that holds exactly (binomial tails,
Chernoff); there are fewer than 200 in all, so that a right engine fails this file with
probability below 200 · ALPHA = 1e-6.
"""

import math
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from carrel_protocol.jobs import QueryContent
from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.privacy import Claimed, Noise
from carrel_protocol.schema import IntegerColumn, TableSchema, UnitBounds
from carrel_protocol.sensitivity import lower
from carrel_worker.executors.query import NoiseMismatch, NoiseTooSmall, exact, execute
from carrel_worker.mechanisms.noise import add_noise
from tests.worker.engine.tables import (
    content_of,
    gaussian_content,
    laplace_content,
    stored,
    table_of,
    up_to,
)

ALPHA = 5e-9
KEYS = 5_000
RUNS = 4
SCHEMA = table_of(
    IntegerColumn(name="key", lower=1, upper=KEYS, nullable=False),
    IntegerColumn(name="x", lower=-2, upper=9, nullable=False),
    bounds=UnitBounds(rows_per_group=1, groups_per_unit=1),
)
PLAN = QueryPlan(
    group_by=("key",),
    aggregates=(
        Aggregate(function="count", alias="n"),
        Aggregate(function="sum", column="x", alias="s"),
    ),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People in a few of the groups only: the others must get noise like any other."""
    records = [(str(person), str(person % 40 + 1), "9") for person in range(200)]
    return stored(tmp_path_factory.mktemp("noise"), SCHEMA, records)


def pmf(noise: Noise) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The noise's support (to 60 scales, or 12 for a Gaussian) and probabilities."""
    laplace = noise.mechanism == "discrete_laplace"
    reach = math.ceil(noise.scale * (60 if laplace else 12)) + 2
    support = np.arange(-reach, reach + 1)
    distance = np.abs(support) / noise.scale
    weights = np.exp(-distance if laplace else -(distance**2) / 2)
    return support, weights / weights.sum()


def assert_follows(noise: Noise, drawn: NDArray[np.int64]) -> None:
    support, probability = pmf(noise)
    assert np.abs(drawn).max() <= support[-1]
    # Shape: how many fall into each of some twenty bins.
    cumulative = np.cumsum(probability)
    ends = np.unique(np.searchsorted(cumulative, np.arange(1, 20) / 20))
    edges = [-math.inf, *(support[ends] + 0.5), math.inf]
    for low, high in pairwise(edges):
        inside = float(probability[(support > low) & (support < high)].sum())
        seen = int(np.count_nonzero((drawn > low) & (drawn < high)))
        level = ALPHA / (len(edges) - 1)
        assert binomtest(seen, drawn.size, inside).pvalue > level, (noise, low, high)
    # Scale: the mean of |x| or x², the sufficient statistic of either family.
    power = 1 if noise.mechanism == "discrete_laplace" else 2
    statistic = np.abs(support).astype(np.float64) ** power
    mean = float((np.abs(drawn).astype(np.float64) ** power).mean())
    assert chernoff(statistic, probability, drawn.size, mean) > ALPHA, noise
    # Independence: neighbouring keys are positive together as often as two single ones.
    positive = float(probability[support > 0].sum())
    together = int(np.count_nonzero((drawn[0::2] > 0) & (drawn[1::2] > 0)))
    assert binomtest(together, drawn.size // 2, positive**2).pvalue > ALPHA, noise


def chernoff(
    statistic: NDArray[np.float64], probability: NDArray[np.float64], n: int, mean: float
) -> float:
    """An upper bound on the probability that n draws' mean statistic is as far off as `mean`."""
    side = 1 if mean > float(statistic @ probability) else -1
    spread = math.sqrt(float(statistic**2 @ probability))
    best = 0.0
    for t in np.geomspace(1e-4, 0.4, 200) / spread:
        log_moment = math.log(float(np.exp(np.minimum(side * t * statistic, 700)) @ probability))
        best = min(best, n * (log_moment - side * t * mean))
    return min(1.0, 2 * math.exp(best))


@pytest.mark.parametrize(
    ("make", "level"),
    [
        (laplace_content, 4.0),
        (laplace_content, 1.0),
        (laplace_content, 0.05),
        (gaussian_content, 1.0),
        (gaussian_content, 0.1),
        (gaussian_content, 0.0003),
    ],
)
def test_noise_has_the_priced_distribution(
    data: Path, make: Callable[[TableSchema, QueryPlan, float], QueryContent], level: float
) -> None:
    content = make(SCHEMA, PLAN, level)
    truth = exact(PLAN, SCHEMA, SCHEMA.bounds, data)
    answers = [execute(content, data) for _ in range(RUNS)]
    for place, noise in enumerate(content.noise):
        drawn = np.concatenate(
            [np.array(a.primitives[place].values, dtype=np.int64) - truth[place] for a in answers]
        )
        assert_follows(noise, drawn)


def test_the_checks_above_can_fail() -> None:
    """A scale 4 % off, or the other mechanism, is told apart at this number of draws."""
    random = np.random.default_rng(5)
    right = Noise(mechanism="discrete_laplace", scale=20.0)
    off = Noise(mechanism="discrete_laplace", scale=20.8)
    shape = Noise(mechanism="discrete_gaussian", scale=20.0 * math.sqrt(2))
    for wrong in (off, shape):
        support, probability = pmf(wrong)
        drawn = random.choice(support, size=RUNS * KEYS, p=probability)
        with pytest.raises(AssertionError):
            assert_follows(right, drawn)


def test_every_key_gets_noise(data: Path) -> None:
    """A key nobody has looks like any other, and its noise is as wide."""
    content = laplace_content(SCHEMA, PLAN, 0.05)
    values = np.array(execute(content, data).primitives[0].values[40:], dtype=np.int64)
    assert_follows(content.noise[0], values)


def test_no_two_executions_share_their_noise(data: Path) -> None:
    """Not in one process, and not in two that were forked from one state."""
    noise = Noise(mechanism="discrete_gaussian", scale=1e6)
    drawn = [tuple(add_noise([0] * 4, noise)) for _ in range(3)]
    for _ in range(2):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, repr(tuple(add_noise([0] * 4, noise))).encode())
            os._exit(0)
        os.waitpid(child, 0)
        drawn.append(tuple(int(v) for v in os.read(reader, 1000).decode().strip("()").split(",")))
        os.close(reader)
        os.close(writer)
    assert len(set(drawn)) == len(drawn)


def test_noise_is_saturated_to_64_bits() -> None:
    noise = Noise(mechanism="discrete_laplace", scale=1e18)
    drawn = add_noise([2**63 - 1, -(2**63)] * 50, noise)
    assert max(drawn) == 2**63 - 1
    assert min(drawn) == -(2**63)


@pytest.mark.parametrize(
    ("mechanism", "claim", "factor", "enough"),
    [
        ("discrete_laplace", Claimed(kind="epsilon", value=0.1), 1.0, True),
        ("discrete_laplace", Claimed(kind="epsilon", value=0.1), 0.999999, False),
        ("discrete_gaussian", Claimed(kind="rho", value=0.02), 1.0, True),
        ("discrete_gaussian", Claimed(kind="rho", value=0.02), 0.999999, False),
        # The other currency: a Gaussian gives no pure epsilon, and a Laplace is not priced in rho.
        ("discrete_gaussian", Claimed(kind="epsilon", value=0.1), 1e6, False),
        ("discrete_laplace", Claimed(kind="rho", value=0.02), 1e6, False),
    ],
)
def test_noise_below_its_price_is_refused(
    tmp_path: Path, mechanism: str, claim: Claimed, factor: float, enough: bool
) -> None:
    """And refused before the table is looked for."""
    primitives = lower(PLAN, SCHEMA, SCHEMA.bounds).primitives

    def scale(l1: int, l2_squared: int) -> float:
        if claim.kind == "epsilon":
            return up_to(l1 / claim.value)
        return up_to(math.sqrt(l2_squared / (2 * claim.value)))

    noise = tuple(
        Noise(mechanism=mechanism, scale=scale(p.l1, p.l2_squared) * factor) for p in primitives
    )
    content = content_of(SCHEMA, PLAN, noise, (claim, claim))
    with pytest.raises(FileNotFoundError if enough else NoiseTooSmall):
        execute(content, tmp_path / "no table")


def test_the_least_noise_is_compared_exactly(tmp_path: Path) -> None:
    """0.1 is a little more than a tenth, so that scale 10 is enough for it and 9.99… is not."""
    plan = QueryPlan(aggregates=(Aggregate(function="count", alias="n"),))
    claim = (Claimed(kind="epsilon", value=0.1),)
    for scale, error in (
        (10.0, FileNotFoundError),
        (math.nextafter(10.0, 0), NoiseTooSmall),
    ):
        noise = (Noise(mechanism="discrete_laplace", scale=scale),)
        with pytest.raises(error):
            execute(content_of(SCHEMA, plan, noise, claim), tmp_path / "no table")


def test_one_noise_for_each_primitive(data: Path) -> None:
    content = laplace_content(SCHEMA, PLAN)
    short = content.model_copy(update={"noise": content.noise[:1]})
    with pytest.raises(NoiseMismatch):
        execute(short, data)
