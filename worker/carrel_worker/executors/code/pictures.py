"""PNG images: taken apart here, decoded in the sandbox, drawn anew here from pixels alone.

The chunks are walked by their lengths and checksums. Only those that make up the pixels (header,
palette, transparency, data) are handed to the decoder (`reader`). It lays the picture on white, as
it is looked at (what lies under transparent pixels goes), and gives red, green and blue of each
pixel back, of which a file is written here. So nothing but pixels leaves even if a file took the
decoder over. Their lowest bits, where numbers could hide unseen, are taken off (`grain`); the
`entropy` check and a reviewer's eye are for the rest.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from carrel_worker.executors.code.errors import BadResult
from carrel_worker.executors.code.grain import Grain, coarse, grain_of

MAX_PIXELS = 25_000_000
MAX_SIDE = 20_000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits a sample for each colour type (PNG, third edition, §11.2.1)."""
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


@dataclass(frozen=True)
class Picture:
    content: bytes
    height: int
    width: int
    dropped: tuple[str, ...]
    """What the file held beside its pixels, by the chunks' names."""
    grain: Grain


class Decoder(Protocol):
    def pixels(self, content: bytes, height: int, width: int) -> NDArray[np.uint8]: ...


def redraw(content: bytes, decoder: Decoder) -> Picture:
    """The picture that a PNG file shows. Raises `BadResult`."""
    bare, height, width, dropped = _bare(content)
    pixels = coarse(decoder.pixels(bare, height, width))
    return Picture(write_png(pixels), height, width, dropped, grain_of(pixels))


def write_png(pixels: NDArray[np.uint8]) -> bytes:
    """Height x width x 3 pixels as a PNG file of three chunks."""
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, 3 * width)
    # Each row as its difference to the one above (PNG, third edition, §9.2: filter type 2).
    lines = np.full((height, 1 + 3 * width), 2, np.uint8)
    lines[0, 1:] = rows[0]
    lines[1:, 1:] = rows[1:] - rows[:-1]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _bare(content: bytes) -> tuple[bytes, int, int, tuple[str, ...]]:
    """The file without what is not pixels, its height and width, and what was left out."""
    if not content.startswith(_SIGNATURE):
        raise BadResult("no PNG file")
    kept = [_SIGNATURE]
    dropped: list[str] = []
    order = 0
    for name, chunk in _chunks(content):
        if (name == b"IHDR") != (len(kept) == 1 and not dropped):
            raise BadResult("a PNG file whose header is not its first chunk, once")
        if name in _PIXELS:
            place = _PIXELS.index(name)
            if place < order or (place == order > 0 and name != b"IDAT"):
                raise BadResult("a PNG file with its chunks out of order")
            order = place
            kept.append(chunk)
        elif name[:1].isupper():
            raise BadResult(f"a PNG file with an unknown chunk {name.decode()!r}")
        elif name:
            dropped.append(name.decode())
        else:
            dropped.append(f"{len(chunk)} bytes behind the end")
    height, width = _size(content)
    if content[24] not in _DEPTHS.get(content[25], ()) or content[26:28] != b"\0\0":
        raise BadResult("a PNG file of an unknown colour type")
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and height * width <= MAX_PIXELS):
        raise BadResult(f"a picture of {width} x {height} pixels; at most {MAX_PIXELS} are drawn")
    return b"".join(kept), height, width, tuple(dict.fromkeys(dropped))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's name and bytes up to the end's; what lies behind that comes without a name."""
    place, name = len(_SIGNATURE), b""
    while name != b"IEND":
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        name, told = content[place + 4 : place + 8], content[end - 4 : end]
        if end > len(content) or not name.isalpha():
            raise BadResult("a PNG file that is cut short or damaged")
        if zlib.crc32(content[place + 4 : end - 4]).to_bytes(4, "big") != told:
            raise BadResult("a PNG file with a wrong checksum")
        yield name, content[place:end]
        place = end
    if place != len(content):
        yield b"", content[place:]


def _size(content: bytes) -> tuple[int, int]:
    """Height and width, from the header, which is the first chunk and 13 bytes long."""
    if content[8:16] != b"\0\0\0\rIHDR" or len(content) < 33:
        raise BadResult("a PNG file without a header")
    return int.from_bytes(content[20:24], "big"), int.from_bytes(content[16:20], "big")
