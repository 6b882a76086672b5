"""What an item holds, as columns of numbers and texts, whatever form it came in."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.invisible import is_hidden
from carrel_protocol.labels import is_numeral, measured
from carrel_protocol.outputs import MAX_COLUMNS, Finding, TableData
from carrel_protocol.schema import TableSchema
from carrel_worker.executors.code.results import Result

Level = Literal["note", "warning", "alarm"]
Cell = bool | int | float | str | None
_MOST_CELLS = 200
_LONGEST = 60
_KEY, _PATH = 60, 120
"""Characters of a key, and of the keys that lead to a value, in the label it is given."""
_MOST_TURNED = 1000
"""Rows of a table that is also read with its columns as rows."""
_MOST_MELTED = 20_000
_DOUBLE = 8
Place = tuple[int, int]


@dataclass(frozen=True)
class Column:
    name: str
    place: int
    cells: list[Cell]

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """Numbers as they are, also where they are written as texts; NaN for all else."""
        return np.array([as_number(cell) for cell in self.cells], dtype=np.float64)

    @cached_property
    def texts(self) -> list[str]:
        return [cell for cell in self.cells if isinstance(cell, str)]

    @cached_property
    def counts(self) -> bool:
        """Whether all its numbers are whole and none is negative, and there is one."""
        numbers = self.numbers
        numbers = numbers[~np.isnan(numbers)]
        return bool(numbers.size and (numbers >= 0).all() and (numbers == np.floor(numbers)).all())


@dataclass(frozen=True)
class Grid:
    """Columns of equal length; the first `index` of them label the rows, as code says."""

    item: str
    columns: list[Column] = field(default_factory=list)
    index: int = 0
    is_table: bool = False
    """Whether rows and columns are those of a table that a reviewer sees."""
    suspects: frozenset[int] = frozenset()
    """Places of label columns whose numbers may be measured ones (`carrel_protocol.labels`)."""
    names: tuple[str, ...] = ()
    """What the item, its parts and columns are called: texts that leave too."""
    places: tuple[tuple[Place, ...], ...] = ()
    """Of a grid that was made of a table: where each of its measures' cells is there, by row."""

    @property
    def labels(self) -> list[Column]:
        """Columns that label the rows, and those that may merely be said to."""
        return self.columns[: self.index]

    @property
    def keys_of_rows(self) -> list[Column]:
        """Columns that do label the rows."""
        return [column for column in self.labels if column.place not in self.suspects]

    @property
    def measures(self) -> list[Column]:
        """All other columns."""
        suspects = [column for column in self.labels if column.place in self.suspects]
        return suspects + self.columns[self.index :]

    @property
    def rows(self) -> int:
        return len(self.columns[0].cells) if self.columns else 0

    def keys(self) -> list[tuple[Cell, ...]]:
        """Each row's labels; its number where it has none."""
        labels = self.keys_of_rows
        if not labels:
            return [(row,) for row in range(self.rows)]
        return list(zip(*(column.cells for column in labels), strict=True))

    def turned(self) -> "Grid | None":
        """The same with rows and columns exchanged; None where it is large, or has no measures."""
        measures = self.measures
        if not measures or not 0 < self.rows <= _MOST_TURNED:
            return None
        named: list[Cell] = []
        named.extend(column.name for column in measures)
        columns = [Column("", 0, named)]
        for row, key in enumerate(self.keys()):
            name = " / ".join(str(part) for part in key)
            columns.append(Column(name, row + 1, [column.cells[row] for column in measures]))
        places = tuple(tuple((row, c.place) for row in range(self.rows)) for c in measures)
        return Grid(self.item, columns, 1, self.is_table, places=places)

    def melted(self) -> "Grid | None":
        """One row for each measured number: its row's labels, its column's name, and itself."""
        measures, labels = self.measures, self.keys_of_rows
        if not measures or not labels or not 0 < self.rows * len(measures) <= _MOST_MELTED:
            return None
        wide = len(measures)
        columns = [
            Column(label.name, place, [cell for cell in label.cells for _ in range(wide)])
            for place, label in enumerate(labels)
        ]
        named: list[Cell] = []
        named.extend([column.name for column in measures] * self.rows)
        numbers = [column.cells[row] for row in range(self.rows) for column in measures]
        columns += [Column("", len(labels), named), Column("", len(labels) + 1, numbers)]
        places = tuple(((row, c.place),) for row in range(self.rows) for c in measures)
        return Grid(self.item, columns, len(labels) + 1, self.is_table, places=places)

    def at(self, row: int, column: Column) -> Place:
        """Where a measure's cell stands in what a reviewer sees."""
        return self.places[row][column.place - self.index] if self.places else (row, column.place)

    def cells_of(self, row: int) -> list[Place]:
        return [self.at(row, column) for column in self.measures]

    def finding(
        self, check: Any, level: Level, message: str, cells: Iterable[Place] = ()
    ) -> Finding:
        """About this grid; `cells` (row, column) are told of tables alone."""
        told = tuple(cells)[:_MOST_CELLS] if self.is_table else ()
        return Finding(check=check, level=level, item=self.item, message=message, cells=told)


