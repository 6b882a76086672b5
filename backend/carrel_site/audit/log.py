"""Writing the audit log.

Events are collected while a transaction works and appended just before it commits, so that the
log's head, which everyone needs, is locked last and held shortest.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.canonical import tagged_hash
from carrel_site.audit.models import AuditEvent, AuditHead
from carrel_site.core.clock import now
from carrel_site.core.db import before_commit, insert_rows

SITE = "site"
"""The actor of what no person did."""


def record(session: Session, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Append an event when the session's transaction commits.

    actor: a user's or worker's id, or `SITE`. action: `domain.verb`. subject: an id. Floats in
    `detail` are kept as text, so that their digits survive any storage.
    """
    pending = session.info.setdefault("audit", [])
    pending.append((now(), actor, action, subject, exact(detail)))
    before_commit(session, "audit", _append)


def event_hash(
    sequence: int,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any],
    previous_hash: str,
) -> str:
    """The hash that chains an event to the one before it."""
    return tagged_hash(
        "audit-event/1",
        [
            sequence,
            at.astimezone(UTC).isoformat(timespec="microseconds"),
            actor,
            action,
            subject,
            detail,
            previous_hash,
        ],
    )


def exact(value: Any) -> Any:
    """`value` with every float as its shortest text and every large integer as digits.

    The same before PostgreSQL's JSONB has kept `value` and after: JSONB writes a float of 1e16
    or more as an integer with the digits of its shortest text, and knows no negative zero.
    """
    match value:
        case bool() | None | str():
            return value
        case float():
            text = repr(value or 0.0)
            return str(int(Decimal(text))) if "e+" in text else text
        case int():
            return value if abs(value) < 2**53 else str(value)
        case dict():
            return {str(key): exact(item) for key, item in value.items()}
        case list() | tuple():
            return [exact(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no place in a chained record")


_HEAD = select(AuditHead.sequence, AuditHead.hash).with_for_update(key_share=True)


def _append(session: Session) -> None:
    pending = session.info.pop("audit", [])
    sequence, head = session.connection().execute(_HEAD).one()
    rows = []
    for at, actor, action, subject, detail in pending:
        sequence += 1
        digest = event_hash(sequence, at, actor, action, subject, detail, head)
        rows.append(
            AuditEvent(
                sequence=sequence,
                at=at,
                actor=actor,
                action=action,
                subject=subject,
                detail=detail,
                previous_hash=head,
                hash=digest,
            )
        )
        head = digest
    insert_rows(session, rows)
