"""The event streams that are open in this process, and what each still has to be told."""

import asyncio
import contextlib
import json
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog

from carrel_site.events.errors import TooManyStreams

log = structlog.get_logger(__name__)

STREAMS_EACH = 12
"""Open streams a person and process; a browser opens about one a tab."""
_WAITING = 500
"""Changes a stream may have waiting: beyond that it is told to read everything again."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a stream is to tell."""

    event: str
    data: dict[str, Any]


class Feed:
    """What one stream reads. `role` decides what it is told; the stream ends when that changes."""

    def __init__(self, user_id: str, role: str) -> None:
        self.user_id = user_id
        self.role = role
        self._changes: deque[Change] = deque()
        self._woken = asyncio.Event()
        self._missed = False

    def put(self, change: Change) -> None:
        if len(self._changes) >= _WAITING:
            self.miss()
        elif change not in self._changes:
            self._changes.append(change)
            self._woken.set()

    def miss(self) -> None:
        """Something was lost: the reader has to look at everything again."""
        self._changes.clear()
        self._missed = True
        self._woken.set()

    def wake(self) -> None:
        self._woken.set()

    async def take(self, seconds: float) -> tuple[bool, list[Change]]:
        """Whether something was missed, and what came: at once, or within `seconds`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()
        missed, self._missed = self._missed, False
        changes = list(self._changes)
        self._changes.clear()
        return missed, changes


class Hub:
    """Every open stream of this process, by person."""

    def __init__(self) -> None:
        self._feeds: dict[str, set[Feed]] = defaultdict(set)

    @contextlib.contextmanager
    def open(self, user_id: str, role: str) -> Iterator[Feed]:
        """A feed for one more stream of this person's. Raises `TooManyStreams`."""
        if len(self._feeds.get(user_id, ())) >= STREAMS_EACH:
            raise TooManyStreams(f"You have {STREAMS_EACH} event streams open.")
        feed = Feed(user_id, role)
        self._feeds[user_id].add(feed)
        try:
            yield feed
        finally:
            self._feeds[user_id].discard(feed)
            if not self._feeds[user_id]:
                del self._feeds[user_id]

    def tell(self, payload: str) -> None:
        """Give a change, as `changes.publish` wrote it, to those it is for."""
        try:
            told = json.loads(payload)
            change = Change(told["event"], told["data"])
            people, roles = set(told["to"]), set(told["roles"])
        except (ValueError, KeyError, TypeError):
            log.warning("malformed_change")
            return
        for user_id in people:
            for feed in self._feeds.get(user_id, ()):
                feed.put(change)
        if roles:
            for user_id, feeds in self._feeds.items():
                for feed in feeds:
                    if feed.role in roles and user_id not in people:
                        feed.put(change)

    def look_again(self, user_id: str) -> None:
        """Something about this person changed: their streams check whether they may go on."""
        for feed in self._feeds.get(user_id, ()):
            feed.wake()

    def miss(self) -> None:
        """Changes were announced while nobody listened."""
        for feeds in self._feeds.values():
            for feed in feeds:
                feed.miss()
