"""Uploads in pieces: what arrives counts once it is synced, wherever the next piece goes."""

import hashlib
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import text

from carrel_protocol.jobs import IngestJob
from carrel_site.core.clock import now
from carrel_site.datasets import uploads as pieces_service
from carrel_site.datasets.pieces import locked
from carrel_site.datasets.service import sweep_uploads
from tests.factories import make_dataset, make_population
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.site import AppSite, served

CSV = b"person,age\n" + b"".join(b"%d,40\n" % i for i in range(1000))
HALF = len(CSV) // 2


@pytest.fixture
def dataset(app_site: AppSite) -> str:
    def work(session: Any) -> str:
        people = make_population(session, app_site.owner.id)
        return make_dataset(session, app_site.owner.id, people.id, name="visits").id

    return app_site.site.db.transact(work)


def begin(app_site: AppSite, **changes: Any) -> Any:
    body = {"format": "csv", "size": len(CSV)} | changes
    reply = app_site.call(app_site.owner, "POST", "/datasets/visits/uploads", json=body)
    assert reply.status_code == 201, reply.text
    return reply.json()


def send(
    app_site: AppSite, upload: Any, content: bytes, offset: int, checksum: str | None = None
) -> httpx.Response:
    headers = {"Upload-Offset": str(offset)}
    if checksum is not None:
        headers["Upload-Checksum"] = checksum
    path = f"/uploads/{upload['id']}"
    return app_site.call(app_site.owner, "PATCH", path, content=content, headers=headers)


def complete(app_site: AppSite, upload: Any) -> httpx.Response:
    return app_site.call(app_site.owner, "POST", f"/uploads/{upload['id']}/complete")


def shown(app_site: AppSite, upload: Any) -> Any:
    return app_site.call(app_site.auditor, "GET", f"/uploads/{upload['id']}").json()


def files(app_site: AppSite) -> list[Path]:
    return sorted((app_site.site.storage.root / "uploads").iterdir())


def versions(app_site: AppSite) -> Any:
    return app_site.call(app_site.owner, "GET", "/datasets/visits/versions").json()["items"]


def test_pieces_become_a_version_that_a_worker_ingests(app_site: AppSite, dataset: str) -> None:
    upload = begin(app_site, sha256=hashlib.sha256(CSV).hexdigest())
    assert (upload["offset"], upload["state"], upload["version_id"]) == (0, "open", None)
    first = send(app_site, upload, CSV[:HALF], 0)
    assert (first.status_code, first.json()["offset"]) == (200, HALF)
    assert first.headers["upload-offset"] == str(HALF)
    assert versions(app_site) == []
    assert send(app_site, upload, CSV[HALF:], HALF).json()["offset"] == len(CSV)
    done = complete(app_site, upload)
    assert done.status_code == 202
    assert done.json()["state"] == "ingesting"
    assert complete(app_site, upload).json()["id"] == done.json()["id"]
    assert len(versions(app_site)) == 1
    assert shown(app_site, upload)["version_id"] == done.json()["id"]
    assert [path.name for path in files(app_site)] == [done.json()["id"]]
    job = IngestJob.model_validate_json(
        HandWorker.admitted(app_site).try_claim(done.json()["run_id"]).content
    )
    assert (app_site.site.storage.root / job.source.path).read_bytes() == CSV
    assert job.source.digest == hashlib.sha256(CSV).hexdigest()


def test_a_piece_that_begins_elsewhere_is_told_where(app_site: AppSite, dataset: str) -> None:
    upload = begin(app_site)
    send(app_site, upload, CSV[:HALF], 0)
    for offset in (0, HALF - 1, HALF + 1, len(CSV)):
        refused = send(app_site, upload, b"x", offset)
        assert (refused.status_code, refused.json()["code"]) == (409, "upload_offset")
        assert refused.headers["upload-offset"] == str(HALF)
        assert refused.json()["errors"][0]["offset"] == HALF
    early = complete(app_site, upload)
    assert (early.status_code, early.json()["code"]) == (409, "upload_offset")
    assert shown(app_site, upload)["offset"] == HALF
    assert versions(app_site) == []


