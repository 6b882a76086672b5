"""Numbers that stand in texts: what rounding leaves alone, and checks look at."""

import math
import re
from collections.abc import Iterator

_NUMBER = re.compile(r"[-+]?\d(?:[\d_.,']*\d)?(?:[eE][-+]?\d{1,3})?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}([,'_]\d{3})+(\.\d+)?")
_LONGEST = 40
TELLING = 3
"""A number of fewer significant digits equals somebody's too easily to mean anything."""


def numbers_in(text: str) -> Iterator[float]:
    """What people read: 12,345.67 and 12'345 with thousands apart, 12,5 with a decimal comma."""
    for match in _NUMBER.finditer(text):
        number = _number(match[0])
        if number is not None and math.isfinite(number):
            yield number


def significant(number: float) -> int:
    """Significant decimal digits of the shortest text that gives this number back."""
    return len(f"{float(abs(number))!r}".partition("e")[0].replace(".", "").strip("0"))


def _number(text: str) -> float | None:
    if len(text) > _LONGEST:
        return None
    if _THOUSANDS.fullmatch(text):
        text = re.sub("[,'_]", "", text)
    elif text.count(",") == 1:
        text = text.replace(".", "").replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None  # a date, a version, an address
