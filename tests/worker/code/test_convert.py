"""What honest code returns comes out as the data it was; what is no data is named."""

import datetime as dt
import json
from collections import namedtuple
from typing import Any

import numpy as np
import pandas as pd
import pytest

from carrel_protocol.outputs import TableData
from carrel_worker.executors.code.results import Result
from carrel_worker.sandbox.runner.convert import NotReturnable, payload, to_items
from tests.worker.code.reading import parse


def _through(value: Any, name: str = "result") -> dict[str, Result]:
    found = parse(b"".join(payload(to_items(value, name))), output_bytes=2**23)
    return {each.item.name: each for each in found}


def _one(value: Any) -> Result:
    (result,) = _through(value).values()
    return result


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (3, 3),
        (True, True),
        ("zwölf", "zwölf"),
        (2.5, 2.5),
        (float("nan"), None),
        (float("inf"), "inf"),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(False), False),
        (pd.NA, [None]),
        (pd.Timestamp("2024-02-03T04:05:06"), "2024-02-03T04:05:06"),
        (dt.date(2024, 2, 3), "2024-02-03"),
        (np.datetime64("2024-02-03"), "2024-02-03"),
        (pd.Interval(0, 5), "(0, 5]"),
        ({"n": 3, 7: [1, None, {"a": np.float64(1.5)}]}, {"n": 3, "7": [1, None, {"a": 1.5}]}),
        (namedtuple("Pair", "a b")(1, 2), [1, 2]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["2024-02-03", "NaT"], dtype="M8[D]"), ["2024-02-03", "NaT"]),
        (np.float64("nan"), None),
    ],
)
def test_plain_values(value: Any, seen: Any) -> None:
    result = _one([value] if value is pd.NA else value)
    assert result.item.kind == "value"
    assert result.value == seen
    assert json.loads(result.content) == seen


def _table(value: Any) -> TableData:
    result = _one(value)
    assert result.item.kind == "table"
    table = result.value
    assert isinstance(table, TableData)
    assert result.item.shape == (len(table.rows), len(table.columns))
    return table


def test_a_frame_without_labels_has_its_columns_alone() -> None:
    table = _table(pd.DataFrame({"a": [1, 2], "b": [1.5, np.nan]}))
    assert table == TableData(columns=("a", "b"), index=0, rows=((1, 1.5), (2, None)))


def test_a_grouped_series_is_labelled() -> None:
    frame = pd.DataFrame({"g": pd.Categorical(["x", "y", "x"]), "v": [1.0, 2.0, 4.0]})
    table = _table(frame.groupby("g", observed=False)["v"].mean())
    assert table == TableData(columns=("g", "v"), index=1, rows=(("x", 2.5), ("y", 2.0)))


def test_levels_of_rows_and_columns() -> None:
    frame = pd.DataFrame({"g": ["x", "x", "y"], "h": [1, 2, 1], "v": [1, 2, 3]})
    table = _table(frame.groupby(["g", "h"]).agg({"v": ["sum", "mean"]}))
    assert table.columns == ("g", "h", "v / sum", "v / mean")
    assert table.index == 2
    assert table.rows == (("x", 1, 1, 1.0), ("x", 2, 2, 2.0), ("y", 1, 3, 3.0))


def test_intervals_times_and_missing_values_of_a_table() -> None:
    cut = pd.cut(pd.Series([1, 5, 9]), [0, 4, 10])
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
            "n": pd.array([1, None, 3], dtype="Int64"),
            "b": pd.array([True, None, False], dtype="boolean"),
            "c": pd.Categorical(["u", None, "v"]),
        },
        index=cut,
    )
    table = _table(frame)
    assert table.columns == ("index", "at", "n", "b", "c")
    assert table.rows[0] == ("(0, 4]", "2024-01-01T00:00:00", 1, True, "u")
    assert table.rows[1] == ("(4, 10]", None, None, None, None)


def test_describe_crosstab_and_value_counts() -> None:
    frame = pd.DataFrame({"g": ["x", "y", "x"], "v": [1.0, 2.0, 4.0], "w": [1, 1, 2]})
    assert _table(frame.describe()).index == 1
    assert _table(pd.crosstab(frame["g"], frame["w"])).columns == ("g", "1", "2")
    assert _table(frame["g"].value_counts()).rows == (("x", 2), ("y", 1))
    assert _table(frame.index).rows == ((0,), (1,), (2,))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (0, 4), (1, 1, 2)])
def test_arrays(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    result = _one(array)
    assert (result.item.kind, result.item.shape, result.item.dtype) == ("array", shape, dtype)
    np.testing.assert_array_equal(result.value, array)


def test_an_array_reads_as_numpy_reads_it(tmp_path: Any) -> None:
    array = np.asfortranarray(np.arange(12, dtype=">f8").reshape(3, 4))[:, ::2]
    path = tmp_path / "a.npy"
    path.write_bytes(_one(array).content)
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), array)


def test_named_tables_arrays_and_values() -> None:
    found = _through({"counts": pd.Series([1, 2]), "matrix": np.eye(2), "n": 3})
    assert {name: each.item.kind for name, each in found.items()} == {
        "counts": "table",
        "matrix": "array",
        "n": "value",
    }


def test_several_tables_are_numbered() -> None:
    found = _through((pd.DataFrame({"a": [1]}), 7))
    assert list(found) == ["result_1", "result_2"]


def test_weights_in_a_dict_of_a_dict_are_tensors() -> None:
    weights = {"layer.0": np.ones((2, 3), dtype=np.float32), "bias": np.zeros(3)}
    result = _through({"model": weights})["model"]
    assert result.item.kind == "tensors"
    assert set(result.value) == {"layer.0", "bias"}
    np.testing.assert_array_equal(result.value["layer.0"], weights["layer.0"])


def test_nothing_returned_is_no_item() -> None:
    assert _through(None) == {}


class Model:
    pass


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Model(), "test_convert.Model cannot be returned"),
        ({"m": Model()}, "Model cannot be returned"),
        (b"bytes", "a bytes cannot be returned"),
        ({1, 2}, "a set cannot be returned"),
        (2**53, "beyond 2^53"),
        (-(10**400), "1329 bits is beyond 2^53"),
        ([1, {"n": 10**5000}], "beyond 2^53"),
        (pd.DataFrame({"a": [10**400, 1]}), "beyond 2^53"),
        (pd.DataFrame({"a": [2**60]}), "beyond 2^53"),
        (np.array([1 + 2j]), "complex128 cannot be returned"),
        (lambda: 1, "function cannot be returned"),
        ({"a/b": np.ones(2)}, "'a/b' cannot name a result"),
        ({1: np.ones(2)}, "is no text"),
        ({"x": [pd.DataFrame({"a": [1]})]}, "lies inside a list or dict"),
        (pd.DataFrame(np.zeros((2, 1001))), "1001 columns"),
        ("\ud800", "half a character"),
        ({f"n{i}": np.ones(1) for i in range(51)} | {"t": pd.Series([1])}, "52 results"),
    ],
)
def test_what_is_no_data_is_refused_by_name(value: Any, words: str) -> None:
    with pytest.raises(NotReturnable) as refusal:
        payload(to_items(value))
    assert words in str(refusal.value)


def test_nesting_without_end_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotReturnable, match="nested more than"):
        to_items(value)
