"""Prices and requests: asking, deciding, talking about it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Page
from carrel_protocol.api.datasets import CommentText
from carrel_protocol.api.requests import (
    Comment,
    Decision,
    Price,
    QueryAsk,
    ReasonedDecision,
    Request,
    RequestBackground,
    RequestCreate,
    RequestEdit,
    RequestRound,
    RequestState,
    RequestSummary,
)
from carrel_site.accounts.models import User
from carrel_site.core.etags import IfMatch, needed
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.idempotency import once
from carrel_site.core.pagination import Cursor, Limit, paged, position
from carrel_site.core.permissions import Permission
from carrel_site.requests import background, deciding, listing, moves, service, views
from carrel_site.requests.deciding import DecisionKind
from carrel_site.requests.quote import advised
from carrel_site.site import Site

router = APIRouter(prefix="/api/v1", tags=["requests"])

Asker = Annotated[Caller, require(Permission.REQUESTS_ASK)]
Reader = Annotated[Caller, require(Permission.REQUESTS_READ)]
Commenter = Annotated[Caller, require(Permission.REQUESTS_COMMENT)]
Reviewer = Annotated[Caller, require(Permission.REQUESTS_REVIEW)]
IdempotencyKeyHeader = Annotated[str | None, Header(alias="Idempotency-Key")]
Filter = Annotated[str | None, Query(max_length=320)]


@router.post("/prices", operation_id="price_query")
def price(asked: QueryAsk, site: SiteDep, caller: Asker) -> Price:
    """What a question would cost and leave, and what would fit. Asks and reserves nothing."""
    # Without accepted terms, too: a price comes from public metadata and the caller's own accounts,
    # which whoever was given access reads anyway, and tells nothing that terms of use are about.
    return site.db.read(lambda session: advised(session, caller, asked))


@router.post("/requests", status_code=201, operation_id="create_request")
def create(
    asked: RequestCreate,
    response: Response,
    site: SiteDep,
    caller: Asker,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Request:
    """Ask. 200 and `reused` when the same was asked before: its answer costs nothing again."""

    def work(session: Session) -> tuple[int, Request]:
        came_to = service.submit(session, site, caller, asked)
        return (200 if came_to.reused else 201), views.answered(session, site, caller, came_to)

    response.status_code, view = once(
        site.db,
        caller.user_id,
        idempotency_key,
        "POST /requests",
        asked.model_dump(mode="json"),
        Request,
        work,
    )
    response.headers["ETag"] = view.etag
    return view


@router.get("/requests", operation_id="list_requests")
def list_(
    site: SiteDep,
    caller: Reader,
    cursor: Cursor = None,
    limit: Limit = 50,
    mine: Annotated[bool, Query(description="Your own alone.")] = False,
    to_review: Annotated[bool, Query(description="Those that wait for your vote.")] = False,
    state: Annotated[list[RequestState] | None, Query(max_length=8)] = None,
    dataset: Annotated[Filter, Query(description="Its id or name.")] = None,
    requester: Annotated[Filter, Query(description="Their id or e-mail.")] = None,
    q: Annotated[Filter, Query(description="Words of the purpose, or the request's id.")] = None,
    sort: Literal["newest", "oldest"] = "newest",
) -> Page[RequestSummary]:
    """Requests: one's own, or everyone's for those who review or watch."""
    if to_review and not caller.may(Permission.REQUESTS_REVIEW):
        return Page(items=())
    wanted = listing.Wanted(
        visible_to=None if moves.may_see(caller, "") else caller.user_id,
        mine=caller.user_id if mine else None,
        voter=caller.user_id if to_review else None,
        states=tuple(state or ()),
        dataset=dataset,
        requester=requester,
        text=q,
        oldest_first=sort == "oldest",
    )
    after = position(cursor)

    def work(session: Session) -> Page[RequestSummary]:
        rows = listing.page(session, wanted, caller.user_id, after, limit + 1)
        return paged(rows, limit, show=views.summary, key=lambda row: (row.created_at, row.id))

    return site.db.read(work)


@router.get("/requests/{request_id}", operation_id="get_request")
def get(request_id: str, response: Response, site: SiteDep, caller: Reader) -> Request:
    """A request with its price, content, votes and run."""
    view = site.db.read(
        lambda session: views.full(
            session, site, caller, moves.visible(session, caller, request_id)
        )
    )
    response.headers["ETag"] = view.etag
    return view


@router.put("/requests/{request_id}", operation_id="edit_request")
def edit(
    request_id: str,
    change: RequestEdit,
    response: Response,
    site: SiteDep,
    caller: Asker,
    if_match: IfMatch = None,
) -> Request:
    """Ask something else in place of what was returned. Votes on what was there are void."""
    etag = needed(if_match)

    def work(session: Session) -> Request:
        request = service.edit(session, caller, request_id, etag, change)
        return views.full(session, site, caller, request)

    view = site.db.transact(work)
    response.headers["ETag"] = view.etag
    return view


@router.post("/requests/{request_id}/approve", operation_id="approve_request")
def approve(request_id: str, decision: Decision, site: SiteDep, caller: Reviewer) -> Request:
    """Vote for exactly the content that was shown."""
    return _decide(site, caller, request_id, "approve", decision)


@router.post("/requests/{request_id}/reject", operation_id="reject_request")
def reject(request_id: str, decision: ReasonedDecision, site: SiteDep, caller: Reviewer) -> Request:
    """Refuse for good, with a reason the researcher can read."""
    return _decide(site, caller, request_id, "reject", decision)


@router.post("/requests/{request_id}/return", operation_id="return_request")
def return_(
    request_id: str, decision: ReasonedDecision, site: SiteDep, caller: Reviewer
) -> Request:
    """Ask for changes, with a reason the researcher can read."""
    return _decide(site, caller, request_id, "return", decision)


@router.post("/requests/{request_id}/withdraw", operation_id="withdraw_request")
def withdraw(request_id: str, site: SiteDep, caller: Asker) -> Request:
    """Take back a request that is not queued yet."""

    def work(session: Session) -> Request:
        return views.full(session, site, caller, deciding.withdraw(session, caller, request_id))

    return site.db.transact(work)


@router.post("/requests/{request_id}/queue", operation_id="queue_request")
def queue(request_id: str, site: SiteDep, caller: Asker) -> Request:
    """Pay for an approved request that was over budget, now that there may be enough."""

    def work(session: Session) -> Request:
        return views.full(
            session, site, caller, deciding.queue_again(session, site, caller, request_id)
        )

    return site.db.transact(work)


@router.get("/requests/{request_id}/rounds", operation_id="list_rounds")
def rounds(request_id: str, site: SiteDep, caller: Reader) -> tuple[RequestRound, ...]:
    """What a request asked as first made and after each edit; what it asks now comes last."""
    return site.db.read(
        lambda session: views.rounds(session, moves.visible(session, caller, request_id))
    )


@router.get("/requests/{request_id}/background", operation_id="get_request_background")
def get_background(request_id: str, site: SiteDep, caller: Reader) -> RequestBackground:
    """Beside the request itself: who asks, what budgets have left, and which rules apply."""
    return site.db.read(
        lambda session: background.background(
            session, caller, moves.visible(session, caller, request_id)
        )
    )


@router.get("/requests/{request_id}/comments", operation_id="list_comments")
def comments(request_id: str, site: SiteDep, caller: Reader) -> tuple[Comment, ...]:
    """A request's thread, oldest first."""

    def work(session: Session) -> tuple[Comment, ...]:
        return views.comments(session, caller, moves.visible(session, caller, request_id))

    return site.db.read(work)


@router.post("/requests/{request_id}/comments", status_code=201, operation_id="create_comment")
def comment(
    request_id: str,
    written: CommentText,
    site: SiteDep,
    caller: Commenter,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Comment:
    """Add to a request's thread."""

    def work(session: Session) -> tuple[int, Comment]:
        note = service.comment(session, caller, request_id, written.text)
        return 201, views.comment(note, session.get_one(User, caller.user_id))

    _, view = once(
        site.db,
        caller.user_id,
        idempotency_key,
        f"POST /requests/{request_id}/comments",
        written.model_dump(mode="json"),
        Comment,
        work,
    )
    return view


def _decide(
    site: Site,
    caller: Caller,
    request_id: str,
    decision: DecisionKind,
    body: Decision | ReasonedDecision,
) -> Request:
    def work(session: Session) -> Request:
        request = deciding.decide(
            session, site, caller, request_id, decision, body.content_hash, body.reason
        )
        return views.full(session, site, caller, request)

    return site.db.transact(work)
