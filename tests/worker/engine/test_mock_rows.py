"""Mocks beside private rows: what is found, and what chance explains."""

import random
from pathlib import Path

import numpy as np
import pytest

from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_worker.executors.ingest import IngestError, ingest
from carrel_worker.executors.mock import Stopped, codes_of, compare, read_rows, write_rows
from carrel_worker.tables.layout import Table, open_table

WIDE = TableSchema(
    unit_column="person",
    columns=(
        IntegerColumn(name="age", lower=0, upper=119, nullable=False),
        RealColumn(name="spend", lower="-10", upper="1000", resolution="0.01"),
        BooleanColumn(name="female"),
        CategoryColumn(name="region", categories=("", "north", 'so"uth', "wést,\n")),
        IntegerColumn(name="postcode", lower=10_000, upper=99_999),
        IntegerColumn(name="salary", lower=0, upper=500_000),
        IntegerColumn(name="height", lower=0, upper=250_000),
    ),
    size=DeclaredSize(rows=2000, units=1000),
)
Row = tuple[int, float, bool, str, int, int, int]


def rows(count: int, seed: int) -> list[Row]:
    draw = random.Random(seed)
    return [
        (
            draw.randint(0, 119),
            draw.randint(-1000, 100_000) / 100,
            draw.random() < 0.5,
            draw.choice(["north", "south"]),
            draw.randint(10_000, 99_999),
            draw.randint(0, 500_000),
            draw.randint(0, 250_000),
        )
        for _ in range(count)
    ]


