"""Writing uploads, taking them in, and asking the engine: what the engine's tests share."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from carrel_protocol.jobs import QueryContent
from carrel_protocol.plan import QueryPlan
from carrel_protocol.privacy import Claimed, Noise
from carrel_protocol.schema import (
    Column,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
    UnitBounds,
)
from carrel_protocol.sensitivity import lower
from carrel_worker.executors.ingest import IngestOutcome, ingest

UNIT = "person"
Record = tuple[str, ...]
"""The texts of one CSV row: the unit, then the schema's columns in order."""


def table_of(*columns: Column, bounds: UnitBounds | None = None) -> TableSchema:
    return TableSchema(
        unit_column=UNIT,
        columns=columns,
        bounds=bounds or UnitBounds(),
        size=DeclaredSize(rows=1000, units=100),
    )


def write_csv(path: Path, schema: TableSchema, records: Sequence[Record]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([schema.unit_column, *(column.name for column in schema.columns)])
    writer.writerows(records)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    return path


def write_parquet(path: Path, schema: TableSchema, records: Sequence[Record]) -> Path:
    """The same records with typed columns: numbers are doubles, everything else is text."""
    numeric = [isinstance(column, IntegerColumn | RealColumn) for column in schema.columns]
    types = ["VARCHAR", *("DOUBLE" if number else "VARCHAR" for number in numeric)]
    names = [schema.unit_column, *(column.name for column in schema.columns)]
    listed = ", ".join(f'"{name}" {kind}' for name, kind in zip(names, types, strict=True))
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE upload ({listed})")
        for record in records:
            values = [_typed(t, kind) for t, kind in zip(record, types, strict=True)]
            connection.execute(
                f"INSERT INTO upload VALUES ({', '.join('?' * len(values))})", values
            )
        connection.execute(f"COPY upload TO '{path}' (FORMAT parquet)")
    return path


def _typed(text: str, kind: str) -> Any:
    if kind == "VARCHAR":
        return text
    try:
        return float(text)
    except ValueError:
        return None


def stored(
    folder: Path,
    schema: TableSchema,
    records: Sequence[Record],
    file_format: Literal["csv", "parquet"] = "csv",
) -> Path:
    """The laid-out table of `records`."""
    return stored_with_outcome(folder, schema, records, file_format)[0]


def stored_with_outcome(
    folder: Path,
    schema: TableSchema,
    records: Sequence[Record],
    file_format: Literal["csv", "parquet"] = "csv",
) -> tuple[Path, IngestOutcome]:
    write = write_csv if file_format == "csv" else write_parquet
    source = write(folder / f"upload.{file_format}", schema, records)
    target = folder / "table"
    outcome = ingest(source, file_format, schema, target)
    return target, outcome


def units_of(records: Sequence[Record]) -> list[str]:
    """The units that a table of `records` numbers 0, 1, 2, …"""
    return sorted({record[0].strip() for record in records} - {""})


def offsets_for(units: Sequence[str], by_unit: dict[str, int]) -> Any:
    """An offsets function that gives every unit the offset it has in `by_unit`."""

    def offsets(count: int) -> NDArray[np.uint64]:
        assert count == len(units)
        return np.array([by_unit[unit] for unit in units], dtype=np.uint64)

    return offsets


def laplace_content(schema: TableSchema, plan: QueryPlan, epsilon: float = 1.0) -> QueryContent:
    """A query priced at `epsilon` a primitive, with just enough noise."""
    primitives = lower(plan, schema, schema.bounds).primitives
    noise = tuple(
        Noise(mechanism="discrete_laplace", scale=up_to(p.l1 / epsilon)) for p in primitives
    )
    claimed = tuple(Claimed(kind="epsilon", value=epsilon) for _ in primitives)
    return content_of(schema, plan, noise, claimed)


def gaussian_content(schema: TableSchema, plan: QueryPlan, rho: float = 0.1) -> QueryContent:
    """A query priced at `rho` a primitive, with just enough noise."""
    primitives = lower(plan, schema, schema.bounds).primitives
    noise = tuple(
        Noise(mechanism="discrete_gaussian", scale=up_to(math.sqrt(p.l2_squared / (2 * rho))))
        for p in primitives
    )
    claimed = tuple(Claimed(kind="rho", value=rho) for _ in primitives)
    return content_of(schema, plan, noise, claimed)


def content_of(
    schema: TableSchema,
    plan: QueryPlan,
    noise: tuple[Noise, ...],
    claimed: tuple[Claimed, ...],
    confidence: float = 0.95,
) -> QueryContent:
    return QueryContent(
        requester="researcher",
        dataset_id="dataset",
        version_id="version",
        data_commitment="commitment",
        metadata_revision=1,
        policy_revision=1,
        table=schema,
        plan=plan,
        bounds=schema.bounds,
        noise=noise,
        claimed=claimed,
        confidence=confidence,
    )


def up_to(scale: float) -> float:
    """A little more than `scale`, so that no rounding leaves it short."""
    return math.nextafter(math.nextafter(scale, math.inf), math.inf)
