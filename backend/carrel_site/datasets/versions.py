"""Uploads: bytes go to disk as they come, and an ingest run lays them out beside the data."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from carrel_protocol.api.common import Page
from carrel_protocol.api.datasets import DatasetVersion as VersionView
from carrel_protocol.api.datasets import SourceFormat, UploadPurpose
from carrel_protocol.api.requests import RunState
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, NotFound
from carrel_site.core.pagination import newest_first
from carrel_site.datasets import repository
from carrel_site.datasets.errors import UploadEmpty
from carrel_site.datasets.models import DatasetVersion
from carrel_site.datasets.pieces import full_disk_said
from carrel_site.datasets.service import discard_when_committed, missing, note_same_people
from carrel_site.datasets.storage import Storage, Stored, receiving
from carrel_site.runs import repository as run_rows
from carrel_site.runs.ends import cancel_ingest
from carrel_site.runs.models import Run
from carrel_site.runs.queueing import queue_ingest
from carrel_site.site import Site

_WRITE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """A whole upload on disk, under the id its version will have."""

    version_id: str
    source_format: str
    stored: Stored
    purpose: str = "version"


async def receive(
    storage: Storage,
    version_id: str,
    source_format: SourceFormat,
    chunks: AsyncIterator[bytes],
    limit: int,
) -> Upload:
    """Stream `chunks` to disk. An upload that ends early or passes `limit` leaves nothing."""
    with full_disk_said(), receiving(storage, version_id, limit) as incoming:
        waiting: list[bytes] = []
        size = 0
        async for chunk in chunks:
            waiting.append(chunk)
            size += len(chunk)
            if size >= _WRITE_BYTES:
                await run_in_threadpool(incoming.write, b"".join(waiting))
                waiting, size = [], 0
        await run_in_threadpool(incoming.write, b"".join(waiting))
        if incoming.size == 0:
            raise UploadEmpty("The upload has no bytes.")
        stored = await run_in_threadpool(storage.keep, incoming, version_id)
    return Upload(version_id, source_format, stored)


def create(session: Session, site: Site, ref: str, upload: Upload, actor: str) -> VersionView:
    """A version for a stored upload, and the run that ingests it."""
    dataset = repository.dataset(session, ref, lock=True)
    if dataset is None:
        raise missing(ref)
    version = DatasetVersion(
        id=upload.version_id,
        dataset_id=dataset.id,
        purpose=upload.purpose,
        state="ingesting",
        source_format=upload.source_format,
        source_digest=upload.stored.digest,
        source_size=upload.stored.size,
        revision=dataset.revision,
        created_at=now(),
    )
    session.add(version)
    session.flush()
    run = queue_ingest(session, site, version)
    record(
        session,
        actor,
        "version.uploaded",
        version.id,
        dataset=dataset.id,
        purpose=upload.purpose,
        format=upload.source_format,
        source_digest=upload.stored.digest,
        run=run.id,
    )
    same = note_same_people(session, version, actor) if upload.purpose == "version" else None
    return _view(version, run, same)


def get(session: Session, version_id: str, ref: str | None = None) -> VersionView:
    """One version, of the dataset `ref` if that is given."""
    version = session.get(DatasetVersion, version_id)
    dataset = None if ref is None else repository.dataset(session, ref)
    if version is None or (
        ref is not None and (dataset is None or dataset.id != version.dataset_id)
    ):
        raise _missing(version_id)
    run = repository.runs_of(session, [version_id]).get(version_id)
    return _view(version, run, repository.same_people(session, [version_id]).get(version_id))


def cancel(session: Session, site: Site, version_id: str, actor: str) -> VersionView:
    """Stop laying out a version; its upload is dropped. Nothing is left of it but its row."""
    seen = session.get(DatasetVersion, version_id)
    run = repository.runs_of(session, [version_id]).get(version_id)
    if seen is None or run is None:
        raise _missing(version_id)
    locked = run_rows.lock(session, run.id)  # before the version: a worker's result does so too
    version = repository.version(session, version_id)
    assert version is not None
    assert locked is not None
    if version.state != "ingesting" or locked.closed_at is not None:
        raise Conflict(f"This version is {version.state}: there is nothing to cancel.")
    cancel_ingest(session, locked, actor)
    version.state = "cancelled"
    record(session, actor, "version.cancelled", version.id, dataset=version.dataset_id)
    discard_when_committed(session, site, version.id)
    return _view(version, locked, None)


def page(
    session: Session, ref: str, cursor: str | None, limit: int, purpose: UploadPurpose = "version"
) -> Page[VersionView]:
    """A dataset's versions, or mocks, with their sizes and reports, newest first."""
    dataset = repository.dataset(session, ref)
    if dataset is None:
        raise missing(ref)
    rows = newest_first(
        session,
        repository.versions(dataset.id, purpose),
        DatasetVersion.created_at,
        DatasetVersion.id,
        cursor,
        limit,
        lambda version: version,
    )
    ids = [row.id for row in rows.items]
    runs = repository.runs_of(session, ids)
    people = repository.same_people(session, ids)
    return Page(
        items=tuple(_view(row, runs.get(row.id), people.get(row.id)) for row in rows.items),
        next_cursor=rows.next_cursor,
    )


def _missing(version_id: str) -> NotFound:
    return NotFound(f"There is no version {version_id!r} here.")


def _view(version: DatasetVersion, run: Run | None, same_people_as: str | None) -> VersionView:
    return VersionView(
        id=version.id,
        state=version.state,
        digest=version.digest,
        size=version.size,
        rows=version.rows,
        units=version.units,
        report=version.report,
        error=version.error,
        run_id=None if run is None else run.id,
        created_at=version.created_at,
        same_people_as=same_people_as,
        dataset_id=version.dataset_id,
        purpose=version.purpose,
        format=version.source_format,
        progress=progress(version, run),
    )


def progress(version: DatasetVersion, run: Run | None) -> float | None:
    """The share that is done, as the worker last told; the owner's only."""
    if version.state == "ready":
        return 1.0
    if run is None or run.state == RunState.QUEUED.value:
        return None
    return run.progress
