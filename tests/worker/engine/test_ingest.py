"""Uploads taken in: what is stored, what is counted, what is refused and where."""

import gzip
import hashlib
import os
import signal
import threading
import time
from pathlib import Path

import duckdb
import pytest

from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_worker.executors.ingest import (
    IngestCancelled,
    IngestError,
    IngestOutOfMemory,
    ingest,
    lay_out,
    run_in_child,
)
from carrel_worker.tables.layout import CodedDifferently, NotATable, new_table, open_table
from tests.worker.engine.tables import stored, stored_with_outcome, table_of, write_csv

SCHEMA = table_of(
    CategoryColumn(name="Region", categories=("west", "east", "north")),
    RealColumn(name="spend", lower="0", upper="10.00"),
    IntegerColumn(name="age", lower=-5, upper=110),
    BooleanColumn(name="smokes"),
)
STRICT = table_of(
    CategoryColumn(name="region", categories=("a", "b"), nullable=False),
    RealColumn(name="spend", lower="0", upper="10.00", nullable=False),
)
HEADER = b"person,region,spend\n"


def codes(path: Path, schema: TableSchema) -> dict[str, list[int]]:
    return {
        name: array.tolist() for name, array in open_table(path, schema.columns).columns.items()
    }


def refused(
    tmp_path: Path, content: bytes, schema: TableSchema = STRICT, file_format: str = "csv"
) -> IngestError:
    """The error of an upload, after which nothing is left of it."""
    source = tmp_path / "upload"
    source.write_bytes(content)
    target = tmp_path / "out" / "table"
    target.parent.mkdir(exist_ok=True)
    with pytest.raises(IngestError) as raised:
        ingest(source, file_format, schema, target)
    assert list(target.parent.iterdir()) == []
    return raised.value


def test_values_are_coded_clamped_rounded_and_counted(tmp_path: Path) -> None:
    records = [
        ("7", "west", "1.125", "3", "true"),
        ("3", "east", "NaN", "", "False"),
        ("7", "Mars", "-4", "1e9", "1"),
        ("", "north", "3", "3", "0"),
        (" 3 ", "north", "0.005", "old", "perhaps"),
        ("3", "", "inf", "-99", ""),
    ]
    path, outcome = stored_with_outcome(tmp_path, SCHEMA, records)
    table = open_table(path, SCHEMA.columns)
    assert table.starts.tolist() == [0, 3, 5]
    # Units sorted, each one's rows in the file's order; a null is the code after the last.
    assert codes(path, SCHEMA) == {
        "Region": [0, 1, 3, 2, 3],
        "spend": [1001, 0, 1001, 112, 0],
        "age": [116, 116, 0, 8, 115],
        "smokes": [0, 2, 2, 1, 1],
    }
    assert (outcome.rows, outcome.units) == (5, 2)
    assert outcome.report == {
        "Region": {"clamped": 0, "nulls": 1, "unknown": 1},
        "spend": {"clamped": 1, "nulls": 2, "unknown": 0},
        "age": {"clamped": 2, "nulls": 1, "unknown": 1},
        "smokes": {"clamped": 0, "nulls": 1, "unknown": 1},
        "person": {"clamped": 0, "nulls": 1, "unknown": 0},
    }


def test_the_digest_of_the_units_is_of_their_set_alone(tmp_path: Path) -> None:
    schema = table_of(IntegerColumn(name="age", lower=0, upper=110))
    other = table_of(BooleanColumn(name="smokes"))

    def digest(schema: TableSchema, *records: tuple[str, str]) -> str:
        return stored_with_outcome(tmp_path, schema, records)[1].units_digest

    one = digest(schema, ("ann", "3"), ("bob", "4"), ("ann", "5"), ("", "9"))
    assert one == hashlib.sha256(b"3:ann3:bob").hexdigest()
    assert one == digest(other, (" bob ", "true"), ("ann", "false"))
    assert one != digest(schema, ("ann", "3"))
    assert one != digest(schema, ("ann3:bob", "3"))


