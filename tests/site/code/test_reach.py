"""Approvals that cover later runs: how far, how often, how long, and no further."""

import math
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from carrel_protocol.code import ChoiceBound, NumberBound
from carrel_site.code import reach
from tests.site.code.code_site import CodeSite, set_policy

AGES = {"kind": "number", "lower": 18, "upper": 90, "whole": True}
REACH = {"bounds": {"age_from": AGES}, "runs": 3, "days": 30}


@pytest.fixture
def root(code: CodeSite) -> Any:
    """An approved request that covers two runs more."""
    return code.approved(reach=REACH)


def again(code: CodeSite, age: Any, **changes: Any) -> Any:
    reply = code.ask(**{"reach": REACH, "parameters": {"age_from": age}} | changes)
    assert reply.status_code == httpx.codes.CREATED, reply.text
    return reply.json()


def test_within_the_bounds_nobody_votes(code: CodeSite, root: Any) -> None:
    covered = again(code, 40, purpose="Another one")
    assert (covered["state"], covered["votes_needed"]) == ("queued", 0)
    review = code.ok(code.app.reviewer, "GET", f"/requests/{covered['id']}/code_review")
    assert (review["covered_by"], review["runs_left"]) == (root["id"], 1)
    (event,) = [e for e in code.events("request.approved") if e["subject"] == covered["id"]]
    assert event["detail"]["covered_by"] == root["id"]
    job = code.claim(covered["run"]["id"])
    assert job.content.parameters == {"age_from": 40}
    # What it returns is looked at all the same.
    assert code.end(job, a=("value", b"1")).is_success
    assert code.public(covered["run"]["id"])["output"] == "held"


@pytest.mark.parametrize("age", [17, 91, 18.0, 18.5, True, "18", None, [18]])
def test_outside_the_bounds_there_is_no_such_content(code: CodeSite, root: Any, age: Any) -> None:
    reply = code.ask(reach=REACH, parameters={"age_from": age})
    expected = 201 if isinstance(age, float) and age == 18.0 else 422  # a whole number, too
    assert reply.status_code == expected, (root["id"], reply.text)


@pytest.mark.parametrize(
    "bound",
    [{"kind": "choice", "values": [18, 20]}, AGES, {"kind": "number", "lower": 0, "upper": 90}],
)
def test_a_number_of_another_type_takes_people(code: CodeSite, bound: Any) -> None:
    """18 and 20 were approved, and a program may tell them from 18.0 and 20.0."""
    code.approved(reach=REACH | {"bounds": {"age_from": bound}})
    floats = bound
    if bound["kind"] == "choice":
        floats = bound | {"values": [float(each) for each in bound["values"]]}
    changed = REACH | {"bounds": {"age_from": floats}}
    assert again(code, 18.0, reach=changed)["state"] == "submitted"
    assert again(code, 20, reach=REACH | {"bounds": {"age_from": bound}})["state"] == "queued"


def test_so_many_and_no_more(code: CodeSite, root: Any) -> None:
    assert [again(code, age)["state"] for age in (20, 21, 22)] == ["queued", "queued", "submitted"]
    # The same again is no run more.
    assert code.ask(reach=REACH, parameters={"age_from": 20}).status_code == httpx.codes.OK
    assert code.execute("SELECT count(*) FROM requests WHERE covered_by = :id", id=root["id"]) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"files": [{"path": "analysis.py", "text": "def work(df, age_from):\n    return df\n"}]},
        {"parameters": {"age_from": 20, "more": 1}},
        {"reach": REACH | {"runs": 4}},
        {"reach": REACH | {"days": 31}},
        {"reach": {"bounds": {"age_from": AGES | {"upper": 99}}, "runs": 3}},
        {"reach": None},
        {"entry": {"kind": "script", "path": "analysis.py"}},
    ],
)
def test_anything_else_takes_people(code: CodeSite, root: Any, changes: dict[str, Any]) -> None:
    assert root["state"] == "queued"
    assert again(code, 20, **changes)["state"] == "submitted"


