"""Uploads in pieces: they go on after a lost connection, a restart, or a night.

The row and the file are the truth, so any API process takes any piece. A row never says more
than what is synced to disk.
"""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from carrel_protocol.api.datasets import DatasetVersion as VersionView
from carrel_protocol.api.datasets import Upload as UploadView
from carrel_protocol.api.datasets import UploadCreate
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.db import after_commit
from carrel_site.core.errors import NotFound, PayloadTooLarge
from carrel_site.core.ids import new_id
from carrel_site.datasets import repository, versions
from carrel_site.datasets.errors import (
    ChecksumMismatch,
    StorageFull,
    UploadAtAnotherOffset,
    UploadEmpty,
    UploadEnded,
    UploadsBusy,
)
from carrel_site.datasets.models import Upload
from carrel_site.datasets.pieces import Pieces, locked
from carrel_site.datasets.service import missing
from carrel_site.datasets.storage import Stored
from carrel_site.site import Site

_WRITE_BYTES = 1 << 20
_NOTED_EVERY = 64 << 20
"""A process that dies loses no more than so many bytes of the piece that it was taking."""


def create(session: Session, site: Site, ref: str, asked: UploadCreate, actor: str) -> UploadView:
    """Announce a file.

    Raises `UploadEmpty`, `PayloadTooLarge`, `UploadsBusy`, and `StorageFull` before a byte was
    sent that there is no room for.
    """
    dataset = repository.dataset(session, ref)
    if dataset is None:
        raise missing(ref)
    settings = site.settings
    if asked.size == 0:
        raise UploadEmpty(
            "The file is empty.", advice="Its first line has to name the columns; send such a file."
        )
    if asked.size > settings.upload_max_bytes:
        raise PayloadTooLarge(
            f"The file has {asked.size} bytes; an upload may have {settings.upload_max_bytes}.",
            advice="Compress it (csv.gz, parquet), or raise CARREL_UPLOAD_MAX_BYTES.",
        )
    count, expected = repository.open_uploads(session)
    if count >= settings.upload_max_open:
        raise UploadsBusy(
            f"{count} uploads are unfinished, as many as this site keeps.",
            advice="Finish or delete one of them, or raise CARREL_UPLOAD_MAX_OPEN.",
        )
    room = site.storage.free_bytes() - settings.disk_reserve_bytes - expected
    if asked.size > room:
        raise StorageFull(
            f"The file has {asked.size} bytes, and there is room for {max(room, 0)} more."
        )
    at = now()
    upload = Upload(
        id=new_id("upl"),
        dataset_id=dataset.id,
        created_by=actor,
        purpose=asked.purpose,
        source_format=asked.format,
        size=asked.size,
        sha256=asked.sha256,
        received=0,
        state="open",
        version_id=new_id("ver"),
        created_at=at,
        expires_at=at + timedelta(hours=settings.upload_expires_hours),
    )
    session.add(upload)
    session.flush()
    record(
        session,
        actor,
        "upload.started",
        upload.id,
        dataset=dataset.id,
        purpose=asked.purpose,
        format=asked.format,
        size=asked.size,
    )
    return view(upload)


def get(session: Session, upload_id: str) -> UploadView:
    return view(_found(session, upload_id))


def unfinished(session: Session, ref: str) -> tuple[UploadView, ...]:
    """A dataset's open uploads, newest first; a site keeps few."""
    dataset = repository.dataset(session, ref)
    if dataset is None:
        raise missing(ref)
    return tuple(map(view, repository.unfinished_uploads(session, dataset.id)))


async def append(
    site: Site, upload_id: str, offset: int, checksum: str | None, chunks: AsyncIterator[bytes]
) -> UploadView:
    """Append one piece that begins at `offset`. checksum: SHA-256 of the piece, in hex, or None.

    What arrived before a lost connection or a full disk is kept; a piece with a checksum is kept
    whole or not at all. Raises `UploadAtAnotherOffset`, `UploadEnded`, `UploadBusy`,
    `PayloadTooLarge`, `ChecksumMismatch`, `StorageFull`.
    """
    await run_in_threadpool(_check_offset, site, upload_id, offset)
    lock = locked(site.storage.pieces(upload_id))
    pieces = await run_in_threadpool(lock.__enter__)
    try:
        size = await run_in_threadpool(_begin, site, upload_id, offset, pieces)
        await _take(site, upload_id, size, checksum, chunks, pieces)
        return await run_in_threadpool(_note, site, upload_id, pieces)
    finally:
        lock.__exit__(None, None, None)


async def _take(
    site: Site,
    upload_id: str,
    size: int,
    checksum: str | None,
    chunks: AsyncIterator[bytes],
    pieces: Pieces,
) -> None:
    began = noted = pieces.end
    digest = hashlib.sha256()
    waiting: list[bytes] = []
    arrived = began

    async def write() -> None:
        piece = b"".join(waiting)
        waiting.clear()
        if checksum is not None:
            await run_in_threadpool(digest.update, piece)
        await run_in_threadpool(pieces.write, piece)

    try:
        async for chunk in chunks:
            arrived += len(chunk)
            if arrived > size:
                raise PayloadTooLarge(
                    f"The piece goes beyond the {size} bytes that were announced.",
                    advice="Begin a new upload with the file's present size.",
                )
            waiting.append(chunk)
            if arrived - pieces.end >= _WRITE_BYTES:
                await write()
            if checksum is None and pieces.end - noted >= _NOTED_EVERY:
                await run_in_threadpool(_note, site, upload_id, pieces)
                noted = pieces.end
        await write()
    except ClientDisconnect:
        if checksum is None:
            await write()
            await run_in_threadpool(_note, site, upload_id, pieces)
        raise
    except StorageFull:
        await run_in_threadpool(pieces.cut, noted)
        raise
    if checksum is not None and digest.hexdigest() != checksum:
        await run_in_threadpool(pieces.cut, began)
        raise ChecksumMismatch(
            "The piece does not have the checksum that came with it.",
            advice=f"Send it again, from byte {began}.",
        )


