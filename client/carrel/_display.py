"""How things look: numbers, plain tables, HTML tables. All HTML is built and escaped here."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from datetime import datetime

NOISE_ONLY = (
    "Intervals cover the added noise only, not what bounding, clamping or missing rows may move."
)
_WIDEST_CELL = 60


def number(value: float, error: float | None = None) -> str:
    """`value` for reading: grouped, and with no more digits than `error` leaves meaning to."""
    if isinstance(value, bool) or not math.isfinite(value):
        return str(value)
    if error is not None and math.isfinite(error) and error > 0:
        # Two significant digits of the error, and never more than the value has.
        places = max(0, 1 - math.floor(math.log10(error)))
        if isinstance(value, int):
            places = 0
        return f"{value:,.{min(places, 12)}f}"
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    if abs(value) >= 1e5:
        return f"{value:,.0f}"
    return f"{value:,.4g}"


def plus_minus(half_width: float) -> str:
    """An error for reading: two significant digits."""
    if not math.isfinite(half_width):
        return "unknown"
    if half_width == 0:
        return "0"
    places = max(0, 1 - math.floor(math.log10(abs(half_width))))
    return f"{half_width:,.{min(places, 12)}f}"


def percent(share: float) -> str:
    """A share as a percentage, with two significant digits below 10 %."""
    value = share * 100
    if value == 0:
        return "0 %"
    if abs(value) < 0.001:
        return "less than 0.001 %"
    if 99.9 < value < 100:
        return "99.9 %"
    shown = f"{value:.1f}".removesuffix(".0") if abs(value) >= 10 else f"{value:.2g}"
    return f"{shown} %"


def moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M")


def cell(value: object) -> str:
    """A value as text, without control characters (a terminal would obey them)."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value)
    return printable(str(value))


def printable(text: str) -> str:
    """`text` with what is not printable written as an escape; line breaks stay."""
    if text.isprintable():
        return text
    text = text.replace("\t", "    ")
    return "".join(
        c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def shortened(text: str, width: int = _WIDEST_CELL) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def text_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int] = ()
) -> str:
    """A plain table. `right` are the indices of columns whose text goes to the right."""
    headers = [shortened(printable(header)) for header in headers]
    cells = [[shortened(cell(value)) for value in row] for row in rows]
    widths = [
        max(len(header), *(len(row[i]) for row in cells), 0) if cells else len(header)
        for i, header in enumerate(headers)
    ]

    def line(values: Sequence[str]) -> str:
        parts = [
            value.rjust(width) if i in right else value.ljust(width)
            for i, (value, width) in enumerate(zip(values, widths, strict=True))
        ]
        return "  ".join(parts).rstrip()

    return "\n".join([line(headers), *(line(row) for row in cells)])


def text_fields(rows: Sequence[tuple[str, object]]) -> str:
    """Names and their values, one below the other; nothing is cut short."""
    width = max((len(name) for name, _ in rows), default=0)
    indent = "\n" + " " * (width + 2)
    return "\n".join(
        f"{name.ljust(width)}  {cell(value).replace(chr(10), indent)}".rstrip()
        for name, value in rows
    )


def html_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    caption: str = "",
    notes: Sequence[str] = (),
    right: Sequence[int] = (),
) -> str:
    """An HTML table for notebooks; every text in it is escaped."""

    def style(i: int) -> str:
        return f' style="text-align:{"right" if i in right else "left"}"'

    head = "".join(f"<th{style(i)}>{html.escape(printable(h))}</th>" for i, h in enumerate(headers))
    body = "".join(
        "<tr>"
        + "".join(f"<td{style(i)}>{html.escape(cell(v))}</td>" for i, v in enumerate(row))
        + "</tr>"
        for row in rows
    )
    title = f"<p><strong>{html.escape(printable(caption))}</strong></p>" if caption else ""
    below = "".join(f"<p><small>{html.escape(printable(note))}</small></p>" for note in notes)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div>{title}{table}{below}</div>"
