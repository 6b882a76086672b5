"""Base classes of everything that goes over a wire."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

_JOINERS = "\u200c\u200d"
"""Needed to write Persian, Indic scripts and emoji."""


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
    text pass for another: every control and format character (Cc, Cf) but line feed, tab and
    the two joiners.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    for character in text:
        hidden = unicodedata.category(character) in ("Cc", "Cf")
        if hidden and character not in "\n\t" and character not in _JOINERS:
            name = unicodedata.name(character, "a control character").lower()
            raise ValueError(
                f"the character U+{ord(character):04X} ({name}) cannot be seen; take it out"
            )
    return text


READABLE = AfterValidator(readable)
"""For any text that people are shown as it was written; it goes after the length."""
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), READABLE
]
"""Prose written by a person: a purpose, a comment, a reason."""
