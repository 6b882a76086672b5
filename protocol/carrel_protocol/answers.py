"""What a private query releases."""

from typing import Literal

from pydantic import Field

from carrel_protocol.base import Received
from carrel_protocol.privacy import Noise

Key = int | str | bool | None


class MeasureValues(Received):
    """One measure over all keys, in the keys' order.

    `low` and `high` bound the bounded, exact value with the answer's confidence. They cover the
    noise only: not what bounding, clamping or missing rows may have moved.
    """

    name: str
    function: Literal["count", "sum", "avg"]
    values: tuple[float | int, ...]
    low: tuple[float | int, ...]
    high: tuple[float | int, ...]


class NoisyPrimitive(Received):
    """What was released, before any post-processing: integers in stored units.

    Values and noise are exact; a value beyond 2^53 is sent as a string so that no JSON reader
    rounds it.
    """

    kind: Literal["count", "sum"]
    column: str | None
    centre: int
    noise: Noise
    values: tuple[int | str, ...]


class QueryAnswer(Received):
    kind: Literal["query"] = "query"
    group_by: tuple[str, ...]
    keys: tuple[tuple[Key, ...], ...]
    measures: tuple[MeasureValues, ...]
    primitives: tuple[NoisyPrimitive, ...]
    confidence: float = Field(default=0.95)
