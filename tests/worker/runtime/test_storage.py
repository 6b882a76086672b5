"""Grants: what is read, and what is refused."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from carrel_protocol.jobs import StorageGrant
from carrel_worker.storage import (
    DigestMismatch,
    FileMissing,
    GrantError,
    GrantExpired,
    NoStorage,
    PathRefused,
    Storage,
)
from tests.worker.runtime.jobs import grant


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "storage"
    (root / "versions").mkdir(parents=True)
    (root / "versions" / "table").write_bytes(b"rows")
    (tmp_path / "outside").write_bytes(b"rows")
    (root / "versions" / "link").symlink_to("table")
    (root / "linked").symlink_to("versions")
    os.mkfifo(root / "versions" / "pipe")
    return root


def _grant(root: Path, **changes: Any) -> StorageGrant:
    return StorageGrant.model_validate(grant(root, "versions/table") | changes)


def test_a_granted_file_is_found(root: Path) -> None:
    path = Storage(root).verified(_grant(root))
    assert path.read_bytes() == b"rows"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"path": "../outside"}, PathRefused),
        ({"path": "versions/../../outside"}, PathRefused),
        ({"path": "/etc/hostname"}, PathRefused),
        ({"path": ""}, PathRefused),
        ({"path": "."}, PathRefused),
        ({"path": "versions/table\0"}, PathRefused),
        ({"path": "versions/link"}, PathRefused),
        ({"path": "linked/table"}, PathRefused),
        ({"path": "versions/table/x"}, PathRefused),
        ({"path": "versions"}, PathRefused),
        ({"path": "versions/pipe"}, PathRefused),
        ({"path": "versions/none"}, FileMissing),
        ({"digest": "0" * 64}, DigestMismatch),
        ({"size": 5}, DigestMismatch),
        ({"expires_at": 1.0}, GrantExpired),
    ],
)
def test_anything_else_is_refused(
    root: Path, changes: dict[str, Any], error: type[GrantError]
) -> None:
    with pytest.raises(error):
        Storage(root).verified(_grant(root, **changes))


def test_verified_bytes_are_not_hashed_again_until_they_change(root: Path) -> None:
    storage, path = Storage(root), root / "versions" / "table"
    storage.verified(_grant(root))
    found = path.stat()
    # Swapped in place with the old time: only a file that is not read again lets this pass.
    path.write_bytes(b"ROWS")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    storage.verified(_grant(root, digest=_digest(b"rows")))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    with pytest.raises(DigestMismatch):
        storage.verified(_grant(root, digest=_digest(b"rows")))
    with pytest.raises(DigestMismatch):
        Storage(root).verified(_grant(root, digest=_digest(b"rows")))


def test_a_wrong_digest_is_refused_of_remembered_bytes_too(root: Path) -> None:
    storage = Storage(root)
    storage.verified(_grant(root))
    with pytest.raises(DigestMismatch):
        storage.verified(_grant(root, digest="0" * 64))


def test_targets_stay_below_the_root(root: Path) -> None:
    storage = Storage(root)
    assert storage.target("new/place/table") == root / "new" / "place" / "table"
    assert (root / "new" / "place").is_dir()
    for path in ("../outside", "linked/table", "versions/link", "versions/table/x", "/x"):
        with pytest.raises(PathRefused):
            storage.target(path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_was_opened_stays_whatever_takes_its_place(root: Path) -> None:
    descriptor = Storage(root).opened(_grant(root))
    (root / "other").write_bytes(b"else")
    (root / "other").replace(root / "versions" / "table")
    with os.fdopen(descriptor, "rb") as file:
        assert file.read() == b"rows"


def test_a_grant_that_is_refused_leaves_nothing_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(DigestMismatch):
            Storage(root).opened(_grant(root, digest="0" * 64))
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_a_storage_nothing_is_read_or_written(root: Path) -> None:
    storage = Storage(None)
    for ask in (storage.verified, storage.opened):
        with pytest.raises(NoStorage):
            ask(_grant(root))
    with pytest.raises(NoStorage):
        storage.target("outputs/run_a_1/0")
