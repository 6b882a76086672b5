"""Looking after workers: owners are told of one that has fallen silent, once a silence."""

from functools import partial

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from carrel_site.core.clock import now
from carrel_site.events import notices
from carrel_site.runs.models import Worker
from carrel_site.runs.workers import SILENT_AFTER
from carrel_site.site import Site


def silent_workers(site: Site) -> None:
    """Tell owners of workers that called before, and have not for too long."""
    for worker_id in site.db.read(_silent):
        site.db.transact(partial(_tell, worker_id=worker_id))


def _silent(session: Session) -> list[str]:
    query = select(Worker.id).where(
        Worker.revoked_at.is_(None),
        Worker.last_seen_at < now() - SILENT_AFTER,
        or_(Worker.silent_told_at.is_(None), Worker.silent_told_at < Worker.last_seen_at),
    )
    return list(session.scalars(query))


def _tell(session: Session, worker_id: str) -> None:
    worker = session.get(Worker, worker_id, with_for_update=True)
    if worker is None or worker.revoked_at is not None or worker.last_seen_at is None:
        return
    at = now()
    if worker.last_seen_at >= at - SILENT_AFTER:
        return  # it has called meanwhile
    worker.silent_told_at = at
    notices.worker_silent(session, worker)
