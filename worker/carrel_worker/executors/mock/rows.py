"""A mock's rows as lines of JSON: written from a laid-out table, and read back as its codes."""

import json
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from carrel_protocol.schema import BooleanColumn, CategoryColumn, Column, TableSchema
from carrel_worker.executors.ingest.errors import IngestError
from carrel_worker.tables.codes import code_type, lowest, null_code, step
from carrel_worker.tables.layout import Codes, Table

Value = int | float | str | bool | None
_DIGITS = 12


def write_rows(table: Table, schema: TableSchema, target: Path) -> None:
    """Write the names of the columns, the unit's first, and then each row, as arrays.

    Units are numbered from 1, whatever they are called in the file: a mock's ids might be
    somebody's. The bytes are on disk when this returns.
    """
    decoders = [_decoder(column) for column in schema.columns]
    columns = [table.columns[column.name].tolist() for column in schema.columns]
    units = np.repeat(np.arange(1, table.units + 1), np.diff(table.starts)).tolist()
    with target.open("w", encoding="utf-8") as file:
        names = [schema.unit_column, *(column.name for column in schema.columns)]
        file.write(json.dumps(names) + "\n")
        for unit, *codes in zip(units, *columns, strict=True):
            row = [unit, *(decode(code) for decode, code in zip(decoders, codes, strict=True))]
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_rows(source: Path, schema: TableSchema) -> tuple[list[list[Value]], int]:
    """The rows that `write_rows` wrote, without their units, and how many units there are."""
    with source.open(encoding="utf-8") as file:
        if json.loads(file.readline())[1:] != [column.name for column in schema.columns]:
            raise IngestError("the mock has other columns than the table; upload it anew")
        rows = [json.loads(line) for line in file]
    return [row[1:] for row in rows], len({row[0] for row in rows})


def codes_of(rows: list[list[Value]], schema: TableSchema) -> dict[str, Codes]:
    """The codes of rows that `read_rows` gave. Raises `IngestError` for one out of its domain."""
    found = {}
    for place, column in enumerate(schema.columns):
        code = _coder(column)
        try:
            codes = [code(row[place]) for row in rows]
            found[column.name] = np.array(codes, dtype=code_type(column))
        except (KeyError, TypeError, OverflowError) as error:
            raise IngestError(
                "a value is no longer in the column's domain; upload the mock anew",
                column=column.name,
            ) from error
    return found


def _decoder(column: Column) -> Callable[[int], Value]:
    null, low = null_code(column), lowest(column)
    match column:
        case BooleanColumn():
            return lambda code: None if code == null else bool(code)
        case CategoryColumn():
            values = column.categories
            return lambda code: None if code == null else values[code]
        case _ if (unit := step(column)) == 1:
            return lambda code: None if code == null else code + low
        case _:
            return lambda code: None if code == null else round(float((code + low) * unit), _DIGITS)


def _coder(column: Column) -> Callable[[Value], int]:
    places: dict[Value, int] = {}
    match column:
        case BooleanColumn():
            places = {False: 0, True: 1}
        case CategoryColumn():
            places = {value: place for place, value in enumerate(column.categories)}
    null, low, unit = null_code(column), lowest(column), step(column)
    numeric = not places
    if null is not None:
        places[None] = null

    def code(value: Value) -> int:
        if numeric and isinstance(value, int | float):
            return round(Fraction(value) / unit) - low
        return places[value]

    return code
