"""Large tables: taken apart in the sandbox, and written here as an Arrow file of our own.

pyarrow, in this process, sees no byte of the file that code returned: only names, types out of a
short list, and arrays whose lengths were compared.
"""

import io
import re
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carrel_worker.executors.code.decode import MAX_COLUMNS, WHAT_MAY
from carrel_worker.executors.code.errors import BadResult

Parts = dict[str, NDArray[Any]]

_NUMBERS = {
    **{name: name for bits in (8, 16, 32, 64) for name in (f"int{bits}", f"uint{bits}")},
    "halffloat": "float16",
    "float": "float32",
    "double": "float64",
    "bool": "bool",
    "date32[day]": "int32",
    "date64[ms]": "int64",
}
"""How the values of each type lie in memory, as NumPy names it."""
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=([A-Za-z0-9_+:/-]{1,40}))?\]")
_TEXTS = ("string", "large_string")


def available() -> bool:
    """Whether large tables can be written here."""
    return find_spec("pyarrow") is not None


def write(columns: Any, parts: Parts) -> tuple[bytes, tuple[int, int]]:
    """The Arrow file, without metadata, with its rows and columns. Raises `BadResult`."""
    import pyarrow as pa  # noqa: PLC0415

    rows = _rows(parts)
    names = _names(columns)
    known = {"rows"}
    arrays = []
    for number, (name, kind) in enumerate(columns):
        if kind == "null":
            arrays.append(pa.nulls(rows))
            continue
        there = _part(parts, f"p{number}", "bool", rows)
        known |= {f"p{number}", f"v{number}"}
        if kind in _TEXTS:
            known.add(f"o{number}")
            texts = _texts(parts, number, there)
            arrays.append(pa.array(texts, pa.string() if kind == "string" else pa.large_string()))
            continue
        stored, wanted = _type(pa, kind)
        values = _part(parts, f"v{number}", stored, rows)
        # What lies under a null is nobody's.
        values = np.where(there, values, np.zeros(1, values.dtype))
        try:
            arrays.append(pa.array(values, mask=~there).cast(wanted))
        except pa.ArrowException as error:
            raise BadResult(f"the column {name!r} does not hold {kind}: {error}") from None
    if set(parts) != known:
        raise BadResult("an Arrow file was taken apart into other parts")
    table = pa.Table.from_arrays(arrays, names=names)
    try:
        table.validate(full=True)
    except pa.ArrowException as error:
        raise BadResult(f"no Arrow file: {error}") from None
    stream = io.BytesIO()
    with pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue(), (rows, len(names))


def _rows(parts: Parts) -> int:
    found = parts.get("rows")
    if found is None or found.dtype != np.int64 or found.shape != (1,) or found[0] < 0:
        raise BadResult("an Arrow file without a number of rows")
    return int(found[0])


def _names(columns: Any) -> list[str]:
    if not isinstance(columns, list) or len(columns) > MAX_COLUMNS:
        raise BadResult(f"an Arrow file of more than {MAX_COLUMNS} columns")
    for each in columns:
        if not isinstance(each, list) or len(each) != 2:
            raise BadResult("a column of other parts than name and type")
        name, kind = each
        if not isinstance(name, str) or len(name) > 200 or not name.isprintable():
            raise BadResult("an Arrow column with a name that cannot be shown")
        if not isinstance(kind, str):
            raise BadResult("a column whose type is no text")
    names = [name for name, _ in columns]
    if len(set(names)) != len(names):
        raise BadResult("an Arrow file with a column twice")
    return names


def _type(pa: Any, kind: str) -> tuple[str, Any]:
    """How it lies in memory, and the type itself."""
    if (match := _TIMESTAMP.fullmatch(kind)) is not None:
        return "int64", pa.timestamp(*match.groups())
    if kind not in _NUMBERS:
        raise BadResult(f"an Arrow column of {kind[:80]}: {WHAT_MAY}")
    plain = {"date32[day]": pa.date32(), "date64[ms]": pa.date64()}
    return _NUMBERS[kind], plain.get(kind) or pa.from_numpy_dtype(_NUMBERS[kind])


def _part(parts: Parts, name: str, dtype: str, length: int) -> NDArray[Any]:
    found = parts.get(name)
    if found is None or found.dtype.name != dtype or found.shape != (length,):
        raise BadResult("a column's values are not as many, or of another type")
    return found


def _texts(parts: Parts, number: int, there: NDArray[Any]) -> list[str | None]:
    ends = _part(parts, f"o{number}", "int64", len(there) + 1)
    data = parts.get(f"v{number}")
    if data is None or data.dtype != np.uint8 or data.ndim != 1:
        raise BadResult("a column of texts without its bytes")
    if ends[0] != 0 or ends[-1] != len(data) or np.any(ends[1:] < ends[:-1]):
        raise BadResult("a column of texts whose places are none")
    raw, places = data.tobytes(), ends.tolist()
    try:
        return [
            raw[begin:end].decode() if present else None
            for begin, end, present in zip(places[:-1], places[1:], there.tolist(), strict=True)
        ]
    except UnicodeDecodeError:
        raise BadResult("a text that is not in UTF-8") from None
