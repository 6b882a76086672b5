"""Bringing a dataset's data, as its owner."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from carrel._errors import IngestFailed, InvalidInput, WaitTimeout
from carrel._pages import fetch_page
from carrel_protocol.api.datasets import DatasetVersion

if TYPE_CHECKING:
    from carrel._http import Http

FORMATS = ("csv", "csv.gz", "parquet")
_CHUNK = 1 << 20
_LONGEST_LOOK = 2.0


def upload(
    http: Http,
    dataset_id: str,
    source: str | os.PathLike[str] | bytes,
    source_format: str | None,
    timeout: float,
) -> DatasetVersion:
    """Send the bytes, and wait until the version is ready. See `Dataset.upload`."""
    until = time.monotonic() + timeout
    version = http.upload(
        f"datasets/{dataset_id}/versions",
        lambda: _chunks(source),
        len(source) if isinstance(source, bytes) else Path(source).stat().st_size,
        DatasetVersion,
        params={"format": source_format or _format_of(source)},
        patience=timeout,
    )
    pause = 0.1
    while version.state not in ("ready", "failed"):
        left = until - time.monotonic()
        if left <= 0:
            raise WaitTimeout(
                f"Version {version.id} is still {version.state}.",
                advice="It goes on; see dataset.versions.",
            )
        time.sleep(min(pause, left))
        pause = min(_LONGEST_LOOK, pause * 1.5)
        version = _again(http, dataset_id, version)
    if version.state == "failed":
        raise IngestFailed(
            f"Version {version.id} could not be laid out: {version.error or 'no reason is known'}",
            advice="Correct the file, or the dataset's schema, and upload it again.",
        )
    return version


def _again(http: Http, dataset_id: str, version: DatasetVersion) -> DatasetVersion:
    path = f"datasets/{dataset_id}/versions"
    newest_first = fetch_page(http, path, DatasetVersion, lambda each: each)
    return next(each for each in newest_first if each.id == version.id)


def _chunks(source: str | os.PathLike[str] | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with Path(source).open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _format_of(source: str | os.PathLike[str] | bytes) -> str:
    name = "" if isinstance(source, bytes) else Path(source).name.lower()
    for known in FORMATS:
        if name.endswith(f".{known}"):
            return known
    raise InvalidInput(
        f"{name or 'Bytes'} could be in any format.",
        advice=f"Say which: upload(…, format='csv'), or one of {', '.join(FORMATS)}.",
    )
