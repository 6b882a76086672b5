"""From what blocks return to what is released: sensitivity, noise, slots.

Statistical assertions state their level; together they fail a right engine with probability
below 1e-6.
"""

import itertools
import json
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.privacy import Claimed, Noise
from carrel_worker.executors.black_box.execute import block_points, check, release
from carrel_worker.executors.black_box.schedule import Schedule
from carrel_worker.executors.black_box.values import counted, default
from carrel_worker.mechanisms.noise import NoiseTooSmall
from carrel_worker.sandbox import Outcome, StartFailed
from tests.worker.black_box.made import Clock, content, output, returned
from tests.worker.engine.test_noise import assert_follows

Block = tuple[tuple[int, ...], ...]


def sums_of(asked: BlackBoxContent, run: Callable[[int], Outcome]) -> list[int]:
    clock = Clock()
    schedule = Schedule(0.0, asked.slot_seconds(), clock.read, clock.sleep)
    return [sum(points) for points in block_points(asked, run, schedule)]


# What a block counts as


@pytest.mark.parametrize(
    "value",
    [
        [20, 50.0],
        (20, 50),
        np.array([20.0, 50.0]),
        np.array([20, 50], np.int16),
    ],
)
def test_two_numbers_in_any_plain_form_count(value: Any) -> None:
    assert counted(returned(value), output()) == (200, 500)


def test_a_series_counts_by_its_values() -> None:
    import pandas as pd  # noqa: PLC0415 (as the code would)

    assert counted(returned(pd.Series([20.0, 50.0], ["a", "b"])), output()) == (200, 500)


def test_what_is_out_of_bounds_counts_as_the_bound() -> None:
    assert counted(returned([-1e300, 1e300]), output()) == (0, 1000)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "50",
        [50],
        [50, 50, 50],
        [50, None],
        [50, True],
        ["50", "50"],
        [[50, 50]],
        {"a": 50, "b": 50},
        [],
        np.array([[20.0, 50.0]]),
        np.array([20.0, math.nan]),
        np.array([math.inf, 1.0]),
        np.array([True, False]),
    ],
)
def test_anything_else_counts_as_the_middle(value: Any) -> None:
    assert counted(returned(value), output()) == (500, 500)


@pytest.mark.parametrize(
    "outcome",
    [
        *(Outcome(ending) for ending in ("raised", "exited", "wall_time", "cpu_time", "memory")),
        *(Outcome(ending, payload=b"x") for ending in ("killed", "output_size", "output_form")),
        Outcome("returned"),
        Outcome("returned", payload=b""),
        Outcome("returned", payload=b"CARREL1\n" + (2**40).to_bytes(8, "little") + b"{}"),
        Outcome("returned", payload=random.Random(1).randbytes(5000)),
    ],
)
def test_every_other_end_counts_as_the_middle(outcome: Outcome) -> None:
    assert counted(outcome, output()) == (500, 500)


def forged(**item: Any) -> Outcome:
    blob = item.pop("blob")
    header = {"name": "x", "kind": "value", "shape": [], "dtype": "", "offset": 0}
    text = json.dumps({"items": [{**header, "length": len(blob), **item}]}).encode()
    return Outcome("returned", payload=b"CARREL1\n" + len(text).to_bytes(8, "little") + text + blob)


@pytest.mark.parametrize(
    "outcome",
    [
        forged(blob=b"[NaN, 1]"),
        forged(blob=b"[1e999, 1]"),
        forged(blob=b"[1" + b"0" * 400 + b", 1]"),
        forged(blob=b"[" * 5000 + b"]" * 5000),
        forged(blob=b"[" + b"1," * 60_000 + b"1]"),
        forged(blob=b"\x89PNG\r\n", kind="figure"),
        forged(blob=b"ARROW1", kind="frame"),
        forged(blob=b"\x80\x04]", kind="pickle"),
        forged(blob=b"[1, 2]", offset=-1),
    ],
)
def test_what_the_code_wrote_itself_is_a_strangers(outcome: Outcome) -> None:
    assert counted(outcome, output()) == default(output())


def test_a_picture_is_refused_before_anything_decodes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoder(*_: object, **__: object) -> bytes:
        raise AssertionError("a decoder was started: that takes time of its own")

    monkeypatch.setattr("carrel_worker.executors.code.frames.write", decoder)
    monkeypatch.setattr("carrel_worker.executors.code.pictures.redraw", decoder)
    for kind in ("frame", "figure", "tensors"):
        assert counted(forged(blob=b"abc", kind=kind), output()) == default(output())


