"""What may be done to an output before it leaves: rounding, and taking cells out.

On JSON alone, tables and values: what is binary leaves as it is or not at all. The result is a pure
function of the bytes and the decision, so that its digest can be worked out by anybody.
"""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from pydantic import ValidationError

from carrel_protocol.api.code import Transform
from carrel_protocol.labels import measured
from carrel_protocol.outputs import Cell, ItemKind, TableData
from carrel_protocol.schema import TableSchema
from carrel_protocol.written import TELLING, numbers_in, significant
from carrel_site.core.errors import InvalidInput

MAX_BYTES = 32 << 20
"""A larger item leaves as it is, or not at all."""
CHANGEABLE: tuple[ItemKind, ...] = ("table", "value")
_DIGITS = 700
"""More than any quotient of two floats has before its point."""


def apply(
    kind: ItemKind, content: bytes, change: Transform, schemas: Iterable[TableSchema] = ()
) -> bytes:
    """The item's bytes after `change`.

    A table's labels are not rounded: code says which of its columns those are, and
    `carrel_protocol.labels` which of them are. schemas: of the datasets that the code was given.
    Raises `InvalidInput` where the change does not fit the item.
    """
    if kind not in CHANGEABLE:
        raise InvalidInput(f"'{change.item}' is a {kind}: only tables and values can be changed.")
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"'{change.item}' is too large to be changed.")
    return _table(content, change, schemas) if kind == "table" else _value(content, change)


def left_alone(kind: ItemKind, content: bytes) -> int:
    """How many numbers stand in an item's names and texts, which rounding leaves as they are."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidInput("This is no JSON value.") from None
    if kind == "table":  # its own keys are no names of the item's
        value = [value["columns"], value["rows"]]
    return sum(
        significant(number) >= TELLING for text in _texts(value) for number in numbers_in(text)
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _table(content: bytes, change: Transform, schemas: Iterable[TableSchema]) -> bytes:
    try:
        table = TableData.model_validate_json(content)
    except ValidationError:
        raise InvalidInput(f"'{change.item}' is no table.") from None
    rows = [list(row) for row in table.rows]
    if change.round_to is not None:
        step = Decimal(repr(change.round_to))
        labels = [
            (name, [row[place] for row in rows])
            for place, name in enumerate(table.columns[: table.index])
        ]
        measures = {*measured(labels, schemas), *range(table.index, len(table.columns))}
        for row in rows:
            for place in measures:
                row[place] = _rounded(row[place], step)
    for at, column in change.suppress:
        if not (0 <= at < len(rows) and 0 <= column < len(table.columns)):
            raise InvalidInput(f"'{change.item}' has no cell in row {at}, column {column}.")
        rows[at][column] = None
    kept = {"columns": list(table.columns), "index": table.index, "rows": rows}
    return _json(kept)


def _value(content: bytes, change: Transform) -> bytes:
    if change.suppress:
        raise InvalidInput(f"'{change.item}' is a value: it has no cells to take out.")
    try:
        value = json.loads(content, parse_constant=_no_number)
        if change.round_to is not None:
            value = _rounded_in(value, Decimal(repr(change.round_to)))
        return _json(value)
    except (ValueError, RecursionError):
        raise InvalidInput(f"'{change.item}' is no JSON value.") from None


def _rounded_in(value: Any, step: Decimal) -> Any:
    if isinstance(value, list):
        return [_rounded_in(each, step) for each in value]
    if isinstance(value, dict):
        return {name: _rounded_in(each, step) for name, each in value.items()}
    return _rounded(value, step)


def _rounded(cell: Cell, step: Decimal) -> Cell:
    """The nearest multiple of `step`, the even one of two as near. Text and truth stay."""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return cell
    with localcontext() as context:
        context.prec = _DIGITS
        try:
            exact = Decimal(cell) if isinstance(cell, int) else Decimal(repr(cell))
            multiple = (exact / step).to_integral_value() * step
        except InvalidOperation:
            raise InvalidInput(f"{cell!r} cannot be rounded to multiples of {step}.") from None
        if multiple == multiple.to_integral_value() and isinstance(cell, int):
            return int(multiple)
    return float(multiple) or 0.0


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
