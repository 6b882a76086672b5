"""What a block counts as: points of a public grid, whatever came out of its sandbox."""

import math
from typing import Any

import numpy as np

from carrel_protocol.black_box import OUTPUT_BYTES, OutputVector
from carrel_protocol.outputs import ItemKind, TableData
from carrel_worker.executors.code.errors import BadResult
from carrel_worker.executors.code.results import parse
from carrel_worker.sandbox import Outcome

_FORMS: tuple[ItemKind, ...] = ("value", "array", "table")
"""Numbers in plain forms. Others would have to be decoded by more than ourselves."""


def default(output: OutputVector) -> tuple[int, ...]:
    """What every failure counts as: the middle of each range."""
    return (output.middle,) * output.length


def counted(outcome: Outcome, output: OutputVector) -> tuple[int, ...]:
    """A block's point of the grid in each coordinate.

    That of `default` unless the code returned, in time, as many finite numbers as were announced.
    """
    if outcome.ending != "returned" or outcome.payload is None:
        return default(output)
    try:
        results = parse(outcome.payload, output_bytes=OUTPUT_BYTES, kinds=_FORMS)
        if len(results) != 1:
            return default(output)
        numbers = _numbers(results[0].value)
    except (BadResult, ValueError, OverflowError, RecursionError):
        return default(output)
    if len(numbers) != output.length or not all(map(math.isfinite, numbers)):
        return default(output)
    return tuple(output.grid(number, place) for place, number in enumerate(numbers))


def _numbers(value: Any) -> list[float]:
    """A number, a list of them, an array of one axis or none, or a table's one column.

    Raises `BadResult`, `OverflowError`.
    """
    if isinstance(value, TableData):
        if len(value.columns) != value.index + 1:
            raise BadResult("a table of several columns")
        value = [row[-1] for row in value.rows]
    if isinstance(value, np.ndarray):
        if value.ndim > 1 or value.dtype.kind not in "iuf":
            raise BadResult("no vector of numbers")
        value = value.reshape(-1).tolist()
    listed = value if isinstance(value, list) else [value]
    if any(type(each) not in (int, float) for each in listed):
        raise BadResult("something that is no number")
    return [float(each) for each in listed]
