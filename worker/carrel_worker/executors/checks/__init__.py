"""Disclosure checks: what to look at in an output before it leaves. Advice; people decide."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carrel_protocol.outputs import Finding
from carrel_protocol.schema import TableSchema
from carrel_worker.executors.checks import cells, contents, differencing, rows, values
from carrel_worker.executors.checks.grids import grid_of
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
    earlier: Sequence[tuple[str, Result]] = ()
    least_cell: int = LEAST_CELL


def look_at(results: Sequence[Result], background: Background) -> tuple[Finding, ...]:
    """All findings, the gravest first. A check that breaks is a finding itself: silence would
    pass for a clean output."""
    privates = [
        Private(alias, background.schemas[alias], table)
        for alias, table in background.tables.items()
    ]
    least = background.least_cell
    schemas = tuple(background.schemas.values())
    grids = {result.item.name: grid_of(result, schemas) for result in results}
    earlier = [(name, grid_of(result, schemas)) for name, result in background.earlier]
    found: list[Finding] = []
    for result in results:
        grid = grids[result.item.name]
        name = result.item.name
        found += _done("small_cells", name, cells.small_cells(grid, privates, least))
        found += _done("small_cells", name, cells.untraced(result, grid, privates))
        found += _done("dominance", name, cells.dominance(grid, privates))
        found += _done("unrounded", name, values.unrounded(result, grid, privates, least))
        found += _done("private_rows", name, rows.private_rows(grid, privates))
        found += _done("identifiers", name, contents.identifiers(grid, privates))
        found += _done("entropy", name, contents.entropy(result, grid))
        found += _done("metadata", name, contents.metadata(result, grid, privates))
    every = list(grids.values())
    found += _done("differencing", "", differencing.differencing(every, earlier, least))
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
