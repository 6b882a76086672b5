"""Canonical JSON (RFC 8785) and domain-separated digests of it.

A content hash is only worth something if two programs that hold the same content compute the
same bytes, and if a hash of one kind of thing can never be mistaken for another kind's.
"""

import hashlib
import hmac
import math
from json.encoder import encode_basestring
from typing import Any

_MAX_SAFE_INTEGER = 2**53 - 1


def canonical_json(value: Any) -> bytes:
    """Serialise `value` (None, bool, int, float, str, list, tuple, dict) by RFC 8785.

    Raises `ValueError` for what I-JSON cannot carry: NaN, infinities, integers beyond
    2^53 - 1, lone surrogates, keys that are not strings.
    """
    return _serialise(value).encode("utf-8")


def tagged_hash(tag: str, value: Any) -> str:
    """SHA-256, in hex, of `value`'s canonical form under a domain-separation tag."""
    return hashlib.sha256(_tagged(tag, value)).hexdigest()


def tagged_hmac(key: bytes, tag: str, value: Any) -> str:
    """HMAC-SHA-256, in hex, of `value`'s canonical form under a domain-separation tag."""
    return hmac.new(key, _tagged(tag, value), hashlib.sha256).hexdigest()


def _tagged(tag: str, value: Any) -> bytes:
    # The tag's length goes first, so that no (tag, value) pair is a prefix of another.
    label = f"carrel/{tag}".encode()
    return len(label).to_bytes(2, "big") + label + canonical_json(value)


def _serialise(value: Any) -> str:  # noqa: PLR0911 (one a kind of value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        value.encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, a ValueError
        return encode_basestring(value)
    if isinstance(value, int):
        if abs(value) > _MAX_SAFE_INTEGER:
            raise ValueError(f"{value} has no exact JSON number; send it as a string")
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_serialise(item) for item in value) + "]"
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("object keys must be strings")
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{_serialise(k)}:{_serialise(value[k])}" for k in keys) + "}"
    raise ValueError(f"{type(value).__name__} has no canonical JSON form")


def _number(value: float) -> str:
    """ECMAScript's Number::toString, from Python's shortest round-trip digits."""
    if not math.isfinite(value):
        raise ValueError("NaN and infinities have no JSON form")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    n = len(digits)
    if n <= point <= 21:
        text = digits + "0" * (point - n)
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        power = point - 1
        head = digits[0] + (f".{digits[1:]}" if n > 1 else "")
        text = f"{head}e{'+' if power > 0 else '-'}{abs(power)}"
    return sign + text
