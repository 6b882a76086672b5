"""Queueing runs. The row is the truth and the queue only carries its id: what is lost, the reaper
publishes again."""

from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RunState
from carrel_site.core.clock import now
from carrel_site.core.db import after_commit, insert_rows
from carrel_site.core.ids import new_id
from carrel_site.datasets.models import DatasetVersion
from carrel_site.requests.models import Request
from carrel_site.runs.models import Run
from carrel_site.site import Site

ATTEMPTS = 3
"""Fixed: retries never depend on what was read."""


def queue_private(
    session: Session, site: Site, request: Request, account_id: str, deadline_ms: int
) -> Run:
    """A run for an approved query or black box, published once the transaction commits."""
    return _queue(
        session,
        site,
        Run(
            kind=request.kind,
            queue=request.kind,
            request_id=request.id,
            account_id=account_id,
            deadline_ms=deadline_ms,
        ),
    )


def queue_code(
    session: Session, site: Site, request: Request, account_id: str, deadline_ms: int
) -> Run:
    """A run of approved code. The account is its researcher's own; nothing is charged to it."""
    return _queue(
        session,
        site,
        Run(
            kind="code",
            queue="code",
            request_id=request.id,
            account_id=account_id,
            deadline_ms=deadline_ms,
        ),
    )


def queue_mock_code(session: Session, site: Site) -> Run:
    """A run on made-up rows, by a worker that holds no data."""
    return _queue(session, site, Run(kind="mock_code", queue="mock", deadline_ms=0))


def queue_ingest(session: Session, site: Site, version: DatasetVersion) -> Run:
    """A run that lays out an uploaded version."""
    return _queue(
        session, site, Run(kind="ingest", queue="ingest", version_id=version.id, deadline_ms=0)
    )


def publish(session: Session, site: Site, run: Run) -> None:
    """Tell the workers of a run (locked) that waits, once the transaction has committed."""
    run.published_at = now()
    run_id, queue = run.id, run.queue
    after_commit(session, lambda: site.broker.publish(queue, run_id))


def _queue(session: Session, site: Site, run: Run) -> Run:
    run.id = new_id("run")
    run.state = RunState.QUEUED.value
    run.epoch = 0
    run.attempts_left = ATTEMPTS
    publish(session, site, run)
    assert run.published_at is not None
    run.queued_at = run.published_at
    insert_rows(session, [run])
    return run
