"""NumPy and safetensors files, parsed strictly and written anew.

Both formats are raw numbers behind a header. Nothing is unpickled and no header is evaluated: a
header that a regular expression or strict JSON does not match to the end is refused, and the
bytes behind it have to be exactly what its shape takes. What is kept is our own writing of the
numbers: no comment field, no padding and no NaN with bits of its own is left to carry anything.
"""

import json
import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carrel_worker.executors.code import strict_json
from carrel_worker.executors.code.errors import BadResult

MAX_DIMENSIONS = 16
MAX_TENSORS = 10_000
_MAX_HEADER = 2**20
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    r"\{'descr': '([<|][a-z][0-9])', 'fortran_order': (False|True), "
    r"'shape': \(((?:[0-9]{1,15}, )*[0-9]{1,15},?)\), \} *\n"
)
_TYPES = {
    "|b1": np.bool_,
    "|i1": np.int8,
    "|u1": np.uint8,
    "<i2": np.int16,
    "<u2": np.uint16,
    "<i4": np.int32,
    "<u4": np.uint32,
    "<i8": np.int64,
    "<u8": np.uint64,
    "<f2": np.float16,
    "<f4": np.float32,
    "<f8": np.float64,
}
_TENSORS: dict[str, str] = {
    "BOOL": "|b1",
    "I8": "|i1",
    "U8": "|u1",
    "I16": "<i2",
    "U16": "<u2",
    "I32": "<i4",
    "U32": "<u4",
    "I64": "<i8",
    "U64": "<u8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "BF16": "<u2",
}
_BF16_NAN = np.uint16(0x7FC0)


def parse_npy(content: bytes) -> tuple[bytes, NDArray[Any]]:
    """A NumPy file of version 1.0 as we write it, and its array. Raises `BadResult`."""
    if content[:8] != _MAGIC or len(content) < 10:
        raise BadResult("no NumPy file of version 1.0")
    start = 10 + int.from_bytes(content[8:10], "little")
    try:
        match = _HEADER.fullmatch(content[10:start].decode("ascii"))
    except UnicodeDecodeError:
        match = None
    if match is None or start > len(content):
        raise BadResult("a NumPy file whose header is not of the plain form")
    descr, fortran, shape_text = match.groups()
    if descr not in _TYPES:
        raise BadResult(f"a NumPy array of {descr!r}: numbers and booleans only")
    shape = tuple(int(part) for part in shape_text.rstrip(",").split(", "))
    array = _numbers(content[start:], descr, shape)
    array = array.reshape(shape, order="F" if fortran == "True" else "C")
    array = np.ascontiguousarray(array)
    return write_npy(array), array


def write_npy(array: NDArray[Any]) -> bytes:
    """The array as a NumPy file of version 1.0, in C order."""
    shape = ", ".join(map(str, array.shape)) + ("," if array.ndim == 1 else "")
    descr = array.dtype.newbyteorder("<").str
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return _MAGIC + len(header).to_bytes(2, "little") + header.encode() + array.tobytes()


def parse_safetensors(content: bytes) -> tuple[bytes, dict[str, NDArray[Any]]]:
    """A safetensors file as we write it, and its tensors (bfloat16 as its bits).

    Raises `BadResult`: for metadata, gaps, overlaps and offsets that no shape explains too.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 2 <= length <= min(_MAX_HEADER, len(content) - 8):
        raise BadResult("no safetensors file")
    header = strict_json.loads(content[8 : 8 + length], most_bytes=_MAX_HEADER)
    if not isinstance(header, dict) or not 1 <= len(header) <= MAX_TENSORS:
        raise BadResult(f"a safetensors file of 1 to {MAX_TENSORS} tensors is wanted")
    data = content[8 + length :]
    tensors: dict[str, NDArray[Any]] = {}
    kinds: dict[str, str] = {}
    end = 0
    for name, entry in sorted(header.items(), key=lambda each: _offsets(*each)):
        first, last = _offsets(name, entry)
        if first != end or last < first or last > len(data):
            raise BadResult("tensors that overlap, leave gaps, or reach beyond the file")
        end = last
        kind = entry["dtype"]
        descr = _TENSORS.get(kind) if isinstance(kind, str) else None
        if descr is None:
            raise BadResult("a tensor of a type that is not let out")
        array = _numbers(data[first:last], descr, _shape(entry["shape"]))
        if kind == "BF16":
            array = np.where((array & 0x7FFF) > 0x7F80, _BF16_NAN, array)
        tensors[name], kinds[name] = array.reshape(entry["shape"]), kind
    if end != len(data):
        raise BadResult("bytes behind the last tensor")
    return _write_safetensors(tensors, kinds), tensors


def _write_safetensors(tensors: dict[str, NDArray[Any]], kinds: dict[str, str]) -> bytes:
    header, blobs, offset = {}, [], 0
    for name in sorted(tensors):
        blob = tensors[name].tobytes()
        header[name] = {
            "dtype": kinds[name],
            "shape": list(tensors[name].shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *blobs])


def _offsets(name: str, entry: Any) -> tuple[int, int]:
    if name == "__metadata__":
        raise BadResult("a safetensors file with metadata")
    if len(name) > 200 or not name.isprintable():
        raise BadResult("a tensor with a name that cannot be shown")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise BadResult("a tensor's entry has other keys than dtype, shape and data_offsets")
    offsets = entry["data_offsets"]
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_size, offsets)):
        raise BadResult("a tensor's offsets are not two whole numbers")
    return offsets[0], offsets[1]


def _shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, list) or not all(map(_is_size, shape)):
        raise BadResult("a tensor's shape is no list of whole numbers")
    return tuple(shape)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _numbers(raw: bytes, descr: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """The flat array that `raw` is. Raises `BadResult` unless it is exactly as long as `shape`."""
    dtype = np.dtype(_TYPES[descr])
    if len(shape) > MAX_DIMENSIONS:
        raise BadResult(f"an array of more than {MAX_DIMENSIONS} dimensions")
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise BadResult(f"an array of shape {shape} does not take {len(raw)} bytes")
    if math.prod(size for size in shape if size) * dtype.itemsize >= 2**62:
        raise BadResult("an array, empty or not, of huge dimensions")
    if dtype.kind == "b" and np.frombuffer(raw, np.uint8).max(initial=0) > 1:
        raise BadResult("a boolean that is neither 0 nor 1")
    array = np.frombuffer(raw, dtype).copy()
    if dtype.kind == "f":
        array[np.isnan(array)] = np.nan
    return array
