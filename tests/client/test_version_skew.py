"""A client goes on working with a site that is newer than itself."""

from typing import Any

import pytest

import carrel
from carrel._price import Price
from carrel._request import Request, RequestData
from carrel._run import Run
from carrel._wire import read
from carrel_protocol.api import datasets, requests
from carrel_protocol.api.common import Page
from tests.client.made_up import ANSWER, DATASET, PRICE, REQUEST, RUN, SCHEMA, dataset, site


def widened(value: Any) -> Any:
    """`value` with an unknown field in every object."""
    if isinstance(value, dict):
        return {"from_the_future": {"x": [1]}, **{k: widened(v) for k, v in value.items()}}
    if isinstance(value, list):
        return [widened(item) for item in value]
    return value


def test_fields_that_came_later_are_ignored_at_every_depth() -> None:
    assert read(RequestData, widened(REQUEST)) == read(RequestData, REQUEST)
    assert read(datasets.Dataset, widened(DATASET)) == read(datasets.Dataset, DATASET)


@pytest.mark.parametrize("state", ["held", "in_the_oven"])
def test_an_unknown_state_is_a_text(state: str) -> None:
    request = Request(site(), read(RequestData, {**REQUEST, "state": state}))
    assert request.state == state
    assert request.price.epsilon == 0.1
    assert state in repr(request)
    assert state in str(request)
    assert state in request._repr_html_()


def test_a_known_state_is_what_programs_compare_with() -> None:
    request = Request(site(), read(RequestData, REQUEST))
    assert request.state == "queued"
    assert f"{request.state}" == "queued"


def test_requests_of_kinds_that_came_later_can_be_listed() -> None:
    summary = {
        key: REQUEST[key]
        for key in ("id", "dataset", "requester", "purpose", "state", "created_at", "updated_at")
    }
    page = read(
        Page[requests.RequestSummary],
        {"items": [{**summary, "kind": "train", "run_state": "baking"}], "next_cursor": None},
    )
    request = Request(site(), None, page.items[0])
    assert request.kind == "train"
    assert request.requester.name == "Ada"
    assert request.created_at.year == 2026
    assert "baking" in repr(request)


def test_a_request_of_a_kind_that_came_later_can_be_shown() -> None:
    content = {"kind": "train", "model": {"layers": 3}}
    request = Request(site(), read(RequestData, {**REQUEST, "kind": "train", "content": content}))
    assert "train" in str(request.kind)
    assert "ab" * 32 in str(request)
    assert "ab" * 32 in request._repr_html_()


def test_an_unknown_kind_of_column_is_listed_without_a_domain() -> None:
    columns = [*SCHEMA["columns"], {"type": "date", "name": "born", "first": "1900-01-01"}]
    schema = dataset(table={**SCHEMA, "columns": columns}).schema
    assert [column.type for column in schema] == ["integer", "real", "boolean", "category", "date"]
    assert schema["born"].keys is None
    assert schema["age"].domain == "0 to 120"
    assert "born" in str(schema)
    assert "born" in schema._repr_html_()


def test_an_unknown_measure_is_still_a_number() -> None:
    measure = {**ANSWER["measures"][0], "function": "median"}
    run = read(requests.Run, {**RUN, "answer": {**ANSWER, "measures": [measure]}})
    request = Request(site(), read(RequestData, REQUEST))
    result = Run(site(), run, request).result()
    assert result.value == 4231
    assert result.interval == (4201, 4261)


def test_an_unknown_final_state_is_no_endless_wait() -> None:
    request = Request(site(), read(RequestData, {**REQUEST, "run": {**RUN, "state": "burnt"}}))
    with pytest.raises(carrel.UnexpectedAnswer, match="burnt"):
        request.wait()


def test_an_answer_of_a_kind_that_came_later_says_what_to_do() -> None:
    run = read(requests.Run, {**RUN, "answer": {"kind": "model", "weights": "…"}})
    request = Request(site(), read(RequestData, REQUEST))
    with pytest.raises(carrel.UnexpectedAnswer, match="pip install --upgrade carrel"):
        Run(site(), run, request).result()


def test_a_price_with_a_mechanism_and_a_plan_that_came_later_still_prints() -> None:
    price = read(
        Price,
        {
            **PRICE,
            "noise": [{"mechanism": "staircase", "scale": 1.0}],
            "plan": {"aggregates": [{"function": "median", "column": "age", "alias": "m"}]},
            "approval": "committee",
        },
    )
    assert price.share == 0.0123
    assert "committee" in str(price)
    assert "0.1" in repr(price)


def test_what_is_not_an_object_is_no_answer() -> None:
    with pytest.raises(carrel.UnexpectedAnswer):
        read(Price, [1, 2])
