"""The requests' queries."""

from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RequestState
from carrel_site.accounts.models import User
from carrel_site.requests.models import Comment, Request, Round, Vote

_WAITING = (RequestState.SUBMITTED.value, RequestState.OVER_BUDGET.value)


def get(session: Session, request_id: str) -> Request | None:
    return session.get(Request, request_id, populate_existing=True)


def lock(session: Session, request_id: str) -> Request | None:
    return session.scalars(
        select(Request)
        .where(Request.id == request_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


_BY_MEMO = select(Request).where(Request.memo_key == bindparam("memo_key"))


def by_memo(session: Session, memo_key: str) -> Request | None:
    return session.scalars(_BY_MEMO, {"memo_key": memo_key}).one_or_none()


def votes(session: Session, request_id: str) -> list[tuple[Vote, User]]:
    query = (
        select(Vote, User)
        .join(User, User.id == Vote.reviewer_id)
        .where(Vote.request_id == request_id)
        .order_by(Vote.at, Vote.id)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def comments(session: Session, request_id: str) -> list[tuple[Comment, User]]:
    query = (
        select(Comment, User)
        .join(User, User.id == Comment.author_id)
        .where(Comment.request_id == request_id)
        .order_by(Comment.at, Comment.id)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def rounds(session: Session, request_id: str) -> list[Round]:
    """What the request asked before each of its edits, oldest first."""
    query = select(Round).where(Round.request_id == request_id).order_by(Round.number)
    return list(session.scalars(query))


_LATEST = 1000
"""So many requests tell enough of whoever made them; counting more would cost more."""


def states_of(session: Session, requester_id: str) -> dict[str, int]:
    """How many of a person's latest requests are in each state."""
    latest = (
        select(Request.state)
        .where(Request.requester_id == requester_id)
        .order_by(Request.created_at.desc(), Request.id.desc())
        .limit(_LATEST)
        .subquery()
    )
    query = select(latest.c.state, func.count().label("n")).group_by(latest.c.state)
    return {row.state: row.n for row in session.execute(query)}


def expired(session: Session, at: datetime) -> list[str]:
    """Ids of requests that nobody answered in time."""
    return list(
        session.scalars(
            select(Request.id).where(Request.expires_at < at, Request.state.in_(_WAITING))
        )
    )
