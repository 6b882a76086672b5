"""The notifications' queries."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, select, tuple_, update
from sqlalchemy.orm import Session

from carrel_site.core.clock import now
from carrel_site.events.models import Notification

RESUMED = 200
"""So many missed notifications are told to a stream that comes back; the list has the rest."""
_KEPT_READ, _KEPT = timedelta(days=90), timedelta(days=365)
_OVERLAP = timedelta(seconds=30)
"""Transactions commit in another order than they take their times in, but not by so much."""


def page(
    session: Session,
    user_id: str,
    *,
    unread: bool,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Notification]:
    """A person's notifications, newest first."""
    query = select(Notification).where(Notification.user_id == user_id)
    if unread:
        query = query.where(Notification.read_at.is_(None))
    if after is not None:
        query = query.where(tuple_(Notification.at, Notification.id) < after)
    query = query.order_by(Notification.at.desc(), Notification.id.desc()).limit(limit)
    return list(session.scalars(query))


def mine(session: Session, user_id: str, notification_id: str) -> Notification | None:
    return session.scalars(
        select(Notification).where(
            Notification.id == notification_id, Notification.user_id == user_id
        )
    ).one_or_none()


def told_at(session: Session, user_id: str, times: Iterable[datetime]) -> list[Notification]:
    """What a person was told at just these times, oldest first."""
    query = select(Notification).where(
        Notification.user_id == user_id, Notification.at.in_(list(times))
    )
    return list(session.scalars(query.order_by(Notification.at, Notification.id)))


def since(session: Session, user_id: str, last_id: str) -> list[Notification]:
    """What a person was told after the notification `last_id`, oldest first.

    Some of what came just before it too: it may have been committed later. Nothing for an id
    that is not theirs.
    """
    last = mine(session, user_id, last_id)
    if last is None:
        return []
    query = select(Notification).where(
        Notification.user_id == user_id,
        Notification.at >= last.at - _OVERLAP,
        Notification.id != last.id,
    )
    newest = query.order_by(Notification.at.desc(), Notification.id.desc()).limit(RESUMED)
    return list(reversed(session.scalars(newest).all()))


def unread(user_id: str) -> Select[str]:
    """The ids of those that a person has not read."""
    return select(Notification.id).where(
        Notification.user_id == user_id, Notification.read_at.is_(None)
    )


def mark_read(
    session: Session, user_id: str, at: datetime, up_to: tuple[datetime, str] | None
) -> int:
    """Mark a person's notifications as read, all or those up to a place in the list."""
    marked = update(Notification).where(
        Notification.user_id == user_id, Notification.read_at.is_(None)
    )
    if up_to is not None:
        marked = marked.where(tuple_(Notification.at, Notification.id) <= up_to)
    found = session.execute(
        marked.values(read_at=at)
        .returning(Notification.id)
        .execution_options(synchronize_session=False)
    )
    return len(found.all())


def forget_old(session: Session) -> None:
    """Drop notifications that were read long ago, and all that are older still."""
    at = now()
    session.execute(
        delete(Notification)
        .where((Notification.read_at < at - _KEPT_READ) | (Notification.at < at - _KEPT))
        .execution_options(synchronize_session=False)
    )
