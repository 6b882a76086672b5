"""The public clock: what a researcher sees of a run depends on public times alone."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from carrel_protocol.api.requests import RunState
from carrel_site.runs import clock
from carrel_site.runs.models import Run

START = datetime(2026, 1, 1, tzinfo=UTC)

moments = st.integers(0, 10_000).map(lambda ms: START + timedelta(milliseconds=ms))
private = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["claimed", "running", "succeeded", "failed", "queued"]),
        "epoch": st.integers(1, 3),
        "attempts_left": st.integers(0, 2),
        "finished_at": st.none() | moments,
        "failure": st.none() | st.text(),
        "cpu_ms": st.none() | st.floats(0, 1e6),
        "overran": st.booleans(),
        "lease_until": st.none() | moments,
    }
)


def run(facts: dict[str, object], visible_at: datetime | None) -> Run:
    return Run(claimed_at=START, deadline_ms=100, visible_at=visible_at, **facts)


@given(private, private, moments)
def test_before_its_deadline_every_claimed_run_looks_the_same(
    one: dict[str, object], other: dict[str, object], at: datetime
) -> None:
    late = at + timedelta(milliseconds=1)
    seen = {
        (clock.public_state(r), clock.progress(r, at), clock.next_change(r, at))
        for r in (run(one, late), run(other, late), run(other, None))
    }
    assert len(seen) == 1
    assert next(iter(seen))[0] is RunState.RUNNING


@given(moments)
def test_progress_is_the_clock_in_steps(at: datetime) -> None:
    seen = clock.progress(run({"state": "running"}, None), at)
    assert 0 <= seen <= (clock.STEPS - 1) / clock.STEPS
    assert (seen * clock.STEPS).is_integer()
    elapsed = (at - START) / timedelta(milliseconds=100)
    if elapsed < 1:
        assert elapsed - 1 / clock.STEPS < seen <= elapsed + 1e-9


@given(moments)
def test_the_next_change_is_a_rung_after_now(at: datetime) -> None:
    change = clock.next_change(run({"state": "running"}, None), at)
    assert change is not None
    assert change > at
    rung = (change - START) / timedelta(milliseconds=100)
    assert rung in {2.0**j for j in range(12)}


def test_the_end_is_due_at_its_rung_and_shows_when_it_is_closed() -> None:
    ended = run({"state": "failed", "epoch": 1}, START + timedelta(milliseconds=100))
    assert not clock.is_due(ended, START + timedelta(milliseconds=99))
    assert clock.is_due(ended, START + timedelta(milliseconds=100))
    assert clock.public_state(ended) is RunState.RUNNING
    ended.closed_at = START + timedelta(milliseconds=103)
    assert clock.public_state(ended) is RunState.FAILED
