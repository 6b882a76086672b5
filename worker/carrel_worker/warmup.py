"""A made-up query through the whole engine, so that a child's first real one finds it warm."""

import tempfile
from pathlib import Path

import numpy as np

from carrel_protocol.jobs import QueryContent
from carrel_protocol.plan import Aggregate, ColumnRef, Comparison, IntegerLiteral, QueryPlan
from carrel_protocol.privacy import Claimed, Noise
from carrel_protocol.schema import (
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    TableSchema,
)
from carrel_protocol.sensitivity import lower
from carrel_worker.executors.query import execute
from carrel_worker.tables.codes import code_type
from carrel_worker.tables.layout import new_table

_ROWS = 64
_AGE = IntegerColumn(name="age", lower=0, upper=100, nullable=False)
_REGION = CategoryColumn(name="region", categories=("north", "south"), nullable=False)
_TABLE = TableSchema(
    unit_column="person", columns=(_AGE, _REGION), size=DeclaredSize(rows=_ROWS, units=_ROWS)
)
_PLAN = QueryPlan(
    where=Comparison(op="gt", left=ColumnRef(name="age"), right=IntegerLiteral(value=20)),
    group_by=("region",),
    aggregates=(
        Aggregate(function="count", alias="n"),
        Aggregate(function="sum", column="age", alias="total"),
        Aggregate(function="avg", column="age", alias="mean"),
    ),
)


def warm_up() -> None:
    """Answer one question about 64 made-up people by each mechanism."""
    with tempfile.TemporaryDirectory(prefix="carrel-warm-") as directory:
        path = Path(directory) / "table"
        _lay_out(path)
        primitives = lower(_PLAN, _TABLE, _TABLE.bounds).primitives
        laplace = [float(p.l1) for p in primitives]
        gaussian = [float(p.l2_squared) ** 0.5 + 1 for p in primitives]
        for content in (
            _content(
                tuple(Noise(mechanism="discrete_laplace", scale=scale) for scale in laplace),
                tuple(Claimed(kind="epsilon", value=1.0) for _ in laplace),
            ),
            _content(
                tuple(Noise(mechanism="discrete_gaussian", scale=scale) for scale in gaussian),
                tuple(Claimed(kind="rho", value=0.5) for _ in gaussian),
            ),
        ):
            content.content_hash()
            execute(content, path).model_dump_json()


def _content(noise: tuple[Noise, ...], claimed: tuple[Claimed, ...]) -> QueryContent:
    return QueryContent(
        requester="",
        dataset_id="",
        version_id="",
        data_commitment="",
        metadata_revision=1,
        policy_revision=1,
        table=_TABLE,
        plan=_PLAN,
        bounds=_TABLE.bounds,
        noise=noise,
        claimed=claimed,
    )


def _lay_out(path: Path) -> None:
    rows = np.arange(_ROWS)
    with new_table(path, _TABLE.columns, _ROWS, _ROWS) as table:
        table.write_starts(np.arange(_ROWS + 1))
        table.write_codes("age", 0, (rows % 101).astype(code_type(_AGE)))
        table.write_codes("region", 0, (rows % 2).astype(code_type(_REGION)))
