"""What can be told from a text alone: what a reader of it would not see, or see wrongly."""

import re
import unicodedata
from collections.abc import Mapping

from .findings import ALARM, WARNING, Findings

_LONGEST_LINE = 300
_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_FAR = re.compile(r"\S[ \t]{40,}\S")


def read_text(path: str, text: str, hidden: Mapping[str, str], found: Findings) -> None:
    """hidden: the characters in the program that no reader would see, and what to call each."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not (line.isascii() and line.isprintable()):
            _characters(path, number, line, hidden, found)
        if len(line) > _LONGEST_LINE:
            found.add(
                "long-line",
                path,
                (number, _LONGEST_LINE + 1),
                f"the line has {len(line)} characters: its end may be out of sight",
                WARNING,
            )
        if far := _FAR.search(line):
            found.add(
                "far-right",
                path,
                (number, far.end()),
                "more stands far to the right on this line, where it may be out of sight",
                WARNING,
            )
    for number, line in enumerate(lines[:2], 1):
        cookie = _COOKIE.match(line)
        if cookie and cookie[1].lower().replace("_", "-") not in ("utf-8", "utf8", "ascii"):
            found.add(
                "encoding",
                path,
                (number, cookie.start(1) + 1),
                f"the file says that it is written in {cookie[1]}: read as that, it would be "
                "another program",
                ALARM,
            )


def _characters(
    path: str, number: int, line: str, hidden: Mapping[str, str], found: Findings
) -> None:
    for column, character in enumerate(line, 1):
        if character in hidden:
            found.add(
                "invisible",
                path,
                (number, column),
                f"the character {hidden[character]} cannot be seen, or reorders what is seen",
                ALARM,
            )
        elif character != " " and unicodedata.category(character) == "Zs":
            name = unicodedata.name(character).lower()
            found.add(
                "invisible",
                path,
                (number, column),
                f"the character U+{ord(character):04X} ({name}) looks like a space, and is none",
                WARNING,
            )


def lookalike(path: str, name: str, at: tuple[int, int], found: Findings) -> None:
    """A name with letters outside ASCII: it may look the same as another one."""
    odd = next(character for character in name if not character.isascii())
    said = unicodedata.name(odd, "?").lower()
    found.add(
        "lookalike",
        path,
        at,
        f"the name {name} has the letter U+{ord(odd):04X} ({said}), and may look like another name",
        WARNING,
    )
