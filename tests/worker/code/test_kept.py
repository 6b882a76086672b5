"""What a run keeps in the storage: its items by number, and nothing else is ever removed."""

from pathlib import Path

import numpy as np
import pytest

from carrel_protocol.jobs import StorageGrant
from carrel_worker.code_job import discard, earlier_releases, store
from carrel_worker.storage import PathRefused, Storage
from tests.worker.code.private import returned
from tests.worker.runtime.jobs import grant


def test_items_are_kept_by_number_and_replaced_whole(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    store(storage, "outputs/run_a_1", returned({"a": 1, "b": 2}))
    store(storage, "outputs/run_a_1", returned((1, 2)))
    assert (tmp_path / "outputs/run_a_1/0").read_bytes() == b"[1,2]"
    assert [path.name for path in (tmp_path / "outputs/run_a_1").iterdir()] == ["0"]
    discard(storage, "outputs/run_a_1")
    assert list((tmp_path / "outputs").iterdir()) == []


def test_a_target_that_holds_other_things_loses_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "ver_a").write_text("rows")
    discard(Storage(tmp_path), "versions")
    discard(Storage(tmp_path), "nothing/there")
    assert (tmp_path / "versions" / "ver_a").read_text() == "rows"


def test_a_link_in_the_way_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "outputs" / "run_a_1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PathRefused):
        store(Storage(tmp_path), "outputs/run_a_1", returned(1))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_earlier_releases_are_read_by_their_form_and_others_passed_over(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"PNG")
    (tmp_path / "table").write_text('{"columns":["n"],"index":0,"rows":[[3]]}')
    (tmp_path / "value").write_text('{"columns":7}')
    (tmp_path / "array").write_bytes(returned(np.arange(3))[0].content)
    (tmp_path / "cut").write_bytes(b"\x93NUMPY")
    names = ("picture", "table", "value", "array", "cut")
    grants = [StorageGrant.model_validate(grant(tmp_path, name)) for name in names]
    (two, table), (three, value), (four, array) = earlier_releases(Storage(tmp_path), grants)
    assert (two, three, four) == tuple(f"earlier release {n}" for n in (2, 3, 4))
    assert (table.item.kind, table.value.rows) == ("table", ((3,),))
    assert (value.item.kind, value.value) == ("value", {"columns": 7})
    assert (array.item.kind, array.value.tolist()) == ("array", [0, 1, 2])
