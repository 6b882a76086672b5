"""Which label columns hold measured numbers, whatever the code that made them says."""

import pytest

from carrel_protocol.labels import Labels, measured
from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
)

SCHEMA = TableSchema(
    unit_column="person",
    columns=(
        IntegerColumn(name="age", lower=0, upper=120),
        RealColumn(name="income", lower="0", upper="1000000.00"),
        RealColumn(name="dose", lower="0", upper="5.0", resolution="0.1"),
        CategoryColumn(name="region", categories=("east", "west")),
        BooleanColumn(name="female"),
        CategoryColumn(name="ward", categories=("12", "7")),
    ),
    size=DeclaredSize(rows=1000, units=1000),
)


@pytest.mark.parametrize(
    "labels",
    [
        [],
        [("region", ["east", "west"])],
        [("anything", ["a", "a", None])],
        [("female", [True, False])],
        [("female", [0, 1])],
        [("age", [18, 25, 61])],
        [("AGE", [18.0, 25.0, None])],
        [("dose", [0.1, 0.3, 4.9])],
        [("region", ["east", "east", "west", "west"]), ("age", [20, 30, 20, 30])],
        [("quartile", [1, 2, 3, 4])],
        [("index", [0, 1])],
        [("decade", [20, 30, 40, 50])],
        [("region", ["east", "east", "west", "west"]), ("half", [1, 2, 1, 2])],
        [("ward", ["12", "7"])],
        [("age", ["20", "31"])],
        [("quartile", ["1", "2", "3", "4"])],
        [("band", ["20-29", "30-39", "2019-05"])],
        [("edge", [0.1, 0.2, 0.3, 0.4])],
        [("", [])],
    ],
)
def test_labels_that_are(labels: Labels) -> None:
    assert measured(labels, [SCHEMA]) == frozenset()


@pytest.mark.parametrize(
    ("labels", "places"),
    [
        ([("n", [4, 120, 77])], {0}),
        ([("region", ["east", "west"]), ("no", [120, 2]), ("yes", [99, 2])], {1, 2}),
        ([("income", [1234.56, 99.0])], {0}),  # a domain that wide holds anything
        ([("age", [18, 121])], {0}),
        ([("age", [18.5, 20])], {0}),
        ([("region", ["east", "west"]), ("age", [4, 7]), ("age", [3, 2])], {2}),
        ([("age", [30, 30, 41])], {0}),  # rows, not groups
        ([("k", [0, 1, 2, 0]), ("age", [30, 31, 41, 30])], {0, 1}),
        ([("digit", [0, 3, 1, 2, 2, 0])], {0}),
        ([("row", [0, 1, 2, 3]), ("digit", [0, 1, 1, 0])], {0, 1}),
        ([("three", [4, 8, 12])], {0}),
        ([("mixed", ["a", 3])], {0}),
        ([("region", [7, 8])], {0}),
        ([("region", ["east", "west"]), ("n", ["4", "120.0"])], {1}),
    ],
)
def test_numbers_that_are_no_labels(labels: Labels, places: set[int]) -> None:
    assert measured(labels, [SCHEMA]) == places


def test_of_several_datasets_any_declares_a_label() -> None:
    other = SCHEMA.model_copy(update={"columns": (IntegerColumn(name="ward", lower=7, upper=9),)})
    assert measured([("ward", [7, 9])], [SCHEMA, other]) == frozenset()
    assert measured([("ward", [7, 9])], [SCHEMA]) == {0}
    assert measured([("ward", [7, 9])], []) == {0}
