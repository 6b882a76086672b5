"""What code returned, as items of data. This runs inside the sandbox, beside the code.

Nothing here is believed by the worker, which parses what comes out as bytes of a stranger's. It
only has to turn honest values into the formats that are let out, and to say clearly what cannot
be one. This file is copied into the sandbox: it imports nothing of Carrel's, and numpy, pandas,
pyarrow and matplotlib only where a value is theirs already.
"""

import datetime as dt
import io
import json
import math
import numbers
import re
import sys
from typing import Any, NamedTuple

MAGIC = b"CARREL1\n"
MAX_ITEMS = 50
MAX_TABLE_CELLS = 100_000
MAX_COLUMNS = 1000
MAX_DEPTH = 32
_LARGEST = 2**53 - 1
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]{0,62}")
_KEPT = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
}
_TENSOR_TYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
    "bfloat16": "BF16",
}
WHAT_MAY = (
    "return numbers, texts, lists and dicts of them, a DataFrame or Series, NumPy arrays, "
    "tensors, or a matplotlib figure"
)


class NotReturnable(TypeError):
    """A value that is no data in one of the formats that are let out."""


class Item(NamedTuple):
    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    blob: bytes


def to_items(value: Any, name: str = "result") -> list[Item]:
    """The items of one returned or saved value; none for None.

    A dict or list of plain values is one item. One that holds tables, arrays or figures gives an
    item for each, named by its key or numbered. Raises `NotReturnable`.
    """
    if value is None:
        return []
    if isinstance(value, dict) and value and all(map(_is_tensor, value.values())):
        return [_tensors(name, value)]
    if isinstance(value, dict) and any(not _is_plain(each) for each in value.values()):
        found = []
        for key, each in value.items():
            if not isinstance(key, str):
                raise NotReturnable(f"the name {key!r} of a result is no text")
            found.append(_item(key, each))
        return found
    if isinstance(value, list | tuple) and any(not _is_plain(each) for each in value):
        return [_item(f"{name}_{number}", each) for number, each in enumerate(value, 1)]
    return [_item(name, value)]


def payload(items: list[Item]) -> list[bytes]:
    """The bytes of the result channel: magic, length of the header, header, blobs.

    Offsets count from the end of the header. Raises `NotReturnable`.
    """
    if len(items) > MAX_ITEMS:
        raise NotReturnable(f"{len(items)} results; at most {MAX_ITEMS} may be returned")
    names = [item.name for item in items]
    if twice := {name for name in names if names.count(name) > 1}:
        raise NotReturnable(f"two results have the name {min(twice)!r}")
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


