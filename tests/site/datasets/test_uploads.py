"""Uploads over the API: streamed to disk, made a version, queued for ingest."""

import hashlib
from pathlib import Path
from typing import Any

import anyio
import pytest

from carrel_protocol.jobs import IngestJob, IngestSucceeded
from carrel_site.datasets.models import DatasetVersion
from carrel_site.datasets.service import sweep_uploads, version_failed, version_ready
from tests.factories import make_dataset, make_population
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.site import AppSite

CSV = b"person,age\n1,40\n2,50\n"
PATH = "/datasets/visits/versions"


@pytest.fixture
def dataset(app_site: AppSite) -> str:
    def work(session: Any) -> str:
        people = make_population(session, app_site.owner.id)
        return make_dataset(session, app_site.owner.id, people.id, name="visits").id

    return app_site.site.db.transact(work)


def upload(app_site: AppSite, content: Any = CSV, key: str | None = None, **query: str) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return app_site.call(
        app_site.owner,
        "POST",
        PATH,
        params={"format": "csv"} | query,
        content=content,
        headers=headers,
    )


def uploads(app_site: AppSite) -> list[Path]:
    return list((app_site.site.storage.root / "uploads").iterdir())


def test_an_upload_becomes_a_version_that_a_worker_ingests(app_site: AppSite, dataset: str) -> None:
    reply = upload(app_site)
    assert reply.status_code == 202
    version = reply.json()
    assert version["state"] == "ingesting"
    assert (version["rows"], version["digest"]) == (None, None)
    (listed,) = app_site.call(app_site.auditor, "GET", PATH).json()["items"]
    assert listed == version

    worker = HandWorker.admitted(app_site)
    job = IngestJob.model_validate_json(worker.try_claim(version["run_id"]).content)
    assert job.source.digest == hashlib.sha256(CSV).hexdigest()
    assert (app_site.site.storage.root / job.source.path).read_bytes() == CSV
    target = app_site.site.storage.root / job.target_path
    target.write_bytes(b"laid out")
    done = {
        "kind": "ingest",
        "claim_token": job.claim_token,
        "epoch": job.epoch,
        "digest": hashlib.sha256(b"laid out").hexdigest(),
        "size": 8,
        "rows": 2,
        "units": 2,
        "units_digest": "1" * 64,
        "report": {"age": {"clamped": 0, "nulls": 0, "unknown": 0}},
    }
    assert worker.post(f"{job.run_id}/succeeded", done).status_code == 204
    assert (
        app_site.call(app_site.owner, "GET", "/datasets/visits").json()["version_id"]
        == (version["id"])
    )
    (listed,) = app_site.call(app_site.auditor, "GET", PATH).json()["items"]
    assert (listed["state"], listed["rows"], listed["units"]) == ("ready", 2, 2)
    assert uploads(app_site) == []


def test_a_researcher_learns_no_size_and_no_digest(app_site: AppSite, dataset: str) -> None:
    upload(app_site)
    for member in (app_site.researcher, app_site.reviewer):
        assert app_site.call(member, "GET", PATH).status_code == 403


def test_the_same_upload_sent_twice_with_a_key_is_one_version(
    app_site: AppSite, dataset: str
) -> None:
    first, second = upload(app_site, key="k"), upload(app_site, key="k")
    assert first.json() == second.json()
    assert len(app_site.call(app_site.owner, "GET", PATH).json()["items"]) == 1
    assert [path.name for path in uploads(app_site)] == [first.json()["id"]]
    other = upload(app_site, content=b"other", key="k")
    assert other.json()["code"] == "idempotency_key_reused"
    assert len(uploads(app_site)) == 1


def test_what_is_refused_leaves_nothing(app_site: AppSite, dataset: str) -> None:
    assert upload(app_site, content=b"").status_code == 422
    assert upload(app_site, format="xlsx").status_code == 422
    missing = app_site.call(
        app_site.owner, "POST", "/datasets/absent/versions?format=csv", content=CSV
    )
    assert missing.status_code == 404
    app_site.site.settings.__dict__["upload_max_bytes"] = 10
    too_large = upload(app_site)
    assert (too_large.status_code, too_large.json()["code"]) == (413, "payload_too_large")
    assert uploads(app_site) == []
    assert app_site.call(app_site.owner, "GET", PATH).json()["items"] == []


