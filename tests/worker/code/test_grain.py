"""Numbers in the lowest bits of a picture: taken off, and where they shine through, told."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from carrel_worker.executors.checks.thresholds import MANY_SPECKS
from carrel_worker.executors.code.grain import Grain, Pixels, coarse, grain_of
from tests.worker.code.private import returned

DRAW = np.random.Generator(np.random.PCG64(11))
WHITE: Pixels = np.full((480, 640, 3), 255, np.uint8)


def _text() -> Pixels:
    image = Image.new("RGB", (640, 480), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    for top in range(0, 480, 14):
        draw.text((2, top), "Mean age by region, 0.123456789 " * 4, fill=(30, 40, 90), font=font)
    return np.asarray(image)


def _curves() -> Pixels:
    """Drawn four times as large and made smaller, so that its edges are smooth."""
    image = Image.new("RGB", (4 * 640, 4 * 480), "white")
    draw = ImageDraw.Draw(image)
    places = np.arange(0, 640, 2)
    heights = 240 + 150 * np.sin(places / 40) + 10 * DRAW.normal(size=places.size)
    draw.line([(4 * x, 4 * y) for x, y in zip(places, heights, strict=True)], (31, 119, 180), 8)
    for x, y in DRAW.normal((320, 240), (100, 80), (200, 2)):
        draw.ellipse([4 * x - 12, 4 * y - 12, 4 * x + 12, 4 * y + 12], fill=(214, 39, 40))
    return np.asarray(image.resize((640, 480), Image.Resampling.BOX))


def _shades() -> Pixels:
    down, across = np.mgrid[0:480, 0:640]
    return np.stack([across / 3, down / 2, (across + down) / 5], -1).astype(np.uint8)


def _tiles() -> Pixels:
    heat = np.kron(DRAW.random((60, 80)), np.ones((8, 8)))
    return np.stack([heat * 255, (1 - heat) * 200, 80 + heat * 100], -1).astype(np.uint8)


HONEST = {"text": _text(), "curves": _curves(), "shades": _shades(), "tiles": _tiles(), "": WHITE}


@pytest.mark.parametrize("name", list(HONEST))
def test_plots_have_no_grain(name: str) -> None:
    grain = grain_of(coarse(HONEST[name]))
    assert grain.noisy == 0
    assert grain.specks < MANY_SPECKS / 2


@pytest.mark.parametrize("name", list(HONEST))
def test_the_lowest_bits_do_not_leave(name: str) -> None:
    """Neither flipped nor set to a payload: what leaves is the same picture to the last bit."""
    plain = coarse(HONEST[name])
    payload = DRAW.integers(0, 16, plain.shape)
    moved = np.clip(plain.astype(int) + payload - 8, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(coarse(moved), plain)
    assert len(np.unique(plain)) <= 16
    assert int(np.abs(plain.astype(int) - HONEST[name]).max()) <= 8


def test_shades_are_the_nearest() -> None:
    every = np.arange(256, dtype=np.uint8)
    assert (np.abs(coarse(every).astype(int) - every) <= 8).all()
    assert set(coarse(every)) == set(range(0, 256, 17))
    np.testing.assert_array_equal(coarse(coarse(every)), coarse(every))


@pytest.mark.parametrize(("name", "share"), [("", 1.0), ("curves", 0.1), ("text", 0.02)])
def test_a_payload_one_shade_above_is_grain(name: str, share: float) -> None:
    plain = coarse(HONEST[name]).astype(int)
    there = DRAW.random(plain.shape) < share
    bits = there & (DRAW.random(plain.shape) < 0.5)
    grain = grain_of((plain + np.where(bits, np.where(plain, -17, 17), 0)).astype(np.uint8))
    assert grain.noisy or grain.specks > MANY_SPECKS


def test_small_pictures() -> None:
    for shape in ((1, 1, 3), (2, 500, 3), (70, 3, 3)):
        assert grain_of(np.zeros(shape, np.uint8)).noisy == 0
        assert grain_of(np.zeros(shape, np.uint8)).specks == 0
    noise = coarse(DRAW.integers(0, 256, (65, 65, 3)).astype(np.uint8))
    assert grain_of(noise)[:2] == Grain(1, 1, 0)[:2]


def _image(pixels: Pixels) -> Any:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return Image.open(io.BytesIO(stream.getvalue()))


def test_a_payload_in_a_figure() -> None:
    hidden = np.full((200, 400, 3), 255, np.uint8)
    hidden.reshape(-1)[:64_000] -= DRAW.integers(0, 2, 64_000).astype(np.uint8)
    (result,) = returned(_image(hidden))
    with Image.open(io.BytesIO(result.content)) as left:
        assert np.asarray(left).min() == 255
    assert result.value == Grain(0, 18, 0)
    visible = np.full((200, 400, 3), 255, np.uint8)
    visible.reshape(-1)[:64_000] -= 17 * DRAW.integers(0, 2, 64_000).astype(np.uint8)
    (found,) = returned(_image(visible))
    assert found.value.noisy
