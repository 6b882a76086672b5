"""Versions of datasets, and a version's bytes in one piece."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool

from carrel_protocol.api.common import Page
from carrel_protocol.api.datasets import (
    DatasetVersion,
    SourceFormat,
    UploadPurpose,
)
from carrel_site.core.errors import SiteError
from carrel_site.core.http import Caller, SiteDep, recheck, require
from carrel_site.core.idempotency import IdempotencyKeyHeader, once
from carrel_site.core.ids import new_id
from carrel_site.core.pagination import Cursor, Limit
from carrel_site.core.permissions import Permission
from carrel_site.datasets import (
    catalogue,
    versions,
)
from carrel_site.datasets.errors import UploadsBusy
from carrel_site.datasets.router import Manager, Ref
from carrel_site.site import Site

router = APIRouter(prefix="/api/v1", tags=["datasets"])

VersionId = Annotated[str, Path(min_length=1, max_length=64)]

_UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "minLength": 1}
            }
        },
    }
}


@router.get("/datasets/{dataset}/versions", dependencies=[require(Permission.VERSIONS_READ)])
def list_versions(
    site: SiteDep,
    dataset: Ref,
    purpose: UploadPurpose = "version",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DatasetVersion]:
    """A dataset's versions, or its uploaded mocks, with sizes, digests and ingest reports:
    private facts.
    """
    return site.db.read(lambda session: versions.page(session, dataset, cursor, limit, purpose))


@router.get(
    "/datasets/{dataset}/versions/{version_id}", dependencies=[require(Permission.VERSIONS_READ)]
)
def read_version(site: SiteDep, dataset: Ref, version_id: VersionId) -> DatasetVersion:
    """One version, with how far its laying out is."""
    return site.db.read(lambda session: versions.get(session, version_id, dataset))


@router.post("/versions/{version_id}/cancel")
def cancel_version(site: SiteDep, caller: Manager, version_id: VersionId) -> DatasetVersion:
    """Stop laying out a version. Nothing but its row is left of it."""
    return site.db.transact(
        lambda session: versions.cancel(session, site, version_id, caller.user_id)
    )


@router.post("/datasets/{dataset}/versions", status_code=202, openapi_extra=_UPLOAD_BODY)
async def upload_version(
    site: SiteDep,
    request: Request,
    caller: Manager,
    dataset: Ref,
    source_format: Annotated[SourceFormat, Query(alias="format")],
    idempotency_key: IdempotencyKeyHeader = None,
) -> DatasetVersion:
    """Upload a table's bytes. They are laid out by a worker; the version answers when ready."""
    with upload_slot(request.app.state.uploads):
        # Looked up first, so that nobody sends a large file to a dataset that is not there.
        await run_in_threadpool(
            site.db.read, lambda session: catalogue.visible(session, caller, dataset)
        )
        upload = await versions.receive(
            site.storage,
            new_id("ver"),
            source_format,
            request.stream(),
            site.settings.upload_max_bytes,
        )
        return await run_in_threadpool(
            _create_version, site, caller, dataset, upload, idempotency_key
        )


def _create_version(
    site: Site,
    caller: Caller,
    dataset: str,
    upload: versions.Upload,
    idempotency_key: str | None,
) -> DatasetVersion:
    try:
        # It may have taken hours: whoever sent it may have gone meanwhile.
        recheck(site, caller, Permission.DATASETS_MANAGE)
        _, version = once(
            site.db,
            caller.user_id,
            idempotency_key,
            f"POST /datasets/{dataset}/versions",
            [upload.source_format, upload.stored.digest],
            DatasetVersion,
            lambda session: (
                202,
                versions.create(session, site, dataset, upload, caller.user_id),
            ),
        )
    except SiteError:
        site.storage.discard_upload(upload.version_id)
        raise
    if version.id != upload.version_id:  # sent before, with this key
        site.storage.discard_upload(upload.version_id)
    return version


@contextmanager
def upload_slot(slots: BoundedSemaphore) -> Iterator[None]:
    """One of the places of those who send a file at the same time; raises `UploadsBusy`."""
    if not slots.acquire(blocking=False):
        raise UploadsBusy("As many uploads as this site takes at once are under way.")
    try:
        yield
    finally:
        slots.release()
