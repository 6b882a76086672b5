"""Large tables as Arrow files. They need pyarrow, which neither site nor tests bring along."""

import importlib.util
import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from carrel_worker.executors.code.errors import BadResult
from carrel_worker.executors.code.results import parse
from carrel_worker.sandbox.runner.convert import NotReturnable, payload, to_items
from tests.worker.code.test_results import LIMIT, one, refused

THERE = importlib.util.find_spec("pyarrow") is not None
with_pyarrow = pytest.mark.skipif(not THERE, reason="pyarrow is missing: pip install pyarrow")
LARGE = pd.DataFrame({"a": np.arange(60_000), "b": np.arange(60_000) / 7})


@pytest.mark.skipif(THERE, reason="pyarrow is installed: what lacks it cannot be shown")
def test_without_pyarrow_no_large_table_is_let_out() -> None:
    with pytest.raises(NotReturnable, match="120000 cells"):
        to_items(LARGE)
    refused(one(b"ARROW1\0\0", "frame"), "pyarrow")


@with_pyarrow
def test_a_large_table_comes_through() -> None:
    import pyarrow as pa

    (result,) = parse(b"".join(payload(to_items(LARGE))), output_bytes=LIMIT)
    assert (result.item.kind, result.item.shape) == ("frame", (60_000, 2))
    table = pa.ipc.open_file(io.BytesIO(result.content)).read_all()
    assert table.schema.metadata is None
    assert table["a"].to_pylist() == LARGE["a"].tolist()
    assert table["b"].to_pylist() == LARGE["b"].tolist()


def arrow(table: Any) -> bytes:
    import pyarrow as pa

    stream = io.BytesIO()
    with pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


@with_pyarrow
def test_metadata_and_what_lies_under_nulls_is_gone() -> None:
    import pyarrow as pa

    secret = np.frombuffer(b"patient4", dtype=np.int64).repeat(3)
    validity = pa.py_buffer(b"\x01")
    column = pa.Array.from_buffers(pa.int64(), 3, [validity, pa.py_buffer(secret.tobytes())])
    field = pa.field("n", pa.int64(), metadata={"note": "patient4"})
    table = pa.Table.from_arrays([column], schema=pa.schema([field], metadata={"x": "patient4"}))
    blob = arrow(table)
    assert blob.count(b"patient4") > 4
    (result,) = parse(one(blob, "frame"), output_bytes=LIMIT)
    assert result.content.count(b"patient4") == 1  # the one value that is there


@with_pyarrow
def test_arrow_that_is_no_plain_table() -> None:
    import pyarrow as pa

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


@with_pyarrow
def test_changed_bytes_of_an_arrow_file_break_nothing() -> None:
    import pyarrow as pa

    good = arrow(pa.table({"a": [1, None, 3], "b": ["x", "yy", None]}))
    draw = np.random.Generator(np.random.PCG64(1))
    for _ in range(12):
        changed = bytearray(good)
        changed[int(draw.integers(len(changed)))] = int(draw.integers(256))
        try:
            parse(one(bytes(changed), "frame"), output_bytes=LIMIT)
        except BadResult:
            continue
