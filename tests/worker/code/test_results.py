"""The result channel as an attacker writes it: refused as data, or kept as plain data."""

import io
import json
import pickle
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from carrel_protocol.outputs import MEDIA_TYPES
from carrel_worker.executors.code import arrays, strict_json
from carrel_worker.executors.code.errors import BadResult, TooLarge
from carrel_worker.executors.code.results import MAGIC
from tests.worker.code.reading import parse

LIMIT = 2**22


def framed(header: Any, blobs: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    return MAGIC + size.to_bytes(8, "little") + text + blobs


def entry(blob: bytes, kind: str = "value", **changes: Any) -> dict[str, Any]:
    return {
        "name": "result",
        "kind": kind,
        "shape": [],
        "dtype": "",
        "offset": 0,
        "length": len(blob),
        **changes,
    }


def one(blob: bytes, kind: str = "value", **changes: Any) -> bytes:
    return framed({"items": [entry(blob, kind, **changes)]}, blob)


def refused(payload: bytes, words: str = "") -> None:
    with pytest.raises(BadResult) as refusal:
        parse(payload, output_bytes=LIMIT)
    assert words in str(refusal.value)


# The envelope


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "no result"),
        (MAGIC, "no result"),
        (b"CARREL2\n" + bytes(8), "no result"),
        (framed({"items": []}, length=2**63), "longer than"),
        (framed({"items": []}, length=2**64 - 1), "longer than"),
        (framed({"items": []}, length=14), "longer than"),
        (framed(b"[" * 100_000), "deep"),
        (framed({"items": [], "more": 1}), "items alone"),
        (framed([]), "items alone"),
        (framed({"items": {}}), "more than"),
        (framed({"items": [entry(b"1", name=f"n{n}", offset=n) for n in range(51)]}, b"1" * 51),
         "more than"),
        (framed(b'{"items":[],"items":[]}'), "twice"),
        (one(b"1", name="../x"), "name"),
        (one(b"1", name="result\n"), "name"),
        (one(b"1", name=["result"]), "name"),
        (one(b"1", kind="pickle"), "kind"),
        (one(b"1", kind=["value"]), "kind"),
        (one(b"1", offset=-1), "place"),
        (one(b"1", offset=True), "place"),
        (one(b"1", offset=0.0), "place"),
        (one(b"1", length=0), "place"),
        (one(b"1", length=2), "beyond"),
        (one(b"1", offset=2**52), "beyond"),
        (framed({"items": [entry(b"12"), entry(b"12", name="b", offset=1, length=1)]}, b"12"),
         "overlap"),
        (framed({"items": [entry(b"1"), entry(b"1", offset=1)]}, b"12"), "same name"),
        (framed({"items": [{"name": "a"}]}), "other keys"),
        (framed({"items": [entry(b"1") | {"path": "/etc/passwd"}]}, b"1"), "other keys"),
        (framed({"items": [None]}), "other keys"),
        (one(pickle.dumps({"a": 1})), "JSON"),
    ],
)  # fmt: skip
def test_lying_envelopes(payload: bytes, words: str) -> None:
    refused(payload, words)


def test_more_than_the_limit_is_refused_before_it_is_read() -> None:
    blob = b"[" + b"1," * 600 + b"1]"
    with pytest.raises(TooLarge):
        parse(one(blob), output_bytes=1024)


# JSON


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"-Infinity", "Infinity"),
        (b"1e999", "overflows"),
        (b"[-1e400]", "overflows"),
        (b"9007199254740992", "2^53"),
        (b"1" * 5000, "2^53"),
        (b'{"a":1,"a":2}', "twice"),
        (b"[" * 40 + b"]" * 40, "deep"),
        (b"[" * 200_000, "JSON"),
        (b'{"a":' * 100_000, "JSON"),
        (b'"\\ud800"', "half a character"),
        (b'{"\\udfff":1}', "half a character"),
        (b'"\xff"', "UTF-8"),
        (b"\xef\xbb\xbf1", "JSON"),
        (b"1 2", "JSON"),
        (b"", "place"),
        (b"[" + b"[]," * 700_000 + b"1]", "parts"),
    ],
)
def test_json_that_is_no_plain_data(text: bytes, words: str) -> None:
    refused(one(text), words)


