"""Dividing units among blocks, and the table that a block is given.

In which block a unit is depends on nothing but its own draw: a word of BLAKE2b under a key that is
drawn anew for each run and kept nowhere. So the blocks of two datasets that differ in one unit
differ, draw for draw, in one block. A block's table says nothing of the others: its units are
numbered within it, since a number among all units would tell how many came before.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.schema import TableSchema
from carrel_worker.tables.layout import Table, new_table

_WORDS = 8
"""64-bit words of one hash: so many units share one call, and none shares a word."""

Draws = NDArray[np.uint64]


def os_draws(units: int) -> Draws:
    """A word for each unit, by its number, under a key of the operating system's generator."""
    return draws(units, secrets.token_bytes(32))


def draws(units: int, key: bytes) -> Draws:
    """The words under `key`: independent and uniform to whoever does not have it."""
    hashed = b"".join(
        hashlib.blake2b(call.to_bytes(8, "little"), key=key, digest_size=8 * _WORDS).digest()
        for call in range(-(-units // _WORDS))
    )
    return np.frombuffer(hashed, "<u8", units)


class Blocks:
    """The units of a table in `count` disjoint blocks, some of which may be empty."""

    def __init__(self, table: Table, drawn: Draws, count: int) -> None:
        if drawn.size != table.units:
            raise ValueError(f"{table.units} units and {drawn.size} draws")
        # 2^64 is no multiple of `count`: some blocks get a unit more often by 1e-16. That is the
        # same for every unit, and so no matter of privacy.
        block = (drawn % np.uint64(count)).astype(np.int64)
        self._table = table
        self._order = np.argsort(block, kind="stable")
        self._ends = np.cumsum(np.bincount(block, minlength=count))
        self.count = count

    def units(self, number: int) -> NDArray[np.int64]:
        """The units of a block, by their number in the whole table, ascending."""
        begin = int(self._ends[number - 1]) if number else 0
        return self._order[begin : int(self._ends[number])]

    def lay_out(self, number: int, target: Path, schema: TableSchema) -> None:
        """Write a block's own table: its rows, unit by unit, its units from 0."""
        units, table = self.units(number), self._table
        first = table.starts[units]
        lengths = table.starts[units + 1] - first
        starts = np.zeros(units.size + 1, np.int64)
        np.cumsum(lengths, out=starts[1:])
        rows = np.arange(starts[-1]) + np.repeat(first - starts[:-1], lengths)
        with new_table(
            target, schema.columns, int(starts[-1]), units.size, durable=False
        ) as written:
            written.write_starts(starts)
            for column in schema.columns:
                written.write_codes(column.name, 0, table.columns[column.name][rows])


@contextmanager
def block_file(blocks: Blocks, number: int, schema: TableSchema, directory: Path) -> Iterator[Path]:
    """A block's table as a file that is gone afterwards. Each has the same name."""
    path = directory / "block.carrel"
    try:
        blocks.lay_out(number, path, schema)
        yield path
    finally:
        path.unlink(missing_ok=True)
