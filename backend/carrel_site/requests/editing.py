"""Editing a request of any kind: what it asks is replaced, and all else about it goes on.

The thread stays, and so does what was asked before, as a round of its own. Votes are void, and it
waits for people again, by the stricter of the rules that it was asked under and those of now.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RequestState
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, PreconditionFailed
from carrel_site.core.http import Caller
from carrel_site.events import changes, notices
from carrel_site.events.kinds import Kind
from carrel_site.requests import ballot, states
from carrel_site.requests.models import Request, Round
from carrel_site.requests.moves import etag_of, move, note, own, touch
from carrel_site.requests.quote import asked_before

EDITED = "Edited the request; earlier votes no longer count."

_ROUTES = {
    "query": ("a question", "PUT /requests"),
    "code": ("code", "PATCH /code_requests"),
    "black_box": ("a black box", "PATCH /black_box_requests"),
}
"""What each kind is, and what edits it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Whom an edited request needs now, and for how long it waits for them."""

    reviewers: int
    groups: Iterable[str]
    days: int


def to_edit(session: Session, caller: Caller, request_id: str, etag: str, kind: str) -> Request:
    """The caller's request (locked), as it was when they read it and still to be decided.

    Raises `NotFound`, `NotReviewer`, `Conflict` for one of another kind, `PreconditionFailed` when
    it is not what `etag` is of, and `InvalidTransition` when it can be edited no more.
    """
    request = own(session, caller, request_id)
    if request.kind != kind:
        is_, edited_by = _ROUTES[request.kind]
        raise Conflict(f"This request is {is_}.", advice=f"{edited_by}/{request.id} edits it.")
    if etag.removeprefix("W/") != etag_of(request):
        raise PreconditionFailed("The request has changed since you read it.")
    if request.state not in (RequestState.SUBMITTED, RequestState.CHANGES_REQUESTED):
        raise states.InvalidTransition(f"This request is {request.state}; it cannot be edited.")
    return request


def replace(
    session: Session,
    caller: Caller,
    request: Request,
    rules: Rules,
    memo_key: str,
    take: Callable[[Request], None],
) -> None:
    """Have a request from `to_edit` ask what `take` writes into it, and wait for people again.

    memo_key: of what it will ask. Raises `Conflict` when another request asks just that.
    """
    earlier = asked_before(session, memo_key)
    if earlier is not None and earlier.id != request.id:
        raise Conflict(f"You asked exactly this before: see request {earlier.id}.")
    before, at = request.content_hash, now()
    session.add(_as_it_was(request, at))
    ballot.open_votes(session, request)
    request.round += 1
    take(request)
    request.expires_at = at + timedelta(days=rules.days)
    request.votes_needed = max(request.votes_needed, rules.reviewers)
    request.reviewer_groups = sorted({*request.reviewer_groups, *rules.groups})
    if request.state == RequestState.CHANGES_REQUESTED:
        move(request, RequestState.SUBMITTED)
    else:
        touch(request)
    note(session, request, caller.user_id, EDITED, at=at)
    record(
        session,
        caller.user_id,
        "request.edited",
        request.id,
        dataset=request.dataset_id,
        before=before,
        content=request.content_hash,
    )
    session.flush()
    notices.resolve(session, request.id, Kind.REQUEST_SUBMITTED)
    notices.submitted(session, request, edited=True)
    changes.request_changed(session, request)


def _as_it_was(request: Request, replaced_at: datetime) -> Round:
    """What the request (locked) asks, to be kept when an edit replaces it."""
    return Round(
        request_id=request.id,
        number=request.round,
        purpose=request.purpose,
        sql=request.sql,
        target=request.target,
        bounds=request.bounds,
        content=request.content,
        content_hash=request.content_hash,
        price=request.price,
        replaced_at=replaced_at,
    )
