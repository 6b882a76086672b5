"""What an item holds, as columns of numbers and texts, whatever form it came in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.outputs import Finding, TableData
from carrel_worker.executors.code.results import Result

Level = Literal["note", "warning", "alarm"]
Cell = bool | int | float | str | None
_MOST_CELLS = 200
_LONGEST = 60


@dataclass(frozen=True)
class Column:
    name: str
    place: int
    cells: list[Cell]

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """Numbers as they are, NaN for all else."""
        return np.array(
            [float(c) if is_number(c) else np.nan for c in self.cells], dtype=np.float64
        )

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
    """Columns of equal length; the first `index` of them label the rows."""

    item: str
    columns: list[Column] = field(default_factory=list)
    index: int = 0
    is_table: bool = False
    """Whether rows and columns are those of a table that a reviewer sees."""

    @property
    def labels(self) -> list[Column]:
        return self.columns[: self.index]

    @property
    def measures(self) -> list[Column]:
        return self.columns[self.index :]

    @property
    def rows(self) -> int:
        return len(self.columns[0].cells) if self.columns else 0

    def keys(self) -> list[tuple[Cell, ...]]:
        """Each row's labels; its number where it has none."""
        if not self.index:
            return [(row,) for row in range(self.rows)]
        return list(zip(*(column.cells for column in self.labels), strict=True))

    def finding(
        self, check: Any, level: Level, message: str, cells: list[tuple[int, int]] | None = None
    ) -> Finding:
        """About this grid; `cells` (row, column) are told of tables alone."""
        told = tuple(cells or ())[:_MOST_CELLS] if self.is_table else ()
        return Finding(check=check, level=level, item=self.item, message=message, cells=told)


def grid_of(result: Result) -> Grid:
    """The item's numbers and texts. Tensors, frames and figures have no columns."""
    name, value = result.item.name, result.value
    if isinstance(value, TableData):
        cells: list[list[Cell]] = [list(column) for column in zip(*value.rows, strict=True)]
        cells = cells or [[] for _ in value.columns]
        columns = [
            Column(label, place, each)
            for place, (label, each) in enumerate(zip(value.columns, cells, strict=True))
        ]
        return Grid(name, columns, value.index, is_table=True)
    if isinstance(value, np.ndarray):
        flat = value.reshape(-1, value.shape[-1] if value.ndim > 1 else 1)
        return Grid(
            name, [Column("", place, flat[:, place].tolist()) for place in range(flat.shape[1])]
        )
    if result.item.kind == "value":
        return _of_value(name, value)
    return Grid(name)


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
            )
    if records and all(isinstance(each, list) and each for each in records):
        width = len(records[0])
        plain = all(not isinstance(leaf, dict | list) for each in records for leaf in each)
        if plain and all(len(each) == width for each in records):
            columns = [Column("", p, [each[p] for each in records]) for p in range(width)]
            return Grid(name, columns)
    leaves = list(_leaves(value, ""))
    labels: list[Cell] = [path for path, _ in leaves]
    return Grid(name, [Column("", 0, labels), Column("", 1, [leaf for _, leaf in leaves])], 1)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Cell]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, path)
    else:
        yield path, value


def is_number(cell: Any) -> TypeGuard[int | float]:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def shown(text: str) -> str:
    """A text of the output's for a message: short, and with nothing in it that is not seen."""
    seen = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return f"'{seen[:_LONGEST]}…'" if len(seen) > _LONGEST else f"'{seen}'"
