"""The scheduler and reaper: whatever was lost is told again, whatever is overdue ends.

One process a site acts, held by an advisory lock; another one waits to take over. Every duty
takes each row in a transaction of its own, so a crash leaves nothing half-done.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from carrel_site.accounts import passwords
from carrel_site.accounts.sweep import sweep as sweep_people
from carrel_site.audit import anchors
from carrel_site.code import mocking
from carrel_site.core import idempotency, logs
from carrel_site.core.clock import now
from carrel_site.datasets import service as datasets
from carrel_site.datasets import uploads
from carrel_site.events import outbox, watch
from carrel_site.events import repository as told
from carrel_site.ledger import restores
from carrel_site.outputs import held
from carrel_site.requests import deciding
from carrel_site.requests import repository as request_rows
from carrel_site.runs import ends, repository
from carrel_site.runs.queueing import publish
from carrel_site.settings import get_settings
from carrel_site.site import Site

log = structlog.get_logger(__name__)

QUEUES = ("ingest", "query", "code", "mock", "black_box")
REPUBLISH_AFTER = timedelta(seconds=2)
RUN_EXPIRES_AFTER = timedelta(days=1)
_LOCK = 0x6361_7272_656C


class RowWork(Protocol):
    """What a duty does to one row."""

    def __call__(self, session: Session, row_id: str) -> None: ...


@dataclass
class Duty:
    """Something to do every so often."""

    act: Callable[[Site], None]
    every: float
    """Seconds."""
    due: float = field(default=0.0)


def republish(site: Site) -> None:
    """Publish again what has waited while its queue holds fewer messages than rows wait.

    Messages do not say how old they are, so they are compared with every row that waits; of
    those it is the one published longest ago whose message was lost most likely. A message too
    many is harmless: a run is claimed once.
    """
    for queue in QUEUES:
        waiting = site.db.read(
            partial(repository.queued_before, queue=queue, at=now() - REPUBLISH_AFTER)
        )
        if not waiting:
            continue
        queued = site.db.read(partial(repository.count_queued, queue=queue))
        missing = max(queued - site.broker.depth(queue), 0)

        def work(session: Session, row_id: str, queue: str = queue) -> None:
            run = repository.lock(session, row_id)
            if run is not None and run.state == "queued":
                publish(session, site, run)
                log.info("run_republished", run=row_id, queue=queue)

        _each(site, waiting[:missing], work)


def reap_leases(site: Site) -> None:
    """Take runs back from workers that fell silent."""

    def work(session: Session, row_id: str) -> None:
        run = repository.lock(session, row_id, skip_locked=True)
        if run is not None and run.state in ("claimed", "running"):
            ends.lease_lost(session, site, run)
            log.warning("lease_expired", run=row_id)

    _each(site, site.db.read(partial(repository.lease_expired, at=now())), work)


def close(site: Site) -> None:
    """Make ends public whose time has come, for which nobody waits."""

    def work(session: Session, row_id: str) -> None:
        run = repository.lock(session, row_id, skip_locked=True)
        if run is not None:
            ends.close(session, site, run)

    _each(site, site.db.read(partial(repository.to_close, at=now())), work)


def expire(site: Site) -> None:
    """End requests nobody answered and runs nobody took."""

    def end_request(session: Session, row_id: str) -> None:
        request = request_rows.lock(session, row_id)
        if request is not None and request.expires_at and request.expires_at < now():
            deciding.expire(session, request)

    def end_run(session: Session, row_id: str) -> None:
        run = repository.lock(session, row_id, skip_locked=True)
        if run is not None and run.state == "queued":
            ends.expire(session, site, run)

    _each(site, site.db.read(partial(request_rows.expired, at=now())), end_request)
    before = now() - RUN_EXPIRES_AFTER
    _each(site, site.db.read(partial(repository.abandoned, before=before)), end_run)


def anchor(site: Site) -> None:
    """Write outside the database how long the audit log is, and what accounts have spent.

    Before that it is seen whether the database is still the one that was written down last.
    """
    restores.reconcile(site)
    restores.write_spends(site)
    site.db.read(lambda session: anchors.write_anchor(site.settings, session, site.signer))


def send_password_links(site: Site) -> None:
    """Mail links to those who asked for one."""

    def work(session: Session, row_id: str) -> None:
        passwords.send_link(session, site.settings, row_id)

    _each(site, site.db.read(passwords.waiting), work)


def tidy(site: Site) -> None:
    """Drop what is no longer of use: old keys and sessions, raw uploads, old news."""
    site.db.transact(idempotency.forget_old)
    site.db.transact(lambda session: sweep_people(session, site.settings))
    site.db.transact(lambda session: uploads.sweep(session, site))
    site.db.read(lambda session: datasets.sweep_uploads(session, site))
    site.db.transact(mocking.forget_old)
    held.sweep(site)
    site.db.transact(outbox.forget_old)
    site.db.transact(told.forget_old)


def end_grants(site: Site) -> None:
    """Take away leave to read that has run out."""
    site.storage.purge(time.time())


def duties() -> list[Duty]:
    return [
        Duty(republish, 0.5),
        Duty(close, 0.25),
        Duty(reap_leases, 1.0),
        Duty(expire, 30.0),
        Duty(anchor, 60.0),
        Duty(end_grants, 10.0),
        Duty(send_password_links, 1.0),
        Duty(outbox.Courier().send_mail, 5.0),
        Duty(watch.silent_workers, 15.0),
        Duty(tidy, 600.0),
    ]


def run_until(site: Site, stopped: threading.Event) -> None:
    """Do the duties until `stopped` is set, while holding the site's one scheduler lock."""
    schedule = duties()
    while not stopped.is_set():
        try:
            with site.db.engine.connect() as connection:
                if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
                    stopped.wait(2.0)
                    continue
                connection.commit()
                while not stopped.is_set():
                    connection.execute(text("SELECT 1"))  # fails once the lock's session is gone
                    connection.commit()
                    _round(site, schedule)
                    stopped.wait(0.25)
                _act(site, Duty(anchor, 0))  # what was spent since the last time
        except SQLAlchemyError as error:
            log.warning("beat_without_database", error=str(error))
            stopped.wait(1.0)


def is_acting(session: Session) -> bool:
    """Whether some process holds the site's scheduler lock."""
    held = text(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND classid::bigint = :high AND objid::bigint = :low AND objsubid = 1)"
    )
    parameters = {"high": _LOCK >> 32, "low": _LOCK & 0xFFFF_FFFF}
    return session.execute(held, parameters).scalar_one() is True


def main() -> None:
    """`carrel beat`: until SIGTERM or SIGINT."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    settings = get_settings()
    logs.configure(settings.log_level)
    site = Site.open(settings)
    try:
        run_until(site, stopped)
    finally:
        site.close()


def _round(site: Site, schedule: list[Duty]) -> None:
    for duty in schedule:
        if time.monotonic() < duty.due:
            continue
        duty.due = time.monotonic() + duty.every
        _act(site, duty)


def _act(site: Site, duty: Duty) -> None:
    try:
        duty.act(site)
    except Exception:
        # One duty's trouble (a broker that is away) must not stop the others.
        log.exception("duty_failed", duty=duty.act.__name__)


def _each(site: Site, ids: Iterable[str], work: RowWork) -> None:
    """Do `work` for each id, in a transaction of its own."""
    for row_id in ids:
        try:
            site.db.transact(partial(work, row_id=row_id))
        except Exception:
            # A row that cannot be worked on must not stop those after it.
            log.exception("row_failed", row=row_id)
