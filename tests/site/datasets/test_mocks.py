"""Mocks: plausible, decided by the seed, and made from public metadata alone."""

import inspect
from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
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
    UnitBounds,
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


def columns_of(table: TableSchema, rows: int, seed: int = 1) -> list[tuple[Any, ...]]:
    """The values of the unit column, and then of each of the others."""
    return list(zip(*make_mock(table, rows, seed).rows, strict=True))


def test_nullable_columns_hold_some_nulls_and_the_values_spread() -> None:
    age, spend, female, region = columns_of(make_table(), 2000, 7)[1:]
    assert None not in age
    for column in (spend, female, region):
        assert 30 < sum(value is None for value in column) < 250
    assert len(set(age)) > 70
    assert set(region) == {"north", "south", "west", None}
    assert set(female) == {True, False, None}


@pytest.mark.parametrize("seed", range(20))
def test_few_rows_are_enough_to_meet_what_code_forgets(seed: int) -> None:
    """A null, both ends of a range, every category, a unit with more rows than count."""
    units, age, spend, female, region = columns_of(make_table(), 12, seed)
    assert {0, 120} < set(age)
    assert {0.0, 1000.0, None} < set(spend)
    assert set(female) == {True, False, None}
    assert set(region) == {"north", "south", "west", None}
    assert max(Counter(units).values()) > 1
    assert len(set(units)) > 1


@pytest.mark.parametrize("count", [1, 2, 40, 300])
@pytest.mark.parametrize("nullable", [True, False])
def test_every_category_occurs_as_soon_as_there_are_rows_for_it(count: int, nullable: bool) -> None:
    names = tuple(f"k{place:03}" for place in range(count))
    column = CategoryColumn(name="c", categories=names, nullable=nullable)
    table = TableSchema(
        unit_column="unit", columns=(column,), size=DeclaredSize(rows=1000, units=500)
    )
    rows = count if not nullable else count + max(1, round(0.2 * count))
    assert set(names) <= set(columns_of(table, rows)[1])
    fewer = [value for value in columns_of(table, max(1, count // 2))[1] if value is not None]
    assert len(set(fewer)) == len(fewer)  # none twice before each was there once


def test_a_narrow_range_of_whole_numbers_is_met_in_full() -> None:
    months = IntegerColumn(name="month", lower=1, upper=12, nullable=False)
    table = make_table(columns=(months,))
    assert sorted(columns_of(table, 12)[1]) == list(range(1, 13))
    shares = Counter(columns_of(table, 12_000)[1])
    assert all(800 < shares[month] < 1200 for month in range(1, 13))


def test_categories_differ_in_how_common_they_are_and_none_is_rare_beyond_use() -> None:
    names = tuple("abcdefgh")
    table = make_table(columns=(CategoryColumn(name="c", categories=names, nullable=False),))
    shares = [count / 8000 for _, count in Counter(columns_of(table, 8000)[1]).most_common()]
    assert shares[0] > 0.2
    assert shares[-1] > 0.05


@pytest.mark.parametrize(("lower", "upper"), [(-500, 500), (0, 1000), (10, 10**9)])
def test_numbers_lie_within_and_not_in_a_heap_at_the_bounds(lower: int, upper: int) -> None:
    column = IntegerColumn(name="i", lower=lower, upper=upper, nullable=False)
    values = columns_of(make_table(columns=(column,)), 5000)[1]
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    spread = upper - lower
    assert min(values) == lower
    assert max(values) == upper
    assert values.count(lower) < 60
    assert values.count(upper) < 60
    assert high - low > 0.4 * spread
    # What begins at nought leans to the left, as ages and amounts do; the rest is even-sided.
    assert (middle - lower) / spread == pytest.approx(0.25 if lower == 0 else 0.5, abs=0.03)


def test_reals_are_written_on_their_resolution_and_no_more() -> None:
    column = RealColumn(name="r", lower="-1.2", upper="9.6", resolution="0.4", nullable=False)
    values = columns_of(make_table(columns=(column,)), 500)[1]
    steps = {Decimal(repr(value)) / Decimal("0.4") for value in values}
    assert all(step == step.to_integral_value() for step in steps)
    assert len(steps) == 28  # -3 to 24: each of a domain so small


def test_units_have_about_as_many_rows_as_declared() -> None:
    table = make_table(size=DeclaredSize(rows=8000, units=1000))
    rows = Counter(columns_of(table, 4000)[0])
    assert 6 < sum(rows.values()) / len(rows) < 10
    assert max(rows.values()) > 24
    assert min(rows.values()) == 1
    assert sorted(rows) == list(range(1, len(rows) + 1))


def test_a_size_of_one_row_a_unit_is_approximate_and_some_have_two() -> None:
    """Nothing holds a real table to it, so code that does fails on the mock first."""
    single = make_table(size=DeclaredSize(rows=10, units=10))
    rows = Counter(columns_of(single, 1000)[0])
    assert set(rows.values()) == {1, 2}
    assert 20 < sum(count == 2 for count in rows.values()) < 100


@pytest.mark.parametrize("bound", [1, 3, 25])
def test_some_unit_has_more_rows_than_count_and_others_have_not(bound: int) -> None:
    table = make_table(
        bounds=UnitBounds(rows_per_unit=bound), size=DeclaredSize(rows=1000, units=500)
    )
    rows = Counter(columns_of(table, 200)[0])
    assert max(rows.values()) > bound
    assert min(rows.values()) <= bound
    assert sum(count > bound for count in rows.values()) < len(rows)


def test_units_with_more_rows_than_the_mock_do_not_fill_it_alone() -> None:
    table = make_table(
        bounds=UnitBounds(rows_per_unit=10**6), size=DeclaredSize(rows=10**9, units=10)
    )
    rows = Counter(columns_of(table, 100)[0])
    assert len(rows) > 2


def test_a_column_stays_as_it_is_when_others_are_added() -> None:
    wide, age = make_table(), make_table().columns[:1]
    narrow = make_table(columns=age)
    assert columns_of(wide, 50)[1] == columns_of(narrow, 50)[1]
    assert columns_of(wide, 50)[0] == columns_of(narrow, 50)[0]


def test_the_rows_are_the_same_on_every_site_and_python() -> None:
    """Kept: a notebook that was written on a mock finds the same one after an update."""
    assert make_mock(make_table(), 4, 1).rows == (
        (2, 22, 130.85, True, "north"),
        (1, 63, 0.0, False, "south"),
        (4, 120, None, True, "west"),
        (3, 0, 1000.0, None, None),
    )


def test_another_seed_gives_other_rows() -> None:
    assert make_mock(make_table(), 50, 1) != make_mock(make_table(), 50, 2)


def test_a_mock_is_made_without_a_site() -> None:
    """Its only inputs are the schema, a number of rows and a seed."""
    assert list(inspect.signature(make_mock).parameters) == ["table", "rows", "seed"]
    source = inspect.getsource(mocks)
    assert all(word not in source for word in ("session", "storage", "open("))
