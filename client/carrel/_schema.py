"""A table's public description, and rows made up from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carrel._display import cell, html_table, number, printable, text_table
from carrel._frames import data_frame
from carrel_protocol import schema as wire
from carrel_protocol.api.datasets import Mock

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_ROWS = 10


@dataclass(frozen=True)
class Column:
    """One column: what values it may have is the owner's declaration, not the data's."""

    name: str
    type: str
    domain: str
    """Its public domain in words: numbers outside were moved to the nearest bound."""
    nullable: bool
    keys: int | None
    """How many rows GROUP BY on it makes (a null counts); None if it cannot be grouped by."""
    description: str
    declared: wire.Column | dict[str, Any]
    """As the site sent it: bounds, resolution, categories."""


class Schema:
    """A table's columns, bounds per unit and declared size. Iterate over it for the columns."""

    def __init__(self, table: wire.TableSchema) -> None:
        self.unit_column = table.unit_column
        """Says whose row it is. It cannot be used in a question."""
        self.bounds = table.bounds
        """How much of one unit's data an answer uses, unless you ask with other bounds."""
        self.size = table.size
        """The owner's public, approximate size."""
        self.columns = tuple(_column(column) for column in table.columns)
        self.declared = table

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        raise KeyError(f"{name!r}; the columns are {', '.join(c.name for c in self.columns)}")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(c.name.lower() == name.lower() for c in self)

    def _ipython_key_completions_(self) -> list[str]:
        return [column.name for column in self.columns]

    def __repr__(self) -> str:
        return f"Schema({printable(', '.join(column.name for column in self.columns))})"

    def __str__(self) -> str:
        return "\n".join([text_table(_HEADERS, self._rows()), *self._notes()])

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, self._rows(), notes=self._notes())

    def _rows(self) -> list[tuple[object, ...]]:
        return [
            (c.name, c.type, c.domain, "yes" if c.nullable else "", c.keys, c.description)
            for c in self.columns
        ]

    def _notes(self) -> list[str]:
        b = self.bounds
        return [
            (
                f"About {number(self.size.rows)} rows of {number(self.size.units)} units "
                f"(told apart by {self.unit_column}, which cannot be used in a question)."
            ),
            (
                f"An answer uses at most {_times(b.rows_per_unit, 'row')} of a unit; with "
                f"GROUP BY at most {_times(b.rows_per_group, 'row')} in each of "
                f"{_times(b.groups_per_unit, 'group')}."
            ),
        ]


class MockTable:
    """Made-up rows, from public metadata alone: for trying code, and no evidence of anything."""

    def __init__(self, mock: Mock) -> None:
        self.columns = mock.columns
        self.rows = mock.rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> pd.DataFrame:
        """A data frame, with pandas' nullable types for whole numbers and truth values."""
        return data_frame(self.columns, self.rows)

    def __repr__(self) -> str:
        return f"MockTable({len(self.rows)} made-up rows: {printable(', '.join(self.columns))})"

    def __str__(self) -> str:
        return text_table(self.columns, self.rows[:_SHOWN_ROWS]) + f"\n{self._note()}"

    def _repr_html_(self) -> str:
        return html_table(self.columns, self.rows[:_SHOWN_ROWS], notes=[self._note()])

    def _note(self) -> str:
        return f"{len(self.rows)} rows, made up from public metadata alone."


_HEADERS = ("column", "type", "domain", "nulls", "keys", "description")


def _column(column: wire.Column | dict[str, Any]) -> Column:
    if isinstance(column, dict):  # of a type that came after this version of carrel
        return Column(
            name=str(column.get("name")),
            type=str(column.get("type")),
            domain="",
            nullable=bool(column.get("nullable", True)),
            keys=None,
            description=str(column.get("description", "")),
            declared=column,
        )
    keys = wire.public_keys(column)
    return Column(
        name=column.name,
        type=column.type,
        domain=_domain(column),
        nullable=column.nullable,
        keys=None if keys is None else len(keys),
        description=column.description,
        declared=column,
    )


def _domain(column: wire.Column) -> str:
    match column:
        case wire.IntegerColumn():
            return f"{cell(column.lower)} to {cell(column.upper)}"
        case wire.RealColumn():
            return f"{column.lower} to {column.upper} by {column.resolution}"
        case wire.BooleanColumn():
            return "true or false"
        case wire.CategoryColumn():
            shown = ", ".join(repr(value) for value in column.categories[:5])
            more = len(column.categories) - 5
            return shown + (f" and {more} more" if more > 0 else "")


def _times(n: int, noun: str) -> str:
    return f"{number(n)} {noun}{'' if n == 1 else 's'}"
