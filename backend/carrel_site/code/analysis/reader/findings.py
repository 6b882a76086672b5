"""Findings as they are gathered: one a place and rule, and no more than a reviewer would read."""

import ast
from typing import NamedTuple

NOTE, WARNING, ALARM = "note", "warning", "alarm"
MOST = 400
"""Of one program."""


class Finding(NamedTuple):
    rule: str
    path: str
    line: int
    column: int
    message: str
    level: str


class Findings:
    """A program's findings."""

    def __init__(self, files: dict[str, str]) -> None:
        self._lines = {path: text.split("\n") for path, text in files.items()}
        self._found: dict[tuple[str, int, str], Finding] = {}

    def add(
        self, rule: str, path: str, at: ast.AST | tuple[int, int], message: str, level: str
    ) -> None:
        """at: a node, or line and column, both from 1. The worst of a line and rule stays."""
        if isinstance(at, ast.AST):
            at = self._place(path, getattr(at, "lineno", 1), getattr(at, "col_offset", 0))
        key = (path, at[0], rule)
        before = self._found.get(key)
        if before is None or _WORSE[level] > _WORSE[before.level]:
            self._found[key] = Finding(rule, path, at[0], at[1], message[:500], level)

    def _place(self, path: str, line: int, offset: int) -> tuple[int, int]:
        """An offset in bytes, as the parser counts, as a column of characters."""
        lines = self._lines.get(path, [])
        text = lines[line - 1] if line <= len(lines) else ""
        before = text.encode(errors="replace")[:offset]
        return line, len(before.decode(errors="ignore")) + 1

    def listed(self) -> list[Finding]:
        """In the order of the files' lines; the worst ones where there are too many."""
        found = sorted(self._found.values(), key=lambda one: (-_WORSE[one.level], one))
        if left := found[MOST:]:
            found = found[:MOST]
            last = found[-1]
            found.append(
                Finding("many", last.path, 1, 1, f"and {len(left)} more findings", WARNING)
            )
        return sorted(found, key=lambda one: (one.path, one.line, one.column, one.rule))


_WORSE = {NOTE: 0, WARNING: 1, ALARM: 2}
