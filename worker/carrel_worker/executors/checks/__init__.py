"""Disclosure checks: what to look at in an output before it leaves. Advice; people decide."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carrel_protocol.outputs import Finding, OutputItem, TableData
from carrel_protocol.schema import TableSchema
from carrel_worker.executors.checks import cells, contents, values
from carrel_worker.executors.checks.grids import Grid, grid_of
from carrel_worker.executors.checks.groups import Private
from carrel_worker.executors.checks.thresholds import LEAST_CELL
from carrel_worker.executors.code.results import Result
from carrel_worker.tables.layout import Table

_MOST_FINDINGS = 500
_GRAVITY = ("alarm", "warning", "note")


@dataclass(frozen=True)
class Background:
    """What an output is held against: the private tables by alias, and what left before."""

    schemas: Mapping[str, TableSchema]
    tables: Mapping[str, Table]
    earlier: Sequence[tuple[str, TableData]] = ()
    least_cell: int = LEAST_CELL


def look_at(results: Sequence[Result], background: Background) -> tuple[Finding, ...]:
    """All findings, the gravest first. A check that breaks is a finding itself: silence would
    pass for a clean output."""
    privates = [
        Private(alias, background.schemas[alias], table)
        for alias, table in background.tables.items()
    ]
    least = background.least_cell
    grids = {result.item.name: grid_of(result) for result in results}
    earlier = [(name, _grid(table)) for name, table in background.earlier]
    found: list[Finding] = []
    for result in results:
        grid = grids[result.item.name]
        name = result.item.name
        found += _done("small_cells", name, cells.small_cells(grid, privates, least))
        found += _done("dominance", name, cells.dominance(grid, privates))
        found += _done("unrounded", name, values.unrounded(grid, privates, least))
        found += _done("private_rows", name, values.private_rows(grid, privates))
        found += _done("identifiers", name, contents.identifiers(grid, privates))
        found += _done("entropy", name, contents.entropy(result, grid))
        found += _done("metadata", name, contents.metadata(result, grid))
    tables = [grid for grid in grids.values() if grid.is_table]
    found += _done("differencing", "", cells.differencing(tables, earlier, least))
    found += _done("size", "", contents.size(results, privates))
    found += [
        Finding(
            check="private_rows",
            level="warning",
            item="",
            message=f"'{private.alias}' is too large to be compared with row by row: groups, "
            "single values and rows were not looked for in it.",
        )
        for private in privates
        if private.too_large and results
    ]
    found.sort(key=lambda each: _GRAVITY.index(each.level))
    return tuple(found[:_MOST_FINDINGS])


def _grid(table: TableData) -> Grid:
    item = OutputItem(name="earlier", kind="table", size=0, digest="")
    return grid_of(Result(item, b"", table))


def _done(check: Any, item: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except Exception as error:  # noqa: BLE001 (the output is held all the same, and this is said)
        yield Finding(
            check=check,
            level="alarm",
            item=item,
            message=f"This check did not come to an end ({type(error).__name__}): look closely.",
        )
