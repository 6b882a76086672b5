"""Decoders that are not ours, as a program of the sandbox's: Pillow's of PNG, pyarrow's of Arrow.

A crafted file may find a mistake in either and run code of its own. So this runs where code runs
(no data, no network, bounded memory and time), and once all is imported it closes up: from then on
the process can compute and write its answer, and can open, start, connect or map as code nothing.
What it answers is a stranger's word again, and is plain numbers that need no decoder.

This file is copied into the sandbox: it imports nothing of Carrel's.
"""

import base64
import ctypes
import io
import struct
from typing import Any

_PR_SET_SECCOMP, _FILTER = 22, 2
MAX_COLUMNS = 1000
_NUMBERS = {
    **{f"int{bits}": f"i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"u{bits // 8}" for bits in (8, 16, 32, 64)},
    "halffloat": "f2",
    "float": "f4",
    "double": "f8",
    "date32[day]": "i4",
    "date64[ms]": "i8",
}
"""How the values of each type lie in memory."""
WHAT_MAY = "numbers, texts, booleans and dates only"


class NotReadable(ValueError):
    """The file does not hold what it should."""


def picture(content: str, closing: str) -> Any:
    """The pixels of a PNG, laid on white: an array of height, width and three colours."""
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    Image.preinit()
    Image.MAX_IMAGE_PIXELS = None  # its size was bounded before
    raw = _closed(content, closing)
    try:
        with Image.open(raw, formats=("PNG",)) as image:
            image.load()
            seen = _eight_bits(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise NotReadable(f"no picture: {error}") from None
    white = Image.new("RGBA", seen.size, "white")
    return np.asarray(Image.alpha_composite(white, seen.convert("RGBA")).convert("RGB"))


def _eight_bits(image: Any) -> Any:
    """Sixteen bits a sample of grey become eight: Pillow's own conversion would clip them."""
    if image.mode in ("I;16", "I;16B", "I"):
        return image.point(lambda grey: grey / 256).convert("L")
    return image


def frame(content: str, closing: str) -> Any:
    """An Arrow file's columns by name and type, and what they hold as flat arrays: for column n the
    values `vn`, of texts the bytes `vn` with their offsets `on`, and which are there, `pn`."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute  # noqa: PLC0415

    pa.set_cpu_count(1)
    raw = _closed(content, closing)
    try:
        options = pa.ipc.IpcReadOptions(use_threads=False)
        with pa.ipc.open_file(pa.BufferReader(raw.getbuffer()), options=options) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise NotReadable(f"no Arrow file: {error}") from None
    if table.num_columns > MAX_COLUMNS:
        raise NotReadable(f"an Arrow file of more than {MAX_COLUMNS} columns")
    parts = {"rows": np.array([table.num_rows], np.int64)}
    columns = []
    for number, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        array = column.combine_chunks()
        kind = str(array.type)
        columns.append([name, kind])
        there = np.asarray(column.is_valid(), dtype=bool)
        if kind == "null":
            continue
        parts[f"p{number}"] = there
        if kind in ("string", "large_string"):
            offsets, data = _texts(pa, np, array)
            parts[f"o{number}"], parts[f"v{number}"] = offsets, data
            continue
        if kind == "bool":
            array, dtype = array.cast(pa.uint8()), "u1"
        elif pa.types.is_timestamp(array.type):
            dtype = "i8"
        elif kind in _NUMBERS:
            dtype = _NUMBERS[kind]
        else:
            raise NotReadable(f"an Arrow column of {kind[:80]}: {WHAT_MAY}")
        values = np.where(there, _flat(np, array, dtype), np.zeros(1, dtype))
        parts[f"v{number}"] = values.astype(bool) if kind == "bool" else values
    return {"columns": columns, "parts": parts}


def _flat(np: Any, array: Any, dtype: str) -> Any:
    """The values as they lie in memory; what lies under a null is anything."""
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return np.zeros(len(array), dtype)
    start = array.offset * np.dtype(dtype).itemsize
    return np.frombuffer(buffer, dtype, len(array), start)


def _texts(pa: Any, np: Any, array: Any) -> Any:
    array = pa.compute.fill_null(array, "").cast(pa.large_string())
    _, offsets, data = array.buffers()
    if offsets is None or len(array) == 0:
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    ends = np.frombuffer(offsets, np.int64, len(array) + 1, array.offset * 8)
    held = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return ends - ends[0], held[ends[0] : ends[-1]]


def _closed(content: str, closing: str) -> Any:
    """What is to be read, once nothing else can be. What turns the answer into bytes is there."""
    import numpy.lib.format  # noqa: PLC0415
    import numpy.ma  # noqa: F401, PLC0415

    raw = io.BytesIO(base64.b64decode(content))
    program = bytes.fromhex(closing)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    held = ctypes.create_string_buffer(header, len(header))
    if ctypes.CDLL(None).prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_FILTER), held, 0, 0) != 0:
        raise OSError("it could not be closed up")
    return raw
