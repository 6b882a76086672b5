"""Data frames, where pandas is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_INT64 = 2**63


def data_frame(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """A pandas data frame whose column types follow from the values' Python types.

    Whole numbers and truth values keep their type beside missing ones (Int64, boolean). Raises
    `ImportError`, saying what to install, when pandas is missing.
    """
    try:
        import pandas as pd  # noqa: PLC0415 (optional, and slow to import)
    except ImportError as error:
        raise ImportError(
            "to_pandas() needs pandas, which is not installed: pip install pandas. "
            "Without it, iterate over the rows, or use .columns and .rows."
        ) from error
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pd.DataFrame(
        {
            name: pd.Series(list(column), dtype=_dtype(column))
            for name, column in zip(columns, values, strict=True)
        }
    )


def _dtype(values: Sequence[Any]) -> Any:
    present = [value for value in values if value is not None]
    missing = len(present) < len(values)
    if not present:
        return "object"
    if all(isinstance(value, bool) for value in present):
        return "boolean" if missing else "bool"
    if all(isinstance(value, int) and not isinstance(value, bool) for value in present):
        if any(not -_INT64 <= value < _INT64 for value in present):
            return "object"
        return "Int64" if missing else "int64"
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return "float64"
    return None