def test_other_data_or_limits_take_people(code: CodeSite, root: Any) -> None:
    assert root["state"] == "queued"
    assert again(code, 20, limits=code.limits(output_bytes=2048))["state"] == "submitted"
    assert again(code, 20, data={"df": code.strict})["state"] == "submitted"
    set_policy(code, code.data, request_days=9)
    assert again(code, 20)["state"] == "submitted"  # the rules are others now


def test_an_approval_that_has_run_out(
    code: CodeSite, root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta  # noqa: PLC0415

    from carrel_site.core.clock import now  # noqa: PLC0415

    assert again(code, 20)["state"] == "queued"
    monkeypatch.setattr(reach, "now", lambda: now() + timedelta(days=30, seconds=1))
    assert again(code, 21)["state"] == "submitted"
    assert root["state"] == "queued"


def test_before_it_is_approved_it_covers_nothing(code: CodeSite) -> None:
    code.asked(reach=REACH)
    assert again(code, 20)["state"] == "submitted"


def test_what_was_covered_covers_nothing(code: CodeSite, root: Any) -> None:
    covered = again(code, 20)
    code.execute("UPDATE requests SET reach_hash = NULL WHERE id = :id", id=root["id"])
    assert covered["state"] == "queued"
    assert again(code, 21)["state"] == "submitted"


def refused(code: CodeSite, run_id: str) -> str:
    assert code.worker.try_claim(run_id).status_code == httpx.codes.CONFLICT
    return str(code.events("run.refused")[0]["detail"]["reason"])


def test_a_request_that_was_pointed_at_an_approval_of_other_code(code: CodeSite) -> None:
    other = code.approved(
        reach=REACH, files=[{"path": "analysis.py", "text": "def work(df, age_from):\n    pass\n"}]
    )
    code.approved(reach=REACH)
    covered = again(code, 20)
    code.execute(
        "UPDATE requests SET covered_by = :other WHERE id = :id",
        other=other["id"],
        id=covered["id"],
    )
    assert "does not cover it" in refused(code, covered["run"]["id"])


def test_an_approval_that_was_changed_after_it(code: CodeSite, root: Any) -> None:
    covered = again(code, 20)
    code.execute(
        "UPDATE requests SET content = jsonb_set(content, '{reach,runs}', '9') WHERE id = :id",
        id=root["id"],
    )
    assert "does not match the hash" in refused(code, covered["run"]["id"])


def test_more_runs_than_were_approved(code: CodeSite, root: Any) -> None:
    covered = [again(code, age) for age in (20, 21)]
    waiting = again(code, 22)
    code.execute(
        "UPDATE requests SET covered_by = :root, created_at = created_at - interval '1 hour'"
        " WHERE id = :id",
        root=root["id"],
        id=waiting["id"],
    )
    assert "covers fewer runs" in refused(code, covered[1]["run"]["id"])


NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15)


@given(NUMBERS, NUMBERS, st.booleans(), NUMBERS)
def test_a_number_bound_admits_what_lies_within(
    lower: float, upper: float, whole: bool, value: float
) -> None:
    try:
        bound = NumberBound(lower=lower, upper=upper, whole=whole)
    except ValidationError:
        assert lower > upper or max(abs(lower), abs(upper)) > 1e15
        return
    admitted = bound.lower <= value <= bound.upper and (not whole or value == math.floor(value))
    assert bound.admits(value) is admitted


@given(st.one_of(st.booleans(), st.none(), st.text(max_size=5), st.just(())))
def test_a_number_bound_admits_numbers_alone(value: Any) -> None:
    assert not NumberBound(lower=-1e15, upper=1e15).admits(value)


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([0.0, 1.0, 2.5]),
    st.sampled_from(["", "1", "north"]),
    st.none(),
)


@given(st.lists(SCALARS, min_size=1, max_size=4), SCALARS)
def test_a_choice_admits_its_values_and_their_types(values: list[Any], value: Any) -> None:
    bound = ChoiceBound(values=tuple(values))
    expected = any(type(each) is type(value) and each == value for each in values)
    assert bound.admits(value) is expected
