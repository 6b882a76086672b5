"""A small private table for checks, and results as the parser hands them over."""

from pathlib import Path
from typing import Any

import numpy as np

from carrel_protocol.outputs import Finding
from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_worker.executors.checks import Background, look_at
from carrel_worker.executors.code.prepare import schema_file
from carrel_worker.executors.code.results import Result, parse_released
from carrel_worker.sandbox.runner import tables
from carrel_worker.sandbox.runner.convert import payload, to_items
from carrel_worker.tables.codes import code_type
from carrel_worker.tables.layout import new_table, open_table
from tests.worker.code.reading import parse

REGIONS = ("east", "north", "south", "west")
SCHEMA = TableSchema(
    unit_column="person",
    columns=(
        IntegerColumn(name="age", lower=0, upper=120, nullable=False),
        RealColumn(name="income", lower="0", upper="1000000.00", resolution="0.01"),
        CategoryColumn(name="region", categories=REGIONS, nullable=False),
        BooleanColumn(name="female", nullable=False),
    ),
    size=DeclaredSize(rows=2000, units=1000),
)
UNITS = 1000
FEW = 4
"""People in the west: fewer than a published number needs behind it."""


def lay_out(path: Path) -> None:
    """1000 people of two rows each; 4 of them in the west; one in the north earns nearly all."""
    draw = np.random.Generator(np.random.PCG64(7))
    rows = 2 * UNITS
    unit = np.repeat(np.arange(UNITS), 2)
    region = np.where(unit < FEW, 3, unit % 3)
    income = np.rint(draw.lognormal(10, 0.5, rows) * 100).astype(np.int64) % 10_000_000
    income[(region == 1)] //= 1000
    income[np.flatnonzero(region == 1)[:2]] = 99_876_543
    codes = {
        "age": draw.integers(18, 90, rows),
        "income": income,
        "region": region,
        "female": unit % 2,
    }
    with new_table(path, SCHEMA.columns, rows, UNITS) as file:
        file.write_starts(np.arange(0, rows + 1, 2, dtype=np.int64))
        for column in SCHEMA.columns:
            file.write_codes(column.name, 0, codes[column.name].astype(code_type(column)))


def frame_of(directory: Path) -> Any:
    """The table as code sees it."""
    lay_out(directory / tables.STORED)
    (directory / tables.SCHEMA).write_text(schema_file(SCHEMA))
    return tables.read(str(directory))


def returned(value: Any) -> tuple[Result, ...]:
    return parse(b"".join(payload(to_items(value))), output_bytes=2**23)


def findings(
    directory: Path, value: Any, *, earlier: tuple[Any, ...] = (), least: int = 10
) -> tuple[Finding, ...]:
    """What the checks say of a value that code over the table in `directory` returned."""
    background = Background(
        schemas={"df": SCHEMA},
        tables={"df": open_table(directory / tables.STORED, SCHEMA.columns)},
        earlier=tuple(
            (f"earlier release {n}", parse_released(result.content))
            for n, one in enumerate(earlier, 1)
            for result in returned(one)
        ),
        least_cell=least,
    )
    return look_at(returned(value), background)
