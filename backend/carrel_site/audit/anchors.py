"""Signed heads of the audit log, kept outside the database.

Who can write to the database can rewrite the whole chain; not one that agrees with heads which
have left it. Every minute the newest head goes, signed, to a file that is only appended to, and
one goes into every researcher's receipt.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError
from sqlalchemy.orm import Session

from carrel_protocol.api.common import SignedHead
from carrel_protocol.canonical import canonical_json
from carrel_site.audit import repository
from carrel_site.core.clock import now
from carrel_site.core.security import Signer
from carrel_site.settings import Settings

_LONGEST_LINE = 4096


@dataclass(frozen=True, slots=True)
class AnchorLine:
    """One line of the anchors file; `head` is None where it holds no signed head."""

    number: int
    head: SignedHead | None


def head_message(sequence: int, digest: str, at: datetime) -> bytes:
    """What a signature of a head is over."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    return canonical_json(["carrel/audit-head/1", sequence, digest, moment])


def signed_head(signer: Signer, sequence: int, digest: str, at: datetime) -> SignedHead:
    """The log up to `sequence`, whose event has the hash `digest`, signed by the site."""
    return SignedHead(
        sequence=sequence,
        hash=digest,
        at=at,
        key_id=signer.key_id,
        signature=signer.sign(head_message(sequence, digest, at)),
    )


def is_signed_by(head: SignedHead, key: Ed25519PublicKey) -> bool:
    """Whether `key` made the head's signature (Ed25519, RFC 8032)."""
    try:
        signature = bytes.fromhex(head.signature)
        key.verify(signature, head_message(head.sequence, head.hash, head.at))
    except (ValueError, InvalidSignature):
        return False
    return True


def write_anchor(settings: Settings, session: Session, signer: Signer) -> SignedHead | None:
    """Append the signed head to the anchors file if it moved since the last one; return it."""
    sequence, digest = repository.head(session)
    last = latest_anchor(settings.anchors_file)
    if sequence == 0 or (last is not None and (last.sequence, last.hash) == (sequence, digest)):
        return None
    head = signed_head(signer, sequence, digest, now())
    line = head.model_dump_json().encode() + b"\n"
    descriptor = os.open(settings.anchors_file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        if not _ends_with_newline(descriptor):
            line = b"\n" + line  # a write that a crash cut short
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return head


def latest_anchor(path: Path) -> SignedHead | None:
    """The last whole line of the anchors file; None when there is none."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - _LONGEST_LINE))
            tail = file.read()
    except FileNotFoundError:
        return None
    for line in reversed(tail.split(b"\n")[:-1]):
        head = _parse(line)
        if head is not None:
            return head
    return None


def read_anchors(path: Path) -> Iterator[AnchorLine]:
    """Every line of the anchors file, counted from 1; none when there is no file.

    What follows the last newline is a write that never finished, and no line.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n") and line.strip():
                yield AnchorLine(number, _parse(line))


def _parse(line: bytes) -> SignedHead | None:
    try:
        return SignedHead.model_validate_json(line)
    except ValidationError:
        return None


def _ends_with_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
