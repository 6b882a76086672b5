"""Approvals that cover later runs: the same program, with parameters inside approved bounds.

A later request is covered when all of its content but its purpose and the bounded parameters is
that of a request by the same person which people approved, not too long ago and not too often used.
What is stored beside a request (`reach_hash`, `covered_by`) only helps to find that: what counts is
worked out from both contents, and from the log, which nobody can edit.
"""

from datetime import datetime, timedelta

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RequestState
from carrel_protocol.code import CodeContent, Reach
from carrel_site.audit.models import AuditEvent
from carrel_site.core.clock import now
from carrel_site.requests.models import Request
from carrel_site.runs.errors import Lapsed, Tampered


def covering(session: Session, content: CodeContent) -> Request | None:
    """The request (locked) whose approval covers `content` now, if one does."""
    reach = content.reach_hash()
    if reach is None:
        return None
    candidates = session.scalars(
        select(Request)
        .where(
            Request.reach_hash == reach,
            Request.requester_id == content.requester,
            Request.covered_by.is_(None),
            Request.state == RequestState.QUEUED.value,
        )
        .order_by(Request.created_at, Request.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    for root in list(candidates):
        try:
            approved = content_of(root)
            approved_at = approved_on(session, root)
        except Tampered:
            continue
        if not covers(approved, content) or approved_at is None or approved.reach is None:
            continue
        if now() < _ends(approved_at, approved.reach) and runs_left(session, root, approved) > 0:
            return root
    return None


def covers(approved: CodeContent, content: CodeContent) -> bool:
    """Whether an approval of the one is an approval of the other; the time and number apart."""
    reach = approved.reach_hash()
    # That each bounded parameter is inside its bound is part of being a content at all.
    return reach is not None and reach == content.reach_hash()


def content_of(request: Request) -> CodeContent:
    """A request's content. Raises `Tampered` unless it is the one that its hash is of."""
    try:
        content = CodeContent.model_validate(request.content)
    except ValidationError as error:
        raise Tampered("The stored content is none.") from error
    if content.content_hash() != request.content_hash:
        raise Tampered("The request's content does not match the hash that was approved.")
    if content.requester != request.requester_id:
        raise Tampered("The stored content is somebody else's.")
    return content


def approved_on(session: Session, request: Request) -> datetime | None:
    """When the log says that just this content of the request was approved."""
    return session.scalars(
        select(AuditEvent.at)
        .where(
            AuditEvent.subject == request.id,
            AuditEvent.action == "request.approved",
            AuditEvent.detail["content"].astext == request.content_hash,
        )
        .order_by(AuditEvent.sequence)
        .limit(1)
    ).one_or_none()


def runs_left(session: Session, root: Request, approved: CodeContent) -> int:
    """How many more runs an approval covers."""
    if approved.reach is None:
        return 0
    used = select(func.count()).where(Request.covered_by == root.id)
    return max(0, approved.reach.runs - 1 - session.scalars(used).one())


def check(session: Session, request: Request, content: CodeContent) -> None:
    """Raise `Tampered` unless a covered request's content is within what people approved, and
    `Lapsed` once that approval has run out."""
    root = session.get(Request, request.covered_by, populate_existing=True)
    if root is None or root.covered_by is not None or root.id == request.id:
        raise Tampered("No approval covers this request.")
    approved = content_of(root)
    approved_at = approved_on(session, root)
    if approved_at is None or not covers(approved, content):
        raise Tampered("The approval that this request names does not cover it.")
    used = select(func.count()).where(
        Request.covered_by == root.id, Request.created_at <= request.created_at
    )
    assert approved.reach is not None
    if session.scalars(used).one() + 1 > approved.reach.runs:
        raise Tampered("The approval that this request names covers fewer runs.")
    if now() >= _ends(approved_at, approved.reach):
        raise Lapsed("The approval that covers this request has run out.")


def _ends(approved_at: datetime, reach: Reach) -> datetime:
    """When an approval stops to cover what a worker has not begun."""
    return approved_at + timedelta(days=reach.days)
