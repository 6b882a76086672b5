"""A median over blocks: what one unit moves, what is drawn, and that less is refused.

Statistical assertions state their level; together they fail a right engine with probability
below 1e-6.
"""

import itertools
import math
from typing import Any

import numpy as np
import opendp.prelude as dp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2

from carrel_protocol.median import Choice
from carrel_protocol.privacy import Claimed, Noise
from carrel_worker.executors.black_box.execute import block_points, check, release
from carrel_worker.executors.black_box.medians import scores
from carrel_worker.executors.black_box.schedule import Schedule
from carrel_worker.mechanisms.choice import check_choice, choose
from carrel_worker.mechanisms.noise import NoiseTooSmall, add_noise
from carrel_worker.sandbox import Outcome
from tests.protocol.test_median import score
from tests.worker.black_box.made import Clock, content, output, returned

STEPS = 12
POINTS = st.lists(st.integers(0, STEPS), min_size=2, max_size=25)


def exponential(points: list[int], steps: int, scale: float) -> np.ndarray[Any, Any]:
    """The reference: P(c) ∝ exp(−u(c)/scale), by the definition of u, for every point c."""
    weights = np.exp([-score(points, c) / scale for c in range(steps + 1)])
    return np.asarray(weights / weights.sum())


# Scores and their sensitivity


@given(POINTS)
@settings(max_examples=300)
def test_scores_are_what_they_are_defined_as(points: list[int]) -> None:
    assert scores(points, STEPS).tolist() == [score(points, c) for c in range(STEPS + 1)]


@given(POINTS, st.data())
@settings(max_examples=300)
def test_neither_order_nor_which_of_equal_ones_is_which_matters(
    points: list[int], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(points))
    assert scores(shuffled, STEPS).tolist() == scores(points, STEPS).tolist()


@given(POINTS, st.data())
@settings(max_examples=500)
def test_one_substituted_value_moves_scores_by_no_more_than_is_priced(
    points: list[int], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(points) - 1))
    other = [*points[:at], data.draw(st.integers(0, STEPS)), *points[at + 1 :]]
    moved = scores(other, STEPS) - scores(points, STEPS)
    choice = Choice(candidates=STEPS + 1)
    assert np.abs(moved).max() <= choice.sensitivity
    assert moved.max() - moved.min() <= choice.range
    # And so does the log of how likely any point is: bounded range, and pure epsilon by it.
    scale = data.draw(st.floats(0.05, 50))
    logs = np.log(exponential(other, STEPS, scale)) - np.log(exponential(points, STEPS, scale))
    assert logs.max() - logs.min() <= choice.range / scale * (1 + 1e-9)
    assert np.abs(logs).max() <= choice.range / scale * (1 + 1e-9)


def test_what_is_priced_is_reached_and_no_more() -> None:
    """All pairs of neighbours on a small grid: by less, some pair would be told apart too well."""
    worst = widest = 0
    for points in itertools.product(range(4), repeat=4):
        for other in range(4):
            moved = scores([other, *points[1:]], 3) - scores(points, 3)
            worst = max(worst, int(np.abs(moved).max()))
            widest = max(widest, int(moved.max() - moved.min()))
    choice = Choice(candidates=4)
    assert (worst, widest) == (choice.sensitivity, choice.range)


def test_opendp_prices_its_own_median_alike() -> None:
    """Its score counts ranks twice: at twice the noise the same rho for d_in = 2."""
    space = dp.vector_domain(dp.atom_domain(T=dp.i64), size=10), dp.symmetric_distance()
    scored = dp.t.make_quantile_score_candidates(*space, list(range(STEPS + 1)), 0.5)
    theirs = dp.m.make_noisy_max(
        scored.output_domain,
        scored.output_metric,
        dp.zero_concentrated_divergence(),
        scale=2 * 3.0,
        negate=True,
    )
    assert scored.map(2) == 2 * Choice(candidates=STEPS + 1).sensitivity
    assert theirs.map(scored.map(2)) == pytest.approx(1 / (2 * 3.0**2))


@pytest.mark.parametrize("rho", [1e-6, 0.01, 0.5, 3.0])
def test_opendp_says_the_same_of_our_scores(rho: float) -> None:
    asked = content(rho=rho, vector=output(length=1), aggregate="median")
    ours = dp.m.make_noisy_max(
        dp.vector_domain(dp.atom_domain(T=dp.i64)),
        dp.linf_distance(T=dp.i64),
        dp.zero_concentrated_divergence(),
        scale=asked.noise[0].scale,
        negate=True,
    )
    assert ours.map(Choice(candidates=2).sensitivity) == pytest.approx(rho)


