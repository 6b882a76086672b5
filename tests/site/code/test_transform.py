"""Rounding and taking cells out, before something leaves."""

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carrel_protocol.api.code import Transform
from carrel_protocol.labels import measured
from carrel_protocol.schema import CategoryColumn, DeclaredSize, IntegerColumn, TableSchema
from carrel_site.core.errors import InvalidInput
from carrel_site.outputs.transform import apply, left_alone

NUMBERS = st.integers(-(10**18), 10**18) | st.floats(-1e300, 1e300, allow_subnormal=False)
CELLS = st.one_of(NUMBERS, st.booleans(), st.none(), st.text(max_size=8))
STEPS = st.sampled_from([1e-9, 0.1, 0.25, 1.0, 3.0, 5.0, 10.0, 1e6])


def change(**given: Any) -> Transform:
    return Transform(item="a", **given)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5), STEPS, st.integers(0, 3))
def test_a_tables_numbers_become_multiples(rows: list[list[Any]], step: float, index: int) -> None:
    table = {"columns": ["x", "y", "z"], "index": index, "rows": rows}
    left = json.loads(apply("table", json.dumps(table).encode(), change(round_to=step)))
    assert (left["columns"], left["index"]) == (table["columns"], index)
    labels = [(name, [row[at] for row in rows]) for at, name in enumerate("xyz"[:index])]
    kept = set(range(index)) - measured(labels, [])
    for before, after in zip(rows, left["rows"], strict=True):
        for at, (old, new) in enumerate(zip(before, after, strict=True)):
            if at in kept:
                assert (type(new), new) == (type(old), old)
                continue
            if isinstance(old, bool) or not isinstance(old, int | float):
                assert (type(new), new) == (type(old), old)
                continue
            assert abs(Decimal(new) - Decimal(old)) <= Decimal(step) * Decimal("0.51") + abs(
                Decimal(old)
            ) * Decimal("1e-15")
            if step >= 1 and abs(old) < 1e9:
                assert math.fmod(new, step) == 0


@given(st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=1, max_size=5), st.data())
def test_what_is_taken_out_is_gone_and_nothing_else(rows: list[Any], data: st.DataObject) -> None:
    cell = st.tuples(st.integers(0, len(rows) - 1), st.integers(0, 1))
    cells = data.draw(st.sets(cell, max_size=6))
    table = {"columns": ["x", "y"], "rows": rows}
    left = apply("table", json.dumps(table).encode(), change(suppress=tuple(cells)))
    for at, row in enumerate(json.loads(left)["rows"]):
        for column, value in enumerate(row):
            assert value == (None if (at, column) in cells else rows[at][column])


PEOPLE = TableSchema(
    unit_column="person",
    columns=(
        CategoryColumn(name="region", categories=("north", "south")),
        IntegerColumn(name="age", lower=0, upper=120),
    ),
    size=DeclaredSize(rows=1000, units=1000),
)


def test_measured_numbers_are_rounded_wherever_code_puts_them() -> None:
    table = {
        "columns": ["region", "n", "m"],
        "index": 3,
        "rows": [["north", 123, 1.2345678], ["south", 7, 99876.54]],
    }
    left = apply("table", json.dumps(table).encode(), change(round_to=10), [PEOPLE])
    assert json.loads(left)["rows"] == [["north", 120, 0.0], ["south", 10, 99880.0]]


def test_labels_stay_as_they_are() -> None:
    rows = [["north", 18, 1, 7], ["south", 33, 2, 8]]
    table = {"columns": ["region", "age", "quartile", "n"], "index": 2, "rows": rows}
    left = apply("table", json.dumps(table).encode(), change(round_to=10), [PEOPLE])
    assert json.loads(left)["rows"] == [["north", 18, 0, 10], ["south", 33, 0, 10]]
    # What no dataset declares may be anything.
    left = apply("table", json.dumps(table).encode(), change(round_to=10))
    assert json.loads(left)["rows"] == [["north", 20, 0, 10], ["south", 30, 0, 10]]


@pytest.mark.parametrize(
    ("kind", "value", "numbers"),
    [
        ("value", {"a": 99876.54}, 0),
        ("value", {"a99876.54": {"b": ["71234 EUR", "12"]}}, 2),
        ("value", "1,234.56 and 99.9", 2),
        ("table", {"columns": ["n", "in 2019"], "index": 0, "rows": [[1, "12345.6"]]}, 2),
        ("table", {"columns": ["n"], "index": 0, "rows": [[12345.6]]}, 0),
    ],
)
def test_numbers_that_rounding_leaves_are_counted(kind: Any, value: Any, numbers: int) -> None:
    assert left_alone(kind, json.dumps(value).encode()) == numbers


def test_values_are_rounded_wherever_numbers_are_in_them() -> None:
    value = {"a": [1.24, {"b": 7}], "c": "1.24", "d": True, "e": None, "f": -0.1}
    left = json.loads(apply("value", json.dumps(value).encode(), change(round_to=0.5)))
    assert left == {"a": [1.0, {"b": 7.0}], "c": "1.24", "d": True, "e": None, "f": 0.0}
    assert math.copysign(1, left["f"]) == 1


def test_the_same_bytes_and_decision_give_the_same_bytes() -> None:
    content = b'{"b":1.5,"a":[2,"\xc3\xa9"]}'
    once = apply("value", content, change(round_to=2))
    assert once == apply("value", content, change(round_to=2)) == b'{"b":2.0,"a":[2,"\xc3\xa9"]}'


@pytest.mark.parametrize("kind", ["frame", "array", "tensors", "figure"])
def test_what_is_binary_is_never_touched(kind: Any) -> None:
    with pytest.raises(InvalidInput):
        apply(kind, b"\x80\x04.", change(round_to=1))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"NaN",
        b"[Infinity]",
        b"[1e999]",
        b"{",
        b"[" * 100_000,
        b"\xff",
        b"\x80\x04\x95.",
        b"cos\nsystem\n(S'true'\ntR.",
    ],
)
def test_values_that_are_none(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        apply("value", content, change(round_to=1))


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b'{"columns": ["a"], "rows": [[1, 2]]}',
        b'{"columns": ["a"], "index": 2, "rows": []}',
        b'{"columns": ["a"], "rows": [[NaN]]}',
        b'{"columns": ["a"], "rows": [[[1]]]}',
    ],
)
def test_tables_that_are_none(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        apply("table", content, change(suppress=((0, 0),)))