def complete(site: Site, upload_id: str, actor: str) -> VersionView:
    """Make the whole file a version, and queue its ingest; done twice, it is done once.

    Raises `UploadAtAnotherOffset` while bytes are missing, and `ChecksumMismatch` if they are
    not those that were announced: they are then dropped, as nobody can say which were wrong.
    """
    upload = site.db.read(lambda session: _found(session, upload_id))
    if upload.state == "completed":
        return site.db.read(lambda session: versions.get(session, upload.version_id))
    _check_offset(site, upload_id, upload.size)
    with locked(site.storage.pieces(upload_id)) as pieces:
        size = _begin(site, upload_id, upload.size, pieces)
        digest = pieces.sha256()
        if upload.sha256 is not None and digest != upload.sha256:
            pieces.cut(0)
            _note(site, upload_id, pieces)
            raise ChecksumMismatch(
                "The file that arrived does not have the announced SHA-256; it was dropped.",
                advice="Send it again from byte 0, or announce it anew if it was changed.",
            )
        site.storage.keep_pieces(upload_id, upload.version_id)
        path = site.storage.upload_path(upload.version_id)
        whole = versions.Upload(
            upload.version_id, upload.source_format, Stored(path, digest, size), upload.purpose
        )

        def finish(session: Session) -> VersionView:
            row = repository.upload(session, upload_id, lock=True)
            if row is None or row.state != "open":
                raise UploadEnded("This upload was ended meanwhile.")
            row.state = "completed"
            after_commit(session, lambda: site.storage.discard_pieces(upload_id))
            return versions.create(session, site, row.dataset_id, whole, actor)

        try:
            return site.db.transact(finish)
        except UploadEnded:
            site.storage.discard_upload(upload.version_id)
            raise


def abandon(session: Session, site: Site, upload_id: str, actor: str) -> None:
    """End an upload and drop its bytes."""
    upload = repository.upload(session, upload_id, lock=True)
    if upload is None:
        raise _missing(upload_id)
    if upload.state == "completed":
        raise UploadEnded(
            "This upload has become a version.", advice="Cancel the version, while it is laid out."
        )
    if upload.state == "open":
        upload.state = "abandoned"
        record(session, actor, "upload.abandoned", upload.id, dataset=upload.dataset_id)
    after_commit(session, lambda: site.storage.discard_pieces(upload_id))


def sweep(session: Session, site: Site) -> int:
    """End the uploads that nobody went on with, and drop files that no open upload has.

    Returns how many files went.
    """
    for upload in repository.expired_uploads(session, now()):
        upload.state = "expired"
        record(session, SITE, "upload.expired", upload.id, dataset=upload.dataset_id)
    session.flush()
    files = site.storage.all_pieces()
    open_ones = repository.open_among(session, files)
    gone = [upload_id for upload_id in files if upload_id not in open_ones]
    for upload_id in gone:
        after_commit(session, partial(site.storage.discard_pieces, upload_id))
    return len(gone)


def view(upload: Upload) -> UploadView:
    return UploadView(
        id=upload.id,
        dataset=upload.dataset_id,
        purpose=upload.purpose,
        format=upload.source_format,
        size=upload.size,
        offset=upload.received,
        sha256=upload.sha256,
        state=upload.state,
        version_id=upload.version_id if upload.state == "completed" else None,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
    )


def _check_offset(site: Site, upload_id: str, offset: int) -> Upload:
    """The open upload, if it goes on at `offset`: seen before anybody sends a large body."""
    upload = site.db.read(lambda session: _found(session, upload_id))
    if upload.state != "open":
        raise UploadEnded(f"This upload is {upload.state}.")
    if upload.received != offset:
        raise UploadAtAnotherOffset(
            f"Of this upload's {upload.size} bytes, {upload.received} have arrived.",
            upload.received,
        )
    return upload


def _begin(site: Site, upload_id: str, offset: int, pieces: Pieces) -> int:
    """Make the locked file end at `offset`, where the row says it does; returns the whole size."""
    upload = _check_offset(site, upload_id, offset)
    if pieces.end < upload.received:  # the disk lost what the row counts: a restored backup
        _note(site, upload_id, pieces)
        raise UploadAtAnotherOffset("The site lost a part of this upload.", pieces.end)
    pieces.cut(upload.received)
    return upload.size


def _note(site: Site, upload_id: str, pieces: Pieces) -> UploadView:
    """Sync the file, and then have the row say so."""
    received = pieces.sync()

    def work(session: Session) -> UploadView:
        upload = repository.upload(session, upload_id, lock=True)
        if upload is None or upload.state != "open":
            raise UploadEnded("This upload was ended meanwhile.")
        upload.received = received
        upload.expires_at = now() + timedelta(hours=site.settings.upload_expires_hours)
        return view(upload)

    return site.db.transact(work)


def _found(session: Session, upload_id: str) -> Upload:
    upload = repository.upload(session, upload_id)
    if upload is None:
        raise _missing(upload_id)
    return upload


def _missing(upload_id: str) -> NotFound:
    return NotFound(f"There is no upload {upload_id!r}.")
