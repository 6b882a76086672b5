"""Checking an exported log by itself: with the site's public key, and nothing else of the site."""

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ValidationError

from carrel_protocol.api.audit import AuditEvent
from carrel_protocol.api.common import SignedHead
from carrel_site.audit.anchors import is_signed_by
from carrel_site.audit.errors import Broken
from carrel_site.audit.log import event_hash


class _LastLine(BaseModel):
    head: SignedHead


def check_export(lines: Iterable[str], key: Ed25519PublicKey) -> SignedHead:
    """The signed head that an export ends with, once every event before it was checked.

    Raises `Broken` at the first line that does not follow from those before it.
    """
    sequence, digest = 0, ""
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        if line.startswith('{"head":'):
            head = _head(number, line)
            if not is_signed_by(head, key):
                raise Broken(f"line {number}: not signed by this key")
            if (head.sequence, head.hash) != (sequence, digest):
                raise Broken(f"line {number}: signs event {head.sequence}, not what stands above")
            if next(numbered, None) is not None:
                raise Broken(f"line {number + 1}: something follows the signed end")
            return head
        event = _event(number, line)
        expected = event_hash(
            sequence + 1, event.at, event.actor, event.action, event.subject, event.detail, digest
        )
        if (event.sequence, event.previous_hash, event.hash) != (sequence + 1, digest, expected):
            raise Broken(f"line {number}: event {event.sequence} does not follow event {sequence}")
        sequence, digest = event.sequence, event.hash
    raise Broken("the signed end is missing: the export was cut off")


def _head(number: int, line: str) -> SignedHead:
    try:
        return _LastLine.model_validate_json(line).head
    except ValidationError:
        raise Broken(f"line {number}: no signed head") from None


def _event(number: int, line: str) -> AuditEvent:
    try:
        return AuditEvent.model_validate_json(line)
    except ValidationError:
        raise Broken(f"line {number}: no event") from None
