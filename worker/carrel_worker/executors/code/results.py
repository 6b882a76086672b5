"""What came out of the sandbox, parsed as data of a stranger's and as nothing else.

The result channel holds `CARREL1\n`, the header's length (8 bytes, little-endian), the header as
JSON, and the items' bytes. Code that ran wrote every byte of it, and may have written all of it
by itself. So: each length is checked before it is used, each item's bytes are parsed to the end
by its format's own rules, and what is kept is our own writing of what was read. The header's
`shape` and `dtype` are not even looked at.
"""

import hashlib
import re
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from carrel_protocol.outputs import MAX_ITEMS, MEDIA_TYPES, ItemKind, OutputItem, TableData
from carrel_worker.executors.code import arrays, frames, pictures, strict_json
from carrel_worker.executors.code.errors import BadResult, TooLarge

MAGIC = b"CARREL1\n"
_NPY = b"\x93NUMPY"
_MAX_HEADER = 256 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]{0,62}")
_KEYS = {"name", "kind", "shape", "dtype", "offset", "length"}


@dataclass(frozen=True)
class Result:
    """One item as it is kept: what people are shown, its bytes, and what they hold."""

    item: OutputItem
    content: bytes
    value: Any
    """value: the JSON value; table: `TableData`; array: the array; tensors: arrays by name;
    frame and figure: None."""
    dropped: tuple[str, ...] = ()
    """figure: what its file held beside its pixels."""


@dataclass(frozen=True)
class _Entry:
    name: str
    kind: ItemKind
    begin: int
    end: int


class Reader(pictures.Decoder, Protocol):
    """Decodes what takes a library that is not ours."""

    def columns(self, content: bytes) -> tuple[Any, frames.Parts]: ...


def parse(
    payload: bytes,
    *,
    output_bytes: int,
    kinds: Container[ItemKind] = tuple(MEDIA_TYPES),
    reader: Reader | None = None,
) -> tuple[Result, ...]:
    """The items. Raises `BadResult`, `TooLarge` for more than `output_bytes` together.

    kinds: an item of another is refused before anything is decoded. reader: without one, figures
    and frames are refused.
    """
    entries, blobs = _entries(payload)
    for entry in entries:
        if entry.kind not in kinds:
            raise BadResult(f"'{entry.name}' is a {entry.kind}")
    total = sum(entry.end - entry.begin for entry in entries)
    if total > output_bytes:
        raise TooLarge(f"{total} bytes were returned; at most {output_bytes} are let out")
    results = []
    for entry in entries:
        try:
            results.append(_result(entry, bytes(blobs[entry.begin : entry.end]), reader))
        except BadResult as error:
            raise BadResult(f"'{entry.name}' ({entry.kind}): {error}") from None
    return tuple(results)


def _entries(payload: bytes) -> tuple[list[_Entry], memoryview]:
    """What the header announces, in its order, and the bytes behind the header."""
    begin = len(MAGIC) + 8
    if len(payload) < begin or not payload.startswith(MAGIC):
        raise BadResult("no result in the sandbox's form")
    length = int.from_bytes(payload[len(MAGIC) : begin], "little")
    if length > min(_MAX_HEADER, len(payload) - begin):
        raise BadResult("a header that is longer than it may be, or than what there is")
    header = strict_json.loads(payload[begin : begin + length], most_bytes=_MAX_HEADER)
    blobs = memoryview(payload)[begin + length :]
    if not isinstance(header, dict) or set(header) != {"items"}:
        raise BadResult("a header that is not items alone")
    items = header["items"]
    if not isinstance(items, list) or len(items) > MAX_ITEMS:
        raise BadResult(f"more than {MAX_ITEMS} items")
    entries = [_entry(item, len(blobs)) for item in items]
    if len({entry.name for entry in entries}) != len(entries):
        raise BadResult("two items have the same name")
    place = 0
    for entry in sorted(entries, key=lambda each: each.begin):
        if entry.begin < place:
            raise BadResult("items that overlap")
        place = entry.end
    return entries, blobs


def _entry(item: Any, size: int) -> _Entry:
    if not isinstance(item, dict) or set(item) != _KEYS:
        raise BadResult(f"an item with other keys than {', '.join(sorted(_KEYS))}")
    name, kind, offset, length = item["name"], item["kind"], item["offset"], item["length"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadResult("an item whose name is none")
    if not isinstance(kind, str) or kind not in MEDIA_TYPES:
        raise BadResult("an item of an unknown kind")
    if type(offset) is not int or type(length) is not int or offset < 0 or length < 1:
        raise BadResult("an item whose place is no place")
    if offset + length > size:
        raise BadResult("an item that reaches beyond the end")
    return _Entry(name, kind, offset, offset + length)


def _result(entry: _Entry, blob: bytes, reader: Reader | None) -> Result:
    shape: tuple[int, ...] = ()
    dropped: tuple[str, ...] = ()
    dtype, value = "", None
    match entry.kind:
        case "value":
            value = strict_json.loads(blob)
            content = strict_json.dumps(value)
        case "table":
            value, content = parse_table(blob)
            shape = (len(value.rows), len(value.columns))
        case "array":
            content, value = arrays.parse_npy(blob)
            shape, dtype = value.shape, value.dtype.name
        case "tensors":
            content, value = arrays.parse_safetensors(blob)
        case "frame":
            if not frames.available():
                raise BadResult("large tables need pyarrow beside the worker, which checks them")
            content, shape = frames.write(*_wanted(reader).columns(blob))
        case "figure":
            picture = pictures.redraw(blob, _wanted(reader))
            content, dropped, value = picture.content, picture.dropped, picture.grain
            shape = (picture.height, picture.width)
    item = OutputItem(
        name=entry.name,
        kind=entry.kind,
        size=len(content),
        digest=hashlib.sha256(content).hexdigest(),
        shape=shape,
        dtype=dtype,
    )
    return Result(item, content, value, dropped)


def parse_table(blob: bytes) -> tuple[TableData, bytes]:
    """A small table and our writing of it. Raises `BadResult`."""
    found = strict_json.loads(blob)
    if not isinstance(found, dict) or set(found) != {"columns", "index", "rows"}:
        raise BadResult("a table of other parts than columns, index and rows")
    try:
        table = TableData.model_validate(found, strict=False)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BadResult(f"no table: {first['msg']}") from None
    return table, strict_json.dumps(table.model_dump(mode="json"))


def parse_released(content: bytes) -> Result:
    """A table, value or array that was released, by its bytes. Raises `BadResult`."""
    if content.startswith(_NPY):
        item = OutputItem(name="earlier", kind="array", size=len(content), digest="")
        return Result(item, b"", arrays.parse_npy(content)[1])
    with suppress(BadResult):
        item = OutputItem(name="earlier", kind="table", size=len(content), digest="")
        return Result(item, b"", parse_table(content)[0])
    item = OutputItem(name="earlier", kind="value", size=len(content), digest="")
    return Result(item, b"", strict_json.loads(content))


def _wanted(reader: Reader | None) -> Reader:
    if reader is None:
        raise BadResult("nothing is there to decode it")
    return reader
