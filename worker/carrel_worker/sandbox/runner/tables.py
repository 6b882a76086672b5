"""Reading a dataset's table inside the sandbox: the same frame from stored and from made-up rows.

A directory holds `schema.json` (what the codes mean) and either `table.carrel`, the stored table,
or `rows.json`, made-up rows. Both become codes first and then columns by one and the same path,
so that code which works on the one meets no other type on the other:

| column | dtype | nulls |
|---|---|---|
| the unit's | int64, from 0 in sorted order: who it is, is not told | none |
| integer | int64; Int64 where nulls may occur | NA |
| real | float64 | NaN |
| boolean | bool; boolean where nulls may occur | NA |
| category | category, of the declared values in sorted order | NaN |

Rows lie together by unit. This file is copied into the sandbox: it imports nothing of Carrel's.
"""

import json
import mmap
import os
from typing import Any

STORED = "table.carrel"
MADE_UP = "rows.json"
SCHEMA = "schema.json"
_TYPES = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "I64": "<i8"}


class NotReadable(ValueError):
    """The directory does not hold a table that fits its schema."""


def read(directory: str) -> Any:
    """The table in `directory` as a pandas DataFrame: the unit's column, then the schema's.

    Raises `NotReadable`, `OSError`, and `ImportError` where the environment lacks pandas.
    """
    import pandas as pd

    with open(os.path.join(directory, SCHEMA), encoding="utf-8") as file:
        schema = json.load(file)
    stored = os.path.join(directory, STORED)
    if os.path.exists(stored):
        units, codes = _stored(stored, schema)
    else:
        units, codes = _made_up(os.path.join(directory, MADE_UP), schema)
    columns = {schema["unit_column"]: units}
    for column in schema["columns"]:
        columns[column["name"]] = _values(column, codes[column["name"]])
    return pd.DataFrame(columns)


def _stored(path: str, schema: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    import numpy as np

    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    begin = 8 + int.from_bytes(mapped[:8], "little")
    header = json.loads(mapped[8:begin])

    def array(name: str) -> Any:
        entry = header[name]
        first, last = entry["data_offsets"]
        dtype = np.dtype(_TYPES[entry["dtype"]])
        return np.frombuffer(mapped, dtype, (last - first) // dtype.itemsize, begin + first)

    try:
        starts = array("units")
        codes = {each["name"]: array(f"column:{each['name']}") for each in schema["columns"]}
    except (KeyError, TypeError, ValueError) as error:
        raise NotReadable(f"the stored table lacks {error}") from error
    units = np.repeat(np.arange(starts.size - 1, dtype=np.int64), np.diff(starts))
    return units, codes


def _made_up(path: str, schema: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    import numpy as np

    with open(path, encoding="utf-8") as file:
        rows = json.load(file)
    names = np.array([row[0] for row in rows], dtype=np.int64)
    _, units = np.unique(names, return_inverse=True)
    order = np.argsort(units, kind="stable")
    codes = {}
    for place, column in enumerate(schema["columns"], 1):
        code = _coder(column)
        try:
            coded = np.array([code(row[place]) for row in rows], dtype=np.uint64)
        except (KeyError, TypeError, OverflowError) as error:
            raise NotReadable(
                f"a made-up value of {column['name']} is out of its domain"
            ) from error
        codes[column["name"]] = coded[order]
    return units.astype(np.int64)[order], codes


def _coder(column: dict[str, Any]) -> Any:
    low, null = column["low"], column["last"] + 1
    if column["type"] in ("category", "boolean"):
        listed = column["categories"] if column["type"] == "category" else [False, True]
        places = {value: place for place, value in enumerate(listed)}
        places[None] = null
        return places.__getitem__
    above, below = column["step"]

    def code(value: Any) -> int:
        return int(null if value is None else round(value * below / above) - low)

    return code


def _values(column: dict[str, Any], codes: Any) -> Any:
    """A column's values from its codes. Code `last + 1` is a null, where there may be some."""
    import numpy as np
    import pandas as pd

    null = codes == column["last"] + 1
    if column["type"] == "category":
        places = np.where(null, -1, codes.astype(np.int64))
        kind = pd.CategoricalDtype(column["categories"])
        return pd.Categorical.from_codes(places, dtype=kind)
    if column["type"] == "boolean":
        truth = codes == 1
        return pd.arrays.BooleanArray(truth, null) if column["nullable"] else truth
    numbers = codes.astype(np.int64) + column["low"]
    if column["type"] == "integer":
        if not column["nullable"]:
            return numbers
        numbers[null] = max(column["low"], 0)
        return pd.arrays.IntegerArray(numbers, null)
    above, below = column["step"]
    reals = numbers.astype(np.float64) * float(above) / float(below)
    reals[null] = np.nan
    return reals