def _item(name: str, value: Any) -> Item:  # noqa: PLR0911 (one a kind of value)
    if not _NAME.fullmatch(name):
        raise NotReturnable(
            f"{name!r} cannot name a result: letters, digits, spaces and _ . - only, "
            "a letter or _ first, 63 at most"
        )
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None:
        if isinstance(value, pandas.Series):
            value = value.to_frame(name="value" if value.name is None else value.name)
        if isinstance(value, pandas.Index):
            value = value.to_frame(index=False)
        if isinstance(value, pandas.DataFrame):
            return _frame(name, value)
        if isinstance(value, pandas.api.extensions.ExtensionArray):
            return _value(name, list(value))
    if numpy is not None and isinstance(value, numpy.ndarray):
        return _array(name, value)
    if _is_tensor(value):
        if str(value.dtype).removeprefix("torch.") in _KEPT:
            return _array(name, value.detach().cpu().numpy())
        return _tensors(name, {name: value})
    if isinstance(value, dict) and value and all(map(_is_array, value.values())):
        return _tensors(name, value)
    if (figure := _figure(value)) is not None:
        return _picture(name, figure)
    return _value(name, value)


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a value goes into JSON. What goes nowhere is said to be plain, and refused there."""
    if isinstance(value, dict | list | tuple):
        inner = value.values() if isinstance(value, dict) else value
        return depth > MAX_DEPTH or all(_is_plain(each, depth + 1) for each in inner)
    if _is_tensor(value) or _is_array(value) or _figure(value) is not None:
        return False
    pandas = sys.modules.get("pandas")
    return pandas is None or not isinstance(value, pandas.DataFrame | pandas.Series | pandas.Index)


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return _is_tensor(value) or (numpy is not None and isinstance(value, numpy.ndarray))


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _figure(value: Any) -> Any:
    """The matplotlib figure that `value` is or belongs to, or a Pillow image; None for others."""
    of = type(value).__module__.partition(".")[0]
    if of == "PIL" and hasattr(value, "save"):
        return value
    if of not in ("matplotlib", "seaborn", "pandas"):
        return None
    figure = value if hasattr(value, "savefig") else getattr(value, "figure", None)
    return figure if hasattr(figure, "savefig") else None


# Values


def _value(name: str, value: Any) -> Item:
    return Item(name, "value", (), "", _json(_plain(value, 0)))


def _plain(value: Any, depth: int) -> Any:
    """`value` as JSON's own types. Raises `NotReturnable`."""
    if depth > MAX_DEPTH:
        raise NotReturnable(f"a value is nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        return {_key(key): _plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, depth + 1) for each in value]
    if depth and not _is_plain(value):
        raise NotReturnable(
            f"a {type(value).__name__} lies inside a list or dict; return it by itself, or in one "
            "dict that names each result"
        )
    return _scalar(value)


def _key(key: Any) -> str:
    plain = _scalar(key)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _scalar(value: Any) -> Any:  # noqa: PLR0911 (one a kind of value)
    """One cell: a number, text, boolean or None. NaN, NaT and NA are None."""
    if value is None or isinstance(value, bool):
        return value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, str):
        return str(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        if isinstance(value, numpy.datetime64 | numpy.timedelta64):
            return None if numpy.isnat(value) else str(value)
        return _scalar(value.item()) if value.item() is not value else _refused(value)
    if isinstance(value, numbers.Integral):
        if abs(int(value)) > _LARGEST:
            raise NotReturnable(
                f"a whole number of {int(value).bit_length()} bits is beyond 2^53, where JSON's "
                "numbers are no longer exact; return it as text or as a float"
            )
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return None
        # JSON has no infinities; a null would pass for a missing value.
        return float(value) if math.isfinite(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if type(value).__name__ in ("Interval", "Period", "Timedelta", "timedelta"):
        return str(value)
    return _refused(value)


def _refused(value: Any) -> Any:
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    raise NotReturnable(f"a {name} cannot be returned; {WHAT_MAY}")


def _json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotReturnable("a text holds half a character (a lone surrogate)") from error


# Tables


def _frame(name: str, frame: Any) -> Item:
    """A DataFrame: as JSON where it is small, else as an Arrow file."""
    import pandas as pd

    labels, index = [], 0
    unnamed = list(frame.index.names) == [None]
    if not (unnamed and isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0):
        index = frame.index.nlevels
        for level, label in enumerate(frame.index.names):
            default = "index" if index == 1 else f"level_{level}"
            labels.append(default if label is None else _label(label))
    labels += [_label(label) for label in frame.columns]
    rows, columns = len(frame), len(labels)
    if columns > MAX_COLUMNS:
        raise NotReturnable(f"a table of {columns} columns; at most {MAX_COLUMNS} may be returned")
    levels = [frame.index.get_level_values(level) for level in range(index)]
    parts = levels + [frame.iloc[:, place] for place in range(columns - index)]
    if rows * columns > MAX_TABLE_CELLS:
        return _arrow(name, labels, parts, rows)
    cells = [[_scalar(cell) for cell in part.astype(object)] for part in parts]
    table = {
        "columns": labels,
        "index": index,
        "rows": [list(row) for row in zip(*cells, strict=True)],
    }
    return Item(name, "table", (rows, columns), "", _json(table))


def _label(label: Any) -> str:
    if isinstance(label, tuple):
        return " / ".join(_label(part) for part in label)[:200]
    return str(label)[:200]


def _arrow(name: str, labels: list[str], parts: list[Any], rows: int) -> Item:
    try:
        import pyarrow as pa
    except ImportError:
        raise NotReturnable(
            f"a table of {rows * len(labels)} cells; at most {MAX_TABLE_CELLS} may be returned "
            "from an environment without pyarrow"
        ) from None
    arrays = []
    for part in parts:
        try:
            array = pa.array(part, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            array = pa.array([_scalar(cell) for cell in part.astype(object)])
        if pa.types.is_dictionary(array.type):
            array = array.cast(array.type.value_type)
        arrays.append(array)
    table = pa.Table.from_arrays(arrays, names=labels)
    stream = io.BytesIO()
    with pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
    return Item(name, "frame", (rows, len(labels)), "", stream.getvalue())


# Arrays


def _array(name: str, array: Any) -> Item:
    """A NumPy array of numbers or booleans as version 1.0 of its format; others as lists."""
    import numpy as np

    if isinstance(array, np.ma.MaskedArray):
        array = np.ma.filled(array.astype(np.float64), np.nan)
    if array.dtype.kind in "OUM":
        return _value(
            name, array.tolist() if array.dtype.kind != "M" else array.astype(str).tolist()
        )
    if array.ndim == 0:
        return _value(name, array.item())
    if array.dtype.name not in _KEPT:
        raise NotReturnable(f"an array of {array.dtype} cannot be returned; {WHAT_MAY}")
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
    stream.write(array.tobytes())
    return Item(name, "array", tuple(array.shape), array.dtype.name, stream.getvalue())


def _tensors(name: str, named: dict[Any, Any]) -> Item:
    """Named tensors as a safetensors file: length of the header, header, raw little-endian data."""
    header: dict[str, Any] = {}
    blobs, offset = [], 0
    for key in sorted(named, key=str):
        dtype, shape, blob = _raw(named[key])
        header[str(key)] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return Item(name, "tensors", (), "", b"".join([len(text).to_bytes(8, "little"), text, *blobs]))


def _raw(tensor: Any) -> tuple[str, tuple[int, ...], bytes]:
    kind = str(tensor.dtype).removeprefix("torch.")
    if kind not in _TENSOR_TYPES:
        raise NotReturnable(f"a tensor of {tensor.dtype} cannot be returned; {WHAT_MAY}")
    if _is_tensor(tensor):
        torch = sys.modules["torch"]
        flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return _TENSOR_TYPES[kind], tuple(tensor.shape), flat.numpy().tobytes()
    return (
        _TENSOR_TYPES[kind],
        tensor.shape,
        tensor.astype(tensor.dtype.newbyteorder("<")).tobytes(),
    )


# Figures


def _picture(name: str, figure: Any) -> Item:
    """A figure as PNG. The site's worker draws it anew, so that nothing but pixels leaves."""
    stream = io.BytesIO()
    if hasattr(figure, "savefig"):
        figure.savefig(stream, format="png", metadata={"Software": None})
    else:
        figure.save(stream, format="PNG")
    blob = stream.getvalue()
    width, height = int.from_bytes(blob[16:20], "big"), int.from_bytes(blob[20:24], "big")
    return Item(name, "figure", (height, width), "", blob)
