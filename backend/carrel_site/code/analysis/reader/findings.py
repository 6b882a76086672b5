"""Findings as they are gathered: one a place and rule, and no more than a reviewer would read."""

import ast
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

NOTE, WARNING, ALARM = "note", "warning", "alarm"
MOST = 400
"""Of one program and reading."""
MOST_OF_A_RULE = 20
"""So that no flood of one hides what another found."""
_LONGEST = 500


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
            self._found[key] = Finding(rule, path, at[0], at[1], message[:_LONGEST], level)

    def _place(self, path: str, line: int, offset: int) -> tuple[int, int]:
        """An offset in bytes, as the parser counts, as a column of characters."""
        lines = self._lines.get(path, [])
        text = lines[line - 1] if line <= len(lines) else ""
        before = text.encode(errors="replace")[:offset]
        return line, len(before.decode(errors="ignore")) + 1

    def listed(self) -> list[Finding]:
        """In the order of the files' lines, as many as a reviewer would read."""
        return sorted(
            fewer(self._found.values()), key=lambda one: (one.path, one.line, one.column, one.rule)
        )


def fewer(found: Iterable[Finding]) -> list[Finding]:
    """The worst of each rule, and an alarm that says what was left out.

    Of the same gravity, the first ones of every rule come before more of any: who floods one rule
    with what is harmless pushes out nothing of another.
    """
    ranked: list[tuple[int, Finding]] = []
    ranks: Counter[str] = Counter()
    for one in sorted(found, key=lambda one: (-_WORSE[one.level], one.path, one.line, one.column)):
        ranked.append((ranks[one.rule], one))
        ranks[one.rule] += 1
    ranked.sort(key=lambda each: (-_WORSE[each[1].level], each[0]))
    kept = [one for rank, one in ranked if rank < MOST_OF_A_RULE][:MOST]
    shown = set(kept)
    left: dict[str, list[Finding]] = {}
    for _, one in ranked:
        if one not in shown:
            left.setdefault(one.rule, []).append(one)
    return kept + [_left_out(rule, findings) for rule, findings in sorted(left.items())]


def _left_out(rule: str, left: list[Finding]) -> Finding:
    first = min(left, key=lambda one: (one.path, one.line))
    places = ", ".join(f"{one.path}:{one.line}" for one in left)
    said = f"and {len(left)} more findings of the rule {rule}: {places}"
    if len(said) > _LONGEST:
        said = said[: _LONGEST - 3].rpartition(",")[0] + ", …"
    return Finding("many", first.path, first.line, first.column, said, ALARM)


_WORSE = {NOTE: 0, WARNING: 1, ALARM: 2}
