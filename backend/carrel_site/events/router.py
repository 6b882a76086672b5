"""What people are told: the stream of changes, notifications, and their home page."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import User
from carrel_protocol.api.common import Page
from carrel_protocol.api.events import Home, MeUpdate, Notification, NotificationsRead
from carrel_site.accounts import users
from carrel_site.core.clock import now
from carrel_site.core.errors import NotFound
from carrel_site.core.http import Caller, SiteDep, require, site_of
from carrel_site.core.pagination import Cursor, Limit, paged, position
from carrel_site.core.permissions import Permission
from carrel_site.events import home, repository, stream, views
from carrel_site.events.hub import Feed

router = APIRouter(prefix="/api/v1", tags=["events"])

Me = Annotated[Caller, require(Permission.SELF_READ)]
Listener = Annotated[Caller, require(Permission.SELF_READ, passive=True)]
Myself = Annotated[Caller, require(Permission.SELF_MANAGE)]
Id = Annotated[str, Path(min_length=1, max_length=64)]
LONGEST_STREAM = 3600.0


async def _feed(request: Request, caller: Listener) -> AsyncIterator[Feed]:
    """A place among the open streams, held until the stream ends."""
    with site_of(request).wakeups.hub.open(caller.user_id, caller.role.value) as feed:
        yield feed


@router.get(
    "/events/stream",
    operation_id="stream_events",
    response_class=EventSourceResponse,
    responses={200: {"description": "Server-sent events; docs/events.md has their types."}},
)
async def stream_events(
    site: SiteDep,
    caller: Listener,
    feed: Annotated[Feed, Depends(_feed)],
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=64, description="The last `id` you received."),
    ] = None,
    seconds: Annotated[
        float,
        Query(ge=0, le=LONGEST_STREAM, allow_inf_nan=False, description="End it after so long."),
    ] = LONGEST_STREAM,
) -> AsyncIterator[ServerSentEvent]:
    """What changes, as it does: `sync`, `notification`, `request`, `run` and `dataset`.

    Listening keeps no session from ending for want of use; the stream ends with it."""

    async for event in stream.events(site, feed, caller, last_event_id, seconds):
        yield event


@router.get("/notifications")
def list_notifications(
    site: SiteDep,
    caller: Me,
    unread: bool = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Notification]:
    """What you were told, newest first."""

    def work(session: Session) -> Page[Notification]:
        rows = repository.page(
            session, caller.user_id, unread=unread, after=position(cursor), limit=limit + 1
        )
        return paged(rows, limit, views.notification, key=lambda row: (row.at, row.id))

    return site.db.read(work)


@router.post("/notifications/read")
def read_notifications(
    site: SiteDep,
    caller: Myself,
    up_to: Annotated[
        str | None, Query(max_length=64, description="This one and older ones; else all.")
    ] = None,
) -> NotificationsRead:
    """Mark as read whatever is not."""

    def work(session: Session) -> NotificationsRead:
        place = None
        if up_to is not None:
            last = repository.mine(session, caller.user_id, up_to)
            if last is None:
                raise missing()
            place = (last.at, last.id)
        marked = repository.mark_read(session, caller.user_id, now(), place)
        return NotificationsRead(marked=marked)

    return site.db.transact(work)


@router.post("/notifications/{notification_id}/read")
def read_notification(site: SiteDep, caller: Myself, notification_id: Id) -> Notification:
    """Mark one as read."""

    def work(session: Session) -> Notification:
        row = repository.mine(session, caller.user_id, notification_id)
        if row is None:
            raise missing()
        row.read_at = row.read_at or now()
        return views.notification(row)

    return site.db.transact(work)


@router.get("/home")
def read_home(site: SiteDep, caller: Me) -> Home:
    """What waits for you, what changed, and how things stand."""
    return site.db.read(lambda session: home.read(session, caller))


@router.patch("/me")
def update_me(site: SiteDep, caller: Myself, body: MeUpdate) -> User:
    """Change your name, or what you want e-mails about."""
    return site.db.transact(lambda session: users.update_self(session, caller.user_id, body))


def missing() -> NotFound:
    return NotFound("You have no such notification.")
