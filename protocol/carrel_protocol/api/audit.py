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


class NamedAuditEvent(AuditEvent):
    """An event with what its ids stand for now. The names are no part of the chain."""

    actor_name: str | None = None
    """Null for the site itself, and for whoever is no longer there."""
    subject_name: str | None = None


class AuditKey(Received):
    """What the site's signatures of heads are checked with. Note it before you need it."""

    key_id: str
    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: str
    """32 bytes, in hex (RFC 8032)."""


class AuditProgress(Received):
    """A line of a verification under way: how many records were checked, and of how many."""

    checked: int
    total: int


class AuditVerdict(Received):
    """The last line of a verification. Without it the verification did not end."""

    intact: bool
    broken: str | None
    """The first contradiction that was found."""
    events: int
    anchors: int
    """Signed heads outside the database that the log was held against."""
    accounts: int
    entries: int
    answers: int
    journal_lines: int
    restores: tuple[tuple[int, int], ...]
    """Events, first and last, that a restored backup lost."""
