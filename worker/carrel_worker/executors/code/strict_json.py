"""JSON as a stranger sent it, read without a surprise.

`json.loads` takes NaN, numbers that overflow to infinity, keys that are there twice, and as much
nesting and as many small objects as memory holds. None of that is data that anybody looks at.
"""

import json
import math
from typing import Any

from carrel_worker.executors.code.errors import BadResult

MAX_BYTES = 8 * 2**20
MAX_PARTS = 600_000
"""Values, keys and brackets: each is a Python object of about a hundred bytes."""
MAX_DEPTH = 34
"""Two more than the runner lets a value be nested: a table lies in two of its own."""
_LARGEST = 2**53 - 1
_LONGEST_INTEGER = 17


def loads(content: bytes, *, most_bytes: int = MAX_BYTES) -> Any:
    """The value. Raises `BadResult`."""
    if len(content) > most_bytes:
        raise BadResult(f"{len(content)} bytes of JSON; at most {most_bytes} are read")
    if sum(content.count(mark) for mark in (b",", b":", b"[", b"{")) > MAX_PARTS:
        raise BadResult(f"JSON of more than {MAX_PARTS} parts")
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_int=_integer,
            parse_float=_real,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise BadResult(f"JSON nested more than {MAX_DEPTH} deep") from None
    except UnicodeDecodeError:
        raise BadResult("JSON that is not in UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadResult(f"no JSON: {error.msg}") from None
    _check(value)
    return value


def dumps(value: Any) -> bytes:
    """One spelling for each value, so that no spelling carries anything."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER or abs(int(text)) > _LARGEST:
        raise BadResult("a whole number beyond 2^53")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadResult("a number that overflows to infinity")
    return value


def _constant(name: str) -> Any:
    raise BadResult(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadResult("an object has a key twice")
    return found


def _check(value: Any) -> None:
    """Bounded depth, and texts that can be written down again."""
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            raise BadResult(f"JSON nested more than {MAX_DEPTH} deep")
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
                for key in each:
                    _check_text(key)
            elif isinstance(each, list):
                inner += each
            elif isinstance(each, str):
                _check_text(each)
        level, depth = inner, depth + 1


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadResult("a text holds half a character (a lone surrogate)") from None
