"""From a job to what the sandbox is given, once everything is what was approved."""

import json
from fractions import Fraction
from typing import Any

from carrel_protocol.schema import CategoryColumn, Column, IntegerColumn, RealColumn, TableSchema
from carrel_worker.tables.codes import last_code, lowest, step


def schema_file(schema: TableSchema) -> str:
    """What the runner reads beside a table: how its codes become values."""
    return json.dumps(
        {
            "unit_column": schema.unit_column,
            "columns": [_described(column) for column in schema.columns],
        }
    )


def _described(column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "nullable": column.nullable,
        "low": lowest(column),
        "last": last_code(column),
    }
    if isinstance(column, CategoryColumn):
        described["categories"] = column.categories
    if isinstance(column, IntegerColumn | RealColumn):
        unit: Fraction = step(column)
        described["step"] = [unit.numerator, unit.denominator]
    return described
