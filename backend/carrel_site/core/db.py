"""Sessions and transactions.

Services take a `Session` and never commit; callers wrap them in `Database.transact`, the one
place that commits, retries what PostgreSQL asks to be retried, and runs what has to wait for
the commit. Lock order everywhere: request, run, accounts by ascending id, audit head last.
"""

import random
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
import structlog
from sqlalchemy import Executable, Insert, MetaData, Row, Table, bindparam, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
Hook = Callable[[Session], None]

_RETRIED = {"40001", "40P01"}  # serialization_failure, deadlock_detected
_UNIQUE_VIOLATION = "23505"
_ATTEMPTS = 8


class Base(DeclarativeBase):
    """Every table. Constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """A pool of connections as the role in `url` (postgresql+psycopg://…)."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.url = url
        self.engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=20,
            pool_use_lifo=True,
            connect_args={"application_name": "carrel", "connect_timeout": 10},
        )
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def transact(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` in one transaction and commit it; run it again on a deadlock.

        `work` must be repeatable: its only effects are in the session it is given. A connection
        that was lost before the commit began is replaced and the work run again; one lost during
        the commit is an error, since nobody can say whether it took effect.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            committing = False
            with Session(self.engine, expire_on_commit=False) as session:
                try:
                    result = work(session)
                    session.flush()
                    for hook in session.info.pop("before_commit", {}).values():
                        hook(session)
                    committing = True
                    session.commit()
                except DBAPIError as error:
                    session.rollback()
                    lost = error.connection_invalidated and not committing
                    if attempt == _ATTEMPTS or not (lost or _asks_for_retry(error)):
                        raise
                    time.sleep(random.uniform(0, 0.004 * 2**attempt))  # noqa: S311
                    continue
            _run_after_commit(session)
            return result
        raise AssertionError("unreachable")

    def read(self, work: Callable[[Session], Result]) -> Result:
        """Run a look-up outside a transaction: one round trip a statement, nothing written."""
        with Session(self._reading, expire_on_commit=False, autoflush=False) as session:
            return work(session)

    def look_up(self, statement: Executable, **parameters: Any) -> Row[Any] | None:
        """The one row of a prepared `statement`, or None, without the cost of a session."""
        with self._reading.connect() as connection:
            return connection.execute(statement, parameters).one_or_none()

    def dispose(self) -> None:
        self.engine.dispose()


def _asks_for_retry(error: DBAPIError) -> bool:
    """Whether a second try would see what the first one ran into."""
    state = getattr(error.orig, "sqlstate", None)
    if state == _UNIQUE_VIOLATION and isinstance(error.orig, psycopg.Error):
        return error.orig.diag.constraint_name in Base.metadata.info.get("retried", ())
    return state in _RETRIED


def insert_rows(session: Session, rows: Sequence[Base]) -> None:
    """Insert rows of one table now, in order and in one round trip.

    For the hot path, where the unit of work costs more than the insert: the objects stay outside
    the session, and a column that is None and has a server default gets that.
    """
    if not rows:
        return
    table = type(rows[0]).__table__
    assert isinstance(table, Table)
    names = [
        column.key
        for column in table.columns
        if column.server_default is None or getattr(rows[0], column.key) is not None
    ]
    session.connection().execute(
        _insert_into(table, tuple(names)),
        [{name: getattr(row, name) for name in names} for row in rows],
    )


@lru_cache(maxsize=64)
def _insert_into(table: Table, names: tuple[str, ...]) -> Insert:
    return table.insert().values({name: bindparam(name) for name in names})


def inline(value: str) -> Any:
    """A constant in the statement's text, for values of ours alone, never a caller's.

    A statement that is asked often is planned once for any parameters: a rare state or kind is
    then taken for an ordinary one, and a partial index is not seen to apply.
    """
    return bindparam(None, value, literal_execute=True)


def before_commit(session: Session, name: str, hook: Hook) -> None:
    """Run `hook` last thing before the commit; one hook a name."""
    session.info.setdefault("before_commit", {}).setdefault(name, hook)


def after_commit(session: Session, action: Callable[[], Any]) -> None:
    """Run `action` once the commit has taken effect, in the order of registration."""
    session.info.setdefault("after_commit", []).append(action)


def _run_after_commit(session: Session) -> None:
    for action in session.info.pop("after_commit", []):
        try:
            action()
        except Exception:
            # The row is the truth: whatever this was to tell, the reaper tells again.
            log.exception("after_commit_failed")
