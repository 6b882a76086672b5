"""How a column's values become small unsigned integers.

A code is the value's distance from the column's lower bound in stored units (for a category its
place in the sorted public list), and a null is the code after the last one. So a code of a
groupable column is the place of its key in `schema.public_keys`, and nothing about the coding
depends on the data.
"""

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike

from carrel_protocol.canonical import tagged_hash
from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    Column,
    IntegerColumn,
    RealColumn,
)


def lowest(column: Column) -> int:
    """The stored value whose code is 0."""
    return column.stored_bounds[0] if isinstance(column, IntegerColumn | RealColumn) else 0


def last_code(column: Column) -> int:
    """The code of the domain's last value."""
    match column:
        case IntegerColumn() | RealColumn():
            low, high = column.stored_bounds
            return high - low
        case CategoryColumn():
            return len(column.categories) - 1
        case BooleanColumn():
            return 1


def null_code(column: Column) -> int | None:
    """The code of a null; None for a column that has none."""
    return last_code(column) + 1 if column.nullable else None


def code_type(column: Column) -> np.dtype[np.unsignedinteger]:
    """The narrowest unsigned integer type that holds every code."""
    return np.dtype(np.min_scalar_type(last_code(column) + int(column.nullable)))


def step(column: Column) -> Fraction:
    """What one stored unit is worth."""
    return Fraction(column.unit) if isinstance(column, RealColumn) else Fraction(1)


@lru_cache(maxsize=4096)
def fingerprint(column: Column) -> str:
    """A digest of what the codes mean; two columns with the same one are coded alike."""
    return tagged_hash("column-coding/1", column.model_dump(mode="json", exclude={"description"}))


def as_dtype(name: str) -> DTypeLike:
    """The NumPy type of a safetensors type name. Raises `KeyError` for any other."""
    return _DTYPES[name]


def type_name(dtype: np.dtype[np.generic]) -> str:
    """The safetensors name of a NumPy type. Raises `KeyError` for one a table never has."""
    return _NAMES[dtype.newbyteorder("=")]


_DTYPES = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "I64": "<i8"}
_NAMES = {np.dtype(text).newbyteorder("="): name for name, text in _DTYPES.items()}
