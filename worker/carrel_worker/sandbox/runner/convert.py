"""What code returned, as items of data: JSON values alone."""

import json
from typing import Any, NamedTuple

MAGIC = b"CARREL1\n"


class NotReturnable(TypeError):
    """A value that is no data in one of the formats that are let out."""


class Item(NamedTuple):
    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    blob: bytes


def to_items(value: Any, name: str = "result") -> list[Item]:
    """The items of one returned or saved value; none for None. Raises `NotReturnable`."""
    if value is None:
        return []
    try:
        blob = json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotReturnable(str(error)) from error
    return [Item(name, "value", (), "", blob)]


def payload(items: list[Item]) -> list[bytes]:
    """The bytes of the result channel: magic, length of the header, header, blobs."""
    entries, offset = [], 0
    for item in items:
        entries.append(
            {
                "name": item.name,
                "kind": item.kind,
                "shape": list(item.shape),
                "dtype": item.dtype,
                "offset": offset,
                "length": len(item.blob),
            }
        )
        offset += len(item.blob)
    header = json.dumps({"items": entries}).encode()
    return [MAGIC, len(header).to_bytes(8, "little"), header, *(item.blob for item in items)]
