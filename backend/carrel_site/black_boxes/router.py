"""Private black boxes: what one costs, asking for one, and editing what was asked."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy.orm import Session

from carrel_protocol.api.black_boxes import (
    BlackBoxAsk,
    BlackBoxRequestCreate,
    BlackBoxRequestEdit,
)
from carrel_protocol.api.requests import Price, Request
from carrel_site.black_boxes import asking
from carrel_site.black_boxes.quote import advised
from carrel_site.core.etags import IfMatch, needed
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.idempotency import IdempotencyKeyHeader, once
from carrel_site.core.permissions import Permission
from carrel_site.requests import views

router = APIRouter(prefix="/api/v1", tags=["black boxes"])

Asker = Annotated[Caller, require(Permission.REQUESTS_ASK)]


@router.post("/black_box_prices", operation_id="price_black_box")
def price(asked: BlackBoxAsk, site: SiteDep, caller: Asker) -> Price:
    """What a black box would cost and leave, and what would fit. Asks and reserves nothing."""
    return site.db.read(lambda session: advised(session, site, caller, asked))


@router.post("/black_box_requests", status_code=201, operation_id="create_black_box_request")
def create(
    asked: BlackBoxRequestCreate,
    response: Response,
    site: SiteDep,
    caller: Asker,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Request:
    """Ask. 200 and `reused` when the same was asked before: its answer costs nothing again."""

    def work(session: Session) -> tuple[int, Request]:
        came_to = asking.submit(session, site, caller, asked)
        return (200 if came_to.reused else 201), views.answered(session, site, caller, came_to)

    response.status_code, view = once(
        site.db,
        caller.user_id,
        idempotency_key,
        "POST /black_box_requests",
        asked.model_dump(mode="json"),
        Request,
        work,
    )
    response.headers["ETag"] = view.etag
    return view


@router.patch("/black_box_requests/{request_id}", operation_id="edit_black_box_request")
def edit(
    request_id: Annotated[str, Path(min_length=1, max_length=64)],
    change: BlackBoxRequestEdit,
    response: Response,
    site: SiteDep,
    caller: Asker,
    if_match: IfMatch = None,
) -> Request:
    """Ask for another in place of what was returned. Votes on what was there are void."""
    etag = needed(if_match)

    def work(session: Session) -> Request:
        request = asking.edit(session, site, caller, request_id, etag, change)
        return views.full(session, site, caller, request)

    view = site.db.transact(work)
    response.headers["ETag"] = view.etag
    return view
