"""The runs' queries."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RunState
from carrel_site.audit.models import AuditEvent
from carrel_site.datasets.models import DatasetVersion
from carrel_site.outputs.models import Output
from carrel_site.requests.models import Request
from carrel_site.runs.models import FailuresExcused, Run

LIVE = (RunState.QUEUED.value, RunState.CLAIMED.value, RunState.RUNNING.value)


def get(session: Session, run_id: str) -> Run | None:
    return session.get(Run, run_id, populate_existing=True)


def lock(session: Session, run_id: str, *, skip_locked: bool = False) -> Run | None:
    return session.scalars(
        select(Run)
        .where(Run.id == run_id)
        .with_for_update(key_share=True, skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    ).one_or_none()


def with_request(session: Session, run_id: str) -> tuple[Run, Request | None, Output | None] | None:
    """A run with its request and output, whichever exist."""
    row = session.execute(
        select(Run, Request, Output)
        .outerjoin(Request, Request.id == Run.request_id)
        .outerjoin(Output, Output.run_id == Run.id)
        .where(Run.id == run_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


def of_request(session: Session, request_id: str) -> tuple[Run, Output | None] | None:
    row = session.execute(
        select(Run, Output)
        .outerjoin(Output, Output.run_id == Run.id)
        .where(Run.request_id == request_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def approved(session: Session, request_id: str) -> tuple[Request, DatasetVersion]:
    """A request and the version that its content names."""
    row = session.execute(
        select(Request, DatasetVersion)
        .join(DatasetVersion, DatasetVersion.id == Request.content["version_id"].astext)
        .where(Request.id == request_id)
        .execution_options(populate_existing=True)
    ).one()
    return row[0], row[1]


def recorded_event(session: Session, run_id: str) -> AuditEvent | None:
    """The audit event that recorded the run's output."""
    return session.scalars(
        select(AuditEvent).where(
            AuditEvent.subject == run_id, AuditEvent.action == "output.released"
        )
    ).one_or_none()


def misbehaviour(
    session: Session, account_id: str, since: datetime, at: datetime
) -> tuple[int, int]:
    """Failures (not excused) and overruns of an account that became public in [since, at]."""
    excused = (
        select(func.max(FailuresExcused.at))
        .where(FailuresExcused.account_id == account_id)
        .scalar_subquery()
    )
    failed = (Run.state == RunState.FAILED.value) & (Run.visible_at > func.coalesce(excused, since))
    row = session.execute(
        select(func.count().filter(failed), func.count().filter(Run.overran)).where(
            Run.account_id == account_id,
            (Run.state == RunState.FAILED.value) | Run.overran,
            Run.visible_at.between(since, at),
        )
    ).one()
    return row[0], row[1]


def queued_before(session: Session, queue: str, at: datetime) -> list[str]:
    """Ids of runs that were queued before `at` and still wait, oldest first."""
    return list(
        session.scalars(
            select(Run.id)
            .where(
                Run.state == RunState.QUEUED.value,
                Run.queue == queue,
                func.coalesce(Run.published_at, Run.queued_at) < at,
            )
            .order_by(Run.queued_at)
        )
    )


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
