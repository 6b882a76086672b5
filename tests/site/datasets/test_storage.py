"""Files: whole or absent, and read by grants alone."""

import hashlib
import os
import re
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from carrel_site.core.errors import PayloadTooLarge
from carrel_site.datasets.errors import UploadEmpty
from carrel_site.datasets.storage import PathOutsideStorage, Storage
from carrel_site.datasets.versions import receive


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = Storage(tmp_path / "storage")
    storage.prepare()
    return storage


def files(storage: Storage) -> list[str]:
    return sorted(
        str(path.relative_to(storage.root)) for path in storage.root.rglob("*") if path.is_file()
    )


async def pieces(*chunks: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if error is not None:
        raise error


@pytest.mark.anyio
async def test_an_upload_is_stored_with_its_digest(storage: Storage) -> None:
    chunks = [os.urandom(700_000) for _ in range(4)]
    upload = await receive(storage, "ver_a", "csv", pieces(*chunks), 10**7)
    assert files(storage) == ["uploads/ver_a"]
    whole = b"".join(chunks)
    assert upload.stored.digest == hashlib.sha256(whole).hexdigest()
    assert (storage.root / upload.stored.path).read_bytes() == whole
    assert storage.measure(upload.stored.path) == upload.stored
    assert (storage.root / upload.stored.path).stat().st_mode & 0o777 == 0o640


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("chunks", "error", "raised"),
    [
        ((b"a" * 60, b"b" * 60), None, PayloadTooLarge),
        ((), None, UploadEmpty),
        ((b"a",), ConnectionError(), ConnectionError),
    ],
)
async def test_an_upload_that_ends_badly_leaves_nothing(
    storage: Storage,
    chunks: tuple[bytes, ...],
    error: Exception | None,
    raised: type[Exception],
) -> None:
    with pytest.raises(raised):
        await receive(storage, "ver_a", "csv", pieces(*chunks, error=error), 100)
    assert files(storage) == []


def test_a_grant_reads_one_file_until_it_ends(storage: Storage) -> None:
    (storage.root / "versions" / "ver_a.table").write_bytes(b"rows")
    path = storage.grant("versions/ver_a.table", 60)
    other = storage.grant("versions/ver_a.table", 60)
    assert path != other
    assert re.fullmatch(r"[0-9a-f]{64}-\d+", path.split("/")[1])
    assert (storage.root / path).read_bytes() == b"rows"
    assert storage.purge(time.time()) == 0
    storage.revoke(path)
    storage.revoke(path)
    assert not (storage.root / path).exists()
    assert (storage.root / other).read_bytes() == b"rows"
    assert storage.purge(time.time() + 62) == 1
    assert files(storage) == ["versions/ver_a.table"]


def test_no_grant_is_ended_while_it_is_made(storage: Storage) -> None:
    (storage.root / "versions" / "ver_a.table").write_bytes(b"rows")
    made = threading.Event()

    def purge() -> int:
        ended = 0
        while not made.is_set():
            ended += storage.purge(time.time())
        return ended

    with ThreadPoolExecutor(1) as pool:
        purging = pool.submit(purge)
        try:
            paths = [storage.grant("versions/ver_a.table", 60) for _ in range(2_000)]
        finally:
            made.set()
    assert purging.result() == 0
    assert all((storage.root / path).is_file() for path in paths)


def test_grants_cannot_be_listed_by_others(storage: Storage) -> None:
    grants = storage.root / "grants"
    assert grants.stat().st_mode & 0o777 == 0o711
    (storage.root / "versions" / "ver_a.table").write_bytes(b"rows")
    path = storage.root / storage.grant("versions/ver_a.table", 60)
    assert path.parent.stat().st_mode & 0o777 == 0o711
    assert (storage.root / "uploads").stat().st_mode & 0o777 == 0o700


