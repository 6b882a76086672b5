"""The stream of changes that one page of the console, or one program, listens to.

Every connection starts with `sync`: what was read before may be out of date. Notifications carry
ids, so that one who comes back hears those they missed; all else is read again on `sync`.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from fastapi.sse import ServerSentEvent
from sqlalchemy import bindparam, select
from starlette.concurrency import run_in_threadpool

from carrel_site.accounts.models import User
from carrel_site.core.errors import SiteError
from carrel_site.core.http import Caller, recheck
from carrel_site.core.permissions import Permission
from carrel_site.events import repository, views
from carrel_site.events.hub import Change, Feed
from carrel_site.events.models import Notification
from carrel_site.site import Site

CHECK_SECONDS = 15.0
"""A stream whose key, session or person has ended ends within so long, and tells nothing more."""
_BATCH_SECONDS = 0.25
"""At most four batches a second: what changes oftener is told together."""
_RETRY_MS = 3000


async def events(
    site: Site, feed: Feed, caller: Caller, last_id: str | None, seconds: float
) -> AsyncIterator[ServerSentEvent]:
    """What `feed` is told, for `seconds` or until its caller may not listen any more."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    yield ServerSentEvent(event="sync", data={}, retry=_RETRY_MS)
    if last_id is not None:
        for missed in await run_in_threadpool(_since, site, feed.user_id, last_id):
            yield _notification(missed)
    while (left := ends - loop.time()) > 0:
        lost, changes = await feed.take(min(left, CHECK_SECONDS))
        if not await run_in_threadpool(_may_listen, site, caller):
            return  # whoever still may comes back, as what they are now
        if lost:
            yield ServerSentEvent(event="sync", data={})
        times = [
            datetime.fromisoformat(change.data["at"])
            for change in changes
            if change.event == "notification"
        ]
        for told in await run_in_threadpool(_told_at, site, feed.user_id, times) if times else ():
            yield _notification(told)
        for change in changes:
            if change.event != "notification":
                yield _plain(change)
        if changes:
            await asyncio.sleep(_BATCH_SECONDS)


_ROLE = select(User.role).where(User.id == bindparam("id"))


def _may_listen(site: Site, caller: Caller) -> bool:
    """Whether the caller is still let in, and in the role that decides what they are told."""
    try:
        recheck(site, caller, Permission.SELF_READ)
    except SiteError:
        return False
    row = site.db.look_up(_ROLE, id=caller.user_id)
    return row is not None and row.role == caller.role.value


def _plain(change: Change) -> ServerSentEvent:
    return ServerSentEvent(event=change.event, data=change.data)


def _notification(row: Notification) -> ServerSentEvent:
    return ServerSentEvent(event="notification", data=views.notification(row), id=row.id)


def _since(site: Site, user_id: str, last_id: str) -> list[Notification]:
    return site.db.read(lambda session: repository.since(session, user_id, last_id))


def _told_at(site: Site, user_id: str, times: list[datetime]) -> list[Notification]:
    return site.db.read(lambda session: repository.told_at(session, user_id, times))
