"""Bringing files, as a dataset's owner: in pieces, and on from where an earlier try ended."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

from carrel._errors import ConnectionFailed, IngestFailed, InvalidInput, UploadOffset, WaitTimeout
from carrel._made import made
from carrel._progress import ProgressLine
from carrel_protocol.api.datasets import DatasetVersion, Upload, UploadCreate

if TYPE_CHECKING:
    from carrel._http import Http

FORMATS = ("csv", "csv.gz", "parquet")
PIECE = 32 << 20
"""Bytes of one call: what a lost connection costs at most, as a site keeps what has arrived."""
_CHUNK = 1 << 20
_LONGEST_LOOK = 2.0
_FRUITLESS = 5
"""Tries without a byte more at the site before a failure is final."""


def upload(
    http: Http,
    dataset_id: str,
    source: str | os.PathLike[str] | bytes,
    source_format: str | None,
    purpose: str,
    timeout: float,
    progress: bool | None,
) -> DatasetVersion:
    """Send the bytes, and wait until the version is ready. See `Dataset.upload`."""
    chosen = source_format or _format_of(source)
    with ExitStack() as stack:
        if isinstance(source, bytes):
            file: IO[bytes] = BytesIO(source)
        else:
            file = stack.enter_context(Path(source).open("rb"))
        line = stack.enter_context(ProgressLine(progress))
        sending = _begun(http, dataset_id, file, chosen, purpose)
        _send(http, sending, file, line)
        version = http.write("POST", f"uploads/{sending.id}/complete", None, DatasetVersion)
        return _ready(http, version, timeout, line)


def _begun(http: Http, dataset_id: str, file: IO[bytes], chosen: str, purpose: str) -> Upload:
    """The unfinished upload of these very bytes, if there is one; else a new one."""
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    size = file.seek(0, os.SEEK_END)
    path = f"datasets/{dataset_id}/uploads"
    for found in map(Upload.model_validate, http.document(path)):
        same = (found.sha256, found.size, found.format, found.purpose)
        if same == (digest, size, chosen, purpose):
            return found
    if size == 0:
        raise InvalidInput("The file is empty.", advice="Its first line has to name the columns.")
    asked = made(UploadCreate, format=chosen, size=size, sha256=digest, purpose=purpose)
    return http.write("POST", path, asked, Upload)


def _send(http: Http, sending: Upload, file: IO[bytes], line: ProgressLine) -> None:
    path = f"uploads/{sending.id}"
    offset, fruitless = sending.offset, 0
    while offset < sending.size:
        line.show("uploading", offset / sending.size)
        size = min(PIECE, sending.size - offset)
        before = offset
        try:
            offset = http.piece(path, _chunks(file, offset, size), size, offset, Upload).offset
        except UploadOffset as elsewhere:  # an earlier try arrived, or a part of it
            if elsewhere.offset is None:
                raise
            offset = elsewhere.offset
        except ConnectionFailed:
            if fruitless == _FRUITLESS:
                raise
            offset = http.get(path, Upload).offset
        fruitless = 0 if offset > before else fruitless + 1
        if fruitless > _FRUITLESS:
            raise ConnectionFailed(
                f"The upload does not get beyond byte {offset} of {sending.size}.",
                advice="Upload the same file again later: it goes on from there.",
            )


def _chunks(file: IO[bytes], offset: int, size: int) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        file.seek(offset)
        left = size
        while left:
            chunk = file.read(min(_CHUNK, left))
            if not chunk:
                raise InvalidInput("The file became shorter while it was uploaded.")
            left -= len(chunk)
            yield chunk

    return chunks


def _ready(
    http: Http, version: DatasetVersion, timeout: float, line: ProgressLine
) -> DatasetVersion:
    until = time.monotonic() + timeout
    pause = 0.1
    path = f"datasets/{version.dataset_id}/versions/{version.id}"
    while version.state not in ("ready", "failed", "cancelled"):
        left = until - time.monotonic()
        if left <= 0:
            raise WaitTimeout(
                f"Version {version.id} is still {version.state}.",
                advice="It goes on; see dataset.versions.",
            )
        line.show("laying out", version.progress)
        time.sleep(min(pause, left))
        pause = min(_LONGEST_LOOK, pause * 1.5)
        version = http.get(path, DatasetVersion)
    if version.state != "ready":
        why = version.error or ("it was cancelled" if version.state == "cancelled" else "")
        raise IngestFailed(
            f"Version {version.id} could not be laid out: {why or 'no reason is known'}",
            advice="Correct the file, or the dataset's schema, and upload it again.",
        )
    return version


def _format_of(source: str | os.PathLike[str] | bytes) -> str:
    name = "" if isinstance(source, bytes) else Path(source).name.lower()
    for known in FORMATS:
        if name.endswith(f".{known}"):
            return known
    raise InvalidInput(
        f"{name or 'Bytes'} could be in any format.",
        advice=f"Say which: upload(…, format='csv'), or one of {', '.join(FORMATS)}.",
    )
