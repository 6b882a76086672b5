"""Characters that no reader of a text would see: one table for whatever checks or shows text.

Hidden are

- what Unicode says is shown as nothing (`Default_Ignorable_Code_Point` of DerivedCoreProperties,
  the same in 16.0.0 and 17.0.0), with places there that are kept free for more of it;
- blanks that are no spaces to Unicode;
- controls, formats and halves of characters (Cc, Cf, Cs), and separators of lines and paragraphs
  (Zl, Zp), which end a line where Python goes on;
- what has no meaning that two machines would agree on: private use, and characters that the
  Unicode of this Python does not assign (Co, Cn).

Line feed and tab are what they seem. Other spaces are seen as spaces, and are not hidden.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

IGNORABLE = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""First and last of each range of `Default_Ignorable_Code_Point`, in order."""
BLANK = "\u2800\ufffc\U0001d159"
"""A pattern of no dots, the place of an object that is not there, and a note without a head."""
CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
UNICODE = unicodedata.unidata_version
"""What says here which characters are assigned."""

_FIRST = [first for first, _ in IGNORABLE]


class Hidden(NamedTuple):
    """A hidden character and where it stands, from 1."""

    character: str
    line: int
    column: int


def is_hidden(character: str) -> bool:
    """Whether a reader of a text would not see this one character of it."""
    if character in "\n\t":
        return False
    number = ord(character)
    place = bisect_right(_FIRST, number) - 1
    if place >= 0 and number <= IGNORABLE[place][1]:
        return True
    return character in BLANK or unicodedata.category(character) in CATEGORIES


def hidden_in(text: str) -> Iterator[Hidden]:
    """The hidden characters of a text, in their order. Lines end with line feeds alone."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.isascii() and line.isprintable():
            continue
        for column, character in enumerate(line, 1):
            if is_hidden(character):
                yield Hidden(character, number, column)


def shown(text: str) -> str:
    """`text` with a mark in place of each of its hidden characters."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if is_hidden(each) else each for each in text)


def described(character: str) -> str:
    """A character that cannot be shown, in words: 'U+200B (zero width space)'."""
    name = unicodedata.name(character, "").lower()
    return f"U+{ord(character):04X} ({name or _UNNAMED[unicodedata.category(character)]})"


_UNNAMED = {
    "Cc": "a control character",
    "Cs": "half a character",
    "Co": "a character of private use",
    "Cn": f"no character in Unicode {UNICODE}",
}
