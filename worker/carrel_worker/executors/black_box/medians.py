"""The scores that a median over blocks is chosen by: `carrel_protocol.median` has the proof."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def scores(points: Sequence[int], steps: int) -> NDArray[np.int64]:
    """For each point of the grid {0, …, steps}, how many of `points` would have to be others for
    it to be a median of them.

    Worked out from how many blocks are at each point, so neither their order nor which of equal
    ones is which can matter.
    """
    at = np.bincount(np.asarray(points, np.int64), minlength=steps + 1)
    up_to = np.cumsum(at)
    below, above = up_to - at, len(points) - up_to
    return np.asarray(np.maximum(np.maximum(below, above) - len(points) // 2, 0), np.int64)