def test_no_more_arrives_than_was_announced(app_site: AppSite, dataset: str) -> None:
    upload = begin(app_site)
    refused = send(app_site, upload, CSV + b"9,40\n", 0)
    assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")
    assert shown(app_site, upload)["offset"] == 0
    assert send(app_site, upload, CSV, 0).status_code == 200


def test_a_piece_with_a_checksum_is_kept_whole_or_not_at_all(
    app_site: AppSite, dataset: str
) -> None:
    upload = begin(app_site)
    good = hashlib.sha256(CSV[:HALF]).hexdigest()
    assert send(app_site, upload, CSV[:HALF], 0, good).json()["offset"] == HALF
    damaged = CSV[HALF:-1] + b"x"
    refused = send(app_site, upload, damaged, HALF, hashlib.sha256(CSV[HALF:]).hexdigest())
    assert (refused.status_code, refused.json()["code"]) == (422, "checksum_mismatch")
    assert shown(app_site, upload)["offset"] == HALF
    assert send(app_site, upload, CSV[HALF:], HALF).json()["offset"] == len(CSV)


def test_a_file_other_than_announced_is_dropped_and_may_be_sent_again(
    app_site: AppSite, dataset: str
) -> None:
    upload = begin(app_site, sha256=hashlib.sha256(CSV).hexdigest())
    send(app_site, upload, CSV[:-2] + b"9\n", 0)
    refused = complete(app_site, upload)
    assert (refused.status_code, refused.json()["code"]) == (422, "checksum_mismatch")
    assert shown(app_site, upload)["offset"] == 0
    assert versions(app_site) == []
    assert sum(path.stat().st_size for path in files(app_site)) == 0
    send(app_site, upload, CSV, 0)
    assert complete(app_site, upload).status_code == 202


def test_what_a_process_that_died_left_unsynced_does_not_count(
    app_site: AppSite, dataset: str
) -> None:
    upload = begin(app_site)
    send(app_site, upload, CSV[:HALF], 0)
    (path,) = files(app_site)
    with path.open("ab") as file:
        file.write(b"half a piece, from a process that was killed")
    assert shown(app_site, upload)["offset"] == HALF
    send(app_site, upload, CSV[HALF:], HALF)
    assert path.read_bytes() == CSV
    assert complete(app_site, upload).status_code == 202


def test_bytes_that_the_disk_lost_are_asked_for_again(app_site: AppSite, dataset: str) -> None:
    """A restored backup has the row, and less of the file or none of it."""
    upload = begin(app_site)
    send(app_site, upload, CSV, 0)
    (path,) = files(app_site)
    os.truncate(path, 10)
    refused = complete(app_site, upload)
    assert (refused.json()["code"], refused.headers["upload-offset"]) == ("upload_offset", "10")
    path.unlink()
    refused = send(app_site, upload, CSV[10:], 10)
    assert (refused.json()["code"], refused.headers["upload-offset"]) == ("upload_offset", "0")
    send(app_site, upload, CSV, 0)
    assert complete(app_site, upload).status_code == 202


