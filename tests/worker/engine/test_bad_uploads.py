"""Files made to do harm, or made by mistake: each refused by name, none leaving anything."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    Column,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_worker.executors.ingest import (
    IngestError,
    Limits,
    ingest,
    run_in_child,
)
from carrel_worker.executors.ingest.errors import is_full_disk
from carrel_worker.executors.ingest.staging import staging_database
from tests.worker.engine.tables import table_of

AGES = table_of(IntegerColumn(name="age", lower=0, upper=120))
MEMORY = 2**29


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Where a table would appear; nothing may be left there."""
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder / "table"
    assert list(folder.iterdir()) == []


def write(tmp_path: Path, content: bytes) -> Path:
    source = tmp_path / "upload"
    source.write_bytes(content)
    return source


def in_child(
    source: Path, file_format: str, target: Path, *, expanded: int, table: TableSchema = AGES
) -> None:
    run_in_child(
        source,
        file_format,  # type: ignore[arg-type]
        table,
        target,
        memory_bytes=MEMORY,
        max_expanded_bytes=expanded,
    )


def test_a_gzip_bomb_is_refused_before_anything_is_kept(tmp_path: Path, target: Path) -> None:
    bomb = tmp_path / "bomb"
    with gzip.open(bomb, "wb", compresslevel=9) as file:
        file.write(b"person,age\n")
        for _ in range(200):
            file.write(b"1,40\n" * 200_000)
    assert bomb.stat().st_size < 2**20  # for 200 MB
    with pytest.raises(IngestError, match="more than 10000000 bytes"):
        in_child(bomb, "csv.gz", target, expanded=10**7)


def test_a_bomb_of_many_gzip_members_is_one_too(tmp_path: Path, target: Path) -> None:
    member = gzip.compress(b"1,40\n" * 100_000)
    bomb = write(tmp_path, gzip.compress(b"person,age\n") + member * 100)
    with pytest.raises(IngestError, match="more than"):
        in_child(bomb, "csv.gz", target, expanded=10**7)


def test_a_parquet_bomb_is_refused_by_its_rows(tmp_path: Path, target: Path) -> None:
    """A column that repeats one value has pages of a few bytes for any number of rows."""
    bomb = tmp_path / "bomb"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT 1 AS person, 40 AS age FROM range(5000000)) "
            f"TO '{bomb}' (FORMAT parquet, COMPRESSION zstd)"
        )
    assert bomb.stat().st_size < 2**20
    with pytest.raises(IngestError, match="5000000 rows"):
        in_child(bomb, "parquet", target, expanded=10**7)


def test_a_parquet_file_of_large_pages_is_refused_by_its_bytes(
    tmp_path: Path, target: Path
) -> None:
    bomb = tmp_path / "bomb"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT 1 AS person, 40 AS age, repeat('x', 100000) || range AS note "
            f"FROM range(1000)) TO '{bomb}' (FORMAT parquet, COMPRESSION zstd)"
        )
    with pytest.raises(IngestError, match="decompressed"):
        in_child(bomb, "parquet", target, expanded=10**7)


def test_within_the_limits_compressed_files_are_taken_in(tmp_path: Path) -> None:
    source = write(tmp_path, gzip.compress(b"person,age\n1,40\n2,50\n"))
    outcome = ingest(
        source, "csv.gz", AGES, tmp_path / "table", limits=Limits(expanded_bytes=10**6)
    )
    assert outcome.rows == 2


@pytest.mark.parametrize("cut", [5, 12, -1, -9])
def test_gzip_cut_short_is_said_to_be(tmp_path: Path, target: Path, cut: int) -> None:
    whole = gzip.compress(b"person,age\n" + b"".join(b"%d,40\n" % i for i in range(5000)))
    source = write(tmp_path, whole[:cut])
    with pytest.raises(IngestError, match="cut short"):
        in_child(source, "csv.gz", target, expanded=10**7)


def test_gzip_with_a_wrong_checksum_is_refused(tmp_path: Path, target: Path) -> None:
    whole = bytearray(gzip.compress(b"person,age\n1,40\n"))
    whole[-8] ^= 1
    with pytest.raises(IngestError, match="not gzip, or is cut short"):
        in_child(write(tmp_path, bytes(whole)), "csv.gz", target, expanded=10**7)