def test_the_digest_of_many_units_is_that_of_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = table_of(IntegerColumn(name="age", lower=0, upper=110))
    records = [(str(row % 50), "1") for row in range(120)]
    whole = stored_with_outcome(tmp_path, schema, records)[1]
    monkeypatch.setattr(lay_out, "_UNITS_AT_ONCE", 7)
    parts = stored_with_outcome(tmp_path, schema, records)[1]
    assert parts == whole
    text = "".join(f"{len(unit)}:{unit}" for unit in sorted(map(str, range(50))))
    assert whole.units_digest == hashlib.sha256(text.encode()).hexdigest()


def test_reals_are_rounded_half_to_even(tmp_path: Path) -> None:
    schema = table_of(RealColumn(name="x", lower="-10", upper="10", resolution="0.25"))
    texts = ["0.125", "0.375", "-0.125", "-0.375", "0.1251", "9.9999"]
    path = stored(tmp_path, schema, [("1", text) for text in texts])
    assert [code - 40 for code in codes(path, schema)["x"]] == [0, 2, 0, -2, 1, 40]


def test_units_and_codes_do_not_follow_appearance(tmp_path: Path) -> None:
    """The same rows in another order are the same table but for the order within a unit."""
    records = [(unit, key) for unit, key in zip("dbca" * 3, ["c", "a", "b"] * 4, strict=True)]
    schema = table_of(CategoryColumn(name="k", categories=("c", "b", "a")))
    one = codes(stored(tmp_path, schema, sorted(records)), schema)
    other = codes(stored(tmp_path, schema, sorted(records, reverse=True)), schema)
    for first in range(0, 12, 3):
        assert sorted(one["k"][first : first + 3]) == sorted(other["k"][first : first + 3])


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    """A repeated job must not change what a recorded digest is of."""
    source = write_csv(
        tmp_path / "u.csv",
        STRICT,
        [(str(i % 700), "a" if i % 3 else "b", str(i % 9)) for i in range(20_000)],
    )
    tables = []
    for name in ("one", "two"):
        ingest(source, "csv", STRICT, tmp_path / name)
        tables.append((tmp_path / name).read_bytes())
    assert tables[0] == tables[1]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_dialects(tmp_path: Path, delimiter: str, ending: str) -> None:
    lines = [
        delimiter.join(fields)
        for fields in (
            ["PERSON ", "note", '"Region"', "SPEND"],
            ["1", f'"a{delimiter} ""b""{ending}c"', "b", "2"],
            ["2", "", "a", "1"],
        )
    ]
    source = tmp_path / "u.csv"
    source.write_bytes(("\ufeff" + ending.join(lines)).encode())
    ingest(source, "csv", STRICT, tmp_path / "table")
    assert codes(tmp_path / "table", STRICT) == {"region": [1, 0], "spend": [200, 100]}


def test_gzip_and_parquet_hold_the_same(tmp_path: Path) -> None:
    records = [("2", "a", "3.5"), ("1", "b", "7")]
    plain = write_csv(tmp_path / "u.csv", STRICT, records)
    packed = tmp_path / "u.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    ingest(packed, "csv.gz", STRICT, tmp_path / "gz")
    assert codes(tmp_path / "gz", STRICT) == codes(
        stored(tmp_path, STRICT, records, "parquet"), STRICT
    )


def test_parquet_types(tmp_path: Path) -> None:
    source = tmp_path / "u.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT * FROM (VALUES (1.0, 'x', 2::TINYINT, true, DATE '2020-01-01'), "
            "('nan'::DOUBLE, 'west', 1, false, NULL), (2.0, 'west', 200, NULL, NULL)) "
            "AS t(person, region, age, smokes, spend)) "
            f"TO '{source}' (FORMAT parquet)"
        )
    outcome = ingest(source, "parquet", SCHEMA, tmp_path / "table")
    assert codes(tmp_path / "table", SCHEMA) == {
        "Region": [3, 2],
        "spend": [1001, 1001],
        "age": [7, 115],
        "smokes": [1, 2],
    }
    # NaN is what data frames write for a missing number: no unit of that name may be made up.
    assert outcome.report["person"]["nulls"] == 1
    assert outcome.report["spend"] == {"clamped": 0, "nulls": 1, "unknown": 1}


