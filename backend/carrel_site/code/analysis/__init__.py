"""Reading a program before people do: what stands out in it, line by line.

Advice only: people decide, and the sandbox holds.
"""

import unicodedata

from carrel_protocol.api.code import CodeFinding
from carrel_protocol.code import SourceFile

_JOINERS = {"\u200c", "\u200d"}


def analyse(
    files: tuple[SourceFile, ...],
    imports_allowed: frozenset[str],  # noqa: ARG001 (the signature that reviews call)
) -> tuple[CodeFinding, ...]:
    """What reading `files` finds, in their order."""
    return tuple(
        finding
        for file in files
        for number, line in enumerate(file.text.split("\n"), 1)
        for finding in _hidden(file.path, number, line)
    )


def _hidden(path: str, number: int, line: str) -> list[CodeFinding]:
    """Characters that make one text look like another."""
    found = []
    for column, character in enumerate(line, 1):
        if character.isascii() or unicodedata.category(character) not in ("Cc", "Cf", "Zs"):
            continue
        name = unicodedata.name(character, "a control character").lower()
        found.append(
            CodeFinding(
                source="carrel",
                rule="hidden-character",
                path=path,
                line=number,
                column=column,
                message=f"U+{ord(character):04X} ({name}) cannot be seen, or looks like a space.",
                level="warning" if character in _JOINERS else "alarm",
            )
        )
    return found
