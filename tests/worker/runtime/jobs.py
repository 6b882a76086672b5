"""Jobs over a small stored table, as the site would hand them out (ids and claim left out)."""

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np

from carrel_protocol.jobs import QueryContent
from carrel_protocol.plan import Aggregate, QueryPlan
from carrel_protocol.privacy import Claimed, Noise
from carrel_protocol.schema import DeclaredSize, IntegerColumn, TableSchema
from carrel_worker.tables.codes import code_type
from carrel_worker.tables.layout import new_table

AGE = IntegerColumn(name="age", lower=0, upper=100, nullable=False)


def table(rows: int) -> TableSchema:
    return TableSchema(
        unit_column="person", columns=(AGE,), size=DeclaredSize(rows=rows, units=rows)
    )


def lay_out(path: Path, rows: int) -> None:
    """Store `rows` people, each aged 50."""
    with new_table(path, (AGE,), rows, rows) as file:
        file.write_starts(np.arange(rows + 1))
        file.write_codes("age", 0, np.full(rows, 50).astype(code_type(AGE)))


def grant(storage: Path, relative: str) -> dict[str, Any]:
    path = storage / relative
    return {
        "path": relative,
        "digest": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size": path.stat().st_size,
        "expires_at": time.time() + 3600,
    }


def content(rows: int) -> QueryContent:
    """COUNT(*) with hardly any noise, so that an answer shows which table was read."""
    return QueryContent(
        requester="usr_a",
        dataset_id="ds_a",
        version_id="ver_a",
        data_commitment="c" * 64,
        metadata_revision=1,
        policy_revision=1,
        table=table(rows),
        plan=QueryPlan(aggregates=(Aggregate(function="count", alias="n"),)),
        bounds=table(rows).bounds,
        noise=(Noise(mechanism="discrete_laplace", scale=0.02),),
        claimed=(Claimed(kind="epsilon", value=50.0),),
    )


def query_job(
    storage: Path, *, rows: int = 1000, deadline_ms: int = 25, lease_seconds: float = 30.0
) -> dict[str, Any]:
    """A query over `rows` people, whose table is stored on the way."""
    relative = f"versions/ver_{rows}"
    if not (storage / relative).exists():
        (storage / "versions").mkdir(exist_ok=True)
        lay_out(storage / relative, rows)
    asked = content(rows)
    return {
        "kind": "query",
        "lease_seconds": lease_seconds,
        "deadline_ms": deadline_ms,
        "content": asked.model_dump(mode="json"),
        "content_hash": asked.content_hash(),
        "data": grant(storage, relative),
    }
