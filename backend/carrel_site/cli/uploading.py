"""Uploading a file in pieces, from the command line."""

import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from carrel_site.cli.rest import Rest, refuse

FORMATS = ("csv.gz", "csv", "parquet")
_PIECE = 32 << 20
_CHUNK = 1 << 20
_LONGEST_LOOK = 2.0
_FRUITLESS = 5
_LONGEST_PAUSE = 8.0


def format_of(file: Path) -> str:
    """The format that a file's name says; ends the command for any other."""
    found = next((f for f in FORMATS if file.name.lower().endswith(f".{f}")), None)
    return found or refuse(f"{file.name}: upload a .csv, .csv.gz or .parquet file.")


def upload(rest: Rest, dataset: str, file: Path, *, purpose: str, resume: bool) -> Any:
    """Send the file and make it a version, which is returned; a bar on a terminal shows how far.

    resume: go on with an unfinished upload of the same bytes, if there is one.
    """
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    wanted = {
        "format": format_of(file),
        "size": file.stat().st_size,
        "sha256": digest,
        "purpose": purpose,
    }
    if not wanted["size"]:
        refuse(f"{file.name} is empty; its first line has to name the columns.")
    sending = _unfinished(rest, dataset, wanted) if resume else None
    if sending is None:
        sending = rest.call("POST", f"datasets/{dataset}/uploads", json=wanted)
    elif sending["offset"]:
        typer.echo(f"Going on from byte {sending['offset']} of {sending['size']}.", err=True)
    _send(rest, sending, file)
    return rest.call("POST", f"uploads/{sending['id']}/complete")


def follow(rest: Rest, version: Any) -> Any:
    """Wait until a version is laid out, and return it; ends the command if it is not."""
    pause = 0.1
    path = f"datasets/{version['dataset_id']}/versions/{version['id']}"
    with typer.progressbar(length=1000, label="laying out", show_eta=False, file=sys.stderr) as bar:
        while version["state"] not in ("ready", "failed", "cancelled"):
            time.sleep(pause)
            pause = min(_LONGEST_LOOK, pause * 1.5)
            version = rest.call("GET", path)
            _move(bar, round(1000 * (version["progress"] or 0)))
    if version["state"] != "ready":
        refuse(f"ingest failed: {version['error'] or version['state']}")
    return version


def _unfinished(rest: Rest, dataset: str, wanted: dict[str, Any]) -> Any:
    for found in rest.call("GET", f"datasets/{dataset}/uploads"):
        if {name: found[name] for name in wanted} == wanted:
            return found
    return None


def _send(rest: Rest, sending: Any, file: Path) -> None:
    path, size = f"uploads/{sending['id']}", sending["size"]
    offset, fruitless = sending["offset"], 0
    with typer.progressbar(length=size, label=file.name, file=sys.stderr) as bar:
        while offset < size:
            _move(bar, offset)
            before = offset
            reply = rest.attempt(
                "PATCH",
                path,
                content=_chunks(file, offset, min(_PIECE, size - offset)),
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Length": str(min(_PIECE, size - offset)),
                    "Upload-Offset": str(offset),
                },
            )
            if reply is not None and "upload-offset" in reply.headers:
                offset = int(reply.headers["upload-offset"])  # where the site is, whatever came
            elif reply is not None and reply.status_code not in (429, 502, 503, 504):
                rest.refuse_for(reply)
            fruitless = 0 if offset > before else fruitless + 1
            if fruitless > _FRUITLESS:
                refuse(
                    f"the upload does not get beyond byte {offset} of {size}; run the same "
                    "command with --resume to go on from there."
                )
            if fruitless:
                time.sleep(min(_LONGEST_PAUSE, 0.5 * 2**fruitless))
        _move(bar, size)


def _chunks(file: Path, offset: int, size: int) -> Iterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(offset)
        while size:
            chunk = opened.read(min(_CHUNK, size))
            if not chunk:
                refuse(f"{file.name} became shorter while it was uploaded.")
            size -= len(chunk)
            yield chunk


def _move(bar: Any, place: int) -> None:
    bar.update(place - bar.pos)
