"""The runs' queries."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RunState
from carrel_site.audit.models import AuditEvent
from carrel_site.datasets.models import DatasetVersion
from carrel_site.ledger.models import LedgerEntry
from carrel_site.outputs.models import Output
from carrel_site.requests.models import Request
from carrel_site.runs.models import Run

LIVE = (RunState.QUEUED.value, RunState.CLAIMED.value, RunState.RUNNING.value)


def get(session: Session, run_id: str) -> Run | None:
    return session.get(Run, run_id, populate_existing=True)


_LOCKED = (
    select(Run)
    .where(Run.id == bindparam("run_id"))
    .execution_options(populate_existing=True)
    .with_for_update(key_share=True)
)
_LOCKED_OR_SKIPPED = _LOCKED.with_for_update(key_share=True, skip_locked=True)


def lock(session: Session, run_id: str, *, skip_locked: bool = False) -> Run | None:
    query = _LOCKED_OR_SKIPPED if skip_locked else _LOCKED
    return session.scalars(query, {"run_id": run_id}).one_or_none()


_WITH_REQUESTER = (
    select(Run, Request.requester_id, Output)
    .outerjoin(Request, Request.id == Run.request_id)
    .outerjoin(Output, Output.run_id == Run.id)
    .where(Run.id == bindparam("run_id"))
    .execution_options(populate_existing=True)
)


def with_requester(session: Session, run_id: str) -> tuple[Run, str | None, Output | None] | None:
    """A run with its requester's id and its output, whichever exist."""
    row = session.execute(_WITH_REQUESTER, {"run_id": run_id}).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


_ASKED = (
    select(Request.id, Request.requester_id)
    .join(Run, Run.request_id == Request.id)
    .where(Run.id == bindparam("run_id"))
)


def asked_by(session: Session, run_id: str) -> tuple[str, str] | None:
    """The ids of a run's request and of its requester; None for a run that nobody asked for."""
    row = session.execute(_ASKED, {"run_id": run_id}).one_or_none()
    return None if row is None else (row[0], row[1])


def of_request(session: Session, request_id: str) -> tuple[Run, Output | None] | None:
    row = session.execute(
        select(Run, Output)
        .outerjoin(Output, Output.run_id == Run.id)
        .where(Run.request_id == request_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


_LOGGED = (
    select(AuditEvent.sequence)
    .where(
        AuditEvent.subject == Request.id,
        AuditEvent.action == "request.approved",
        AuditEvent.detail["content"].astext == Request.content_hash,
    )
    .exists()
)
_HELD = (
    select(
        func.count().filter(LedgerEntry.kind == "reserve")
        - func.count().filter(LedgerEntry.kind.in_(("settle", "refund")))
    )
    .where(LedgerEntry.run_id == bindparam("run_id"), LedgerEntry.request_id == Request.id)
    .scalar_subquery()
)
_APPROVED = (
    select(Request, DatasetVersion, _LOGGED, _HELD)
    .join(DatasetVersion, DatasetVersion.id == Request.content["version_id"].astext)
    .where(Request.id == bindparam("request_id"))
    .execution_options(populate_existing=True)
)


def held_for(session: Session, request_id: str, run_id: str) -> int:
    """How many accounts hold a reservation of the request for this run that has not ended."""
    found = select(_HELD).where(Request.id == request_id)
    return int(session.execute(found, {"run_id": run_id}).scalar_one())


class Approved(NamedTuple):
    """What a run's claim rests on."""

    request: Request
    version: DatasetVersion
    """The version that the request's content names."""
    logged: bool
    """Whether the log, which nobody may edit, says that just this content was approved."""
    held: int
    """How many accounts hold a reservation for this run that has not ended."""


def approved(session: Session, request_id: str, run_id: str) -> Approved | None:
    """None when the request, or the version that its content names, is not there."""
    parameters = {"request_id": request_id, "run_id": run_id}
    row = session.execute(_APPROVED, parameters).one_or_none()
    return None if row is None else Approved(*row)


_RECORDED = select(AuditEvent).where(
    AuditEvent.subject == bindparam("run_id"), AuditEvent.action == "output.released"
)


def recorded_event(session: Session, run_id: str) -> AuditEvent | None:
    """The audit event that recorded the run's output."""
    return session.scalars(_RECORDED, {"run_id": run_id}).one_or_none()


def queued_before(session: Session, queue: str, at: datetime) -> list[str]:
    """Ids of runs that wait and were last published before `at`, longest ago first."""
    published = func.coalesce(Run.published_at, Run.queued_at)
    return list(
        session.scalars(
            select(Run.id)
            .where(Run.state == RunState.QUEUED.value, Run.queue == queue, published < at)
            .order_by(published)
        )
    )


def count_queued(session: Session, queue: str) -> int:
    """How many runs wait, however young."""
    return session.scalars(
        select(func.count()).where(Run.state == RunState.QUEUED.value, Run.queue == queue)
    ).one()


def lease_expired(session: Session, at: datetime) -> list[str]:
    return list(
        session.scalars(
            select(Run.id).where(
                Run.state.in_((RunState.CLAIMED.value, RunState.RUNNING.value)),
                Run.lease_until < at,
            )
        )
    )


def abandoned(session: Session, before: datetime) -> list[str]:
    """Ids of runs that were queued before `before` and that no worker has."""
    return list(
        session.scalars(
            select(Run.id).where(Run.state == RunState.QUEUED.value, Run.queued_at < before)
        )
    )


def to_close(session: Session, at: datetime) -> list[str]:
    """Ids of runs whose end is due to be made public."""
    return list(
        session.scalars(
            select(Run.id)
            .where(Run.closed_at.is_(None), Run.visible_at <= at)
            .order_by(Run.visible_at)
            .limit(200)
        )
    )
