"""What a run keeps in the storage: its items by number, and nothing else is ever removed."""

from pathlib import Path

import pytest

from carrel_protocol.jobs import StorageGrant
from carrel_worker.code_job import discard, earlier_tables, store
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


def test_earlier_releases_that_are_no_tables_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "table").write_text('{"columns":["n"],"index":0,"rows":[[3]]}')
    (tmp_path / "picture").write_bytes(b"PNG")
    grants = [StorageGrant.model_validate(grant(tmp_path, n)) for n in ("picture", "table")]
    ((name, table),) = earlier_tables(Storage(tmp_path), grants)
    assert name == "earlier release 2"
    assert table.rows == ((3,),)
