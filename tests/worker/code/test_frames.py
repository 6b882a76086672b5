"""Large tables as Arrow files. They need pyarrow, which a site may do without."""

import datetime as dt
import io
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from carrel_worker.executors.code.errors import BadResult
from carrel_worker.sandbox.runner.convert import NotReturnable, payload, to_items
from tests.worker.code.reading import parse
from tests.worker.code.test_results import LIMIT, one, refused

LARGE = pd.DataFrame({"a": np.arange(60_000), "b": np.arange(60_000) / 7})


def test_without_pyarrow_no_large_table_is_let_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NotReturnable, match="120000 cells"):
        to_items(LARGE)
    refused(one(b"ARROW1\0\0", "frame"), "pyarrow")


def test_a_large_table_comes_through() -> None:
    (result,) = parse(b"".join(payload(to_items(LARGE))), output_bytes=LIMIT)
    assert (result.item.kind, result.item.shape) == ("frame", (60_000, 2))
    table = pa.ipc.open_file(io.BytesIO(result.content)).read_all()
    assert table.schema.metadata is None
    assert table["a"].to_pylist() == LARGE["a"].tolist()
    assert table["b"].to_pylist() == LARGE["b"].tolist()


def arrow(table: Any) -> bytes:
    stream = io.BytesIO()
    with pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def test_metadata_and_what_lies_under_nulls_is_gone() -> None:
    secret = np.frombuffer(b"patient4", dtype=np.int64).repeat(3)
    validity = pa.py_buffer(b"\x01")
    column = pa.Array.from_buffers(pa.int64(), 3, [validity, pa.py_buffer(secret.tobytes())])
    field = pa.field("n", pa.int64(), metadata={"note": "patient4"})
    table = pa.Table.from_arrays([column], schema=pa.schema([field], metadata={"x": "patient4"}))
    blob = arrow(table)
    assert blob.count(b"patient4") > 4
    (result,) = parse(one(blob, "frame"), output_bytes=LIMIT)
    assert result.content.count(b"patient4") == 1  # the one value that is there


def test_arrow_that_is_no_plain_table() -> None:
    good = arrow(pa.table({"a": [1, 2, 3]}))
    nested = arrow(pa.table({"a": [[1], [2]]}))
    blobs = arrow(pa.table({"a": [b"x"]}))
    twice = arrow(pa.Table.from_arrays([pa.array([1])] * 2, names=["a", "a"]))
    offsets = pa.Array.from_buffers(
        pa.string(),
        2,
        [None, pa.py_buffer(np.array([0, 2**30, 1], dtype=np.int32).tobytes()), pa.py_buffer(b"x")],
    )
    for blob in (
        *(b"ARROW1", b"ARROW1\0\0" * 9, good[:-9], nested, blobs, twice),
        arrow(pa.Table.from_arrays([offsets], names=["a"])),
    ):
        with pytest.raises(BadResult):
            parse(one(blob, "frame"), output_bytes=LIMIT)


def test_changed_bytes_of_an_arrow_file_break_nothing() -> None:
    good = arrow(pa.table({"a": [1, None, 3], "b": ["x", "yy", None]}))
    draw = np.random.Generator(np.random.PCG64(1))
    for _ in range(12):
        changed = bytearray(good)
        changed[int(draw.integers(len(changed)))] = int(draw.integers(256))
        try:
            parse(one(bytes(changed), "frame"), output_bytes=LIMIT)
        except BadResult:
            continue


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        *((pa.type_for_alias(f"{sign}int{bits}"), [1, None, 2 ** (bits - 1) - 1])
          for sign in ("", "u") for bits in (8, 16, 32, 64)),
        *((pa.type_for_alias(f"float{bits}"), [1.5, None, -2.0]) for bits in (32, 64)),
        (pa.bool_(), [True, None, False]),
        (pa.string(), ["x", None, "yy\u00e4", ""]),
        (pa.large_string(), [None, "z"]),
        (pa.date32(), [dt.date(2020, 2, 29), None]),
        (pa.date64(), [dt.date(1901, 1, 1), None]),
        (pa.timestamp("us"), [1577836800000000, None]),
        (pa.timestamp("s", "Europe/Berlin"), [1, None]),
        (pa.null(), [None, None]),
        (pa.int64(), []),
        (pa.string(), []),
        (pa.bool_(), [None, None]),
    ],
)  # fmt: skip
def test_every_type_comes_through_with_its_nulls(kind: Any, values: list[Any]) -> None:
    array = pa.array([*values, *values], kind)
    # In several chunks that begin in the middle of others, as a slice of a file may lie.
    column = pa.chunked_array([array[1:], array[:0], array[len(values) :]], kind)
    table = pa.table({"c": column, "n": pa.array(range(len(column)))})
    (result,) = parse(one(arrow(table), "frame"), output_bytes=LIMIT)
    read = pa.ipc.open_file(pa.py_buffer(result.content)).read_all()
    assert read.schema.types == table.schema.types
    assert read["c"].to_pylist() == table["c"].to_pylist()
    assert result.item.shape == (len(column), 2)


def test_a_table_without_columns() -> None:
    (result,) = parse(one(arrow(pa.table({})), "frame"), output_bytes=LIMIT)
    assert result.item.shape == (0, 0)
