"""What an item is made of: names of people, packed bytes, far too much of it, hidden parts."""

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from carrel_protocol.invisible import is_hidden
from carrel_protocol.outputs import Finding
from carrel_protocol.schema import CategoryColumn
from carrel_worker.executors.checks.grids import Column, Grid, shown
from carrel_worker.executors.checks.groups import Private
from carrel_worker.executors.checks.thresholds import (
    ALARMING_SHARE,
    LARGE_SHARE,
    MANY_SPECKS,
    MANY_TEXTS,
    NOISY_BITS,
    PACKED,
    PACKED_BYTES,
    PACKED_TEXT,
    TEXT_BITS,
)
from carrel_worker.executors.code.grain import Grain
from carrel_worker.executors.code.results import Result

# Each is bounded: a text is a stranger's, and a search that is not linear in it holds up all else.
_IDENTIFIERS = {
    "an e-mail address": re.compile(r"(?<=[^@\s])@[^@\s]{1,255}\.[A-Za-z]{2,}"),
    "a UUID": re.compile(r"\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"),
    "an IP address": re.compile(r"\b(\d{1,3}\.){3}\d{1,3}\b"),
    "a bank account (IBAN)": re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b"),
    "a long number, as of a person or a phone": re.compile(
        r"(?<![\d.])\+?\d[\d -]{7,40}\d(?![\d.])"
    ),
    "a date with its day": re.compile(r"\b(19|20)\d\d-\d\d-\d\d\b"),
}
_WORDS = re.compile(
    r"(person|patient|user|customer|client|member|subject|pupil|unit)?_?id|ssn|nhs", re.IGNORECASE
)
_BLANKS = re.compile(r"^\s|\s$|\s{2,}|[^\S \n]")
_HEX = re.compile(r"[0-9a-fA-F]+")


def identifiers(grid: Grid, privates: list[Private]) -> Iterator[Finding]:
    """Columns that number people, texts that name them, and texts of too many kinds."""
    units = {private.schema.unit_column.lower() for private in privates}
    public = {
        value
        for private in privates
        for column in private.schema.columns
        if isinstance(column, CategoryColumn)
        for value in column.categories
    }
    if grid.rows and grid.columns and not grid.measures:
        yield grid.finding(
            "identifiers",
            "alarm",
            "All of its columns are said to label rows, and none to hold what was measured: a list "
            "of texts may be one of people.",
        )
    yield from _called(grid)
    for column in grid.columns:
        if column.name.lower() in units or _WORDS.fullmatch(column.name):
            yield grid.finding(
                "identifiers",
                "alarm",
                f"The column {shown(column.name)} has the name of an identifier: its rows may each "
                "be a person.",
                [(row, column.place) for row in range(grid.rows)],
            )
        free = [text for text in column.texts if text not in public]
        yield from _named(grid, column, free)
        if len(distinct := set(free)) > MANY_TEXTS and len(distinct) > len(column.texts) / 2:
            yield grid.finding(
                "identifiers",
                "warning",
                f"The column {shown(column.name)} holds {len(distinct)} different texts that are "
                "no public category: it may name people rather than groups.",
            )


def _called(grid: Grid) -> Iterator[Finding]:
    """What names look like: they leave as texts do."""
    for what, pattern in _IDENTIFIERS.items():
        found = [name for name in dict.fromkeys(grid.names) if pattern.search(name)]
        if found:
            yield grid.finding(
                "identifiers",
                "warning" if "date" in what else "alarm",
                f"{len(found)} names of its parts look like {what}, such as {shown(found[0])}.",
            )


def _named(grid: Grid, column: Column, texts: list[str]) -> Iterator[Finding]:
    for what, pattern in _IDENTIFIERS.items():
        if any(pattern.search(text) for text in texts):
            cells = [
                (row, column.place)
                for row, cell in enumerate(column.cells)
                if isinstance(cell, str) and pattern.search(cell)
            ]
            yield grid.finding(
                "identifiers",
                "warning" if "date" in what else "alarm",
                f"{len(cells)} texts of the column {shown(column.name)} look like {what}.",
                cells,
            )


