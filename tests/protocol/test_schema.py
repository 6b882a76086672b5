"""Table schemas: what an owner may declare, and the public keys that follow from it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from carrel_protocol.schema import (
    MAX_ABS_STORED,
    MAX_INTEGER_KEYS,
    BooleanColumn,
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
    UnitBounds,
    public_keys,
)

SIZE = DeclaredSize(rows=10, units=10)


def test_categories_are_coded_in_sorted_order_whatever_order_they_came_in() -> None:
    one = CategoryColumn(name="c", categories=("b", "a", "", "Z", "é"))
    other = CategoryColumn(name="c", categories=("é", "Z", "", "a", "b"))
    assert one == other
    assert one.categories == ("", "Z", "a", "b", "é")


@given(
    st.integers(-MAX_ABS_STORED, MAX_ABS_STORED),
    st.integers(-MAX_ABS_STORED, MAX_ABS_STORED),
    st.sampled_from(["1", "0.01", "0.25", "0.000001", "5"]),
)
def test_real_bounds_are_whole_steps(one: int, other: int, resolution: str) -> None:
    low, high = sorted((one, other))
    step = Decimal(resolution)
    texts = [f"{n * step:f}" for n in (low, high)]
    if max(len(t.lstrip("-").partition(".")[0]) for t in texts) > 18:
        return
    column = RealColumn(name="x", lower=texts[0], upper=texts[1], resolution=resolution)
    assert column.stored_bounds == (low, high)
    assert column.unit == step


@pytest.mark.parametrize(
    ("lower", "upper", "resolution", "words"),
    [
        ("0", "1", "0", "resolution must be positive"),
        ("0", "1", "-0.1", "resolution must be positive"),
        ("0.005", "1", "0.01", "no multiple"),
        ("0", "1.015", "0.01", "no multiple"),
        ("2", "1", "0.01", "above upper"),
        ("0", "99999999999999999", "0.01", r"more than 2\^53"),
        ("-999999999999999999", "999999999999999999", "0.000000000001", r"more than 2\^53"),
        ("0", "999999999999999999", "0.000000000017", "no multiple"),
        ("1e3", "1e4", "1", "pattern"),
        ("nan", "1", "1", "pattern"),
        ("0", "Infinity", "1", "pattern"),
    ],
)
def test_a_real_column_that_is_not_exact_is_refused(
    lower: str, upper: str, resolution: str, words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        RealColumn(name="x", lower=lower, upper=upper, resolution=resolution)


@pytest.mark.parametrize(
    "columns",
    [
        (),
        (IntegerColumn(name="U", lower=0, upper=1),),
        (IntegerColumn(name="x", lower=0, upper=1), BooleanColumn(name="X")),
    ],
)
def test_names_are_distinct_whatever_their_case_and_never_the_units(columns: Any) -> None:
    with pytest.raises(ValidationError):
        TableSchema(unit_column="u", columns=columns, size=SIZE)


@pytest.mark.parametrize("name", ["", "1x", "a b", 'a"b', "é", "a" * 64, "a\n", "a;b"])
def test_names_need_no_quotes(name: str) -> None:
    with pytest.raises(ValidationError):
        BooleanColumn(name=name)


def test_columns_are_found_whatever_their_case() -> None:
    schema = TableSchema(unit_column="u", columns=(BooleanColumn(name="Smokes"),), size=SIZE)
    assert schema.column("sMOKES") == BooleanColumn(name="Smokes")
    assert schema.column("u") is None
    assert schema.column("other") is None


def test_public_keys() -> None:
    assert public_keys(BooleanColumn(name="b")) == (False, True, None)
    assert public_keys(BooleanColumn(name="b", nullable=False)) == (False, True)
    assert public_keys(IntegerColumn(name="i", lower=-1, upper=1, nullable=False)) == (-1, 0, 1)
    assert public_keys(CategoryColumn(name="c", categories=("y", "x"))) == ("x", "y", None)
    assert public_keys(RealColumn(name="r", lower="0", upper="1")) is None
    most = IntegerColumn(name="i", lower=1, upper=MAX_INTEGER_KEYS, nullable=False)
    assert len(public_keys(most) or ()) == MAX_INTEGER_KEYS
    assert public_keys(IntegerColumn(name="i", lower=0, upper=MAX_INTEGER_KEYS)) is None


@pytest.mark.parametrize("field", ["rows_per_unit", "rows_per_group", "groups_per_unit"])
@pytest.mark.parametrize("value", [0, -1, 1_000_001])
def test_bounds_lie_within_one_and_a_million(field: str, value: int) -> None:
    with pytest.raises(ValidationError):
        UnitBounds.model_validate({field: value})


def test_unknown_fields_are_errors_and_schemas_read_back() -> None:
    schema = TableSchema(
        unit_column="u",
        columns=(
            RealColumn(name="r", lower="-1.50", upper="2", resolution="0.5"),
            CategoryColumn(name="c", categories=("b", "a")),
        ),
        size=SIZE,
    )
    assert TableSchema.model_validate_json(schema.model_dump_json()) == schema
    with pytest.raises(ValidationError, match="extra"):
        TableSchema.model_validate({**schema.model_dump(), "rows": 5})


def test_looking_up_a_column_leaves_the_schema_as_it_was() -> None:
    def schema() -> TableSchema:
        columns = tuple(BooleanColumn(name=name) for name in ("a", "B"))
        return TableSchema(unit_column="u", columns=columns, size=SIZE)

    used = schema()
    assert used.column("b") is used.columns[1]
    assert used.column("c") is None
    assert used == schema()
    assert hash(used) == hash(schema())
    assert used.model_dump() == schema().model_dump()
    assert used.model_dump_json() == schema().model_dump_json()
    other = used.model_copy(update={"columns": (BooleanColumn(name="c"),)})
    assert other.column("c") is other.columns[0]
    assert other.column("a") is None
    assert used.column("a") is used.columns[0]


@given(st.sets(st.text(max_size=3), min_size=1), st.text(max_size=3))
def test_a_category_is_found_where_it_is_listed(values: set[str], value: str) -> None:
    column = CategoryColumn(name="c", categories=tuple(values))
    assert column.has(value) is (value in values)
    assert all(column.has(listed) for listed in values)