@given(st.floats(allow_nan=False), st.integers(1, 2**24), st.floats(-1e6, 1e6), st.floats(1, 1e6))
@settings(max_examples=500)
def test_every_float_is_a_point_of_the_grid(
    value: float, steps: int, low: float, wide: float
) -> None:
    from carrel_protocol.black_box import OutputVector  # noqa: PLC0415

    vector = OutputVector(lower=(low,), upper=(low + wide,), steps=steps)
    point = vector.grid(value, 0)
    assert type(point) is int
    assert 0 <= point <= steps
    inside = min(max(value, low), low + wide)
    assert abs(low + point * vector.step(0) - inside) <= vector.step(0) * 0.5000001 + 1e-9


# Sensitivity


def test_one_block_moves_a_sum_by_its_range_at_most_whatever_it_does() -> None:
    """All functions there are on a small case: every table of values that three blocks could give
    with and without a unit, in whichever block that is."""
    vector = output(length=1, steps=3)
    asked = content(vector=vector, blocks=3)
    answers: list[Any] = [0, 100 / 3, 200 / 3, 100, -5, 1e9, math.nan, None, [1, 2], "stop"]
    outcomes = [
        Outcome("raised")
        if answer == "stop"
        else returned(np.float64(answer))
        if isinstance(answer, float)
        else returned(answer)
        for answer in answers
    ]
    worst = 0
    (primitive,) = vector.primitives()
    for base in itertools.product(range(len(outcomes)), repeat=3):
        whole = sums_of(asked, lambda n, base=base: outcomes[base[n]])[0]
        for other in range(len(outcomes)):
            changed = (other, *base[1:])
            moved = sums_of(asked, lambda n, changed=changed: outcomes[changed[n]])[0] - whole
            worst = max(worst, abs(moved))
    assert worst == vector.steps == primitive.l1
    assert primitive.l2_squared == vector.steps**2


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_with_another_unit_all_coordinates_move_within_their_ranges(data: st.DataObject) -> None:
    vector = output(length=3, steps=50)
    asked = content(vector=vector, blocks=5)
    values = st.lists(st.floats(-300, 300), min_size=0, max_size=4)
    blocks = [returned(data.draw(values)) for _ in range(5)]
    hit = data.draw(st.integers(0, 4))
    neighbour = [*blocks[:hit], returned(data.draw(values)), *blocks[hit + 1 :]]
    one = sums_of(asked, blocks.__getitem__)
    other = sums_of(asked, neighbour.__getitem__)
    for a, b, primitive in zip(one, other, vector.primitives(), strict=True):
        assert abs(a - b) <= primitive.l1


# Noise


@pytest.mark.parametrize(("epsilon", "rho"), [(1.0, None), (0.1, None), (0.0, 0.5), (0.0, 0.001)])
def test_released_sums_have_the_priced_noise(epsilon: float, rho: float | None) -> None:
    asked = content(epsilon=epsilon, rho=rho, vector=output(length=2, steps=10))
    check(asked)
    drawn = np.array([release(asked, [[17], [33]]).released for _ in range(4000)], np.int64)
    drawn -= [17, 33]
    for place in range(2):
        assert_follows(asked.noise[place], drawn[:, place])
    # The coordinates' noises are independent of each other: neighbours in one row, too.
    assert_follows(asked.noise[0], drawn.reshape(-1))


def test_a_neighbours_answers_are_as_likely_up_to_epsilon() -> None:
    """Counts at each threshold are binomial: exact (Clopper-Pearson) bounds at 1e-9 each, 60 in
    all. The two sums are as far apart as one unit can bring them."""
    n, level = 20_000, 1e-9
    asked = content(epsilon=1.0, vector=output(length=1, steps=20), blocks=4)

    def answers(total: int) -> np.ndarray[Any, Any]:
        return np.array([release(asked, [[total]]).released[0] for _ in range(n)], np.int64)

    near, far = answers(40), answers(60)

    def least(k: int) -> float:
        return float(beta.ppf(level, k, n - k + 1)) if k else 0.0

    def most(k: int) -> float:
        return float(beta.ppf(1 - level, k + 1, n - k)) if k < n else 1.0

    for threshold in range(-100, 200, 20):
        for one, other in ((near, far), (far, near)):
            for above in (True, False):
                k, m = (
                    int(np.count_nonzero((each >= threshold) == above)) for each in (one, other)
                )
                assert least(k) <= math.e * most(m)


