"""The plan's models: what they refuse, and that they read back."""

from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from carrel_protocol.plan import Aggregate, IntegerLiteral, QueryPlan
from tests.protocol.plans import plans

COUNT = {"function": "count", "alias": "n"}
X = {"op": "column", "name": "x"}


@given(plans())
def test_plans_read_back(plan: QueryPlan) -> None:
    assert QueryPlan.model_validate_json(plan.model_dump_json()) == plan
    assert QueryPlan.model_validate(plan.model_dump(mode="json")) == plan


@pytest.mark.parametrize(
    "plan",
    [
        {"aggregates": []},
        {"aggregates": [COUNT] * 2},
        {"aggregates": [COUNT], "group_by": ["N"]},
        {"aggregates": [COUNT], "group_by": ["a", "A"]},
        {"aggregates": [COUNT], "limit": 5},
        {"aggregates": [COUNT], "version": 2},
        {"aggregates": [{"function": "sum", "alias": "s"}]},
        {"aggregates": [{"function": "max", "column": "x", "alias": "s"}]},
        {"aggregates": [{"function": "count", "alias": "a b"}]},
        {"aggregates": [{"function": "count", "alias": f"a{i}"} for i in range(65)]},
        {"aggregates": [COUNT], "group_by": [f"c{i}" for i in range(17)]},
    ],
)
def test_ill_formed_plans_are_refused(plan: Any) -> None:
    with pytest.raises(ValidationError):
        QueryPlan.model_validate(plan)


@pytest.mark.parametrize(
    "where",
    [
        {"op": "integer", "value": 2**53},
        {"op": "integer", "value": "5"},
        {"op": "integer", "value": 1.0},
        {"op": "integer", "value": True},
        {"op": "decimal", "value": "1e5"},
        {"op": "decimal", "value": "NaN"},
        {"op": "decimal", "value": "0.1234567890123"},
        {"op": "text", "value": "x" * 201},
        {"op": "boolean", "value": 1},
        {"op": "like", "arg": X},
        {"op": "and", "args": [{"op": "boolean", "value": True}]},
        {"op": "in", "arg": X, "values": []},
        {
            "op": "in",
            "arg": X,
            "values": [{"op": "column", "name": "y"}],
        },
        {"op": "is_null", "arg": {"op": "integer", "value": 1}},
        {"op": "column", "name": "x; DROP TABLE y"},
        {"op": "column", "name": "x", "table": "other"},
    ],
)
def test_ill_formed_conditions_are_refused(where: Any) -> None:
    with pytest.raises(ValidationError):
        QueryPlan.model_validate({"where": where, "aggregates": [COUNT]})


@pytest.mark.parametrize("depth", [100, 1_000, 10_000])
def test_deep_json_ends_in_a_refusal(depth: int) -> None:
    deep = '{"op":"not","arg":' * depth + '{"op":"boolean","value":true}' + "}" * depth
    text = '{"aggregates":[{"function":"count","alias":"n"}],"where":' + deep + "}"
    if depth == 100:
        assert QueryPlan.model_validate_json(text).where is not None
        return
    with pytest.raises(ValidationError):
        QueryPlan.model_validate_json(text)


def test_plans_cannot_be_changed() -> None:
    plan = QueryPlan(aggregates=(Aggregate(function="count", alias="n"),))
    with pytest.raises(ValidationError, match="frozen"):
        plan.where = IntegerLiteral(value=1)
