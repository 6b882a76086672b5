"""Black boxes on the wire: what their hash covers, and what may not be asked."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from carrel_protocol.black_box import (
    BlackBoxAnswer,
    BlackBoxContent,
    BlackBoxProgram,
    OutputVector,
)
from carrel_protocol.canonical import tagged_hash

CONTENT: dict[str, Any] = {
    "requester": "usr_a",
    "data": {
        "alias": "df",
        "dataset_id": "ds_a",
        "version_id": "ver_a",
        "data_commitment": "c" * 64,
        "metadata_revision": 1,
        "policy_revision": 1,
        "table": {
            "unit_column": "person",
            "columns": [{"type": "integer", "name": "age", "lower": 0, "upper": 120}],
            "size": {"rows": 10, "units": 10},
        },
    },
    "entry": {"path": "a.py", "name": "work"},
    "files": [{"path": "a.py", "text": "def work(df, k):\n    return [1, 2]\n"}],
    "parameters": {"k": 1},
    "environment": {"name": "default", "lock_hash": "0" * 64},
    "limits": {"wall_seconds": 2, "cpu_seconds": 1},
    "blocks": 10,
    "output": {"lower": [0, -1], "upper": [1, 1], "steps": 100},
    "noise": [{"mechanism": "discrete_laplace", "scale": 200.0}] * 2,
    "claimed": [{"kind": "epsilon", "value": 0.5}] * 2,
    "purpose": "to see",
}


def content(change: Callable[[dict[str, Any]], None] = lambda _: None) -> BlackBoxContent:
    body = json.loads(json.dumps(CONTENT))
    change(body)
    return BlackBoxContent.model_validate(body)


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "requester": lambda c: c.update(requester="usr_b"),
    "version": lambda c: c["data"].update(version_id="ver_b"),
    "commitment": lambda c: c["data"].update(data_commitment="d" * 64),
    "metadata": lambda c: c["data"].update(metadata_revision=2),
    "policy": lambda c: c["data"].update(policy_revision=2),
    "alias": lambda c: c["data"].update(alias="table"),
    "code": lambda c: c["files"][0].update(text="def work(df, k):\n    return [1, 3]\n"),
    "entry": lambda c: c["entry"].update(name="other"),
    "parameter": lambda c: c["parameters"].update(k=2),
    "environment": lambda c: c["environment"].update(lock_hash="1" * 64),
    "limits": lambda c: c["limits"].update(wall_seconds=3),
    "blocks": lambda c: c.update(blocks=11),
    "bounds": lambda c: c["output"].update(upper=[1, 2]),
    "steps": lambda c: c["output"].update(steps=101),
    "aggregate": lambda c: c.update(aggregate="median"),
    "noise": lambda c: c["noise"][1].update(scale=201.0),
    "claim": lambda c: c["claimed"][1].update(value=0.51),
    "mechanisms": lambda c: c.update(mechanism_version=2),
    "confidence": lambda c: c.update(confidence=0.9),
    "purpose": lambda c: c.update(purpose="to see more"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_hash_covers_everything(what: str) -> None:
    assert content(CHANGES[what]).content_hash() != content().content_hash()


def test_the_hash_has_a_domain_of_its_own_and_is_that_of_what_comes_back() -> None:
    asked = content()
    assert asked.content_hash() != tagged_hash(
        "request-content/code/1", asked.model_dump(mode="json")
    )
    again = BlackBoxContent.model_validate_json(asked.model_dump_json())
    assert again.content_hash() == asked.content_hash()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["noise"].pop(), "1 noises"),
        (lambda c: c["claimed"].pop(), "1 claims"),
        (lambda c: c["parameters"].update(df=1), "a dataset and a parameter"),
        (lambda c: c["output"].update(upper=[0, 1]), "no 100 steps"),
        (lambda c: c["output"].update(upper=[-1, 1]), "no 100 steps"),
        (lambda c: c["output"].update(upper=[math.nan, 1]), "output.upper"),
        (lambda c: c["output"].update(upper=[math.inf, 1]), "output.upper"),
        (lambda c: c["output"].update(lower=[0]), "1 lower bounds and 2 upper ones"),
        (lambda c: c["output"].update(steps=0), "output.steps"),
        (lambda c: c.update(blocks=1), "blocks"),
        (lambda c: c.update(blocks=1000, limits={"wall_seconds": 3}), "4000 s"),
        (lambda c: c.update(aggregate="mode"), "aggregate"),
        (
            lambda c: c.update(aggregate="median", output={**c["output"], "steps": 4097}),
            "at most 4097 points",
        ),
        (lambda c: c["entry"].update(kind="script"), "entry"),
        (lambda c: c.update(surprise=1), "surprise"),
    ],
)
def test_what_makes_no_sense_is_refused(
    change: Callable[[dict[str, Any]], None], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        content(change)


def test_a_slot_is_longer_than_a_block_may_take_and_the_schedule_is_all_slots() -> None:
    asked = content()
    assert asked.slot_seconds() > asked.limits.wall_seconds
    assert asked.schedule_seconds() == asked.blocks * asked.slot_seconds()
    fields = {name: CONTENT[name] for name in BlackBoxProgram.model_fields if name in CONTENT}
    assert BlackBoxProgram.model_validate(fields).schedule_seconds() == asked.schedule_seconds()


def test_each_numbers_sensitivity_is_its_grid_whatever_its_bounds() -> None:
    vector = OutputVector(lower=(-1e15, 0.0), upper=(1e15, 1e-9), steps=7)
    assert [(each.l1, each.l2_squared) for each in vector.primitives()] == [(7, 49), (7, 49)]
    assert [vector.grid(each, 0) for each in (-math.inf, 0.0, math.inf)] == [0, 4, 7]


def test_means_stay_within_bounds_and_have_no_negative_zero() -> None:
    vector = OutputVector(lower=(-0.0,), upper=(1.0,), steps=10)
    assert [vector.mean(0, total, 4) for total in (-50, 0, 20, 40, 90)] == [0, 0, 0.5, 1, 1]
    assert all(math.copysign(1, vector.mean(0, total, 4)) == 1 for total in (-50, 0))


def test_large_released_sums_keep_every_digit() -> None:
    answer = {
        "blocks": 2,
        "values": [0.5],
        "low": [0],
        "high": [1],
        "confidence": 0.95,
        "noise": [CONTENT["noise"][0]],
        "released": [str(2**60 + 1)],
    }
    assert BlackBoxAnswer.model_validate(answer).released == (str(2**60 + 1),)
    with pytest.raises(ValidationError):
        BlackBoxAnswer.model_validate(answer | {"released": [1.5]})
