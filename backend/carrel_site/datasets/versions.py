"""Uploads: bytes go to disk as they come, and an ingest run lays them out beside the data."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from carrel_protocol.api.common import Page
from carrel_protocol.api.datasets import DatasetVersion as VersionView
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.pagination import newest_first
from carrel_site.datasets import repository
from carrel_site.datasets.errors import UploadEmpty
from carrel_site.datasets.models import DatasetVersion
from carrel_site.datasets.service import missing, note_same_people
from carrel_site.datasets.storage import Storage, Stored, receiving
from carrel_site.runs.service import queue_ingest
from carrel_site.site import Site

SourceFormat = Literal["csv", "csv.gz", "parquet"]
_WRITE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """A whole upload on disk, under the id its version will have."""

    version_id: str
    source_format: SourceFormat
    stored: Stored


async def receive(
    storage: Storage,
    version_id: str,
    source_format: SourceFormat,
    chunks: AsyncIterator[bytes],
    limit: int,
) -> Upload:
    """Stream `chunks` to disk. An upload that ends early or passes `limit` leaves nothing."""
    with receiving(storage, version_id, limit) as incoming:
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
        format=upload.source_format,
        source_digest=upload.stored.digest,
        run=run.id,
    )
    return _view(version, run.id, note_same_people(session, version, actor))


def page(session: Session, ref: str, cursor: str | None, limit: int) -> Page[VersionView]:
    """A dataset's versions with their sizes and reports, newest first."""
    dataset = repository.dataset(session, ref)
    if dataset is None:
        raise missing(ref)
    rows = newest_first(
        session,
        repository.versions(dataset.id),
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


def _view(version: DatasetVersion, run_id: str | None, same_people_as: str | None) -> VersionView:
    return VersionView(
        id=version.id,
        state=version.state,
        digest=version.digest,
        size=version.size,
        rows=version.rows,
        units=version.units,
        report=version.report,
        error=version.error,
        run_id=run_id,
        created_at=version.created_at,
        same_people_as=same_people_as,
    )
