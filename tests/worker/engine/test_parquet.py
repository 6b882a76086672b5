"""Parquet uploads: each type it has, what a damaged or hostile file says of itself, and types."""

import struct
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from carrel_protocol.schema import (
    MAX_ABS_STORED,
    BooleanColumn,
    CategoryColumn,
    Column,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_worker.executors.ingest import (
    IngestDiskFull,
    IngestError,
    IngestOutcome,
    IngestOutOfMemory,
    Limits,
    ingest,
    run_in_child,
)
from carrel_worker.tables.layout import open_table
from tests.worker.engine.tables import table_of

AGE = IntegerColumn(name="v", lower=0, upper=120)
NUMBER = RealColumn(name="v", lower="-100.00", upper="100.00")
TABLE = table_of(AGE)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Where a refused table would appear; nothing may be left there."""
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder / "table"
    assert list(folder.iterdir()) == []


def parquet(folder: Path, query: str, options: str = "") -> Path:
    path = folder / "upload.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet{options})")
    return path


def of_values(folder: Path, *values: str, options: str = "") -> Path:
    """A file of the units 0, 1, … with these values, each written as SQL."""
    rows = " UNION ALL ".join(
        f"SELECT {place} AS person, {value} AS v" for place, value in enumerate(values)
    )
    return parquet(folder, f"SELECT * FROM ({rows}) ORDER BY person", options)


def taken_in(folder: Path, source: Path, column: Column) -> tuple[list[int], IngestOutcome]:
    """The codes of the column, and what was counted."""
    table = table_of(column)
    (folder / "table").unlink(missing_ok=True)
    outcome = ingest(source, "parquet", table, folder / "table")
    return open_table(folder / "table", table.columns).columns["v"].tolist(), outcome


@pytest.mark.parametrize(
    "kind",
    ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
     "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL(4,1)", "DECIMAL(9,2)", "DECIMAL(18,4)",
     "DECIMAL(38,10)", "VARCHAR", "BLOB"],
)  # fmt: skip
def test_whole_numbers_of_every_width(tmp_path: Path, kind: str) -> None:
    source = of_values(tmp_path, *(f"CAST('{n}' AS {kind})" for n in (0, 40, 120)), "NULL")
    codes, outcome = taken_in(tmp_path, source, AGE)
    assert codes == [0, 40, 120, 121]
    assert outcome.report["v"] == {"clamped": 0, "nulls": 1, "unknown": 0}


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE", "DECIMAL(7,3)", "DECIMAL(30,9)", "VARCHAR"])
def test_reals_of_every_type(tmp_path: Path, kind: str) -> None:
    source = of_values(tmp_path, *(f"CAST('{n}' AS {kind})" for n in ("-12.5", "0.25", "99.125")))
    codes, _ = taken_in(tmp_path, source, NUMBER)
    assert [code - 10_000 for code in codes] == [-1250, 25, 9912]


def test_what_a_double_has_and_no_number_is_null(tmp_path: Path) -> None:
    values = (f"'{text}'::DOUBLE" for text in ("nan", "inf", "-inf", "1"))
    codes, outcome = taken_in(tmp_path, of_values(tmp_path, *values), AGE)
    assert codes == [121, 121, 121, 1]
    assert outcome.report["v"]["nulls"] == 3


@pytest.mark.parametrize(
    ("kind", "largest"),
    [("BIGINT", 2**63 - 1), ("UBIGINT", 2**64 - 1), ("HUGEINT", 2**127 - 1),
     ("DECIMAL(38,0)", 10**38 - 1), ("DOUBLE", 10**308)],
)  # fmt: skip
def test_integers_beyond_every_domain_go_to_its_bound_and_do_not_wrap(
    tmp_path: Path, kind: str, largest: int
) -> None:
    widest = IntegerColumn(name="v", lower=-MAX_ABS_STORED, upper=MAX_ABS_STORED)
    values = [f"CAST('{n}' AS {kind})" for n in (largest, 7)]
    codes, outcome = taken_in(tmp_path, of_values(tmp_path, *values), widest)
    assert codes == [2 * MAX_ABS_STORED, MAX_ABS_STORED + 7]
    assert outcome.report["v"]["clamped"] == 1
    if kind in ("BIGINT", "HUGEINT"):
        values = [f"CAST('{-largest}' AS {kind})", f"CAST('7' AS {kind})"]
        assert taken_in(tmp_path, of_values(tmp_path, *values), widest)[0][0] == 0


def test_large_ids_stay_apart(tmp_path: Path) -> None:
    """As doubles the two would be one person."""
    query = f"SELECT unnest([{2**63 - 1}, {2**63 - 2}]) AS person, 1 AS v"
    assert ingest(parquet(tmp_path, query), "parquet", TABLE, tmp_path / "table").units == 2


def test_dictionaries_are_taken_in_as_their_values(tmp_path: Path) -> None:
    """Codes follow the public list, whatever order the file's dictionary has."""
    column = CategoryColumn(name="v", categories=("east", "north", "west"))
    source = of_values(
        tmp_path,
        *(f"'{text}'::ENUM('west', 'north', 'east', 'south')" for text in ("west", "east")),
        *("'south'", "NULL"),
    )
    codes, outcome = taken_in(tmp_path, source, column)
    assert codes == [2, 0, 3, 3]
    assert outcome.report["v"] == {"clamped": 0, "nulls": 1, "unknown": 1}
    many = parquet(
        tmp_path,
        "SELECT i AS person, ['west', 'east'][1 + i % 2] AS v FROM range(10000) AS r(i)",
        ", ROW_GROUP_SIZE 2048",
    )
    with duckdb.connect() as connection:
        encodings = connection.execute(
            f"SELECT DISTINCT encodings FROM parquet_metadata('{many}') WHERE path_in_schema = 'v'"
        ).fetchall()
    assert any("DICTIONARY" in encoding for (encoding,) in encodings)
    codes, _ = taken_in(tmp_path, many, column)
    assert (codes.count(2), codes.count(0)) == (5000, 5000)


@pytest.mark.parametrize("kind", ["BOOLEAN", "INTEGER", "DOUBLE", "VARCHAR"])
def test_truths_of_every_type(tmp_path: Path, kind: str) -> None:
    source = of_values(tmp_path, f"true::{kind}", f"false::{kind}", "NULL")
    assert taken_in(tmp_path, source, BooleanColumn(name="v"))[0] == [1, 0, 2]


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "gzip", "zstd", "lz4_raw", "brotli"])
def test_every_compression_is_read(tmp_path: Path, codec: str) -> None:
    source = of_values(tmp_path, "1", "2", options=f", COMPRESSION {codec}")
    assert taken_in(tmp_path, source, AGE)[0] == [1, 2]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("DATE '2020-01-01'", "DATE"),
        ("TIMESTAMP '2020-01-01 10:00:00'", "TIMESTAMP"),
        ("TIMESTAMPTZ '2020-01-01 10:00:00+00'", "TIMESTAMP WITH TIME ZONE"),
        ("TIME '10:00:00'", "TIME"),
        ("INTERVAL 3 DAY", "INTERVAL"),
        ("'c0ffee00-0000-4000-8000-000000000000'::UUID", "UUID"),
    ],
)
def test_times_are_no_numbers_and_the_error_says_what_they_are(
    tmp_path: Path, target: Path, value: str, kind: str
) -> None:
    """Never as the whole number that they are stored as: that would be clamped without a word."""
    source = of_values(tmp_path, value, value)
    with pytest.raises(IngestError, match="nor is any other value") as raised:
        ingest(source, "parquet", TABLE, target)
    assert (raised.value.row, raised.value.column) == (1, "v")
    assert f"a {kind} in the file" in str(raised.value)