def test_json_is_kept_in_one_spelling() -> None:
    (result,) = parse(one(b' { "a" : 1.50e0 , "b":"\\u0041" }\n'), output_bytes=LIMIT)
    assert result.content == b'{"a":1.5,"b":"A"}'


_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_PLAIN)
def test_plain_json_comes_through_as_it_was(value: Any) -> None:
    (result,) = parse(one(json.dumps(value).encode()), output_bytes=LIMIT)
    assert result.value == value
    assert json.loads(result.content) == value


# Tables


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"columns": ["a"], "index": 0, "rows": [[1, 2]]}, "as many cells"),
        ({"columns": ["a"], "index": 2, "rows": []}, "as many cells"),
        ({"columns": ["a"], "index": -1, "rows": []}, "no table"),
        ({"columns": ["a"], "index": 0, "rows": [[{"x": 1}]]}, "no table"),
        ({"columns": ["a"], "index": 0, "rows": [[1]], "note": 1}, "other parts"),
        ({"columns": ["a"], "rows": [[1]]}, "other parts"),
        ({"columns": ["a" * 201], "index": 0, "rows": []}, "no table"),
        ({"columns": ["a"] * 1001, "index": 0, "rows": []}, "no table"),
        ({"columns": ["a"], "index": 0, "rows": [["x" * 10_001]]}, "no table"),
        ({"columns": ["a"] * 2, "index": 0, "rows": [[1, 2]] * 50_001}, "100000 cells"),
    ],
)
def test_tables_that_are_none(table: Any, words: str) -> None:
    refused(one(json.dumps(table).encode(), "table"), words)


def test_cells_keep_their_types() -> None:
    table = {"columns": ["a"], "index": 0, "rows": [[True], [1], [1.0], ["1"], [None]]}
    (result,) = parse(one(json.dumps(table).encode(), "table"), output_bytes=LIMIT)
    assert [type(row[0]) for row in result.value.rows] == [bool, int, float, str, type(None)]
    assert result.item.shape == (5, 1)
    assert json.loads(result.content) == table


# Arrays


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _with_header(header: str, data: bytes = b"") -> bytes:
    text = header.encode("latin1")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def _shaped(shape: str, data: bytes = b"") -> bytes:
    return _with_header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n", data)


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (npy(np.array([object()])), "header"),
        (npy(np.array([{"a": 1}], dtype=object)), "header"),
        (npy(np.array([("a", 1)], dtype=[("x", "U1"), ("y", "i4")])), "header"),
        (npy(np.array(["text"])), "header"),
        (npy(np.array([1 + 2j])), "header"),
        (npy(np.array(["2024-01-01"], dtype="M8[D]")), "header"),
        (npy(np.array([1], dtype=">i4")), "header"),
        (npy(np.array(3.0)), "header"),
        (npy(np.ones(3))[:-1], "does not take"),
        (npy(np.ones(3)) + b"hidden", "does not take"),
        (b"\x93NUMPY\x02\x00" + npy(np.ones(3))[8:], "version 1.0"),
        (_shaped("(4294967296, 4294967296)"), "does not take"),
        (_shaped("(0, 999999999999999999)"), "header"),
        (_shaped("(0, 2147483648, 2147483648, 8)"), "huge"),
        (_shaped("(" + "1, " * 40 + "1)", bytes(8)), "dimensions"),
        (_with_header("__import__('os').system('x')\n"), "header"),
        (_with_header("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }\n", b"\x07"),
         "neither 0 nor 1"),
        (b"\x93NUMPY\x01\x00\xff\xff", "header"),
    ],
)  # fmt: skip
def test_arrays_that_are_none(blob: bytes, words: str) -> None:
    refused(one(blob, "array"), words)


def test_bits_of_a_nan_are_not_kept() -> None:
    secret = np.array([0x7FF8_DEAD_BEEF_CAFE, 0x3FF0_0000_0000_0000], dtype=np.uint64)
    (result,) = parse(one(npy(secret.view(np.float64)), "array"), output_bytes=LIMIT)
    assert bytes.fromhex("decabecaefbeadde"[4:])[:4] not in result.content
    assert np.isnan(result.value[0])
    assert result.value[1] == 1.0