def test_a_category_may_be_empty_text(tmp_path: Path) -> None:
    schema = table_of(CategoryColumn(name="k", categories=("", "a'b", 'c"d')))
    path = stored(tmp_path, schema, [("1", ""), ("1", "a'b"), ("1", 'c"d'), ("1", "x")])
    assert codes(path, schema) == {"k": [0, 1, 2, 3]}


def test_a_table_without_rows_is_a_table(tmp_path: Path) -> None:
    path, outcome = stored_with_outcome(tmp_path, STRICT, [])
    assert (outcome.rows, outcome.units) == (0, 0)
    assert open_table(path, STRICT.columns).units == 0


@pytest.mark.parametrize(
    ("content", "line", "column", "says"),
    [
        (b"", None, "", "empty"),
        (b"\n \n", None, "", "empty"),
        (b"\nperson,region,spend\n1,a,1\n", 1, "", "blank"),
        (b"person,region\n1,a\n", 1, "spend", "not in the file"),
        (b"id,region,spend\n1,a,1\n", 1, "person", "not in the file"),
        (b"person,region,spend,Region\n1,a,1,a\n", 1, "Region", "columns 2 and 4"),
        (HEADER + b"1,a,1\n1,a\n", 3, "", "2 fields"),
        (HEADER + b'1,a,1\n"1\n2",a,1\n1,a,1,1\n', 5, "", "4 fields"),
        (HEADER + b'1,a,1\n1,"a,1\n1,a,1\n', 3, "", "not closed"),
        (HEADER + b"1,a,1\n1,a,1\r\n2,a,1\n", 3, "", "line ends"),
        (HEADER + b"1,a,1\n\n1,\xe9,1\n", 4, "", "UTF-8"),
        (b"person,r\xe9gion,spend\n1,a,1\n", 1, "", "UTF-8"),
        (HEADER.decode().encode("utf-16"), 1, "", "UTF-8"),
        (HEADER + b"1,a,1\n\n1,,1\n", 4, "region", "missing"),
        (HEADER + b'1,a,1\n"1\n1",a,1\n1,c,1\n', 5, "region", "'c' is not a value"),
        (HEADER + b"1,a,1\n1,a,nan\n", 3, "spend", "missing"),
        (HEADER + b"1,a,1\n1,a,one\n", 3, "spend", "'one' is not a value"),
    ],
)
def test_bad_csv_is_refused_where_it_is_bad(
    tmp_path: Path, content: bytes, line: int | None, column: str, says: str
) -> None:
    error = refused(tmp_path, content)
    assert (error.line, error.column) == (line, column), error
    assert says in str(error)
    assert line is None or f"line {line}" in str(error)
    assert f"column {column!r}" in str(error) or not column


@pytest.mark.parametrize(
    ("content", "file_format"),
    [
        (b"plain text", "csv.gz"),
        (gzip.compress(HEADER + b"1,a,1\n" * 5000, mtime=0)[:-20], "csv.gz"),
        (b"plain text", "parquet"),
        (b"PAR1" + b"\x00" * 100 + b"PAR1", "parquet"),
        (b"", "parquet"),
    ],
)
def test_files_of_another_format_are_refused(
    tmp_path: Path, content: bytes, file_format: str
) -> None:
    refused(tmp_path, content, file_format=file_format)


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("SELECT 1 AS person, 'a' AS region", "spend"),
        ("SELECT 1 AS person, [1, 2] AS region, 1 AS spend", "region"),
        ("SELECT {'x': 1} AS person, 'a' AS region, 1 AS spend", "person"),
        ("SELECT 1 AS person, unnest(['a', NULL]) AS region, 1 AS spend", "region"),
    ],
)
def test_parquet_without_the_columns_is_refused(tmp_path: Path, query: str, column: str) -> None:
    source = tmp_path / "u.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{source}' (FORMAT parquet)")
    error = refused(tmp_path, source.read_bytes(), file_format="parquet")
    assert error.column == column
    assert error.row == (2 if "NULL" in query else None)


