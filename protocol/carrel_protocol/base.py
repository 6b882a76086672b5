"""Base classes of everything that goes over a wire."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from carrel_protocol.invisible import described, hidden_in, is_hidden

_JOINERS = "\u200c\u200d"
"""Needed to write Persian, Indic scripts and emoji."""
_SELECTORS = "\ufe0e\ufe0f"
"""A symbol as text, or as an emoji."""
_PLANE = 0xFFFF


class Sent(BaseModel):
    """Something a caller sends: immutable, and a field nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Received(BaseModel):
    """Something a caller is given: immutable; a field it does not know is ignored.

    That is how an older client goes on working with a newer site.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$", min_length=1, max_length=63)
]
"""A dataset, column or alias name: an SQL identifier that needs no quotes."""


def readable(text: str) -> str:
    """`text` with Unix line ends; `ValueError` if it holds what a reader would not see.

    Characters that reorder what is shown (Unicode TR 36, §2.5) or are not shown at all let one
    text pass for another. Prose may hold the two joiners, and a selector of how a symbol looks.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    before = ""
    for character in text:
        if is_hidden(character) and character not in _JOINERS:
            symbol = before and not unicodedata.category(before).startswith(("L", "M", "Z", "C"))
            if not (symbol and character in _SELECTORS):
                said = described(character)
                raise ValueError(f"the character {said} cannot be seen; take it out")
        before = character
    return text


def plain(text: str) -> str:
    """As `readable`, but for text that runs or decides: there nothing at all may be hidden."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    for character, line, column in hidden_in(text):
        code = ord(character)
        escape = f"\\u{code:04x}" if code <= _PLANE else f"\\U{code:08x}"
        raise ValueError(
            f"line {line}, column {column}: the character {described(character)} cannot be seen; "
            f"take it out, or write it as {escape} in a program's string"
        )
    return text


READABLE = AfterValidator(readable)
"""For any text that people are shown as it was written; it goes after the length."""
PLAIN = AfterValidator(plain)
"""For code and its parameters, likewise."""
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), READABLE
]
"""Prose written by a person: a purpose, a comment, a reason."""