def grid_of(result: Result, schemas: Iterable[TableSchema] = ()) -> Grid:
    """The item's numbers and texts. Tensors, frames and figures have no columns.

    schemas: of the private tables, whose public values are labels.
    """
    name, value = result.item.name, result.value
    if isinstance(value, TableData):
        cells: list[list[Cell]] = [list(column) for column in zip(*value.rows, strict=True)]
        cells = cells or [[] for _ in value.columns]
        columns = [
            Column(label, place, each)
            for place, (label, each) in enumerate(zip(value.columns, cells, strict=True))
        ]
        suspects = measured([(c.name, c.cells) for c in columns[: value.index]], schemas)
        names = (name, *value.columns)
        return Grid(name, columns, value.index, True, suspects, names)
    if isinstance(value, np.ndarray):
        wide = value.shape[-1] if value.ndim > 1 else 1
        flat = value.reshape(-1, wide if 0 < wide <= MAX_COLUMNS else 1)
        return Grid(
            name,
            [Column("", place, _shortest(flat[:, place])) for place in range(flat.shape[1])],
            names=(name,),
        )
    if result.item.kind == "value":
        return _of_value(name, value)
    return Grid(name, names=(name, *(value if result.item.kind == "tensors" else ())))


def _shortest(numbers: NDArray[Any]) -> list[Cell]:
    """Numbers with no more digits than their type holds: 0.1 as a float of 32 bits is 0.1."""
    if numbers.dtype.kind == "f" and numbers.dtype.itemsize < _DOUBLE:
        return [float(str(each)) for each in numbers]
    cells: list[Cell] = numbers.tolist()
    return cells


def _of_value(name: str, value: Any) -> Grid:
    """Records become columns by their keys; all else one column of labelled leaves."""
    records = value if isinstance(value, list) else None
    if records and all(isinstance(each, dict) and each for each in records):
        keys = list(dict.fromkeys(key for each in records for key in each))
        if all(not isinstance(leaf, dict | list) for each in records for leaf in each.values()):
            return Grid(
                name,
                [
                    Column(key, place, [each.get(key) for each in records])
                    for place, key in enumerate(keys)
                ],
                names=(name, *keys),
            )
    if records and all(isinstance(each, list) and each for each in records):
        width = len(records[0])
        plain = all(not isinstance(leaf, dict | list) for each in records for leaf in each)
        if plain and all(len(each) == width for each in records):
            columns = [Column("", p, [each[p] for each in records]) for p in range(width)]
            return Grid(name, columns, names=(name,))
    leaves = list(_leaves(value, ""))
    labels: list[Cell] = [path for path, _ in leaves]
    columns = [Column("", 0, labels), Column("", 1, [leaf for _, leaf in leaves])]
    return Grid(name, columns, 1, names=(name, *dict.fromkeys(_keys(value))))


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _keys(each)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Cell]]:
    if isinstance(value, dict):
        for key, each in value.items():
            # Short: a long key of a million values would be a million long labels.
            yield from _leaves(each, f"{path}.{key[:_KEY]}"[:_PATH] if path else key[:_PATH])
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, path)
    else:
        yield path, value


def is_number(cell: Any) -> TypeGuard[int | float]:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def as_number(cell: Cell) -> float:
    if is_number(cell):
        return float(cell)
    return float(cell) if isinstance(cell, str) and is_numeral(cell) else math.nan


def shown(text: str) -> str:
    """A text of the output's for a message: short, and with nothing in it that is not seen."""
    seen = "".join(
        c if c.isprintable() and not is_hidden(c) else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return f"'{seen[:_LONGEST]}…'" if len(seen) > _LONGEST else f"'{seen}'"
