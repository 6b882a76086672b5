"""How many rows of a mock are equal or near to private ones (the owner's only).

A row is a sum of one random 64-bit hash a column, so leaving a column out is one subtraction and
a private table is read once, in chunks. Two rows that differ collide with probability 2^-64.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.jobs import MockComparison
from carrel_protocol.schema import Column, IntegerColumn, RealColumn, TableSchema
from carrel_worker.tables.codes import last_code
from carrel_worker.tables.layout import Codes, Table

_ROWS_AT_ONCE = 1 << 18
_SHUFFLES = 5
_BINS = 50
_EXAMPLES = 20

Hashes = NDArray[np.uint64]


class Stopped(Exception):
    """The caller asked to stop."""


@dataclass(slots=True)
class _Wanted:
    """The hashes of some rows, sorted, and which of them a private row has too."""

    hashes: Hashes
    places: NDArray[np.intp]
    """The row that each of `hashes` belongs to."""
    met: NDArray[np.bool_]

    @classmethod
    def of(cls, hashes: Hashes) -> "_Wanted":
        distinct, places = np.unique(hashes, return_inverse=True)
        return cls(distinct, places, np.zeros(distinct.size, dtype=np.bool_))

    def meet(self, private: Hashes) -> None:
        found = np.searchsorted(self.hashes, private)
        found[found == self.hashes.size] = 0
        self.met[found[self.hashes[found] == private]] = True

    def rows(self) -> NDArray[np.bool_]:
        return self.met[self.places]


def compare(
    mock: dict[str, Codes],
    private: Table,
    schema: TableSchema,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _: None,
) -> MockComparison:
    """Compare a mock's codes with a private table that is coded by the same `schema`.

    What chance explains is the most that was found in five copies of the mock with each column
    shuffled by itself: the same values, and no row that is anybody's. Raises `Stopped`.
    """
    rows = next(iter(mock.values())).size
    if rows == 0:
        return MockComparison(exact=0, exact_by_chance=0, near=0, near_by_chance=0)
    order = np.random.Generator(np.random.PCG64(secrets.randbits(128)))
    copies = [mock] + [
        {name: order.permutation(codes) for name, codes in mock.items()} for _ in range(_SHUFFLES)
    ]
    together = {name: np.concatenate([copy[name] for copy in copies]) for name in mock}
    hasher = _Hasher(schema)
    wanted = [_Wanted.of(hashes) for hashes in hasher.variants(together)]
    for first in range(0, private.rows, _ROWS_AT_ONCE):
        if stopped():
            raise Stopped
        part = {
            name: codes[first : first + _ROWS_AT_ONCE] for name, codes in private.columns.items()
        }
        for want, hashes in zip(wanted, hasher.variants(part), strict=True):
            want.meet(hashes)
        progress(min(1.0, (first + _ROWS_AT_ONCE) / private.rows))
    exact = wanted[0].rows().reshape(len(copies), rows)
    near = np.logical_or.reduce([want.rows() for want in wanted]).reshape(len(copies), rows)
    exacts, nears = exact.sum(axis=1), near.sum(axis=1)
    # The equal rows first: they are what an owner looks at.
    examples = [*np.flatnonzero(exact[0]), *np.flatnonzero(near[0] & ~exact[0])][:_EXAMPLES]
    return MockComparison(
        exact=int(exacts[0]),
        exact_by_chance=int(exacts[1:].max()),
        near=int(nears[0]),
        near_by_chance=int(nears[1:].max()),
        examples=tuple(int(place) + 1 for place in examples),
    )


class _Hasher:
    def __init__(self, schema: TableSchema) -> None:
        self._columns = schema.columns
        self._seeds = {
            column.name: np.uint64(secrets.randbits(64) | 1) for column in schema.columns
        }

    def variants(self, codes: dict[str, Codes]) -> list[Hashes]:
        """Hashes of whole rows, of rows with rounded numbers, and of rows without each column."""
        each = [_mixed(codes[c.name].astype(np.uint64), self._seeds[c.name]) for c in self._columns]
        coarse = [
            _mixed(_rounded(c, codes[c.name].astype(np.uint64)), self._seeds[c.name])
            for c in self._columns
        ]
        whole = _total(each)
        return [whole, _total(coarse), *(whole - left_out for left_out in each)]


def _rounded(column: Column, codes: Hashes) -> Hashes:
    """Numbers of a wide domain by their fiftieth of it; nulls and everything else as they are."""
    last = last_code(column)
    if not isinstance(column, IntegerColumn | RealColumn) or last < _BINS:
        return codes
    width = np.uint64(-(-(last + 1) // _BINS))
    return np.where(codes <= last, codes // width, np.uint64(last + 1))


def _mixed(codes: Hashes, seed: np.uint64) -> Hashes:
    """A keyed mix of each code (the finaliser of SplitMix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        x = (codes + np.uint64(1)) * seed
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def _total(hashes: list[Hashes]) -> Hashes:
    total = hashes[0].copy()
    for more in hashes[1:]:
        total += more
    return total
