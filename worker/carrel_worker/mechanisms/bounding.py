"""Second level of the bound: what each unit may contribute, and to how many groups.

Nothing here reads another unit's rows: a unit's contribution depends on its own cells and its
own secret offset (SOUNDNESS 1 and 2 in the design; Wilson et al. 2020, arXiv 1909.01917, §3).
"""

import os

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.sensitivity import Primitive
from carrel_worker.mechanisms.cells import Exact, Ints, Sums


def os_offsets(units: int) -> NDArray[np.uint64]:
    """One fresh 64-bit offset per unit from the operating system's generator."""
    return np.frombuffer(os.urandom(8 * units), dtype=np.uint64)


def chosen(
    unit: Ints, units: int, most_groups: int, offsets: NDArray[np.uint64]
) -> NDArray[np.bool_] | None:
    """Which cells count when a unit may contribute to `most_groups` groups; None: all do.

    A unit with m > most_groups cells keeps `most_groups` neighbours on the circle of its own
    cells, ordered by group, from place offset mod m on: each cell is kept with the same
    probability most_groups / m (up to 2^-50), as in a random sample.

    unit: per cell, its unit's place in `offsets`, ascending. offsets: one per unit.
    """
    cells = np.bincount(unit, minlength=units)
    if cells.max(initial=0) <= most_groups:
        return None
    first = np.cumsum(cells) - cells
    start = (offsets % np.maximum(cells, 1).astype(np.uint64)).astype(np.int64)
    ahead = np.arange(unit.size) - (first + start)[unit]
    ahead += (ahead < 0) * cells[unit]
    return np.asarray(ahead < most_groups)


def contributions(primitive: Primitive, rows: Ints, sums: Sums | None, base: int) -> Exact:
    """What each cell adds to `primitive`.

    rows: per cell, the rows that pass the condition. sums: of the primitive's column, where it
    has one. base: the column's value at code 0, in stored units.

    count: min(c, k). sum: s, or s·k/c towards zero where c > k; then clipped to
    [k·min(lower, 0), k·max(upper, 0)].
    """
    k = primitive.rows_per_group
    if primitive.kind == "count":
        return np.minimum(rows if sums is None else sums.rows, k)
    assert sums is not None
    counts = sums.rows.astype(sums.total.dtype)
    total = sums.total + counts * (base - primitive.centre)
    over = np.flatnonzero(sums.rows > k)
    if over.size:
        excess = total[over]
        scaled = np.abs(excess) * k // counts[over]
        total[over] = np.where(excess < 0, -scaled, scaled)
    clipped: Exact = np.clip(total, k * min(primitive.lower, 0), k * max(primitive.upper, 0))
    return clipped.astype(np.int64) if k * primitive.magnitude < 2**62 else clipped


def add_to(totals: Exact, group: Ints, values: Exact, largest: int) -> None:
    """totals[group] += values, exactly.

    largest: no value's absolute is above it, and no total's can leave the type of `totals`.
    """
    if largest * values.size < 2**53:
        totals += np.bincount(group, values, minlength=totals.size).astype(np.int64)
    else:
        np.add.at(totals, group, values)
