"""SQL with a caret under each place where something is wrong."""

from collections.abc import Sequence
from typing import Any

_WIDEST = 100


def pointed_at(sql: str, errors: Sequence[dict[str, Any]]) -> list[str]:
    """Lines that quote `sql` at each error's place, with a caret and the message below.

    `line` and `column` count from 1. An error without a place, or with one outside the text, is
    given as its message alone.
    """
    lines = sql.splitlines() or [""]
    several = len(lines) > 1
    shown: list[str] = []
    for error in errors:
        message = str(error.get("message", ""))
        line, column = error.get("line"), error.get("column")
        if not (isinstance(line, int) and isinstance(column, int) and 1 <= line <= len(lines)):
            loc = error.get("loc")
            shown.append(f"  {loc}: {message}" if loc else f"  {message}")
            continue
        text = lines[line - 1]
        at = max(0, min(column - 1, len(text)))
        start = max(0, at - _WIDEST // 2) if len(text) > _WIDEST else 0
        excerpt = text[start : start + _WIDEST]
        label = f"  {line:>4} | " if several else "  "
        # Tabs are kept in the line of the caret, so that both lines are indented alike.
        indent = "".join("\t" if c == "\t" else " " for c in text[start:at])
        shown += [label + excerpt, " " * len(label) + indent + "^ " + message]
    return shown
