"""A frame of stored rows and one of the same rows made up: no type, order or value differs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    Column,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_worker.executors.code.prepare import schema_file
from carrel_worker.sandbox.runner import tables
from carrel_worker.tables.codes import code_type, last_code, null_code
from carrel_worker.tables.layout import new_table

COLUMNS: tuple[Column, ...] = (
    IntegerColumn(name="age", lower=-5, upper=100, nullable=False),
    IntegerColumn(name="visits", lower=0, upper=2**40),
    RealColumn(name="cost", lower="-12.50", upper="1000000.00", resolution="0.01"),
    RealColumn(name="dose", lower="0", upper="100", resolution="2.5", nullable=False),
    BooleanColumn(name="smokes"),
    BooleanColumn(name="female", nullable=False),
    CategoryColumn(name="region", categories=("south", "north", "ö")),
    CategoryColumn(name="kind", categories=("b", "a"), nullable=False),
)
SCHEMA = TableSchema(unit_column="person", columns=COLUMNS, size=DeclaredSize(rows=9, units=5))


def _store(directory: Path, codes: dict[str, list[int]], starts: list[int]) -> None:
    directory.mkdir(exist_ok=True)
    (directory / tables.SCHEMA).write_text(schema_file(SCHEMA))
    with new_table(directory / tables.STORED, COLUMNS, starts[-1], len(starts) - 1) as table:
        table.write_starts(np.array(starts, dtype=np.int64))
        for column in COLUMNS:
            table.write_codes(column.name, 0, np.array(codes[column.name], dtype=code_type(column)))


def _make_up(directory: Path, rows: list[list[object]]) -> None:
    directory.mkdir(exist_ok=True)
    (directory / tables.SCHEMA).write_text(schema_file(SCHEMA))
    (directory / tables.MADE_UP).write_text(json.dumps(rows))


def _rows(codes: dict[str, list[int]], units: list[int]) -> list[list[object]]:
    """The rows that the codes stand for, worked out apart from the code under test."""
    rows: list[list[object]] = []
    for place, unit in enumerate(units):
        row: list[object] = [unit]
        for column in COLUMNS:
            code = codes[column.name][place]
            if code == null_code(column):
                row.append(None)
            elif isinstance(column, CategoryColumn):
                row.append(column.categories[code])
            elif isinstance(column, BooleanColumn):
                row.append(bool(code))
            else:
                stored = code + column.stored_bounds[0]
                row.append(
                    stored if isinstance(column, IntegerColumn) else float(stored * column.unit)
                )
        rows.append(row)
    return rows


@st.composite
def _coded(draw: st.DrawFn) -> tuple[dict[str, list[int]], list[int]]:
    counts = draw(st.lists(st.integers(1, 4), max_size=5))
    size = sum(counts)
    codes = {
        column.name: draw(
            st.lists(
                st.integers(0, last_code(column) + int(column.nullable)),
                min_size=size,
                max_size=size,
            )
        )
        for column in COLUMNS
    }
    return codes, [0, *np.cumsum(counts).tolist()]


@settings(max_examples=60, deadline=None)
@given(_coded())
def test_stored_and_made_up_rows_give_the_same_frame(
    tmp_path_factory: pytest.TempPathFactory, coded: tuple[dict[str, list[int]], list[int]]
) -> None:
    codes, starts = coded
    directory = tmp_path_factory.mktemp("tables")
    _store(directory / "stored", codes, starts)
    units = np.repeat(np.arange(len(starts) - 1), np.diff(starts)).tolist()
    _make_up(directory / "made-up", _rows(codes, [unit + 1 for unit in units]))
    stored = tables.read(str(directory / "stored"))
    made_up = tables.read(str(directory / "made-up"))
    pd.testing.assert_frame_equal(stored, made_up, check_exact=True)
    assert stored.dtypes.to_dict() == made_up.dtypes.to_dict()
    assert list(stored.columns) == ["person", *(column.name for column in COLUMNS)]


def test_values_and_types_are_those_of_the_schema(tmp_path: Path) -> None:
    codes = {
        "age": [0, 105],
        "visits": [2**40 + 1, 7],
        "cost": [0, 1251],
        "dose": [1, 40],
        "smokes": [2, 1],
        "female": [0, 1],
        "region": [3, 2],
        "kind": [0, 1],
    }
    _store(tmp_path / "t", codes, [0, 2])
    frame = tables.read(str(tmp_path / "t"))
    assert frame["age"].tolist() == [-5, 100]
    assert frame["visits"].isna().tolist() == [True, False]
    assert frame["visits"][1] == 7
    assert frame["cost"].tolist() == [-12.5, 0.01]
    assert frame["dose"].tolist() == [2.5, 100.0]
    assert frame["smokes"].isna().tolist() == [True, False]
    assert frame["region"].isna().tolist() == [True, False]
    assert frame["region"][1] == "ö"
    assert list(frame["kind"].cat.categories) == ["a", "b"]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "person": "int64",
        "age": "int64",
        "visits": "Int64",
        "cost": "float64",
        "dose": "float64",
        "smokes": "boolean",
        "female": "bool",
        "region": "category",
        "kind": "category",
    }


def test_units_of_made_up_rows_are_numbered_and_lie_together(tmp_path: Path) -> None:
    values: list[object] = [50, 1, 2.0, 2.5, None, True, "north", "a"]
    _make_up(tmp_path / "t", [[7, *values], [3, *values], [7, *values], [5, *values]])
    frame = tables.read(str(tmp_path / "t"))
    assert frame["person"].tolist() == [0, 1, 2, 2]


def test_a_made_up_value_out_of_its_domain_is_named_by_its_column(tmp_path: Path) -> None:
    values: list[object] = [50, 1, 2.0, 2.5, None, True, "north", "z"]
    _make_up(tmp_path / "t", [[1, *values]])
    with pytest.raises(tables.NotReadable, match="kind"):
        tables.read(str(tmp_path / "t"))


def test_a_stored_table_of_other_columns_is_not_read(tmp_path: Path) -> None:
    _make_up(tmp_path / "t", [])
    with new_table(tmp_path / "t" / tables.STORED, COLUMNS[:1], 1, 1) as table:
        table.write_starts(np.array([0, 1]))
        table.write_codes("age", 0, np.zeros(1, dtype=np.uint8))
    with pytest.raises(tables.NotReadable, match="visits"):
        tables.read(str(tmp_path / "t"))
