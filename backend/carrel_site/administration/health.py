"""How the parts of a running site are, as its owner sees it."""

import shutil
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from carrel_protocol.api.site import ServiceHealth
from carrel_site.audit.anchors import latest_anchor
from carrel_site.core.clock import now
from carrel_site.core.health import expected_revision
from carrel_site.events import home
from carrel_site.runs import beat
from carrel_site.site import Site

_LITTLE_ROOM = 5 * 2**30
_ANCHORS_LATE = timedelta(minutes=5)


def services(site: Site) -> tuple[ServiceHealth, ...]:
    """Every part, healthy or not; what is away is reported, and never an error."""
    return (
        _database(site),
        _broker(site),
        _scheduler(site),
        *_workers(site),
        _log(site),
        _storage(site),
    )


def _database(site: Site) -> ServiceHealth:
    name = "database"
    try:
        version, revision = site.db.read(_versions)
    except SQLAlchemyError as error:
        return _ill(name, f"it does not answer ({type(error).__name__})", "Start it again.")
    if revision != expected_revision():
        detail = f"its schema is at {revision}, not at {expected_revision()}"
        return _ill(name, detail, "Run `carrel db upgrade`.")
    return ServiceHealth(name=name, healthy=True, detail=f"PostgreSQL {version}, schema {revision}")


def _versions(session: Session) -> tuple[str, str]:
    row = session.execute(
        text("SELECT current_setting('server_version'), version_num FROM alembic_version")
    ).one()
    return str(row[0]).split()[0], str(row[1])


def _broker(site: Site) -> ServiceHealth:
    name = "broker"
    try:
        waiting = sum(site.broker.depth(queue) for queue in beat.QUEUES)
    except Exception as error:  # noqa: BLE001 - kombu passes on what each transport raises
        return _ill(name, f"it cannot be reached ({type(error).__name__})", "Start it again.")
    return ServiceHealth(name=name, healthy=True, detail=f"{waiting} runs wait for a worker")


def _scheduler(site: Site) -> ServiceHealth:
    name = "scheduler"
    try:
        acting = site.db.read(beat.is_acting)
    except SQLAlchemyError:
        acting = False
    if not acting:
        return _ill(name, "nobody holds its lock", "Start `carrel beat` (or `carrel up`).")
    return ServiceHealth(name=name, healthy=True, detail="it acts")


def _workers(site: Site) -> tuple[ServiceHealth, ...]:
    """Each worker that is let in; a site without one answers nothing."""
    try:
        found = site.db.read(home.workers)
    except SQLAlchemyError:
        return ()  # the database says so itself
    if not found:
        return (_ill("workers", "none has a credential", "Make one, and start a worker with it."),)
    return tuple(
        ServiceHealth(
            name=f"worker {worker.name}",
            healthy=worker.healthy,
            detail=", ".join(worker.queues),
            advice=None if worker.healthy else "Look whether it runs and reaches the site.",
            at=worker.last_seen_at,
        )
        for worker in found
    )


def _log(site: Site) -> ServiceHealth:
    """Heads are signed every minute in which things happen, so the newest may be old."""
    name = "signed heads"
    try:
        head = latest_anchor(site.settings.anchors_file)
        events, since = site.db.read(_log_end)
    except (OSError, SQLAlchemyError) as error:
        return _ill(name, f"they cannot be read ({type(error).__name__})", "Look at the logs.")
    behind = events - (head.sequence if head else 0)
    if behind > 0 and since is not None and now() - since > _ANCHORS_LATE:
        return _ill(name, f"{behind} events are not signed yet", "Start `carrel beat`.")
    at = head.at if head else None
    detail = f"up to event {head.sequence}" if head else "none yet"
    return ServiceHealth(name=name, healthy=True, detail=detail, at=at)


def _log_end(session: Session) -> tuple[int, datetime | None]:
    row = session.execute(
        text(
            "SELECT head.sequence, event.at FROM audit_head head"
            " LEFT JOIN audit_events event ON event.sequence = head.sequence"
        )
    ).one()
    return row[0], row[1]


def _storage(site: Site) -> ServiceHealth:
    name = "storage"
    try:
        room = shutil.disk_usage(site.settings.storage_dir)
    except OSError as error:
        return _ill(name, f"it cannot be read ({error.strerror})", "Mount it again.")
    detail = f"{room.free / 2**30:.1f} of {room.total / 2**30:.1f} GiB free"
    if room.free < _LITTLE_ROOM:
        return _ill(name, detail, "Make room, or move the storage directory.")
    return ServiceHealth(name=name, healthy=True, detail=detail)


def _ill(name: str, detail: str, advice: str) -> ServiceHealth:
    return ServiceHealth(name=name, healthy=False, detail=detail, advice=advice)