# What is drawn


@pytest.mark.parametrize(
    ("points", "scale"),
    [
        ([0, 3, 5, 5, 9, 12], 2.0),
        ([6] * 9, 3.0),  # all blocks agree
        ([0] * 6 + [12] * 4, 1.5),  # ties on both sides of a gap
        ([6] * 5 + [1, 2, 10], 0.5),  # more than half failed
        ([4, 4, 5, 11], 30.0),
    ],
)
def test_the_choice_is_drawn_from_the_exponential_mechanism(
    points: list[int], scale: float
) -> None:
    """Each of 13 cells of 10,000 draws by an exact binomial test at 1e-9: 65 tests in all.

    Permute-and-flip, which is private by an epsilon only, would fail it."""
    n = 10_000
    noise = Noise(mechanism="exponential", scale=scale)
    scored = scores(points, STEPS)
    drawn = np.bincount([choose(scored, noise) for _ in range(n)], minlength=STEPS + 1)
    for seen, expected in zip(drawn, exponential(points, STEPS, scale), strict=True):
        assert binomtest(int(seen), n, float(expected)).pvalue > 1e-9


def test_the_test_above_would_tell_permute_and_flip() -> None:
    points, scale, n = [6] * 9, 3.0, 10_000
    other = dp.m.make_noisy_max(
        dp.vector_domain(dp.atom_domain(T=dp.i64)),
        dp.linf_distance(T=dp.i64),
        dp.max_divergence(),
        scale=scale,
        negate=True,
    )
    scored = scores(points, STEPS).tolist()
    drawn = np.bincount([other(scored) for _ in range(n)], minlength=STEPS + 1)
    expected = exponential(points, STEPS, scale)
    least = min(
        binomtest(int(seen), n, float(p)).pvalue for seen, p in zip(drawn, expected, strict=True)
    )
    assert least < 1e-9


def test_coordinates_are_drawn_independently_each_by_its_own_noise() -> None:
    """One chi-square test of level 1e-8 on the pairs of two numbers' medians."""
    vector = output(length=2, steps=3)
    asked = content(epsilon=2.0, vector=vector, blocks=4, aggregate="median")
    points = [[0, 1, 1, 3], [2, 2, 2, 0]]
    n = 5000
    pairs = [release(asked, points).released for _ in range(n)]
    seen = np.zeros((4, 4))
    for one, other in pairs:
        seen[int(one), int(other)] += 1
    first, second = (exponential(row, 3, asked.noise[0].scale) for row in points)
    expected = n * np.outer(first, second)
    statistic = ((seen - expected) ** 2 / expected).sum()
    assert chi2.sf(statistic, 15) > 1e-8


def test_a_neighbours_answers_are_as_likely_up_to_epsilon() -> None:
    """6000 answers each of two neighbours; the most telling points, exact bounds at 1e-9."""
    n, epsilon = 6000, 1.0
    vector = output(length=1, steps=4)
    asked = content(epsilon=epsilon, vector=vector, blocks=3, aggregate="median")

    def answers(points: list[int]) -> np.ndarray[Any, Any]:
        drawn = [int(release(asked, [points]).released[0]) for _ in range(n)]
        return np.bincount(drawn, minlength=5)

    one, other = answers([0, 0, 4]), answers([0, 4, 4])
    for near, far in ((one, other), (other, one)):
        for k, m in zip(near, far, strict=True):
            low = binomtest(int(k), n).proportion_ci(1 - 2e-9).low
            high = binomtest(int(m), n).proportion_ci(1 - 2e-9).high
            assert low <= math.exp(epsilon) * high


# What is refused


@pytest.mark.parametrize(
    ("noise", "claimed"),
    [
        (Noise(mechanism="exponential", scale=3.999), Claimed(kind="range", value=0.5)),
        (Noise(mechanism="exponential", scale=4.0), Claimed(kind="range", value=0.4999)),
        (Noise(mechanism="exponential", scale=0.999), Claimed(kind="rho", value=0.5)),
        # An epsilon is what other mechanisms claim; a choice's own claim is a range.
        (Noise(mechanism="exponential", scale=1e9), Claimed(kind="epsilon", value=0.5)),
        (Noise(mechanism="discrete_laplace", scale=1e9), Claimed(kind="epsilon", value=0.5)),
        (Noise(mechanism="discrete_laplace", scale=1e9), Claimed(kind="range", value=0.5)),
        (Noise(mechanism="discrete_gaussian", scale=1e9), Claimed(kind="rho", value=0.5)),
    ],
)
def test_a_choice_less_private_than_was_priced_is_refused(noise: Noise, claimed: Claimed) -> None:
    right = content(aggregate="median")
    check(right)
    asked = right.model_copy(
        update={"noise": (right.noise[0], noise), "claimed": (right.claimed[0], claimed)}
    )
    with pytest.raises(NoiseTooSmall):
        check(asked)
    with pytest.raises(NoiseTooSmall):
        release(asked, [[0] * 4, [0] * 4])


