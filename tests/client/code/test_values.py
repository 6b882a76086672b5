"""What code returned, read as data: with numpy and pandas, without them, and when it lies."""

import io
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import carrel
from carrel._arrays import read_npy, read_tensors
from carrel._code_environment import reach
from carrel._code_values import returned, value_of
from carrel_protocol.code import ChoiceBound, NumberBound
from carrel_protocol.outputs import OutputItem

TABLE = {"columns": ["g", "n", "n"], "index": 1, "rows": [["a", 1, True], ["b", None, False]]}


def item(kind: str, **more: Any) -> OutputItem:
    fields = {"name": "x", "kind": kind, "size": 0, "digest": "", **more}
    return OutputItem.model_construct(**fields)


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def test_tables_are_data_frames_or_lists_of_dicts(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = value_of(item("table"), json.dumps(TABLE).encode())
    assert list(frame.columns) == ["n", "n"]
    assert frame.index.names == ["g"]
    assert [str(each) for each in frame.dtypes] == ["Int64", "bool"]
    without(monkeypatch, "pandas")
    named = {**TABLE, "columns": ["g", "n", "m"]}
    rows = value_of(item("table"), json.dumps(named).encode())
    assert rows == [{"g": "a", "n": 1, "m": True}, {"g": "b", "n": None, "m": False}]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="<i4").reshape(2, 3),
        np.array([1.5, np.nan, np.inf]),
        np.array([[True, False]]),
        np.zeros((0, 3), dtype=np.uint8),
        np.array([1.5], dtype=np.float16),
        np.array([2**63], dtype=np.uint64),
        np.arange(24).reshape(2, 3, 4),
    ],
)
def test_arrays_are_numpy_s_or_nested_lists(array: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    got = read_npy(stream.getvalue())
    assert got.dtype == array.dtype
    assert np.array_equal(got, array, equal_nan=array.dtype.kind == "f")
    without(monkeypatch, "numpy")
    nested = read_npy(stream.getvalue())
    assert nested.shape == array.shape
    assert str(list(nested)) == str(array.tolist())


def npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x02\x00" + b"x" * 40,
        npy(
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cposix\nsystem\n(S'x'\ntR."
        ),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10**9, 10**9)}", b"x"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000,)}", b"x" * 8),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': 3}"),
        npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", b"x" * 8),
        npy("{'descr': '<f8', 'fortran_order': True, 'shape': (1,)}", b"x" * 8),
        npy("__import__('os').system('x')"),
        npy("{" * 500),
        npy("'a'"),
    ],
)
def test_lying_arrays_are_refused(content: bytes) -> None:
    with pytest.raises(carrel.UnexpectedAnswer):
        read_npy(content)


def safetensors(header: Any, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_tensors_come_by_name() -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [8, 12]},
    }
    data = struct.pack("<2f", 1.5, -2) + struct.pack("<f", 0.5)[2:] + struct.pack("<f", -4)[2:]
    got = read_tensors(safetensors(header, data))
    assert list(got) == ["w", "b"]
    assert got["w"].tolist() == [1.5, -2]
    assert got["b"].tolist() == [[0.5, -4]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        struct.pack("<Q", 3) + b"[1]",
        safetensors({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, b"x" * 8),
        safetensors({"w": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 8]}}, b"x" * 8),
        safetensors({"w": {"dtype": "PICKLE", "shape": [1], "data_offsets": [0, 8]}}, b"x" * 8),
        safetensors({"w": 3}, b""),
    ],
)
def test_lying_tensors_are_refused(content: bytes) -> None:
    with pytest.raises(carrel.UnexpectedAnswer):
        read_tensors(content)


def test_figures_show_themselves(tmp_path: Path) -> None:
    figure = value_of(item("figure", shape=(2, 3)), b"\x89PNG")
    assert figure._repr_png_() == bytes(figure) == b"\x89PNG"
    assert repr(figure) == "Figure(3 x 2)"
    figure.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"\x89PNG"


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff"])
@pytest.mark.parametrize("kind", ["value", "table"])
def test_broken_json_is_refused(kind: str, content: bytes) -> None:
    with pytest.raises(carrel.UnexpectedAnswer):
        value_of(item(kind), content)


@pytest.mark.parametrize("table", [{}, [], {"columns": ["a"], "rows": [[1, 2]]}, None, {"rows": 3}])
def test_tables_that_are_none_are_refused(table: Any) -> None:
    with pytest.raises(carrel.UnexpectedAnswer):
        value_of(item("table"), json.dumps(table).encode())


def test_kinds_to_come_are_said_to_be_unknown() -> None:
    with pytest.raises(carrel.UnexpectedAnswer, match="does not know"):
        value_of(item("hologram"), b"")


def test_large_tables_say_what_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "pyarrow")
    with pytest.raises(ImportError, match="pip install pyarrow"):
        value_of(item("frame"), b"ARROW1")


def test_what_a_function_s_caller_gets() -> None:
    assert returned({}) is None
    assert returned({"result": 3}) == 3
    assert returned({"a": 1, "b": 2}) == {"a": 1, "b": 2}


def test_bounds_of_a_reach() -> None:
    bounds = reach(
        age=(18, 90), share=(0.5, 1), years=range(1, 4), sex=["f", "m"], kind="x", some={3, 1, 2}
    ).bounds
    assert bounds["age"] == NumberBound(lower=18, upper=90, whole=True)
    assert bounds["share"] == NumberBound(lower=0.5, upper=1, whole=False)
    assert bounds["years"] == NumberBound(lower=1, upper=3, whole=True)
    assert bounds["sex"] == ChoiceBound(values=("f", "m"))
    assert bounds["kind"] == ChoiceBound(values=("x",))
    assert bounds["some"] == ChoiceBound(values=(1, 2, 3))


@pytest.mark.parametrize(
    "bound", [(3,), (1, "a"), (5, 1), (True, False), range(0), range(0, 9, 2), []]
)
def test_bounds_that_make_no_sense(bound: Any) -> None:
    with pytest.raises(carrel.InvalidInput):
        reach(age=bound)


def test_a_frame_is_a_frame() -> None:
    assert isinstance(value_of(item("table"), json.dumps(TABLE).encode()), pd.DataFrame)
