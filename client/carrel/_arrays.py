"""Arrays in NumPy's and safetensors' formats, read with numpy where it is and without elsewhere."""

from __future__ import annotations

import ast
import json
import math
import struct
from importlib import import_module
from typing import Any, NamedTuple

from carrel._errors import UnexpectedAnswer

_NPY = b"\x93NUMPY\x01\x00"
_CODES = {
    "b1": "?",
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
}
_TENSORS = {
    "BOOL": "b1",
    "I8": "i1",
    "U8": "u1",
    "I16": "i2",
    "U16": "u2",
    "I32": "i4",
    "U32": "u4",
    "I64": "i8",
    "U64": "u8",
    "F16": "f2",
    "F32": "f4",
    "F64": "f8",
}


class Nested(list[Any]):
    """An array as lists in lists, where numpy is not installed: with its `shape` and `dtype`."""

    shape: tuple[int, ...]
    dtype: str

    def __init__(self, flat: tuple[Any, ...], shape: tuple[int, ...], dtype: str) -> None:
        super().__init__(_folded(flat, shape) if shape else flat)
        self.shape = shape
        self.dtype = dtype


class _Raw(NamedTuple):
    dtype: str
    """'<f8' and the like."""
    shape: tuple[int, ...]
    data: bytes


def read_npy(content: bytes) -> Any:
    """An array of numbers or booleans, version 1.0 of NumPy's format; never a pickle.

    Raises `UnexpectedAnswer` for anything else.
    """
    if not content.startswith(_NPY):
        raise UnexpectedAnswer("An array cannot be read: it is of another version than 1.0.")
    try:
        begin = 10 + int.from_bytes(content[8:10], "little")
        header = ast.literal_eval(content[10:begin].decode("latin-1"))
        raw = _Raw(header["descr"], tuple(header["shape"]), content[begin:])
        return _array(raw, fortran=header["fortran_order"])
    except (ValueError, KeyError, TypeError, IndexError, SyntaxError, RecursionError) as error:
        raise UnexpectedAnswer(f"An array cannot be read: {error}") from None


def read_tensors(content: bytes) -> dict[str, Any]:
    """Named tensors of a safetensors file. bfloat16 becomes float32, which holds its values."""
    try:
        begin = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:begin])
        found = {}
        for name, about in header.items():
            if name == "__metadata__":
                continue
            first, last = about["data_offsets"]
            data = content[begin + first : begin + last]
            dtype = about["dtype"]
            if dtype == "BF16":
                data = b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2))
                dtype = "F32"
            found[str(name)] = _array(_Raw("<" + _TENSORS[dtype], tuple(about["shape"]), data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnexpectedAnswer(f"Tensors cannot be read: {error}") from None
    return found


def _array(raw: _Raw, *, fortran: bool = False) -> Any:
    code = raw.dtype[1:]
    count = math.prod(raw.shape)
    if fortran or raw.dtype[0] not in "<|":
        raise ValueError("an order of its numbers that is not sent")
    if code not in _CODES or any(not isinstance(n, int) or n < 0 for n in raw.shape):
        raise ValueError(f"numbers of type {raw.dtype!r}")
    if len(raw.data) != count * int(code[1:]):
        raise ValueError("its shape does not fit its size")
    try:
        np = import_module("numpy")  # optional, and slow to import
    except ImportError:
        flat = struct.unpack(f"<{count}{_CODES[code]}", raw.data)
        return Nested(flat, raw.shape, raw.dtype)
    return np.frombuffer(raw.data, dtype=raw.dtype).reshape(raw.shape).copy()


def _folded(flat: tuple[Any, ...], shape: tuple[int, ...]) -> list[Any]:
    if len(shape) == 1:
        return list(flat)
    step = math.prod(shape[1:])
    return [_folded(flat[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]