def test_a_mean_is_not_released_with_a_medians_noise_nor_the_other_way_round() -> None:
    mean, median = content(), content(aggregate="median")
    for asked in (
        mean.model_copy(update={"aggregate": "median"}),
        median.model_copy(update={"aggregate": "mean"}),
    ):
        with pytest.raises(NoiseTooSmall):
            release(asked, [[0] * 4, [0] * 4])
    with pytest.raises(ValueError, match="added to nothing"):
        add_noise([0], median.noise[0])
    with pytest.raises(ValueError, match="chooses nothing"):
        choose(np.zeros(3, np.int64), mean.noise[0])


@given(st.floats(1e-8, 100), st.integers(1, 100))
@settings(max_examples=300)
def test_the_check_is_exact_to_the_last_bit(epsilon: float, parts: int) -> None:
    choice = Choice(candidates=5)
    claimed = Claimed(kind="range", value=epsilon / parts)
    scale = 2 / claimed.value
    enough = math.nextafter(scale, math.inf)
    check_choice(choice, Noise(mechanism="exponential", scale=enough), claimed)
    less = math.nextafter(math.nextafter(scale, 0), 0)
    with pytest.raises(NoiseTooSmall):
        check_choice(choice, Noise(mechanism="exponential", scale=less), claimed)


# From blocks to an answer


def released(asked: Any, blocks: list[Outcome]) -> Any:
    clock = Clock()
    schedule = Schedule(0.0, asked.slot_seconds(), clock.read, clock.sleep)
    return release(asked, block_points(asked, blocks.__getitem__, schedule))


EXACT = {"epsilon": 1e4, "aggregate": "median"}
"""A choice that is a median but for once in e^2000."""


def test_an_answer_is_a_median_with_its_ranks() -> None:
    asked = content(blocks=5, **EXACT)
    answer = released(asked, [returned([n, 10 * n]) for n in (1, 9, 3, 2, 4)])
    assert answer.aggregate == "median"
    assert answer.values == pytest.approx((3, 30))
    assert answer.released == (30, 300)
    assert (answer.low, answer.high) == (None, None)
    assert answer.ranks == ((3, 3), (3, 3))
    assert answer.noise == asked.noise
    assert type(answer.released[0]) is int
    weak = content(blocks=5, epsilon=1e-3, aggregate="median")
    assert released(weak, [returned([0, 0])] * 5).ranks == ((0, 6), (0, 6))


def test_ranks_follow_from_public_facts_alone() -> None:
    asked = content(blocks=20, epsilon=4.0, aggregate="median")
    same = released(asked, [returned([50, 50])] * 20)
    failed = released(asked, [Outcome("raised")] * 20)
    spread = released(asked, [returned([n, 100 - n]) for n in range(20)])
    assert same.ranks == failed.ranks == spread.ranks


def test_few_failed_or_odd_blocks_move_a_median_by_their_ranks_only() -> None:
    good = [returned([n, n]) for n in (10, 11, 12, 13, 14)]
    for bad in (Outcome("raised"), returned([1e300, 1e300]), returned("nonsense")):
        answer = released(content(blocks=7, **EXACT), [*good, bad, bad])
        assert answer.values == pytest.approx((13, 13))
    # Of a majority, it is what they count as.
    answer = released(content(blocks=7, **EXACT), [*good[:3], *[Outcome("raised")] * 4])
    assert answer.values == (50, 50)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_intervals_hold_as_often_as_they_say_even_in_the_worst_case(confidence: float) -> None:
    """All blocks at one point, and every other as far as can be: a binomial test at 1e-9 each."""
    n, blocks = 1500, 9
    asked = content(
        epsilon=2.0,
        blocks=blocks,
        vector=output(length=1, steps=20),
        aggregate="median",
        confidence=confidence,
    )
    for points in ([7] * blocks, [0] * 4 + [7] + [20] * 4, list(range(5, 5 + blocks))):
        ends = [0, *sorted(points), 20]
        held = 0
        for _ in range(n):
            answer = release(asked, [points])
            assert answer.ranks is not None
            low, high = answer.ranks[0]
            held += ends[low] <= int(answer.released[0]) <= ends[high]
        assert binomtest(held, n, confidence, alternative="less").pvalue > 1e-9
