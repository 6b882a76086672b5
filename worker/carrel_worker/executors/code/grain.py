"""Pixels with as many shades as people tell apart, and what in them looks like hidden numbers.

The lowest bits of a pixel's colours can be set at will and nobody sees it. So a picture leaves with
four bits a colour, 0, 17, 34 to 255: enough for text and curves with smoothed edges. What is left
of such a payload is faint grain, one shade up or down, and is measured here.
"""

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHADE = 17
"""Between two shades of 16."""
_SIDE = 64
_NOISY = 0.75
"""Compressed size over size of a part's lowest bits: with smoothed text and curves 0.2 to 0.6, with
a bit of a payload in each 1.0."""

Pixels = NDArray[np.uint8]


class Grain(NamedTuple):
    noisy: int
    """Parts of 64 by 64 pixels whose lowest bits look like noise."""
    parts: int
    specks: int
    """Colours that differ by one shade from all four around, which are alike."""


def coarse(pixels: Pixels) -> Pixels:
    """The nearest of 16 shades of each colour."""
    shades = ((np.arange(256) + SHADE // 2) // SHADE * SHADE).astype(np.uint8)
    return shades[pixels]


def grain_of(pixels: Pixels) -> Grain:
    """Of a picture (height x width x 3) in 16 shades."""
    height, width, _ = pixels.shape
    lowest = (pixels // SHADE) & 1
    noisy = parts = 0
    for top in range(0, max(1, height - _SIDE // 2), _SIDE):
        for left in range(0, max(1, width - _SIDE // 2), _SIDE):
            part = lowest[top : top + _SIDE, left : left + _SIDE].transpose(2, 0, 1)
            packed = np.packbits(part.reshape(3, -1), axis=1).tobytes()
            parts += 1
            # Of few bits, zlib's own header weighs in.
            noisy += len(zlib.compress(packed)) > _NOISY * len(packed) + 16
    return Grain(noisy, parts, _specks(pixels))


def _specks(pixels: Pixels) -> int:
    found = 0
    for colour in range(3):
        shades = pixels[:, :, colour] // SHADE
        above, below = shades[:-2, 1:-1], shades[2:, 1:-1]
        left, right = shades[1:-1, :-2], shades[1:-1, 2:]
        alike = (above == below) & (left == right) & (above == left)
        inner = shades[1:-1, 1:-1].astype(np.int8)
        found += int((alike & (np.abs(inner - above.astype(np.int8)) == 1)).sum())
    return found
