"""`carrel dataset propose` of Parquet files: as of CSV, and with the types that the file states."""

from pathlib import Path

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from carrel_protocol.schema import (
    CategoryColumn,
    Column,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_site.cli.app import app

PEOPLE = (
    "SELECT i AS patient_id, CAST(20 + i % 60 AS {whole}) AS age, ['a', 'b', 'c'][1 + i % 3] AS "
    "ward, i % 2 = 0 AS smoker, CAST(i / 7 AS DECIMAL(9, 3)) AS dose, 'x' AS \"odd name\", "
    "i / 10 AS spend, [i] AS visits, DATE '2020-01-01' + CAST(i % 3 AS INTEGER) AS seen "
    "FROM range({count}) AS r(i)"
)


def parquet(folder: Path, query: str) -> Path:
    path = folder / "people.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def propose(path: Path, *options: str, said: str | None = None) -> Result:
    return CliRunner().invoke(app, ["dataset", "propose", str(path), *options], input=said)


def columns_of(done: Result) -> dict[str, Column]:
    assert done.exit_code == 0, done.output
    table = TableSchema.model_validate_json(done.stdout)
    return {column.name: column for column in table.columns}


def people(folder: Path, count: int, whole: str = "INTEGER") -> Path:
    return parquet(folder, PEOPLE.format(count=count, whole=whole))


def test_types_are_the_files_and_domains_come_from_names(tmp_path: Path) -> None:
    done = propose(people(tmp_path, 300))
    columns = columns_of(done)
    types = {name: column.type for name, column in columns.items()}
    assert types == {
        "age": "integer",
        "ward": "category",
        "smoker": "boolean",
        "dose": "real",
        "spend": "real",
    }
    assert columns["age"] == IntegerColumn(name="age", lower=0, upper=120)
    assert columns["ward"] == CategoryColumn(name="ward", categories=("other",))
    dose = columns["dose"]
    assert isinstance(dose, RealColumn)
    assert dose.resolution == "0.001"
    for left_out in ("'odd name'", "'visits'", "'seen'"):
        assert f"The column {left_out} is left out" in done.stderr
    assert "BIGINT[]" in done.stderr
    assert "Types are the file's" in done.stderr


def test_a_draft_without_values_is_the_same_of_other_people(tmp_path: Path) -> None:
    """A Parquet file's description has the least and largest values of each group in it."""
    one, other = (propose(people(tmp_path, count)) for count in (300, 7))
    assert one.stdout == other.stdout
    assert one.stderr == other.stderr


def test_whole_numbers_of_which_some_are_missing_are_often_doubles(tmp_path: Path) -> None:
    assert columns_of(propose(people(tmp_path, 3, "DOUBLE")))["age"].type == "integer"


def test_values_are_read_only_once_the_owner_agrees(tmp_path: Path) -> None:
    path = people(tmp_path, 300)
    asked = propose(path, "--from-values", said="n\n")
    assert asked.exit_code == 1
    assert "tell everybody" in asked.stderr
    assert "columns" not in asked.stdout
    assert '"columns"' in propose(path, "--from-values", said="y\n").stdout
    columns = columns_of(propose(path, "--from-values", "--yes"))
    assert columns["age"] == IntegerColumn(name="age", lower=20, upper=79)
    assert columns["ward"] == CategoryColumn(name="ward", categories=("a", "b", "c"))
    assert columns["smoker"].type == "boolean"
    assert columns["dose"] == RealColumn(
        name="dose", lower="0.000", upper="43.000", resolution="0.001"
    )
    seen = columns["seen"]
    assert isinstance(seen, CategoryColumn)
    assert seen.categories == ("2020-01-01", "2020-01-02", "2020-01-03")


def test_nobody_stands_in_the_draft_alone(tmp_path: Path) -> None:
    rows = "SELECT i AS id, if(i = 0, 'duke', 'b') AS title FROM range(100) AS r(i)"
    done = propose(parquet(tmp_path, rows), "--from-values", "--yes")
    assert columns_of(done)["title"] == CategoryColumn(name="title", categories=("b",))
    assert "duke" not in done.output


def test_small_values_keep_their_digits(tmp_path: Path) -> None:
    rows = "SELECT i AS id, i / 100000 AS dose FROM range(1, 100) AS r(i)"
    dose = columns_of(propose(parquet(tmp_path, rows), "--from-values", "--yes"))["dose"]
    assert dose == RealColumn(name="dose", lower="0.00001", upper="0.00099", resolution="0.00001")


@pytest.mark.parametrize(
    "values", ["9223372036854775807 - i", "1e300 * (i + 1)", "repeat('x', 300) || i % 2"]
)
@pytest.mark.parametrize("agreed", [True, False])
def test_what_no_domain_holds_is_left_out_or_left_to_list(
    tmp_path: Path, values: str, agreed: bool
) -> None:
    """What is printed is always a schema that the site takes."""
    rows = f"SELECT i AS id, 1 AS age, {values} AS v FROM range(100) AS r(i)"
    done = propose(parquet(tmp_path, rows), *(["--from-values", "--yes"] if agreed else []))
    columns = columns_of(done)
    if not agreed or "repeat" in values:
        assert "v" in columns
        assert "xxx" not in done.output
    else:
        assert list(columns) == ["age"]
        assert "'v' is left out" in done.stderr


def test_a_list_is_never_the_unit(tmp_path: Path) -> None:
    done = propose(parquet(tmp_path, "SELECT [1] AS person_id, 2 AS patient, 3 AS age"))
    assert TableSchema.model_validate_json(done.stdout).unit_column == "patient"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('SELECT 1 AS id, 2 AS age, 3 AS "AGE "', "named twice"),
        ("SELECT [1] AS id, [2] AS age", "no column can be drafted"),
        ('SELECT 1 AS "odd name"', "no column has a name that SQL can use"),
    ],
)
def test_what_ingest_would_refuse_is_not_drafted(tmp_path: Path, query: str, said: str) -> None:
    done = propose(parquet(tmp_path, query))
    assert done.exit_code == 1
    assert said in done.output
    assert "Traceback" not in done.output


def test_names_in_a_file_are_never_run(tmp_path: Path) -> None:
    path = parquet(tmp_path, 'SELECT 1 AS id, 2 AS "a\'); DROP TABLE x; --", 3 AS age')
    assert list(columns_of(propose(path, "--from-values", "--yes"))) == ["age"]
