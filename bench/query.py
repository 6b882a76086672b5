"""Private queries beside plain ones: CPU time and memory, measured in one run.

count + sum + mean by 50 regions; every person bounded to 4 rows in each of 6 regions. The
private side is what a worker does for a claimed job: lower the plan, aggregate the laid-out
table exactly, add OpenDP's discrete noise, work out intervals. The plain side reads the same rows
from Parquet, without any privacy. CPU time is that of the whole process, all threads; each side
is warm and reports the median.

    .venv/bin/python bench/query.py [--check]

Peers: the newest Polars (in a virtualenv of its own below bench/.venvs) for 5 million rows of
473,000 people, DuckDB for 1,000 rows of 100. The data is made from a fixed seed.
"""

import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from _report import Figure, report

from carrel_protocol.jobs import QueryContent
from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.privacy import Claimed, Noise
from carrel_protocol.schema import (
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
    UnitBounds,
)
from carrel_protocol.sensitivity import lower
from carrel_worker.executors.ingest import ingest
from carrel_worker.executors.query import execute

HERE = Path(__file__).resolve().parent
LARGE, SMALL = (5_000_000, 473_000), (1_000, 100)
SEED = 20_261_122
EPSILON = 1.0
PLAN = QueryPlan(
    group_by=("region",),
    aggregates=(
        Aggregate(function="count", alias="n"),
        Aggregate(function="sum", column="spend", alias="total"),
        Aggregate(function="avg", column="spend", alias="mean"),
    ),
)
PLAIN_SQL = "SELECT region, count(*), sum(spend), avg(spend) FROM '{}' GROUP BY region"
POLARS = """
import json, statistics, sys, time
import polars as pl

def query():
    return (
        pl.scan_parquet(sys.argv[1])
        .group_by("region")
        .agg(pl.len(), pl.col("spend").sum().alias("total"), pl.col("spend").mean().alias("mean"))
        .collect()
    )

rows = query().height
times = []
for _ in range(int(sys.argv[2])):
    start = time.process_time()
    query()
    times.append(time.process_time() - start)
print(json.dumps({"version": pl.__version__, "rows": rows, "cpu": statistics.median(times)}))
"""


def schema(rows: int, units: int) -> TableSchema:
    return TableSchema(
        unit_column="person",
        columns=(
            CategoryColumn(
                name="region",
                categories=tuple(f"region {i:02d}" for i in range(50)),
                nullable=False,
            ),
            RealColumn(name="spend", lower="0", upper="1000.00", nullable=False),
            IntegerColumn(name="age", lower=0, upper=110),
        ),
        bounds=UnitBounds(rows_per_unit=24, rows_per_group=4, groups_per_unit=6),
        size=DeclaredSize(rows=rows, units=units),
    )


def content(table: TableSchema) -> QueryContent:
    """The query, with the least discrete Laplace noise for EPSILON on the whole of it."""
    primitives = lower(PLAN, table, table.bounds).primitives
    share = EPSILON / len(primitives)
    return QueryContent(
        requester="bench",
        dataset_id="bench",
        version_id="bench",
        data_commitment="bench",
        metadata_revision=1,
        policy_revision=1,
        table=table,
        plan=PLAN,
        bounds=table.bounds,
        noise=tuple(
            Noise(mechanism="discrete_laplace", scale=math.nextafter(p.l1 / share, math.inf))
            for p in primitives
        ),
        claimed=tuple(Claimed(kind="epsilon", value=share) for _ in primitives),
    )


def make_parquet(path: Path, rows: int, units: int) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"SELECT setseed({SEED % 1000 / 1000})")
        connection.execute(
            "COPY (SELECT format('person {:06d}', CAST(floor(random() * $units) AS INTEGER)) "
            "AS person, format('region {:02d}', CAST(floor(random() * 50) AS INTEGER)) AS region, "
            "round(random() * 1000, 2) AS spend, CAST(floor(random() * 100) AS INTEGER) AS age "
            f"FROM range($rows)) TO '{path}' (FORMAT parquet)",
            {"units": units, "rows": rows},
        )