def test_dates_may_be_categories(tmp_path: Path) -> None:
    column = CategoryColumn(name="v", categories=("2020-01-01", "2021-01-01"))
    source = of_values(tmp_path, "DATE '2021-01-01'", "DATE '2020-01-01'", "DATE '1999-01-01'")
    codes, outcome = taken_in(tmp_path, source, column)
    assert codes == [1, 0, 2]
    assert outcome.report["v"]["unknown"] == 1


@pytest.mark.parametrize(
    "value", ["[1]", "{'x': 1}", "MAP {'x': 1}", "[{'x': [1]}]", "[1, 2]::INTEGER[2]"]
)
def test_nested_values_are_refused_unless_nobody_asks_for_them(
    tmp_path: Path, target: Path, value: str
) -> None:
    source = of_values(tmp_path, value)
    with pytest.raises(IngestError, match="cannot be taken in") as raised:
        ingest(source, "parquet", TABLE, target)
    assert raised.value.column == "v"
    beside = parquet(
        tmp_path, f"SELECT {value} AS a, 1 AS person, {value} AS b, 40 AS v, {value} AS c"
    )
    assert taken_in(tmp_path, beside, AGE)[0] == [40]


def test_columns_are_found_by_name_whatever_their_order_case_and_company(tmp_path: Path) -> None:
    source = parquet(
        tmp_path, 'SELECT 99 AS "c0", 40 AS " V ", \'x\' AS "a\'b""c", \'p\' AS "PERSON"'
    )
    codes, outcome = taken_in(tmp_path, source, AGE)
    assert (codes, outcome.units) == ([40], 1)