@given(
    st.sampled_from(["?", "b", "B", "h", "I", "q", "e", "f", "d"]),
    st.lists(st.integers(0, 4), min_size=1, max_size=4),
    st.booleans(),
)
def test_numpy_reads_what_we_write(kind: str, shape: list[int], fortran: bool) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape).astype(kind)
    content, read = arrays.parse_npy(npy(np.asfortranarray(array) if fortran else array))
    np.testing.assert_array_equal(read, array)
    again = np.load(io.BytesIO(content), allow_pickle=False)
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(again, array)


# Tensors


def tensors(header: Any, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def _tensor(first: int, last: int, shape: Any, dtype: Any = "U8") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (b"1234567", "no safetensors"),
        ((2**63).to_bytes(8, "little") + b"{}", "no safetensors"),
        (tensors({}, b""), "1 to"),
        (tensors({"__metadata__": {"note": "row 7"}, "a": _tensor(0, 1, [1])}, b"1"), "metadata"),
        (tensors({"a": _tensor(0, 2, [1])}, b"12"), "does not take"),
        (tensors({"a": _tensor(0, 1, [1]), "b": _tensor(0, 1, [1])}, b"1"), "overlap"),
        (tensors({"a": _tensor(1, 2, [1])}, b"12"), "gaps"),
        (tensors({"a": _tensor(0, 1, [1])}, b"12"), "behind"),
        (tensors({"a": _tensor(0, 9, [9])}, b"12"), "beyond"),
        (tensors({"a": _tensor(0, -1, [1])}, b"12"), "whole numbers"),
        (tensors({"a": _tensor(0, 1, [1], "OBJ")}, b"1"), "not let out"),
        (tensors({"a": _tensor(0, 1, [1], ["U8"])}, b"1"), "not let out"),
        (tensors({"a": _tensor(0, 1, [True])}, b"1"), "whole numbers"),
        (tensors({"a": _tensor(0, 1, [-1, -1])}, b"1"), "whole numbers"),
        (tensors({"a": _tensor(0, 1, "1")}, b"1"), "whole numbers"),
        (tensors({"a": _tensor(0, 0, [0, 2**31, 2**31, 8])}, b""), "huge"),
        (tensors({"a\u202e": _tensor(0, 1, [1])}, b"1"), "shown"),
        (tensors({"a": {"dtype": "U8"}}, b"1"), "other keys"),
        (tensors(b'{"a":1,"a":2}', b"1"), "twice"),
        (tensors({"a": _tensor(0, 1, [1], "BOOL")}, b"\x02"), "neither 0 nor 1"),
    ],
)
def test_tensors_that_are_none(blob: bytes, words: str) -> None:
    refused(one(blob, "tensors"), words)


def test_tensors_are_kept_and_their_nans_bits_are_not() -> None:
    nans = struct.pack("<If", 0x7FC12345, 1.5)
    brain = struct.pack("<HH", 0x7FC9, 0x3F80)
    header = {"w": _tensor(0, 8, [2], "F32"), "b": _tensor(8, 12, [2], "BF16")}
    (result,) = parse(one(tensors(header, nans + brain), "tensors"), output_bytes=LIMIT)
    assert struct.pack("<I", 0x7FC12345) not in result.content
    assert struct.pack("<H", 0x7FC9) not in result.content
    assert struct.pack("<H", 0x3F80) in result.content
    assert result.value["w"][1] == 1.5


# Pictures


def png(image: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="PNG", **options)
    return stream.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


SIGNATURE = b"\x89PNG\r\n\x1a\n"
PICTURE = png(Image.new("RGB", (4, 3), "red"))


def _decoded(content: bytes) -> Any:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image.copy()