def median_cpu(work: Callable[[], Any], times: int) -> float:
    """Median CPU seconds of `work` over `times` calls, after one that does not count."""
    work()
    taken = []
    for _ in range(times):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def private(data: str, rows: str, units: str, times: str) -> None:
    """In a process of its own, so that its peak memory is its own."""
    job = content(schema(int(rows), int(units)))
    cpu = median_cpu(lambda: execute(job, Path(data)), int(times))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"cpu": cpu, "peak": peak}))


def plain_duckdb(data: str, times: str) -> None:
    connection = duckdb.connect()
    cpu = median_cpu(lambda: connection.execute(PLAIN_SQL.format(data)).fetchall(), int(times))
    print(json.dumps({"cpu": cpu}))


def take_in(source: str, target: str, rows: str, units: str) -> None:
    start, wall = time.process_time(), time.perf_counter()
    outcome = ingest(Path(source), "parquet", schema(int(rows), int(units)), Path(target))
    taken = {"cpu": time.process_time() - start, "wall": time.perf_counter() - wall}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({**taken, "units": outcome.units, "peak": peak}))


def apart(part: str, *arguments: object) -> dict[str, Any]:
    """Run one part of this script in its own process."""
    return _json([sys.executable, __file__, part, *map(str, arguments)])


def polars_python() -> str:
    """A virtualenv with the newest Polars and nothing else."""
    folder = HERE / ".venvs" / "polars"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--upgrade", "polars"]
    # Without a registry, the Polars of the last run is measured; the title says which.
    subprocess.run(pip, check=False, stderr=subprocess.DEVNULL)
    return str(python)


def _json(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    python = polars_python()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        large, small = folder / "large.parquet", folder / "small.parquet"
        make_parquet(large, *LARGE)
        make_parquet(small, *SMALL)
        ingested = apart("take_in", large, folder / "large.table", *LARGE)
        apart("take_in", small, folder / "small.table", *SMALL)
        # Side by side and twice over, so that neither has a quieter machine than the other.
        polars = [_json([python, "-c", POLARS, str(large), "7"])]
        ours = [apart("private", folder / "large.table", *LARGE, 7)]
        polars.append(_json([python, "-c", POLARS, str(large), "7"]))
        ours.append(apart("private", folder / "large.table", *LARGE, 7))
        tiny = apart("private", folder / "small.table", *SMALL, 200)
        duck = apart("plain_duckdb", small, 200)
        stored = (folder / "large.table").stat().st_size
        parquet = large.stat().st_size
    assert all(answer["rows"] == 50 for answer in polars)
    cpu = statistics.mean(answer["cpu"] for answer in ours)
    polars_cpu = statistics.mean(answer["cpu"] for answer in polars)
    missed = report(
        f"count + sum + mean by 50 regions, {LARGE[0]:,} rows of {ingested['units']:,} people "
        f"and {SMALL[0]:,} rows of {SMALL[1]}; Polars {polars[0]['version']}, "
        f"DuckDB {duckdb.__version__}",
        [
            Figure("5M rows: private", cpu, "CPU s"),
            Figure("5M rows: plain Polars", polars_cpu, "CPU s"),
            Figure("5M rows: private / Polars", cpu / polars_cpu, "×", at_most=4),
            Figure(
                "5M rows: private, peak memory",
                max(answer["peak"] for answer in ours) / 1e6,
                "MB",
                at_most=1000,
            ),
            Figure("5M rows: ingest, once", ingested["cpu"], "CPU s"),
            Figure("5M rows: ingest, once, wall", ingested["wall"], "s"),
            Figure("5M rows: ingest, peak memory", ingested["peak"] / 1e6, "MB"),
            Figure("5M rows: laid-out table", stored / 1e6, "MB"),
            Figure("5M rows: Parquet file", parquet / 1e6, "MB"),
            Figure("1,000 rows: plain DuckDB", duck["cpu"] * 1000, "CPU ms"),
            # The target is whichever is more of four times plain DuckDB and 3 ms.
            Figure(
                "1,000 rows: private",
                tiny["cpu"] * 1000,
                "CPU ms",
                at_most=max(4 * duck["cpu"] * 1000, 3.0),
            ),
        ],
        check="--check" in sys.argv,
    )
    sys.exit(missed)


PARTS: dict[str, Callable[..., None]] = {
    "private": private,
    "plain_duckdb": plain_duckdb,
    "take_in": take_in,
}

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in PARTS:
        PARTS[sys.argv[1]](*sys.argv[2:])
    else:
        main()