def entropy(result: Result, grid: Grid) -> Iterator[Finding]:
    """Bytes that look packed: an aggregate compresses, a packed or encrypted payload does not."""
    for name, raw in _raw(result, grid):
        if len(raw) >= PACKED_BYTES and (ratio := len(zlib.compress(raw, 9)) / len(raw)) > PACKED:
            yield grid.finding(
                "entropy",
                "alarm",
                f"The whole numbers of {name} compress to {ratio:.0%} of their size: they look "
                "like packed data.",
            )
    for column in grid.columns:
        cells = [
            (row, column.place)
            for row, cell in enumerate(column.cells)
            if isinstance(cell, str) and _is_packed(cell)
        ]
        joined = "".join(column.texts) if len(column.texts) > 1 else ""
        if cells or _is_packed(joined):
            yield grid.finding(
                "entropy",
                "alarm",
                f"Texts of the column {shown(column.name)} look encoded: base64, hexadecimal or "
                "random letters.",
                cells,
            )
    if result.item.kind == "figure":
        height, width = result.item.shape
        bits = 8 * result.item.size / (height * width)
        grain: Grain = result.value
        if bits > NOISY_BITS or grain.noisy or grain.specks > MANY_SPECKS:
            yield grid.finding(
                "entropy",
                "warning",
                f"The figure takes {bits:.1f} bits a pixel (a plot less than one); "
                f"{grain.noisy} of its {grain.parts} parts look like noise, and {grain.specks} "
                "specks are of nearly the colour around them: its pixels may carry numbers.",
            )


def _raw(result: Result, grid: Grid) -> Iterator[tuple[str, bytes]]:
    """Whole numbers in the narrowest type that holds them: a wide one hides what is packed."""
    arrays: Iterable[tuple[str, Any]] = ()
    if isinstance(result.value, np.ndarray):
        arrays = [(shown(result.item.name), result.value)]
    elif result.item.kind == "tensors":
        arrays = [(shown(name), value) for name, value in result.value.items()]
    else:
        arrays = [(shown(column.name), column.numbers) for column in grid.columns]
    for name, array in arrays:
        numbers = np.asarray(array).reshape(-1)
        if numbers.dtype.kind == "b":
            yield name, np.packbits(numbers).tobytes()
            continue
        if numbers.dtype.kind == "f":
            numbers = numbers[np.isfinite(numbers)]
            if (
                not numbers.size
                or (numbers != np.floor(numbers)).any()
                or (abs(numbers) > 2**53).any()
            ):
                continue
            numbers = numbers.astype(np.int64)
        if numbers.size:
            shifted = (numbers - numbers.min()).astype(np.uint64)
            yield name, shifted.astype(np.min_scalar_type(int(shifted.max()))).tobytes()


def _is_packed(text: str) -> bool:
    if len(text) < PACKED_TEXT:
        return False
    if _HEX.fullmatch(text):
        return True
    counts = Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    return bits > TEXT_BITS


def size(results: Iterable[Result], privates: list[Private]) -> Iterator[Finding]:
    """How many numbers leave together, against how many there are."""
    held = sum(p.table.rows * len(p.schema.columns) for p in privates)
    people = min((p.table.units for p in privates), default=0)
    leaving = 0
    for result in results:
        count = _count(result)
        leaving += count
        rows = result.item.shape[0] if result.item.kind in ("table", "frame", "array") else 0
        if people and rows >= people:
            yield Finding(
                check="size",
                level="alarm",
                item=result.item.name,
                message="It has as many rows as there are people, or more: each may be one's own.",
            )
        if result.item.kind == "frame":
            yield Finding(
                check="size",
                level="alarm",
                item=result.item.name,
                message="So large a table is not gone through by the other checks. It should be "
                "looked at by other means, or asked for as a smaller one.",
            )
    if held and leaving > LARGE_SHARE * held:
        yield Finding(
            check="size",
            level="alarm" if leaving > ALARMING_SHARE * held else "warning",
            item="",
            message=f"The output holds {leaving / held:.0%} as many numbers as the data it was "
            "made from: an aggregate holds far fewer.",
        )


def _count(result: Result) -> int:
    if result.item.kind in ("table", "frame", "array"):
        return math.prod(result.item.shape)
    if result.item.kind == "tensors":
        return sum(int(each.size) for each in result.value.values())
    return 0 if result.item.kind == "figure" else 1 + result.content.count(b",")


def metadata(result: Result, grid: Grid, privates: list[Private]) -> Iterator[Finding]:
    """What a file held beside its data (it was taken out), and characters that nobody sees."""
    if result.dropped:
        yield grid.finding(
            "metadata",
            "note",
            f"The figure's file held more than pixels ({shown(', '.join(result.dropped))}); that "
            "was taken out.",
        )
    public = {
        value
        for private in privates
        for column in private.schema.columns
        if isinstance(column, CategoryColumn)
        for value in column.categories
    }
    texts = [*grid.names]
    texts += [text for column in grid.columns for text in column.texts if text not in public]
    strange = [text for text in texts if not (text.isascii() and text.isprintable())]
    hidden = sum(is_hidden(character) for text in strange for character in text)
    if hidden:
        yield grid.finding(
            "metadata",
            "alarm",
            f"Its texts hold {hidden} characters that are not shown: they may carry anything.",
        )
    blank = sum(bool(_BLANKS.search(text)) for text in texts)
    if blank:
        yield grid.finding(
            "metadata",
            "warning",
            f"{blank} of its texts begin or end with blanks, or hold several in a row or of "
            "unusual kinds: nobody sees how many, and they may carry something.",
        )
