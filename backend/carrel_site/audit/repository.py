"""The audit log's queries."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, ColumnElement, Select, Text, func, literal, select, text, true
from sqlalchemy.orm import Session

from carrel_site.audit.models import AuditEvent, AuditHead

_BATCH = 1000
_SLACK = timedelta(hours=1)
"""No transaction lasts as long between noting an event and committing it."""


def head(session: Session) -> tuple[int, str]:
    """The chain's end: the newest event's sequence and hash; (0, '') when there is none."""
    row = session.execute(select(AuditHead.sequence, AuditHead.hash)).one()
    return row.sequence, row.hash


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: every condition that is set must hold."""

    actor: str | None = None
    action: str | None = None
    """The beginning of an action: `key.` is all that happens to keys."""
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Before it, and not at it."""


def newest_first(
    session: Session, wanted: Wanted, *, before: int | None, limit: int
) -> list[AuditEvent]:
    """At most `limit` events from below sequence `before`, newest first.

    A page reads about as many rows as it shows, whatever is asked for and however long the log is:
    a time becomes a place in the log, and by actor or action it takes each action's newest.
    """
    conditions = _between(session, wanted, before)
    if wanted.actor is not None:
        conditions.append(AuditEvent.actor == wanted.actor)
    actions = None
    if wanted.action is not None or (wanted.actor is not None and wanted.subject is None):
        actions = [name for name in _actions(session) if name.startswith(wanted.action or "")]
    if wanted.subject is not None:
        conditions.append(AuditEvent.subject == wanted.subject)
        if actions is not None:
            conditions.append(AuditEvent.action.in_(actions))
    elif actions is not None:
        conditions = [AuditEvent.sequence.in_(_newest_of(actions, conditions, limit))]
    query = select(AuditEvent).where(*conditions).order_by(AuditEvent.sequence.desc())
    return list(session.scalars(query.limit(limit)))


def _newest_of(
    actions: list[str], conditions: list[ColumnElement[bool]], limit: int
) -> Select[int]:
    """The sequences of the newest events of these actions that meet `conditions`."""
    names = func.unnest(literal(actions, ARRAY(Text))).table_valued("action")
    wanted = names.render_derived("wanted")
    newest = (
        select(AuditEvent.sequence)
        .where(AuditEvent.action == wanted.c.action, *conditions)
        .order_by(AuditEvent.sequence.desc())
        .limit(limit)
        .lateral("newest")
    )
    return (
        select(newest.c.sequence)
        .select_from(wanted)
        .join(newest, true())
        .order_by(newest.c.sequence.desc())
        .limit(limit)
    )


def _between(session: Session, wanted: Wanted, before: int | None) -> list[ColumnElement[bool]]:
    """The events between two times and below `before`, as a range of the log.

    An event's time is when it was noted, and its place is given at the commit: at most `_SLACK`
    later. So events noted before `until` are below any that was noted `_SLACK` after it, and
    those noted since `since` above any that was noted as long before.
    """
    conditions: list[ColumnElement[bool]] = []
    if before is not None:
        conditions.append(AuditEvent.sequence < before)
    if wanted.until is not None:
        conditions.append(AuditEvent.at < wanted.until)
        above = select(AuditEvent.sequence).where(AuditEvent.at >= _moved(wanted.until, _SLACK))
        end = session.scalar(above.order_by(AuditEvent.at).limit(1))
        if end is not None:
            conditions.append(AuditEvent.sequence < end)
    if wanted.since is not None:
        conditions.append(AuditEvent.at >= wanted.since)
        below = select(AuditEvent.sequence).where(AuditEvent.at < _moved(wanted.since, -_SLACK))
        start = session.scalar(below.order_by(AuditEvent.at.desc()).limit(1))
        if start is not None:
            conditions.append(AuditEvent.sequence > start)
    return conditions


def _moved(at: datetime, by: timedelta) -> datetime:
    """`at` moved by `by`, as far as there are dates."""
    try:
        return at + by
    except OverflowError:
        return at


def _actions(session: Session) -> list[str]:
    """Every action there is in the log, by one look into the index for each."""
    found = session.execute(_ACTIONS)
    return [row.action for row in found]


_ACTIONS = text(
    """
    WITH RECURSIVE seen AS (
        (SELECT action FROM audit_events ORDER BY action LIMIT 1)
        UNION ALL
        SELECT (SELECT action FROM audit_events WHERE action > seen.action ORDER BY action LIMIT 1)
        FROM seen WHERE seen.action IS NOT NULL
    )
    SELECT action FROM seen WHERE action IS NOT NULL
    """
)


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