@pytest.mark.parametrize(
    ("query", "column", "said"),
    [
        ("SELECT 1 AS person, 2 AS other", "v", "not in the file, which has 'person', 'other'"),
        ("SELECT 1 AS id, 2 AS v", "person", "not in the file"),
        ("SELECT 1 AS person, {'v': 2} AS inner", "v", "not in the file"),
        ('SELECT 1 AS person, 2 AS v, 3 AS "V "', "V", "named twice, as columns 2 and 3"),
        ('SELECT 1 AS person, 2 AS v, 3 AS "Person "', "Person", "columns 1 and 3"),
    ],
)
def test_wrong_names_are_named(
    tmp_path: Path, target: Path, query: str, column: str, said: str
) -> None:
    with pytest.raises(IngestError) as raised:
        ingest(parquet(tmp_path, query), "parquet", TABLE, target)
    assert raised.value.column == column
    assert said in str(raised.value)


def test_a_folder_above_the_file_is_no_column_of_it(tmp_path: Path) -> None:
    """Read as a partition, "person=7" would make one person of everybody."""
    folder = tmp_path / "person=7" / "v=3"
    folder.mkdir(parents=True)
    codes, outcome = taken_in(tmp_path, of_values(folder, "40", "41"), AGE)
    assert (codes, outcome.units) == ([40, 41], 2)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path, target: Path) -> None:
    column = CategoryColumn(name="v", categories=("a",))
    with pytest.raises(IngestError, match="not valid UTF8"):
        ingest(of_values(tmp_path, "'\\xff'::BLOB"), "parquet", table_of(column), target)


@pytest.mark.parametrize("rows", ["WHERE false", "LIMIT 0"])
def test_a_file_without_rows_is_a_table(tmp_path: Path, rows: str) -> None:
    source = parquet(tmp_path, f"SELECT 1 AS person, 40 AS v {rows}")
    assert ingest(source, "parquet", TABLE, tmp_path / "table").rows == 0


# Damaged, and hostile


def damaged(source: Path, content: bytes) -> Path:
    source.write_bytes(content)
    return source


def footer_of(content: bytes) -> slice:
    (length,) = struct.unpack("<I", content[-8:-4])
    return slice(len(content) - 8 - length, len(content) - 8)


def test_every_cut_is_refused(tmp_path: Path, target: Path) -> None:
    source = of_values(tmp_path, "1", "2")
    whole = source.read_bytes()
    for kept in {*range(0, len(whole), 37), 4, 8, len(whole) - 4, len(whole) - 8}:
        with pytest.raises(IngestError):
            ingest(damaged(source, whole[:kept]), "parquet", TABLE, target)


def test_a_damaged_footer_is_refused_or_read_and_never_more(tmp_path: Path, target: Path) -> None:
    """Byte by byte: an error of the file's, or a table of as many rows, and the process lives."""
    source = of_values(tmp_path, *map(str, range(20)))
    whole = source.read_bytes()
    footer = footer_of(whole)
    refused = 0
    for place in range(footer.start, footer.stop, 5):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        try:
            outcome = ingest(
                damaged(source, bytes(broken)), "parquet", TABLE, target,
                limits=Limits(expanded_bytes=10**6),
            )  # fmt: skip
        except IngestError:
            refused += 1
        else:
            assert outcome.rows <= 20
            target.unlink()
    assert refused > 10