def asgi_piece(app_site: AppSite, upload: Any, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer to a piece whose body comes as these ASGI messages, and then ends."""
    sent: list[dict[str, Any]] = []
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send_back(message: Any) -> None:
        sent.append(message)

    path = f"/api/v1/uploads/{upload['id']}"
    scope = {
        "type": "http",
        "method": "PATCH",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [
            (b"authorization", f"Bearer {app_site.owner.secret}".encode()),
            (b"upload-offset", b"0"),
        ],
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
    }
    anyio.run(app_site.app, scope, receive, send_back)
    return sent


def test_what_arrived_before_a_lost_connection_is_kept(app_site: AppSite, dataset: str) -> None:
    upload = begin(app_site)
    part = {"type": "http.request", "body": CSV[:HALF], "more_body": True}
    assert asgi_piece(app_site, upload, part) == []
    assert shown(app_site, upload)["offset"] == HALF
    send(app_site, upload, CSV[HALF:], HALF)
    assert complete(app_site, upload).status_code == 202


def test_one_piece_at_a_time_whichever_process_takes_it(app_site: AppSite, dataset: str) -> None:
    upload = begin(app_site)
    path = app_site.site.storage.pieces(upload["id"])
    with locked(path):
        busy = send(app_site, upload, CSV, 0)
        assert (busy.status_code, busy.headers["retry-after"]) == (429, "2")
        assert complete(app_site, upload | {"size": 0}).status_code in (409, 429)
    assert send(app_site, upload, CSV, 0).status_code == 200


def test_another_process_goes_on_where_one_ended(app_site: AppSite, dataset: str) -> None:
    """A restarted API, and a second one beside the first, share nothing but row and file."""
    from carrel_site.app import create_app  # noqa: PLC0415
    from carrel_site.site import Site  # noqa: PLC0415

    upload = begin(app_site)
    send(app_site, upload, CSV[:HALF], 0)
    other = Site.open(app_site.site.settings)
    with served(create_app(other)) as url:
        headers = app_site.owner.headers | {"Upload-Offset": str(HALF)}
        where = f"{url}/api/v1/uploads/{upload['id']}"
        assert httpx.patch(where, content=CSV[HALF:], headers=headers).json()["offset"] == len(CSV)
        done = httpx.post(f"{where}/complete", headers=app_site.owner.headers)
        assert done.status_code == 202
    other.close()
    assert complete(app_site, upload).json()["id"] == done.json()["id"]


@contextmanager
def disk_that_takes(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_and_the_upload_goes_on(app_site: AppSite, dataset: str) -> None:
    upload = begin(app_site)
    send(app_site, upload, CSV[:HALF], 0)
    with disk_that_takes(HALF + 100):
        full = send(app_site, upload, CSV[HALF:], HALF)
    assert (full.status_code, full.json()["code"]) == (507, "storage_full")
    assert shown(app_site, upload)["offset"] == HALF
    (path,) = files(app_site)
    assert path.stat().st_size == HALF
    assert send(app_site, upload, CSV[HALF:], HALF).status_code == 200
    assert complete(app_site, upload).status_code == 202


def test_a_full_disk_ends_an_upload_in_one_go_without_a_trace(
    app_site: AppSite, dataset: str
) -> None:
    with disk_that_takes(HALF):
        path = "/datasets/visits/versions?format=csv"
        full = app_site.call(app_site.owner, "POST", path, content=CSV)
    assert (full.status_code, full.json()["code"]) == (507, "storage_full")
    assert files(app_site) == []
    assert versions(app_site) == []


def test_a_file_there_is_no_room_for_is_refused_before_it_is_sent(
    app_site: AppSite, dataset: str
) -> None:
    app_site.site.settings.__dict__["disk_reserve_bytes"] = 2**62
    body = {"format": "csv", "size": 2**20}
    refused = app_site.call(app_site.owner, "POST", "/datasets/visits/uploads", json=body)
    assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
    assert files(app_site) == []


def test_uploads_are_bounded_in_size_and_number(app_site: AppSite, dataset: str) -> None:
    settings = app_site.site.settings.__dict__
    settings["upload_max_open"] = 1
    body = {"format": "csv", "size": app_site.site.settings.upload_max_bytes + 1}
    refused = app_site.call(app_site.owner, "POST", "/datasets/visits/uploads", json=body)
    assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")
    upload = begin(app_site)
    body["size"] = 1
    refused = app_site.call(app_site.owner, "POST", "/datasets/visits/uploads", json=body)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    app_site.call(app_site.owner, "DELETE", f"/uploads/{upload['id']}")
    begin(app_site)


def test_an_upload_is_ended_and_leaves_nothing(app_site: AppSite, dataset: str) -> None:
    upload = begin(app_site)
    send(app_site, upload, CSV[:HALF], 0)
    listed = app_site.call(app_site.owner, "GET", "/datasets/visits/uploads").json()
    assert [each["id"] for each in listed] == [upload["id"]]
    path = f"/uploads/{upload['id']}"
    assert app_site.call(app_site.owner, "DELETE", path).status_code == 204
    assert app_site.call(app_site.owner, "DELETE", path).status_code == 204
    assert files(app_site) == []
    assert send(app_site, upload, CSV[HALF:], HALF).json()["code"] == "conflict"
    assert complete(app_site, upload).json()["code"] == "conflict"
    assert files(app_site) == []
    assert app_site.call(app_site.owner, "GET", "/datasets/visits/uploads").json() == []


def test_a_completed_upload_cannot_be_taken_back(app_site: AppSite, dataset: str) -> None:
    upload = begin(app_site)
    send(app_site, upload, CSV, 0)
    complete(app_site, upload)
    path = f"/uploads/{upload['id']}"
    assert app_site.call(app_site.owner, "DELETE", path).status_code == 409
    assert send(app_site, upload, b"", len(CSV)).status_code == 409
    assert len(files(app_site)) == 1


def test_what_nobody_goes_on_with_is_swept(app_site: AppSite, dataset: str) -> None:
    site = app_site.site
    old, young = begin(app_site), begin(app_site)
    for upload in (old, young):
        send(app_site, upload, CSV[:HALF], 0)
    stray = site.storage.pieces("upl_nobody")
    stray.write_bytes(b"of a site whose database was restored")

    def age(session: Any) -> None:
        session.execute(
            text("UPDATE uploads SET expires_at = :at WHERE id = :id"),
            {"at": now() - timedelta(seconds=1), "id": old["id"]},
        )

    site.db.transact(age)
    assert site.db.transact(lambda session: pieces_service.sweep(session, site)) == 2
    assert [path.name for path in files(app_site)] == [f"{young['id']}.pieces"]
    assert shown(app_site, old)["state"] == "expired"
    assert send(app_site, old, CSV[HALF:], HALF).status_code == 409
    assert send(app_site, young, CSV[HALF:], HALF).status_code == 200
    assert site.db.read(lambda session: sweep_uploads(session, site)) == 0


def test_uploads_are_the_owners_to_make_and_private_to_see(app_site: AppSite, dataset: str) -> None:
    upload = begin(app_site)
    for member in (app_site.researcher, app_site.reviewer):
        for method, path in (
            ("GET", f"/uploads/{upload['id']}"),
            ("GET", "/datasets/visits/uploads"),
            ("PATCH", f"/uploads/{upload['id']}"),
            ("POST", f"/uploads/{upload['id']}/complete"),
            ("DELETE", f"/uploads/{upload['id']}"),
        ):
            headers = {"Upload-Offset": "0"}
            assert app_site.call(member, method, path, headers=headers).status_code == 403
    headers = {"Upload-Offset": "0"}
    refused = app_site.call(
        app_site.auditor, "PATCH", f"/uploads/{upload['id']}", content=b"x", headers=headers
    )
    assert refused.status_code == 403
    assert shown(app_site, upload)["offset"] == 0


@pytest.mark.parametrize(
    "upload_id", ["..%2f..%2fsecrets", "upl_..", "upl_a%00b", "UPL", "upl_a.pieces"]
)
def test_no_id_leads_out_of_the_uploads(app_site: AppSite, dataset: str, upload_id: str) -> None:
    headers = {"Upload-Offset": "0"}
    reply = app_site.call(
        app_site.owner, "PATCH", f"/uploads/{upload_id}", content=b"x", headers=headers
    )
    assert reply.status_code in (404, 422)
    assert files(app_site) == []


def test_a_piece_may_be_larger_than_any_json_body(app_site: AppSite, dataset: str) -> None:
    size = app_site.site.settings.request_max_bytes * 2 + 7

    def chunks() -> Iterator[bytes]:
        for _ in range(size):
            yield b"x"

    upload = begin(app_site, size=size)
    content = b"".join(chunks())
    assert send(app_site, upload, content, 0).json()["offset"] == size
    with locked(app_site.site.storage.pieces(upload["id"])) as pieces:
        assert pieces.sha256() == hashlib.sha256(content).hexdigest()


def test_the_same_announcement_with_a_key_is_one_upload(app_site: AppSite, dataset: str) -> None:
    body = {"format": "csv", "size": 5}
    replies = [
        app_site.call(
            app_site.owner,
            "POST",
            "/datasets/visits/uploads",
            json=body,
            headers={"Idempotency-Key": "k"},
        )
        for _ in range(2)
    ]
    assert replies[0].json() == replies[1].json()
    assert len(app_site.call(app_site.owner, "GET", "/datasets/visits/uploads").json()) == 1
