"""Uploads in pieces."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from carrel_protocol.api.datasets import DatasetVersion, Upload, UploadCreate
from carrel_site.core.http import SiteDep, require
from carrel_site.core.idempotency import IdempotencyKeyHeader, once
from carrel_site.core.permissions import Permission
from carrel_site.datasets import uploads
from carrel_site.datasets.router import Manager, Ref
from carrel_site.datasets.versions_router import upload_slot

router = APIRouter(prefix="/api/v1", tags=["datasets"])

UploadId = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,64}$")]

_PIECE = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/datasets/{dataset}/uploads", status_code=201)
def create_upload(
    site: SiteDep,
    response: Response,
    caller: Manager,
    dataset: Ref,
    body: UploadCreate,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Upload:
    """Announce a file. Its bytes follow in pieces, over as many connections as it takes."""
    _, upload = once(
        site.db,
        caller.user_id,
        idempotency_key,
        f"POST /datasets/{dataset}/uploads",
        body.model_dump(mode="json"),
        Upload,
        lambda session: (201, uploads.create(session, site, dataset, body, caller.user_id)),
    )
    response.headers["Location"] = f"/api/v1/uploads/{upload.id}"
    return upload


@router.get("/datasets/{dataset}/uploads", dependencies=[require(Permission.VERSIONS_READ)])
def list_uploads(site: SiteDep, dataset: Ref) -> tuple[Upload, ...]:
    """A dataset's unfinished uploads, newest first."""
    return site.db.read(lambda session: uploads.unfinished(session, dataset))


@router.get("/uploads/{upload_id}", dependencies=[require(Permission.VERSIONS_READ)])
def read_upload(site: SiteDep, response: Response, upload_id: UploadId) -> Upload:
    """How much of an upload has arrived."""
    upload = site.db.read(lambda session: uploads.get(session, upload_id))
    response.headers["Upload-Offset"] = str(upload.offset)
    return upload


@router.patch(
    "/uploads/{upload_id}",
    openapi_extra=_PIECE,
    dependencies=[require(Permission.DATASETS_MANAGE)],
)
async def append_to_upload(
    site: SiteDep,
    request: Request,
    response: Response,
    upload_id: UploadId,
    offset: Annotated[
        int,
        Header(alias="Upload-Offset", ge=0, le=2**50, description="Where the piece begins."),
    ],
    checksum: Annotated[
        str | None,
        Header(
            alias="Upload-Checksum",
            pattern=r"^[0-9a-f]{64}$",
            description="SHA-256 of the piece, in hex: it is then kept whole or not at all.",
        ),
    ] = None,
) -> Upload:
    """Append a piece. After a lost connection, ask how much has arrived and go on from there;
    a piece that begins anywhere else is refused with the right offset (409).
    """
    with upload_slot(request.app.state.uploads):
        upload = await uploads.append(site, upload_id, offset, checksum, request.stream())
    response.headers["Upload-Offset"] = str(upload.offset)
    return upload


@router.post("/uploads/{upload_id}/complete", status_code=202)
def complete_upload(site: SiteDep, caller: Manager, upload_id: UploadId) -> DatasetVersion:
    """Make a whole upload a version, which a worker lays out. Repeating it changes nothing."""
    return uploads.complete(site, upload_id, caller.user_id)


@router.delete("/uploads/{upload_id}", status_code=204)
def delete_upload(site: SiteDep, caller: Manager, upload_id: UploadId) -> None:
    """End an unfinished upload; its bytes are dropped."""
    site.db.transact(lambda session: uploads.abandon(session, site, upload_id, caller.user_id))
