"""The audit log."""

from datetime import datetime
from typing import Any, Literal

from carrel_protocol.base import Received


class AuditEvent(Received):
    """One thing that happened, chained to the one before it."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous_hash: str
    hash: str


class AuditKey(Received):
    """What the site's signatures of heads are checked with. Note it before you need it."""

    key_id: str
    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: str
    """32 bytes, in hex (RFC 8032)."""