def test_nothing_but_pixels_is_kept() -> None:
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", "patient 4711 has the disease")
    said.add_itxt("Zipped", "patient 4711", zip=True)
    source = Image.new("RGB", (4, 3), (10, 20, 30))
    exif = Image.Exif()
    exif[0x010E] = "patient 4711"
    blob = png(source, pnginfo=said, exif=exif, dpi=(71, 72)) + b"patient 4711"
    (result,) = parse(one(blob, "figure"), output_bytes=LIMIT)
    assert b"4711" not in result.content
    names = set(result.dropped)
    assert {"tEXt", "iTXt", "eXIf", "pHYs", "12 bytes behind the end"} <= names
    image = _decoded(result.content)
    assert (image.mode, image.size, image.info) == ("RGB", (4, 3), {})
    assert image.getpixel((3, 2)) == (17, 17, 34)  # the nearest of 16 shades
    assert result.item.shape == (3, 4)


def test_what_lies_under_transparent_pixels_is_gone() -> None:
    hidden = Image.new("RGBA", (2, 2), (1, 2, 3, 0))
    (result,) = parse(one(png(hidden), "figure"), output_bytes=LIMIT)
    assert _decoded(result.content).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pictures_of_every_kind_are_drawn(mode: str) -> None:
    image = Image.new(mode, (5, 4))
    (result,) = parse(one(png(image), "figure"), output_bytes=LIMIT)
    assert _decoded(result.content).size == (5, 4)


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (b"GIF89a", "no PNG"),
        (SIGNATURE, "cut short"),
        (PICTURE[:-1], "cut short"),
        (PICTURE.replace(b"IDAT", b"IDAU"), "checksum"),
        (SIGNATURE + _header(50_000, 50_000) + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "pixels"),
        (SIGNATURE + _header(0, 5) + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "pixels"),
        (SIGNATURE + _header(5, 5, 3) + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "colour"),
        (SIGNATURE + _header(5, 5) + _header(5, 5) + chunk(b"IEND", b""), "header"),
        (SIGNATURE + _header(5, 5) + chunk(b"IDAT", b"junk") + chunk(b"IEND", b""), "picture"),
        (SIGNATURE + _header(5, 5) + chunk(b"IEND", b""), "picture"),
        (SIGNATURE + _header(5, 5) + chunk(b"ABCD", b"") + chunk(b"IEND", b""), "unknown chunk"),
        (SIGNATURE + chunk(b"IDAT", b"") + _header(5, 5) + chunk(b"IEND", b""), "first"),
        (SIGNATURE + _header(5, 5) + chunk(b"IDAT", zlib.compress(bytes(10**7)))
         + chunk(b"PLTE", bytes(3)) + chunk(b"IEND", b""), "order"),
    ],
)  # fmt: skip
def test_pictures_that_are_none(blob: bytes, words: str) -> None:
    refused(one(blob, "figure"), words)


# Anything at all

VALID = [
    one(b'{"a":[1,2.5,null]}'),
    one(b'{"columns":["a"],"index":0,"rows":[[1],[2]]}', "table"),
    one(npy(np.arange(6.0).reshape(2, 3)), "array"),
    one(tensors({"a": _tensor(0, 4, [1], "F32")}, b"\0\0\x80?"), "tensors"),
]


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=400))
@example(MAGIC + bytes(8))
def test_bytes_of_any_kind_are_refused_in_words(junk: bytes) -> None:
    for payload in (junk, MAGIC + junk, framed(junk), *(one(junk, k) for k in MEDIA_TYPES if junk)):
        if b'"kind": "figure"' in payload or b'"kind": "frame"' in payload:
            continue  # a child each; their own tests above
        try:
            results = parse(payload, output_bytes=LIMIT)
        except BadResult:
            continue
        for result in results:
            strict_json.dumps(result.value) if result.item.kind == "value" else result.content


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(VALID), st.data())
def test_a_changed_byte_is_read_or_refused_and_never_breaks(payload: bytes, data: Any) -> None:
    changed = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(changed)))
    for each in (bytes(changed), bytes(changed[:cut])):
        try:
            for result in parse(each, output_bytes=LIMIT):
                assert (
                    parse(one(result.content, result.item.kind), output_bytes=LIMIT)[0].content
                    == result.content
                )
        except BadResult:
            pass
