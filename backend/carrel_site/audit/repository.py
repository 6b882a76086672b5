"""The audit log's queries."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_site.audit.models import AuditEvent, AuditHead

_BATCH = 1000


def head(session: Session) -> tuple[int, str]:
    """The chain's end: the newest event's sequence and hash; (0, '') when there is none."""
    row = session.execute(select(AuditHead.sequence, AuditHead.hash)).one()
    return row.sequence, row.hash


def newest_first(
    session: Session,
    *,
    actor: str | None,
    action: str | None,
    subject: str | None,
    before: int | None,
    limit: int,
) -> list[AuditEvent]:
    """Events from below sequence `before`, newest first. An action ending in '.' is a domain."""
    query = select(AuditEvent)
    if actor is not None:
        query = query.where(AuditEvent.actor == actor)
    if action is not None:
        matches = AuditEvent.action.startswith(action, autoescape=True)
        query = query.where(matches if action.endswith(".") else AuditEvent.action == action)
    if subject is not None:
        query = query.where(AuditEvent.subject == subject)
    if before is not None:
        query = query.where(AuditEvent.sequence < before)
    return list(session.scalars(query.order_by(AuditEvent.sequence.desc()).limit(limit)))


def in_order(session: Session, *, up_to: int | None = None) -> Iterator[AuditEvent]:
    """Events by sequence, read in batches, so that a long log needs little memory."""
    after = -1
    while True:
        query = select(AuditEvent).where(AuditEvent.sequence > after)
        if up_to is not None:
            query = query.where(AuditEvent.sequence <= up_to)
        batch = list(session.scalars(query.order_by(AuditEvent.sequence).limit(_BATCH)))
        yield from batch
        if len(batch) < _BATCH:
            return
        after = batch[-1].sequence
        session.expunge_all()
