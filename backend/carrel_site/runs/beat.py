"""The scheduler and reaper: whatever was lost is told again, whatever is overdue ends.

One process a site acts, held by an advisory lock; another one waits to take over. Every duty
takes each row in a transaction of its own, so a crash leaves nothing half-done.
"""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from carrel_site.audit import anchors
from carrel_site.core import idempotency, logs
from carrel_site.core.clock import now
from carrel_site.datasets import service as datasets
from carrel_site.ledger import restores
from carrel_site.requests import repository as request_rows
from carrel_site.requests import service as requests
from carrel_site.runs import repository, service
from carrel_site.settings import get_settings
from carrel_site.site import Site

log = structlog.get_logger(__name__)

QUEUES = ("ingest", "query")
REPUBLISH_AFTER = timedelta(seconds=2)
RUN_EXPIRES_AFTER = timedelta(days=1)
_LOCK = 0x6361_7272_656C


@dataclass
class Duty:
    """Something to do every so often."""

    act: Callable[[Site], None]
    every: float
    """Seconds."""
    due: float = field(default=0.0)


def republish(site: Site) -> None:
    """Publish again what has waited while its queue holds fewer messages than rows wait.

    A full queue merely waits its turn; an emptied one was lost. A message too many is harmless:
    a run is claimed once.
    """
    for queue in QUEUES:
        waiting = site.db.read(
            partial(repository.queued_before, queue=queue, at=now() - REPUBLISH_AFTER)
        )
        if not waiting:
            continue
        missing = len(waiting) - site.broker.depth(queue)
        for run_id in waiting[: max(missing, 0)]:
            site.broker.publish(queue, run_id)
            site.db.transact(partial(_mark_published, run_id=run_id))
            log.info("run_republished", run=run_id, queue=queue)


def reap_leases(site: Site) -> None:
    """Take runs back from workers that fell silent."""
    for run_id in site.db.read(lambda session: repository.lease_expired(session, now())):

        def work(session: Session, run_id: str = run_id) -> None:
            run = repository.lock(session, run_id, skip_locked=True)
            if run is not None and run.state in ("claimed", "running"):
                service.lease_lost(session, run)

        site.db.transact(work)
        log.warning("lease_expired", run=run_id)


def close(site: Site) -> None:
    """Make ends public whose time has come, for which nobody waits."""
    for run_id in site.db.read(partial(repository.to_close, at=now())):

        def work(session: Session, run_id: str = run_id) -> None:
            run = repository.lock(session, run_id, skip_locked=True)
            if run is not None:
                service.close(session, run)

        site.db.transact(work)


def expire(site: Site) -> None:
    """End requests nobody answered and runs nobody took."""
    for request_id in site.db.read(lambda session: request_rows.expired(session, now())):

        def end_request(session: Session, request_id: str = request_id) -> None:
            request = request_rows.lock(session, request_id)
            if request is not None and request.expires_at and request.expires_at < now():
                requests.expire(session, request)

        site.db.transact(end_request)
    for run_id in site.db.read(
        lambda session: repository.abandoned(session, now() - RUN_EXPIRES_AFTER)
    ):

        def end_run(session: Session, run_id: str = run_id) -> None:
            run = repository.lock(session, run_id, skip_locked=True)
            if run is not None and run.state == "queued":
                service.expire(session, run)

        site.db.transact(end_run)


def anchor(site: Site) -> None:
    """Write outside the database how long the audit log is, and what accounts have spent.

    Before that it is seen whether the database is still the one that was written down last.
    """
    restores.reconcile(site)
    restores.write_spends(site)
    site.db.read(lambda session: anchors.write_anchor(site.settings, session, site.signer))


def tidy(site: Site) -> None:
    """Drop what is no longer of use: old idempotency keys, raw uploads."""
    site.db.transact(idempotency.forget_old)
    site.db.read(lambda session: datasets.sweep_uploads(session, site))


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


def _mark_published(session: Session, run_id: str) -> None:
    run = repository.lock(session, run_id)
    if run is not None:
        run.published_at = now()
