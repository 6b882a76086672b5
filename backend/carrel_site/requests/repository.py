"""The requests' queries."""

from datetime import datetime

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RequestState
from carrel_site.accounts.models import User
from carrel_site.datasets.models import Dataset
from carrel_site.requests.models import Comment, Request, Vote
from carrel_site.runs.models import Run

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


def page(
    session: Session,
    *,
    requester_id: str | None,
    state: RequestState | None,
    dataset: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[tuple[Request, str, User, Run | None]]:
    """Requests newest first, each with its dataset's name, its requester and its run."""
    query = (
        select(Request, Dataset.name, User, Run)
        .join(Dataset, Dataset.id == Request.dataset_id)
        .join(User, User.id == Request.requester_id)
        .outerjoin(Run, Run.request_id == Request.id)
    )
    if requester_id is not None:
        query = query.where(Request.requester_id == requester_id)
    if state is not None:
        query = query.where(Request.state == state.value)
    if dataset is not None:
        query = query.where((Dataset.id == dataset) | (Dataset.name == dataset))
    if after is not None:
        query = query.where(tuple_(Request.created_at, Request.id) < after)
    query = query.order_by(Request.created_at.desc(), Request.id.desc()).limit(limit)
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(query)]


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


def expired(session: Session, at: datetime) -> list[str]:
    """Ids of requests that nobody answered in time."""
    return list(
        session.scalars(
            select(Request.id).where(Request.expires_at < at, Request.state.in_(_WAITING))
        )
    )