def test_an_upload_may_be_larger_than_any_json_body(app_site: AppSite, dataset: str) -> None:
    size = app_site.site.settings.request_max_bytes * 2
    assert upload(app_site, content=b"x" * size).status_code == 202
    (path,) = uploads(app_site)
    assert path.stat().st_size == size


def asgi_upload(app_site: AppSite, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer to an upload whose body comes as these ASGI messages."""
    sent: list[dict[str, Any]] = []
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/api/v1{PATH}",
        "raw_path": f"/api/v1{PATH}".encode(),
        "query_string": b"format=csv",
        "headers": [(b"authorization", f"Bearer {app_site.owner.secret}".encode())],
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
    }
    anyio.run(app_site.app, scope, receive, send)
    return sent


def test_a_client_that_goes_away_leaves_nothing(app_site: AppSite, dataset: str) -> None:
    part = {"type": "http.request", "body": CSV, "more_body": True}
    assert asgi_upload(app_site, part, part, {"type": "http.disconnect"}) == []
    assert uploads(app_site) == []
    assert app_site.call(app_site.owner, "GET", PATH).json()["items"] == []


def test_uploads_at_once_are_bounded(app_site: AppSite, dataset: str) -> None:
    slots = app_site.app.state.uploads
    for _ in range(app_site.site.settings.upload_max_concurrent):
        assert slots.acquire(blocking=False)
    busy = upload(app_site)
    assert (busy.status_code, busy.json()["code"]) == (429, "rate_limited")
    slots.release()
    assert upload(app_site).status_code == 202
    assert slots.acquire(blocking=False)


def test_ingest_ends_once(app_site: AppSite, dataset: str) -> None:
    version = upload(app_site).json()["id"]
    db, site = app_site.site.db, app_site.site
    db.transact(lambda session: version_failed(session, site, version, "row 7 is\x00 odd"))
    result = IngestSucceeded(
        claim_token="",
        epoch=1,
        digest="d",
        size=1,
        rows=1,
        units=1,
        units_digest="1" * 64,
        report={},
    )
    db.transact(lambda session: version_ready(session, site, version, result))
    (listed,) = app_site.call(app_site.owner, "GET", PATH).json()["items"]
    assert (listed["state"], listed["error"]) == ("failed", "row 7 is odd")
    assert app_site.call(app_site.owner, "GET", "/datasets/visits").json()["version_id"] is None
    assert uploads(app_site) == []
    (site.storage.root / "uploads" / version).write_bytes(CSV)  # of a process that died first
    (site.storage.root / "versions" / f"{version}.table").write_bytes(b"laid out")
    assert db.read(lambda session: sweep_uploads(session, site)) == 1
    assert uploads(app_site) == []
    assert list((site.storage.root / "versions").iterdir()) == []


def test_the_commitment_hides_the_digest(app_site: AppSite, dataset: str) -> None:
    """The same bytes on two sites have the same digest, and commitments that differ."""
    version = upload(app_site).json()["id"]
    result = IngestSucceeded(
        claim_token="",
        epoch=1,
        digest="a" * 64,
        size=1,
        rows=1,
        units=1,
        units_digest="1" * 64,
        report={},
    )
    site = app_site.site
    commitments = set()
    for key in (b"1" * 32, b"2" * 32):
        site.settings.__dict__["site_key"] = key

        def work(session: Any) -> str:
            version_ready(session, site, version, result)
            row = session.get_one(DatasetVersion, version)
            commitment = str(row.commitment)
            session.rollback()
            session.info.clear()
            return commitment

        commitments.add(site.db.transact(work))
    assert len(commitments) == 2
    assert not any("a" * 64 in commitment for commitment in commitments)
