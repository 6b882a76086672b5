"""From noisy primitives to the measures a researcher asked for. Post-processing only.

Intervals cover the noise, not what bounding or clamping moved. Nothing here reads an exact
value.
"""

import math
from functools import lru_cache

import numpy as np

from carrel_protocol.answers import MeasureValues
from carrel_protocol.privacy import Noise
from carrel_protocol.sensitivity import Lowered, Measure, Primitive
from carrel_worker.mechanisms.distributions import Floats, half_width, strata

_LARGEST_EXACT = 2**53 - 1
_KEYS_AT_ONCE = 256

Values = tuple[float | int, ...]


def measure_values(
    measure: Measure,
    lowered: Lowered,
    noisy: list[list[int]],
    noise: tuple[Noise, ...],
    confidence: float,
) -> MeasureValues:
    """One measure over all keys, with an interval of `confidence` around each value."""
    released = noisy[measure.primitive]
    if measure.denominator is None:
        width = half_width(noise[measure.primitive], confidence)
        values, low, high = (_scaled(released, shift, measure) for shift in (0, -width, width))
    else:
        values, low, high = _average(
            measure,
            lowered.primitives[measure.primitive],
            (released, noisy[measure.denominator]),
            (noise[measure.primitive], noise[measure.denominator]),
            confidence,
        )
    return MeasureValues(
        name=measure.alias, function=measure.function, values=values, low=low, high=high
    )


def _scaled(counts: list[int], shift: int, measure: Measure) -> Values:
    """`counts` + `shift` stored units as numbers: integers where JSON carries them exactly."""
    numerator, denominator = measure.unit.as_integer_ratio()
    if denominator != 1:
        # Python's division of integers is correctly rounded.
        return tuple((count + shift) * numerator / denominator for count in counts)
    values = ((count + shift) * numerator for count in counts)
    return tuple(v if abs(v) <= _LARGEST_EXACT else float(v) for v in values)


def _average(
    measure: Measure,
    primitive: Primitive,
    noisy: tuple[list[int], list[int]],
    noise: tuple[Noise, Noise],
    confidence: float,
) -> tuple[Values, Values, Values]:
    """Averages, and intervals by simulating the noise around the noisy sum and count.

    Without knowing more, the exact pair lies where the noisy one does, less a draw of the
    noise. The draws are equally likely ones on a Fibonacci lattice, so an interval is the same
    whenever it is worked out. All of it is moved into the column's domain, where every average
    lies.
    """
    sums = np.array(noisy[0], dtype=np.float64)
    counts = np.array(noisy[1], dtype=np.float64)
    count, order = _lattice(1 - confidence)
    sum_noise, count_noise = strata(noise[0], count), strata(noise[1], count)[order]
    outside = math.floor(count * (1 - confidence) / 2)
    places = (outside, count - 1 - outside)

    def value(average: Floats) -> Values:
        inside = np.clip(average, primitive.lower, primitive.upper)
        return tuple(((inside + measure.centre) * float(measure.unit)).tolist())

    low, high = np.empty_like(sums), np.empty_like(sums)
    for start in range(0, sums.size, _KEYS_AT_ONCE):
        part = slice(start, start + _KEYS_AT_ONCE)
        simulated = (sums[part, None] - sum_noise) / np.maximum(1, counts[part, None] - count_noise)
        simulated.partition(places, axis=1)
        low[part], high[part] = simulated[:, places[0]], simulated[:, places[1]]
    return value(sums / np.maximum(1, counts)), value(low), value(high)


@lru_cache(maxsize=8)
def _lattice(missed: float) -> tuple[int, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Points of a Fibonacci lattice with at least 15 in either tail, and the second axis' order."""
    before, count = 377, 610
    while count * missed < 30:
        before, count = count, before + count
    return count, np.arange(count) * before % count