def laid_out(folder: Path, name: str, found: list[Row], schema: TableSchema = WIDE) -> Table:
    source = folder / f"{name}.csv"
    lines = [",".join(map(str, (place // 2, *row))) for place, row in enumerate(found)]
    source.write_text(
        "person,age,spend,female,region,postcode,salary,height\n" + "\n".join(lines) + "\n"
    )
    ingest(source, "csv", schema, folder / name)
    return open_table(folder / name, schema.columns)


PLAIN = WIDE.model_copy(
    update={
        "columns": (
            *WIDE.columns[:3],
            CategoryColumn(name="region", categories=("north", "south")),
            *WIDE.columns[4:],
        )
    }
)


def test_independent_rows_are_neither_equal_nor_near(tmp_path: Path) -> None:
    private = laid_out(tmp_path, "private", rows(2000, 1), PLAIN)
    mock = laid_out(tmp_path, "mock", rows(1000, 2), PLAIN)
    found = compare(mock.columns, private, PLAIN)
    assert (found.exact, found.exact_by_chance, found.near) == (0, 0, 0)
    assert not found.suspicious


def test_a_copied_row_is_found_among_thousands(tmp_path: Path) -> None:
    real = rows(2000, 1)
    private = laid_out(tmp_path, "private", real, PLAIN)
    mock = laid_out(tmp_path, "mock", [*rows(500, 2), real[777], *rows(500, 3)], PLAIN)
    found = compare(mock.columns, private, PLAIN)
    assert (found.exact, found.near, found.exact_by_chance) == (1, 1, 0)
    assert found.suspicious
    (place,) = found.examples
    values = [mock.columns[column.name][place - 1] for column in PLAIN.columns]
    assert any(
        all(private.columns[c.name][row] == v for c, v in zip(PLAIN.columns, values, strict=True))
        for row in range(private.rows)
    )


@pytest.mark.parametrize("column", range(7))
def test_a_copy_with_any_one_column_changed_is_near(tmp_path: Path, column: int) -> None:
    real = rows(500, 1)
    changed = list(real[77])
    other: list[object] = [119 - real[77][0], 999.99, not real[77][2], "north", 55_555, 99, 77]
    if real[77][3] == "north":
        other[3] = "south"
    changed[column] = other[column]  # type: ignore[call-overload]
    private = laid_out(tmp_path, "private", real, PLAIN)
    mock = laid_out(tmp_path, "mock", [*rows(200, 2), tuple(changed)], PLAIN)  # type: ignore[list-item]
    found = compare(mock.columns, private, PLAIN)
    assert (found.exact, found.near) == (0, 1)
    assert found.suspicious


def test_a_copy_with_every_number_blurred_is_near(tmp_path: Path) -> None:
    real = [(60, 505.0, True, "north", 50_500, 100_100, 100_100)] * 2
    blurred = [(61, 505.4, True, "north", 50_900, 100_900, 100_900)]
    private = laid_out(tmp_path, "private", [*rows(300, 1), *real], PLAIN)
    mock = laid_out(tmp_path, "mock", [*rows(300, 2), *blurred], PLAIN)
    found = compare(mock.columns, private, PLAIN)
    assert (found.exact, found.near) == (0, 1)


def test_few_columns_coincide_by_chance_and_do_not_alarm(tmp_path: Path) -> None:
    """Everybody is young or old, here or there: equal rows say nothing of anybody.

    For independent columns the count is Poisson at most as wide as its mean, and the rule allows
    four deviations above the largest of five shuffles: seeded, so that it never fails by chance.
    """
    narrow = TableSchema(
        unit_column="person",
        columns=(
            IntegerColumn(name="age", lower=0, upper=119, nullable=False),
            BooleanColumn(name="female"),
        ),
        size=DeclaredSize(rows=2000, units=1000),
    )
    private = laid_out(tmp_path, "private", rows(2000, 1), narrow)
    mock = laid_out(tmp_path, "mock", rows(500, 2), narrow)
    found = compare(mock.columns, private, narrow)
    assert found.exact > 400
    assert found.exact_by_chance > 400
    assert not found.suspicious


def test_comparing_stops_when_told(tmp_path: Path) -> None:
    private = laid_out(tmp_path, "private", rows(10, 1), PLAIN)
    mock = laid_out(tmp_path, "mock", rows(10, 2), PLAIN)
    with pytest.raises(Stopped):
        compare(mock.columns, private, PLAIN, stopped=lambda: True)


def test_an_empty_mock_is_compared_too(tmp_path: Path) -> None:
    private = laid_out(tmp_path, "private", rows(10, 1), PLAIN)
    empty = {name: codes[:0] for name, codes in private.columns.items()}
    assert compare(empty, private, PLAIN).exact == 0
    nobody = Table(0, 0, private.starts[:1], empty)
    assert compare(private.columns, nobody, PLAIN).near == 0


def test_rows_come_back_as_the_codes_they_were(tmp_path: Path) -> None:
    """Nulls, an empty category, quotes, line ends and bounds survive the way through JSON."""
    source = tmp_path / "m.csv"
    source.write_text(
        "person,age,spend,female,region,postcode,salary,height\n"
        'zoe,0,-10,true,"",10000,1,2\n'
        "zoe,119,1000.00,false,north,99999,,2\n"
        'bob,40,0.07,,"so""uth",,3,4\n'
        'bob,41,,true,"wést,\n",12345,5,6\n'
    )
    ingest(source, "csv", WIDE, tmp_path / "table")
    table = open_table(tmp_path / "table", WIDE.columns)
    write_rows(table, WIDE, tmp_path / "rows")
    back, units = read_rows(tmp_path / "rows", WIDE)
    assert units == 2
    assert back[0] == [40, 0.07, None, 'so"uth', None, 3, 4]
    assert back[2][3] == ""
    assert "zoe" not in (tmp_path / "rows").read_text()  # whoever that is
    codes = codes_of(back, WIDE)
    for name, column in table.columns.items():
        assert np.array_equal(codes[name], column), name
        assert codes[name].dtype == column.dtype


@pytest.mark.parametrize(
    ("column", "value"), [(0, None), (0, "x"), (1, "x"), (3, "east"), (3, 1.5), (0, -5), (0, 10**9)]
)
def test_rows_that_no_longer_fit_are_refused(column: int, value: object) -> None:
    row: list[object] = [40, 1.0, True, "north", 12_345, 1, 2]
    row[column] = value
    with pytest.raises(IngestError, match="upload the mock anew"):
        codes_of([row], WIDE)  # type: ignore[list-item]