def test_a_row_without_a_unit_may_miss_anything(tmp_path: Path) -> None:
    source = tmp_path / "u.csv"
    source.write_bytes(HEADER + b",,\n1,a,1\n")
    assert ingest(source, "csv", STRICT, tmp_path / "table").rows == 1


def test_a_table_coded_for_another_domain_is_not_opened(tmp_path: Path) -> None:
    path = stored(tmp_path, STRICT, [("1", "a", "1")])
    wider = RealColumn(name="spend", lower="-1", upper="10.00", nullable=False)
    with pytest.raises(CodedDifferently, match="spend"):
        open_table(path, [wider])
    with pytest.raises(CodedDifferently, match="other"):
        open_table(path, [IntegerColumn(name="other", lower=0, upper=1)])
    described = STRICT.columns[1].model_copy(update={"description": "in euros"})
    assert open_table(path, [described]).rows == 1


@pytest.mark.parametrize("size", [0, 4, 100, -1])
def test_a_file_cut_short_is_not_a_table(tmp_path: Path, size: int) -> None:
    path = stored(tmp_path, STRICT, [("1", "a", "1")])
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(NotATable):
        open_table(path, STRICT.columns)


def test_a_table_not_wholly_written_never_appears(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="not written"),
        new_table(tmp_path / "table", STRICT.columns, 1, 1),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_child_does_the_same(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "u.csv", STRICT, [("2", "a", "1"), ("1", "b", "2")])
    shares: list[float] = []
    outcome = run_in_child(
        source, "csv", STRICT, tmp_path / "child", memory_bytes=2**29, progress=shares.append
    )
    assert outcome == ingest(source, "csv", STRICT, tmp_path / "here")
    assert (tmp_path / "child").read_bytes() == (tmp_path / "here").read_bytes()
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_childs_refusal_is_the_same_error(tmp_path: Path) -> None:
    source = tmp_path / "u.csv"
    source.write_bytes(HEADER + b"1,a\n")
    with pytest.raises(IngestError, match="2 fields") as raised:
        run_in_child(source, "csv", STRICT, tmp_path / "table", memory_bytes=2**29)
    assert raised.value.line == 2


def _large(tmp_path: Path, rows: int) -> Path:
    source = tmp_path / "large.csv"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT hash(i) AS person, 'a' AS region, 1 AS spend "
            f"FROM range({rows}) AS r(i)) TO '{source}' (HEADER)"
        )
    return source


def test_a_child_may_not_take_more_memory(tmp_path: Path) -> None:
    source = _large(tmp_path, 2_000_000)
    target = tmp_path / "out" / "table"
    target.parent.mkdir()
    with pytest.raises(IngestOutOfMemory):
        run_in_child(source, "csv", STRICT, target, memory_bytes=256 * 2**20)
    assert list(target.parent.iterdir()) == []


def test_a_child_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    source = _large(tmp_path, 1_000_000)
    target = tmp_path / "out" / "table"
    target.parent.mkdir()
    begun = threading.Event()
    before = set(_children())
    with pytest.raises(IngestCancelled):
        run_in_child(
            source,
            "csv",
            STRICT,
            target,
            memory_bytes=2**30,
            progress=lambda _: begun.set(),
            stopped=begun.is_set,
        )
    assert list(target.parent.iterdir()) == []
    assert set(_children()) <= before


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    source = _large(tmp_path, 1_000_000)
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        try:
            run_in_child(
                source,
                "csv",
                STRICT,
                tmp_path / "table",
                memory_bytes=2**30,
                progress=lambda _: os.write(writer, str(_children()[0]).encode()) and None,
            )
        finally:
            os._exit(0)
    child = int(os.read(reader, 100))
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    end = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and _state(child) != "Z":
        assert time.monotonic() < end, "the child outlived its parent"
        time.sleep(0.05)


def _children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in text.split()]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "Z"
