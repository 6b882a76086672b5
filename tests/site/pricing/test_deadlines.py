"""The public clock: rungs from public facts, and when an answer shows."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carrel_protocol.plan import QueryPlan
from carrel_protocol.schema import UnitBounds
from carrel_protocol.sensitivity import lower
from carrel_site.pricing.deadlines import deadline_ms, predicted_ms, visible_at
from carrel_site.pricing.sql import parse_sql
from tests.protocol.plans import SCHEMA, plans

CLAIMED = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


def deadline(sql: str, rows: int, extra_rungs: int = 0) -> int:
    plan = parse_sql(sql, "people", SCHEMA)
    return deadline_ms(rows, lower(plan, SCHEMA, UnitBounds()), plan, extra_rungs=extra_rungs)


def test_a_small_question_is_on_the_first_rung() -> None:
    assert deadline("SELECT COUNT(*) FROM people", 10_000) == 25
    assert deadline("SELECT COUNT(*) FROM people WHERE age > 2 AND smokes", 10_000) == 25


def test_larger_tables_and_answers_take_later_rungs() -> None:
    assert deadline("SELECT COUNT(*) FROM people", 1_000_000) > 25
    assert deadline("SELECT region, age, COUNT(*) FROM people GROUP BY region, age", 1_000) >= 25
    big = "SELECT region, COUNT(*), SUM(income), AVG(age) FROM people GROUP BY region"
    assert deadline(big, 5_000_000) >= 2_000


@given(plans(), st.integers(1, 10**10), st.integers(0, 3))
def test_the_deadline_is_the_smallest_rung_above_twice_the_prediction(
    plan: QueryPlan, rows: int, extra: int
) -> None:
    lowered = lower(plan, SCHEMA, SCHEMA.bounds)
    found = deadline_ms(rows, lowered, plan)
    rung = (found // 25).bit_length() - 1
    assert found == 25 << rung
    need = 2 * predicted_ms(rows, lowered, plan)
    assert found >= need or rung == 16
    assert rung == 0 or found / 2 < need
    raised = deadline_ms(rows, lowered, plan, extra_rungs=extra)
    assert raised == 25 << min(16, rung + extra)


@given(plans(), st.integers(1, 10**9), st.integers(1, 10**9))
def test_more_rows_never_mean_an_earlier_deadline(plan: QueryPlan, one: int, other: int) -> None:
    lowered = lower(plan, SCHEMA, SCHEMA.bounds)
    low, high = sorted((one, other))
    first = deadline_ms(low, lowered, plan)
    assert first <= deadline_ms(high, lowered, plan)


@pytest.mark.parametrize(
    ("took_ms", "shown_ms"),
    [(0, 25), (1, 25), (22.9, 25), (23, 25), (23.1, 50), (48, 50), (49, 100), (98.5, 200)],
)
def test_an_answer_shows_at_the_first_doubling_that_leaves_the_margin(
    took_ms: float, shown_ms: int
) -> None:
    finished = CLAIMED + timedelta(milliseconds=took_ms)
    shown = visible_at(CLAIMED, 25, finished, timedelta(milliseconds=2))
    assert shown == CLAIMED + timedelta(milliseconds=shown_ms)


@given(st.integers(0, 16), st.integers(0, 10**9), st.integers(0, 5000))
def test_what_shows_when_tells_only_the_doubling(rung: int, took_us: int, margin_us: int) -> None:
    limit = 25 << rung
    finished = CLAIMED + timedelta(microseconds=took_us)
    margin = timedelta(microseconds=margin_us)
    shown = visible_at(CLAIMED, limit, finished, margin)
    doublings = (shown - CLAIMED) / timedelta(milliseconds=limit)
    assert doublings == 2 ** (int(doublings).bit_length() - 1)
    assert shown >= finished + margin
    assert doublings == 1 or CLAIMED + (shown - CLAIMED) / 2 < finished + margin