@pytest.mark.parametrize(
    ("noise", "claimed"),
    [
        (Noise(mechanism="discrete_laplace", scale=1999.9), Claimed(kind="epsilon", value=0.5)),
        (Noise(mechanism="discrete_laplace", scale=2000.0), Claimed(kind="epsilon", value=0.4999)),
        (Noise(mechanism="discrete_gaussian", scale=999.9), Claimed(kind="rho", value=0.5)),
        (Noise(mechanism="discrete_gaussian", scale=1e9), Claimed(kind="epsilon", value=0.5)),
        (Noise(mechanism="discrete_laplace", scale=1e9), Claimed(kind="rho", value=0.5)),
    ],
)
def test_noise_below_what_was_priced_is_refused(noise: Noise, claimed: Claimed) -> None:
    right = content()
    asked = right.model_copy(
        update={"noise": (right.noise[0], noise), "claimed": (right.claimed[0], claimed)}
    )
    with pytest.raises(NoiseTooSmall):
        check(asked)
    with pytest.raises(NoiseTooSmall):
        release(asked, [[0], [0]])


def test_an_answer_is_the_mean_in_its_own_unit_with_an_interval_inside_the_bounds() -> None:
    asked = content(epsilon=1e4, blocks=4)
    answer = release(asked, [[2000], [0]])
    assert answer.values[0] == pytest.approx(50, abs=0.1)
    assert 0 <= answer.low[1] <= answer.values[1] <= answer.high[1] < 1
    assert answer.noise == asked.noise
    assert answer.blocks == 4


def test_an_interval_much_wider_than_the_bounds_ends_at_them() -> None:
    """And holds the mean as often as it says: fewer than 25 of 40 times by chance below 1e-9."""
    asked = content(epsilon=2**-20, blocks=4)  # an end within the bounds: below 1e-6
    found = []
    for _ in range(20):
        answer = release(asked, [[2000], [2000]])
        found += zip(answer.low, answer.high, strict=True)
    assert set(found) <= {(0.0, 100.0), (0.0, 0.0), (100.0, 100.0)}
    assert found.count((0.0, 100.0)) >= 25


# Slots


@given(st.lists(st.floats(0, 3), min_size=1, max_size=12), st.floats(-50, 0))
@settings(max_examples=200)
def test_blocks_begin_at_times_that_do_not_depend_on_how_long_they_take(
    taken: list[float], early: float
) -> None:
    clock = Clock(now=100 + early)
    schedule = Schedule(100.0, 3.0, clock.read, clock.sleep)
    begun = []
    for seconds in taken:
        schedule.begin()
        begun.append(clock.now)
        clock.now += seconds
    schedule.end()
    assert begun == pytest.approx([100.0 + 3.0 * slot for slot in range(len(taken))])
    assert clock.now == pytest.approx(100.0 + 3.0 * len(taken))


def test_a_machine_too_busy_for_a_slot_lets_whole_slots_pass() -> None:
    clock = Clock(now=101.0)  # late from the start
    schedule = Schedule(100.0, 3.0, clock.read, clock.sleep)
    begun = []
    for seconds in (1.0, 3.5, 1.0, 7.0, 0.0):
        schedule.begin()
        begun.append(clock.now)
        clock.now += seconds
    schedule.end()
    assert begun == pytest.approx([103.0, 106.0, 112.0, 115.0, 124.0])
    assert schedule.begun == [1, 2, 4, 5, 8]
    assert clock.now == pytest.approx(127.0)


def test_trouble_of_the_sandbox_with_one_block_is_a_failure_like_any_other() -> None:
    asked = content(blocks=3)

    def run(number: int) -> Outcome:
        if number == 1:
            raise StartFailed("it ended at once")
        return returned([0, 0])

    assert sums_of(asked, run) == [500, 500]


def test_all_blocks_run_though_the_first_ones_fail() -> None:
    asked = content(blocks=6)
    ran: list[int] = []

    def run(number: int) -> Outcome:
        ran.append(number)
        raise OSError

    assert sums_of(asked, run) == [3000, 3000]
    assert ran == list(range(6))