def test_a_discarded_upload_is_gone_with_its_grants(storage: Storage) -> None:
    for name in ("uploads/ver_a", "uploads/ver_b", "versions/ver_a.table"):
        (storage.root / name).write_bytes(b"x")
    for name in ("uploads/ver_a", "uploads/ver_a", "uploads/ver_b", "versions/ver_a.table"):
        storage.grant(name, 60)
    storage.discard_upload("ver_a")
    storage.discard_upload("ver_a")
    left = [Path(name).name for name in files(storage)]
    assert sorted(left) == ["ver_a.table", "ver_a.table", "ver_b", "ver_b"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "versions/../../x", "", "a\x00b"])
def test_nothing_outside_the_root_is_reached(storage: Storage, path: str) -> None:
    with pytest.raises(PathOutsideStorage):
        storage.measure(path)
    with pytest.raises(PathOutsideStorage):
        storage.grant(path, 1)
    with pytest.raises(PathOutsideStorage):
        storage.revoke(path)


def test_revoking_touches_grants_alone(storage: Storage) -> None:
    (storage.root / "versions" / "ver_a.table").write_bytes(b"rows")
    for path in ("versions/ver_a.table", "grants", "grants/x", "versions/a/b"):
        with pytest.raises(PathOutsideStorage):
            storage.revoke(path)
    assert files(storage) == ["versions/ver_a.table"]


@pytest.mark.parametrize("version_id", ["", "..", "a/b", "a.b", "ä"])
def test_a_path_is_made_from_an_id_alone(storage: Storage, version_id: str) -> None:
    with pytest.raises(PathOutsideStorage):
        storage.upload_path(version_id)
    with pytest.raises(PathOutsideStorage):
        storage.version_path(version_id)


def test_a_missing_file_gets_no_grant(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.grant("versions/ver_none.table", 60)
    assert list((storage.root / "grants").iterdir()) == []


def test_a_restart_removes_old_partial_uploads_and_keeps_the_rest(storage: Storage) -> None:
    for name, age in (("old.partial", 2e5), ("new.partial", 0), ("ver_a", 2e5)):
        path = storage.root / "uploads" / name
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age,) * 2)
    storage.prepare()
    assert files(storage) == ["uploads/new.partial", "uploads/ver_a"]
    assert set(storage.uploads()) == {"ver_a"}


def test_tables_stored_under_their_old_name_get_the_new_one(storage: Storage) -> None:
    (storage.root / "versions" / "ver_a.parquet").write_bytes(b"rows")
    storage.prepare()
    storage.prepare()
    assert files(storage) == ["versions/ver_a.table"]
    assert (storage.root / storage.version_path("ver_a")).read_bytes() == b"rows"


def test_all_that_was_laid_out_of_a_version_goes_and_nothing_of_another(storage: Storage) -> None:
    versions = storage.root / "versions"
    scratch = ".ver_a.table.attempt-1.7"
    names = ("ver_a.table", "ver_a.mock.jsonl", f"{scratch}.partial", "ver_ab.table")
    for name in names:
        (versions / name).write_bytes(b"rows")
    (versions / ".ver_a.table.attempt-1.7.scratch").mkdir()
    (versions / ".ver_a.table.attempt-1.7.scratch" / "spilled").write_bytes(b"rows")
    assert storage.laid_out() == {"ver_a", "ver_ab"}
    storage.discard_version("ver_a")
    storage.discard_version("ver_none")
    assert files(storage) == ["versions/ver_ab.table"]


def test_pieces_become_an_upload_and_are_no_upload_before(storage: Storage) -> None:
    storage.pieces("upl_a").write_bytes(b"whole")
    assert (storage.uploads(), set(storage.all_pieces())) == ({}, {"upl_a"})
    storage.keep_pieces("upl_a", "ver_a")
    storage.keep_pieces("upl_a", "ver_a")  # as after a crash before the commit
    assert set(storage.uploads()) == {"ver_a"}
    storage.discard_pieces("upl_a")
    assert files(storage) == ["uploads/ver_a"]
    for name in ("../a", "a/b", "", "a.b"):
        with pytest.raises(PathOutsideStorage):
            storage.pieces(name)
