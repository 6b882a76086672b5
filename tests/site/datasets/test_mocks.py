"""Mocks: plausible, decided by the seed, and made from public metadata alone."""

import inspect
from collections import Counter
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from carrel_protocol.schema import (
    MAX_ABS_STORED,
    BooleanColumn,
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_site.datasets import mocks
from carrel_site.datasets.mocks import make_mock
from tests.factories import make_table


@st.composite
def integers(draw: st.DrawFn) -> IntegerColumn:
    low, high = sorted(draw(st.tuples(*[st.integers(-MAX_ABS_STORED, MAX_ABS_STORED)] * 2)))
    return IntegerColumn(name="i", lower=low, upper=high, nullable=draw(st.booleans()))


@st.composite
def reals(draw: st.DrawFn) -> RealColumn:
    step = Decimal(draw(st.sampled_from(["0.01", "0.5", "1", "0.000001"])))
    low, high = sorted(draw(st.tuples(*[st.integers(-(10**9), 10**9)] * 2)))
    return RealColumn(
        name="r",
        lower=f"{low * step:f}",
        upper=f"{high * step:f}",
        resolution=str(step) if "E" not in str(step) else f"{step:f}",
        nullable=draw(st.booleans()),
    )


categories = st.lists(st.text(max_size=4), min_size=1, max_size=30, unique=True).map(
    lambda values: CategoryColumn(name="c", categories=tuple(values))
)


@settings(deadline=None, max_examples=60)
@given(
    integers(),
    reals(),
    categories,
    st.booleans(),
    st.integers(1, 10**9),
    st.integers(1, 10**9),
    st.integers(1, 200),
    st.integers(0, 2**53 - 1),
)
def test_rows_fit_the_schema_and_the_seed_decides_them(
    integer: IntegerColumn,
    real: RealColumn,
    category: CategoryColumn,
    nullable: bool,
    size: int,
    units: int,
    rows: int,
    seed: int,
) -> None:
    boolean = BooleanColumn(name="b", nullable=nullable)
    table = TableSchema(
        unit_column="unit",
        columns=(integer, real, category, boolean),
        size=DeclaredSize(rows=size, units=units),
    )
    mock = make_mock(table, rows, seed)
    assert mock == make_mock(table, rows, seed)
    assert mock.columns == ("unit", "i", "r", "c", "b")
    assert len(mock.rows) == rows
    low, high = real.stored_bounds
    for unit, i, r, c, b in mock.rows:
        assert isinstance(unit, int)
        assert 1 <= unit <= rows
        if i is not None:
            assert isinstance(i, int)
            assert integer.lower <= i <= integer.upper
        if r is not None:
            assert low <= round(Decimal(repr(r)) / real.unit) <= high
        assert c is None or c in category.categories
        assert b is None or isinstance(b, bool)
    for column, values in zip(table.columns, list(zip(*mock.rows, strict=True))[1:], strict=True):
        assert column.nullable or None not in values


def test_nullable_columns_hold_some_nulls_and_the_values_spread() -> None:
    mock = make_mock(make_table(), 2000, 7)
    age, spend, female, region = list(zip(*mock.rows, strict=True))[1:]
    assert None not in age
    assert all(20 < sum(value is None for value in column) < 300 for column in (spend, region))
    assert len(set(age)) > 40
    assert set(region) == {"north", "south", "west", None}
    assert set(female) == {True, False, None}


def test_units_have_about_as_many_rows_as_declared() -> None:
    table = make_table(size=DeclaredSize(rows=8000, units=1000))
    rows = Counter(row[0] for row in make_mock(table, 4000, 1).rows)
    assert 6 < sum(rows.values()) / len(rows) < 10
    assert max(rows.values()) > 8
    single = make_table(size=DeclaredSize(rows=10, units=10))
    assert set(Counter(row[0] for row in make_mock(single, 300, 1).rows).values()) == {1}


def test_another_seed_gives_other_rows() -> None:
    assert make_mock(make_table(), 50, 1) != make_mock(make_table(), 50, 2)


def test_a_mock_is_made_without_a_site() -> None:
    """Its only inputs are the schema, a number of rows and a seed."""
    assert list(inspect.signature(make_mock).parameters) == ["table", "rows", "seed"]
    source = inspect.getsource(mocks)
    assert all(word not in source for word in ("session", "storage", "open("))
