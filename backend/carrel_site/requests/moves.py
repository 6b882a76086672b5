"""What every change of a request does: find it, move it to another state, note it in its thread."""

from datetime import datetime

from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_protocol.api.requests import RequestState
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import NotFound
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.requests import ballot, repository, states
from carrel_site.requests.errors import NotReviewer
from carrel_site.requests.models import Comment, Request


def visible(session: Session, caller: Caller, request_id: str) -> Request:
    """The request, if the caller may see it: theirs, or anyone's for those who review or watch."""
    request = repository.get(session, request_id)
    if request is None or not may_see(caller, request.requester_id):
        raise NotFound("There is no such request.")
    return request


def may_see(caller: Caller, requester_id: str) -> bool:
    return requester_id == caller.user_id or caller.role in (
        Role.OWNER,
        Role.REVIEWER,
        Role.AUDITOR,
    )


def etag_of(request: Request) -> str:
    """Changes with the request itself, never with its run: a run's times are private."""
    return f'"{request.id}-{request.version}"'


def own(session: Session, caller: Caller, request_id: str) -> Request:
    """A request of the caller's, locked. Raises `NotReviewer` for one of somebody else's."""
    request = repository.lock(session, request_id)
    if request is None or not may_see(caller, request.requester_id):
        raise NotFound("There is no such request.")
    if request.requester_id != caller.user_id:
        raise NotReviewer("Only whoever made this request may do that.")
    return request


def end(session: Session, request: Request, state: RequestState, actor: str) -> None:
    """End a request (locked) without an answer: it is not remembered."""
    ballot.open_votes(session, request)
    move(request, state)
    request.memo_key = ""
    request.expires_at = None
    record(session, actor, f"request.{state.value}", request.id, dataset=request.dataset_id)


def move(request: Request, state: RequestState) -> None:
    """Move a request to a state that its own leads to."""
    request.state = states.step(states.REQUEST, request.state, state, "request")
    touch(request)


def touch(request: Request) -> None:
    """Change a request's ETag."""
    request.version += 1
    request.updated_at = now()


def note(
    session: Session,
    request: Request,
    author_id: str,
    text: str,
    kind: str = "event",
    at: datetime | None = None,
) -> Comment:
    """Add to the request's thread."""
    added = Comment(
        id=new_id("com"),
        request_id=request.id,
        author_id=author_id,
        kind=kind,
        text=text,
        at=at or now(),
    )
    session.add(added)
    return added
