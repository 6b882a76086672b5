"""Waking long-polls: LISTEN in every API process, NOTIFY inside the transaction that changes.

A wake-up says that something about a run or request may have changed publicly, or at which
public time it can change next; whoever waits reads it again. So a lost notification costs time,
never truth, and waiters also look on their own every few seconds.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import structlog
from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from carrel_site.events.hub import Hub

log = structlog.get_logger(__name__)

CHANNEL = "carrel_changed"
TOLD = "carrel_told"
"""What open streams tell; `events.changes` publishes on it."""
_RECONNECT_SECONDS = 1.0
_NOTIFY = select(func.pg_notify(CHANNEL, bindparam("payload")))


def announce(session: Session, subject: str, next_change: datetime | None = None) -> None:
    """Wake whoever waits for `subject` (an id), in any process, once the transaction commits.

    next_change: when there will be something new to read, if that is not at once.
    """
    when = "" if next_change is None else next_change.timestamp()
    session.connection().execute(_NOTIFY, {"payload": f"{subject} {when}"})


class Waiter:
    """What one long-poll waits with."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._next_change: datetime | None = None

    def wake(self, next_change: datetime | None) -> None:
        self._next_change = next_change
        self._woken.set()

    async def wait(self, seconds: float) -> datetime | None:
        """Until woken or for `seconds`; the next public change, if that is all there is yet."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()
        told, self._next_change = self._next_change, None
        return told


class Wakeups:
    """One LISTEN connection, the waiters of this process by what they wait for, and its streams."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url).set(drivername="postgresql")
        self._dsn = url.render_as_string(hide_password=False)
        self._waiters: dict[str, set[Waiter]] = defaultdict(set)
        self.hub = Hub()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._wake_all()

    @contextlib.contextmanager
    def subscribe(self, subject: str) -> Iterator[Waiter]:
        """A waiter that each announcement of `subject` wakes; subscribe before reading."""
        waiter = Waiter()
        self._waiters[subject].add(waiter)
        try:
            yield waiter
        finally:
            self._waiters[subject].discard(waiter)
            if not self._waiters[subject]:
                del self._waiters[subject]

    def _wake_all(self) -> None:
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.wake(None)
        self.hub.miss()

    def _tell(self, channel: str, payload: str) -> None:
        if channel == TOLD:
            self.hub.tell(payload)
            return
        subject, _, when = payload.partition(" ")
        self.hub.look_again(subject)  # if it is a person
        next_change = datetime.fromtimestamp(float(when), UTC) if when else None
        for waiter in self._waiters.get(subject, ()):
            waiter.wake(next_change)

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._dsn, autocommit=True
                ) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    await connection.execute(f"LISTEN {TOLD}")
                    # Whatever was announced while nobody listened: let everybody look again.
                    self._wake_all()
                    await self._hear(connection)
            except psycopg.Error as error:
                log.warning("wakeups_reconnect", error=str(error))
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _hear(self, connection: psycopg.AsyncConnection) -> None:
        """Pass on notifications until the connection is lost, then raise psycopg.Error.

        By the loop's own reader: psycopg's generator would poll, on every API process, for ever.
        """
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[None] = loop.create_future()
        server = connection.pgconn

        def read() -> None:
            try:
                server.consume_input()
                while (notice := server.notifies()) is not None:
                    self._tell(notice.relname.decode(), notice.extra.decode())
            except psycopg.Error as error:
                if not lost.done():
                    lost.set_exception(error)

        descriptor = server.socket
        loop.add_reader(descriptor, read)
        try:
            read()
            await lost
        finally:
            loop.remove_reader(descriptor)
