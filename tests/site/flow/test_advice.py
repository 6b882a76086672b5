"""What a price says beside the price: what would fit, and whether it was asked before."""

from typing import Any

import pytest

from tests.site.flow.conftest import MOST, Flow


def price(flow: Flow, target: dict[str, Any], where: str = "age > 3", who: Any = None) -> Any:
    body = {
        "dataset": flow.open,
        "sql": f"SELECT COUNT(*) AS n FROM {flow.open} WHERE {where}",
        "target": target,
    }
    return flow.ok(who or flow.app.researcher, "POST", "/prices", json=body)


@pytest.mark.parametrize(
    ("target", "field", "more"),
    [
        (MOST, "epsilon", 1.15),
        ({"kind": "rho", "rho": 5.0}, "rho", 1.15),
        ({"kind": "accuracy", "within": 1.0, "confidence": 0.999}, "within", 0.8),
    ],
)
def test_what_fits_is_nearly_all_that_is_left(
    flow: Flow, target: dict[str, Any], field: str, more: float
) -> None:
    """The suggestion is affordable, and a little more than it is not."""
    for n in (11, 12, 13):
        if price(flow, MOST, f"age > {n}")["affordable"]:
            flow.asked(flow.open, f"age > {n}", target=MOST, review=False)
    asked = price(flow, target)
    assert not asked["affordable"]
    fits = asked["fits"]
    assert fits["kind"] == target["kind"]
    assert price(flow, fits)["affordable"]
    assert not price(flow, fits | {field: fits[field] * more})["affordable"]
    assert len(f"{fits[field]:g}".replace(".", "").strip("0")) <= 2


def test_nothing_is_advised_where_it_fits(flow: Flow) -> None:
    asked = price(flow, {"kind": "epsilon", "epsilon": 0.1})
    assert asked["affordable"]
    assert asked["fits"] is None
    assert asked["asked_before"] is None


def test_a_price_knows_what_was_asked_before_and_by_whom(flow: Flow) -> None:
    target = {"kind": "epsilon", "epsilon": 0.1}
    request = flow.asked(flow.open, "age > 3")
    assert price(flow, target, "3 < age")["asked_before"] == request["id"]
    assert price(flow, target, "age > 4")["asked_before"] is None
    # What a colleague asked is theirs: nobody else's price tells of it.
    flow.ok(
        flow.app.owner, "PUT", f"/datasets/{flow.open}/access", json={"user": flow.app.owner.id}
    )
    assert price(flow, target, who=flow.app.owner)["asked_before"] is None


def test_a_failure_is_not_remembered_once_it_is_public(flow: Flow) -> None:
    target = {"kind": "epsilon", "epsilon": 0.1}
    request = flow.asked(flow.open)
    job = flow.worker.claim(request["run"]["id"])
    flow.worker.fail(job)
    flow.ended(job.run_id)
    assert price(flow, target)["asked_before"] is None


def test_a_question_in_python_reads_as_sql(flow: Flow) -> None:
    plan = {"aggregates": [{"function": "count", "alias": "n"}]}
    body = {"dataset": flow.open, "plan": plan, "target": {"kind": "epsilon", "epsilon": 0.1}}
    request = flow.ok(flow.app.researcher, "POST", "/requests", json=body)
    assert request["sql"] is None
    assert request["target"] == body["target"]
    assert request["bounds"] is None
    assert request["as_sql"] == f"SELECT COUNT(*) AS n FROM {flow.open}"
