"""The private median's arithmetic: what one substituted value moves, and what ranks it promises."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carrel_protocol.api.black_boxes import BlackBoxAsk
from carrel_protocol.black_box import OutputVector, median_output
from carrel_protocol.median import Choice, rank_half_width, rank_interval

ASK = {
    "dataset": "d",
    "entry": {"path": "a.py", "name": "work"},
    "files": [{"path": "a.py", "text": ""}],
    "target": {"kind": "epsilon", "epsilon": 1},
}


def score(points: list[int], candidate: int) -> int:
    """The definition, in words of its own: how many must change for `candidate` to be a median."""
    half = len(points) // 2
    below = sum(point < candidate for point in points)
    above = sum(point > candidate for point in points)
    return max(below - half, above - half, 0)


def test_a_choice_may_move_either_way() -> None:
    assert Choice(candidates=9).range == 2


@given(
    st.floats(0.02, 500),
    st.integers(1, 4096),
    st.integers(2, 1000),
    st.sampled_from([0.5, 0.9, 0.95, 0.9999]),
)
@settings(max_examples=500)
def test_ranks_are_the_fewest_that_the_worst_case_allows(
    scale: float, steps: int, blocks: int, confidence: float
) -> None:
    """The worst case: one candidate is a median, and all others are just beyond."""

    def missed(off: int) -> float:
        others = steps * math.exp(-(off + 1) / scale)
        return others / (1 + others)

    off = rank_half_width(scale, steps, blocks, confidence)
    worst = (blocks + 1) // 2
    assert 0 <= off <= worst
    assert off == worst or missed(off) <= (1 - confidence) * (1 + 1e-9)
    assert off == 0 or missed(off - 1) > (1 - confidence) * (1 - 1e-6)


@given(st.lists(st.integers(0, 12), min_size=2, max_size=30), st.integers(0, 20))
@settings(max_examples=500)
def test_a_score_says_between_which_ranks_a_candidate_lies(points: list[int], off: int) -> None:
    steps, blocks = 12, len(points)
    ascending = [0, *sorted(points), steps]  # with the bounds of the range at either end
    low, high = rank_interval(off, blocks)
    for candidate in range(steps + 1):
        if score(points, candidate) <= off:
            assert ascending[low] <= candidate <= ascending[high]


@pytest.mark.parametrize(("blocks", "median"), [(2, (1, 2)), (5, (3, 3)), (100, (50, 51))])
def test_no_rank_off_is_a_median_itself(blocks: int, median: tuple[int, int]) -> None:
    assert rank_interval(0, blocks) == median
    assert rank_interval((blocks + 1) // 2, blocks) == (0, blocks + 1)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=40))
def test_a_median_of_the_values_is_always_a_candidate_of_score_zero(points: list[int]) -> None:
    best = [each for each in range(51) if score(points, each) == 0]
    assert best
    assert min(best) <= np.median(points) <= max(best)


# The grid


def test_a_medians_grid_is_coarse_unless_it_is_said_otherwise() -> None:
    vector = OutputVector(lower=(0,), upper=(1,))
    assert median_output(vector).steps == 1000
    said = OutputVector(lower=(0,), upper=(1,), steps=2**20)
    assert median_output(said).steps == 2**20  # and a median of it is refused

    def steps(output: object, **more: object) -> int:
        return BlackBoxAsk.model_validate({**ASK, "output": output, **more}).output.steps

    for output in (vector, {"lower": [0], "upper": [1]}):
        assert steps(output, aggregate="median") == 1000
        assert steps(output, aggregate="mean") == steps(output) == 2**20
    for output in (said, {"lower": [0], "upper": [1], "steps": 2**20}):
        assert steps(output, aggregate="median") == 2**20


@pytest.mark.parametrize("output", [None, [], "text", 3])
def test_an_output_that_is_none_is_refused_as_ever(output: object) -> None:
    with pytest.raises(ValueError, match="output"):
        BlackBoxAsk.model_validate({**ASK, "output": output, "aggregate": "median"})