@pytest.mark.parametrize(
    ("column", "values", "line", "said"),
    [
        (IntegerColumn(name="age", lower=0, upper=120), ["x", "", "y"], 2, "type integer"),
        (IntegerColumn(name="age", lower=0, upper=1), ["", "40", "50"], 3, "[0, 1]"),
        (RealColumn(name="age", lower="0", upper="0.5"), ["1", "2", "3"], 2, "[0, 0.5]"),
        (BooleanColumn(name="age"), ["maybe", "perhaps", ""], 2, "true, false"),
        (CategoryColumn(name="age", categories=("old",)), ["40", "50", ""], 2, "'old'"),
    ],
)
def test_a_domain_that_no_value_is_in_is_refused(
    tmp_path: Path, target: Path, column: Column, values: list[str], line: int, said: str
) -> None:
    content = "person,age\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values))
    source = write(tmp_path, content.encode())
    with pytest.raises(IngestError, match="nor is any other value") as raised:
        ingest(source, "csv", table_of(column), target)
    assert (raised.value.line, raised.value.column) == (line, "age")
    assert said in str(raised.value)


def test_one_value_in_its_domain_is_enough(tmp_path: Path) -> None:
    """Outliers are moved to a bound, as the owner declared; only a column of nothing else errs."""
    source = write(tmp_path, b"person,age\n1,999\n2,x\n3,40\n")
    outcome = ingest(source, "csv", AGES, tmp_path / "table")
    assert outcome.report["age"] == {"clamped": 1, "nulls": 0, "unknown": 1}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"person,age\n1,40\n2,121\n3,x\n", 3),
        (b'person,age\n1,40\n\n"2\n",x\n', 4),
        (b"person,age\n1,120.4\n1,119.6\n2,120.6\n", 4),
    ],
)
def test_strictly_taken_the_first_value_outside_is_named(
    tmp_path: Path, target: Path, content: bytes, line: int
) -> None:
    with pytest.raises(IngestError, match="is not in the declared domain") as raised:
        ingest(write(tmp_path, content), "csv", AGES, target, strict=True)
    assert (raised.value.line, raised.value.column) == (line, "age")


def test_more_rows_than_allowed_are_refused(tmp_path: Path, target: Path) -> None:
    source = write(tmp_path, b"person,age\n1,40\n2,50\n,60\n")
    ingest(source, "csv", AGES, tmp_path / "table", limits=Limits(rows=2))
    with pytest.raises(IngestError, match="2 rows; here it may have 1"):
        ingest(source, "csv", AGES, target, limits=Limits(rows=1))


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    """No file of the process may grow beyond some kilobytes: that is what a full disk is like."""
    source = write(tmp_path, b"person,age\n" + b"".join(b"%d,40\n" % i for i in range(20_000)))
    folder = tmp_path / "out"
    folder.mkdir()
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from carrel_worker.executors.ingest import IngestDiskFull, run_in_child\n"
        "from tests.worker.engine.test_bad_uploads import AGES, MEMORY\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
        "try:\n"
        "    run_in_child(Path(sys.argv[1]), 'csv', AGES, Path(sys.argv[2]), memory_bytes=MEMORY)\n"
        "except IngestDiskFull as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(source), str(folder / "table")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "the disk is full" in done.stdout, done.stderr
    assert list(folder.iterdir()) == []


def test_what_duckdb_may_spill_is_bounded(tmp_path: Path) -> None:
    """A file within its limit that needs far more to be sorted does not fill the disk."""
    source = write(tmp_path, b"")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    most = 8 * 2**20
    with staging_database(source, scratch, 100 * 2**20, most) as connection:
        with pytest.raises(duckdb.Error) as raised:
            connection.execute("CREATE TABLE t AS SELECT hash(i) FROM range(30000000) AS r(i)")
        assert sum(path.stat().st_size for path in scratch.iterdir()) <= most + 2**20
    assert is_full_disk(raised.value)


def test_running_out_of_memory_is_no_full_disk() -> None:
    assert not is_full_disk(duckdb.OutOfMemoryException("could not allocate block"))
    assert not is_full_disk(OSError(2, "No such file or directory"))