@pytest.mark.parametrize("length", [0, 1, 2**20, 2**31 - 1, 2**32 - 1])
def test_a_footer_of_another_length_is_refused(tmp_path: Path, target: Path, length: int) -> None:
    source = of_values(tmp_path, "1", "2")
    whole = source.read_bytes()
    broken = whole[:-8] + struct.pack("<I", length) + whole[-4:]
    with pytest.raises(IngestError, match="cannot be read as Parquet"):
        ingest(damaged(source, broken), "parquet", TABLE, target)


def test_damaged_pages_are_refused(tmp_path: Path, target: Path) -> None:
    source = of_values(tmp_path, *map(str, range(500)), options=", COMPRESSION zstd")
    whole = source.read_bytes()
    start = footer_of(whole).start
    broken = whole[:8] + bytes(byte ^ 0x5A for byte in whole[8:start]) + whole[start:]
    with pytest.raises(IngestError, match="cannot be read as Parquet"):
        ingest(damaged(source, broken), "parquet", TABLE, target)


def test_an_encrypted_file_is_said_to_be(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "upload.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET force_mbedtls_unsafe = 'true'")
        connection.execute("PRAGMA add_parquet_key('key', '0123456789abcdef')")
        connection.execute(
            f"COPY (SELECT 1 AS person, 2 AS v) TO '{source}' "
            "(FORMAT parquet, ENCRYPTION_CONFIG {footer_key: 'key'})"
        )
    with pytest.raises(IngestError, match="encrypted; write it anew without encryption"):
        ingest(source, "parquet", TABLE, target)


def varint(number: int, length: int = 1) -> bytes:
    """Thrift's varint of a signed whole number, in at least `length` bytes."""
    left, out = number << 1, bytearray()
    while left > 127 or len(out) < length - 1:
        out.append(left & 127 | 128)
        left >>= 7
    return bytes([*out, left])


def test_a_bomb_that_states_one_row_is_counted_by_its_row_groups(
    tmp_path: Path, target: Path
) -> None:
    """The total in the file's description is nothing that a reader goes by."""
    source = parquet(
        tmp_path, "SELECT 1 AS person, 40 AS v FROM range(5000000)", ", COMPRESSION zstd"
    )
    whole = source.read_bytes()
    footer, true = footer_of(whole), varint(5_000_000)
    stated = whole[footer].replace(true, varint(1, len(true)), 1)
    damaged(source, whole[: footer.start] + stated + whole[footer.stop :])
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT num_rows FROM parquet_file_metadata('{source}')")
        assert found.fetchall() == [(1,)]
    with pytest.raises(IngestError, match="5000000 rows"):
        ingest(source, "parquet", TABLE, target, limits=Limits(expanded_bytes=10**7))


def test_many_small_row_groups_are_added_up(tmp_path: Path, target: Path) -> None:
    source = parquet(
        tmp_path, "SELECT 1 AS person, 40 AS v FROM range(200000)", ", ROW_GROUP_SIZE 2048"
    )
    with pytest.raises(IngestError, match="200000 rows"):
        ingest(source, "parquet", TABLE, target, limits=Limits(expanded_bytes=10**6))


def test_one_long_text_for_very_many_rows_fills_neither_memory_nor_disk(
    tmp_path: Path, target: Path
) -> None:
    """A dictionary holds it once; as units, 20 000 rows of it would be two gigabytes."""
    source = parquet(
        tmp_path,
        "SELECT repeat('x', 100000) || i % 3 AS person, 40 AS v FROM range(20000) AS r(i)",
        ", COMPRESSION zstd",
    )
    assert source.stat().st_size < 2**16
    with pytest.raises((IngestOutOfMemory, IngestDiskFull)):
        run_in_child(source, "parquet", TABLE, target, memory_bytes=2**28, max_expanded_bytes=2**24)


def test_nulls_where_none_may_be_are_named_by_row(tmp_path: Path, target: Path) -> None:
    table: TableSchema = table_of(AGE.model_copy(update={"nullable": False}))
    source = of_values(tmp_path, "1", "2", "NULL", "NULL")
    with pytest.raises(IngestError, match="the value is null") as raised:
        ingest(source, "parquet", table, target)
    assert (raised.value.row, raised.value.column) == (3, "v")
