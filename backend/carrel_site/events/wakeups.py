"""Waking long-polls: LISTEN in every API process, NOTIFY inside the transaction that changes.

A wake-up says only that something about a run or request may have changed publicly; whoever
waits reads it again. So a lost notification costs time, never truth, and waiters also wake on
their own every few seconds.
"""

import asyncio
import contextlib
from collections import defaultdict

import psycopg
import structlog
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

log = structlog.get_logger(__name__)

CHANNEL = "carrel_changed"
_RECONNECT_SECONDS = 1.0


def announce(session: Session, subject: str) -> None:
    """Wake whoever waits for `subject` (an id), in any process, once the transaction commits."""
    session.execute(select(func.pg_notify(CHANNEL, subject)))


class Wakeups:
    """One LISTEN connection, and the waiters of this process by what they wait for."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url).set(drivername="postgresql")
        self._dsn = url.render_as_string(hide_password=False)
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for subject in list(self._waiting):
            self._wake(subject)

    @contextlib.contextmanager
    def subscribe(self, subject: str):  # type: ignore[no-untyped-def]
        """An event that is set at each announcement of `subject`; register before reading."""
        event = asyncio.Event()
        self._waiting[subject].add(event)
        try:
            yield event
        finally:
            self._waiting[subject].discard(event)
            if not self._waiting[subject]:
                del self._waiting[subject]

    def _wake(self, subject: str) -> None:
        for event in self._waiting.get(subject, ()):
            event.set()

    async def _listen(self) -> None:
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    # Whatever was announced while nobody listened: let everybody look again.
                    for subject in list(self._waiting):
                        self._wake(subject)
                    async for notice in connection.notifies():
                        self._wake(notice.payload)
            except psycopg.Error as error:
                log.warning("wakeups_reconnect", error=str(error))
                await asyncio.sleep(_RECONNECT_SECONDS)
