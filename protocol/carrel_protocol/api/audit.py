"""The audit log."""

from datetime import datetime
from typing import Any

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
