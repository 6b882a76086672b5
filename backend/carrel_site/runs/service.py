"""Claiming runs, and what their workers report.

A claim raises the run's fencing epoch; only who holds the current epoch and its random token can
report, so a run that executes twice still has one output and one charge.
"""

import secrets
from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_protocol import PROTOCOL_VERSION
from carrel_protocol.api.requests import RunState
from carrel_protocol.jobs import (
    BlackBoxSucceeded,
    ClaimRequest,
    CodeEnded,
    Failed,
    Heartbeat,
    HeartbeatReply,
    IngestSucceeded,
    Job,
    MockCodeEnded,
    MockSucceeded,
    QuerySucceeded,
)
from carrel_protocol.privacy import MECHANISM_VERSION
from carrel_site.audit.log import SITE, record
from carrel_site.code import mocking
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, Forbidden, NotFound
from carrel_site.core.ids import new_id
from carrel_site.core.security import digest_secret, same
from carrel_site.datasets import mock_uploads
from carrel_site.datasets import service as datasets
from carrel_site.events.wakeups import announce
from carrel_site.outputs import held
from carrel_site.outputs import service as outputs
from carrel_site.requests import states
from carrel_site.runs import clock, repository
from carrel_site.runs.ends import COMMIT_MARGIN, finish
from carrel_site.runs.errors import ClaimLost, Refused
from carrel_site.runs.jobs import job_of
from carrel_site.runs.models import FailuresExcused, Run
from carrel_site.runs.queueing import queue_ingest
from carrel_site.runs.workers import WorkerIdentity
from carrel_site.site import Site

CELL_MARGIN = timedelta(microseconds=1)
"""More of the margin for each value of an answer: some 50 bytes of it to flush, at 50 MB/s."""


ALONE = frozenset({"black_box"})
"""The queues of a worker that has its machine for black boxes alone."""
HELD_MARGIN = timedelta(milliseconds=100)
"""Of the margin for what code returned: a row a reviewer is written and told, too."""


def claim(
    session: Session, site: Site, worker: WorkerIdentity, run_id: str, asked: ClaimRequest
) -> Job | None:
    """Give the run to a worker under a new epoch; None when it had to be failed instead.

    Raises `ClaimLost` when there is nothing to claim.
    """
    run = repository.lock(session, run_id)
    if run is None:
        raise NotFound("There is no such run.")
    if run.queue not in worker.queues:
        raise Forbidden(f"This worker does not serve the queue '{run.queue}'.")
    if site.settings.black_box_exclusive and run.kind == "black_box" and worker.queues != ALONE:
        # Nobody may have read it: beside it nothing runs that a researcher could watch.
        raise Forbidden(
            "Black boxes have workers of their own here (CARREL_BLACK_BOX_EXCLUSIVE), and this one "
            "serves other queues too."
        )
    if run.state != RunState.QUEUED.value:
        raise ClaimLost(f"The run is {run.state}.")
    if (asked.protocol_version, asked.mechanism_version) != (PROTOCOL_VERSION, MECHANISM_VERSION):
        raise Conflict("This worker's version is not the site's; bring both to the same release.")
    at = now()
    token = secrets.token_urlsafe(32)
    run.state = states.step(states.RUN, run.state, RunState.CLAIMED, "run")
    run.epoch += 1
    run.attempts_left -= 1
    run.worker_id = worker.id
    run.claim_token_hash = digest_secret(token)
    run.lease_until = at + timedelta(seconds=site.settings.worker_lease_seconds)
    run.claimed_at = run.claimed_at or at
    record(session, worker.id, "run.claimed", run.id, epoch=run.epoch)
    try:
        return job_of(session, site, run, token)
    except Refused as refused:
        # It is not what was approved, or not allowed any more: nothing runs, and the owner is told.
        record(session, SITE, "run.refused", run.id, reason=str(refused))
        if run.version_id is not None:
            datasets.version_failed(session, site, run.version_id, str(refused))
        finish(session, run, RunState.FAILED, at, failure=str(refused))
        return None
    finally:
        if run.epoch == 1:
            announce(session, run.id, clock.next_change(run, at))


def heartbeat(
    session: Session, site: Site, worker: WorkerIdentity, run_id: str, beat: Heartbeat
) -> HeartbeatReply:
    """Extend the lease. Tells the worker when its run was cancelled.

    Raises `ClaimLost` for a query that has hung: its lease then runs out, and it fails.
    """
    run = repository.lock(session, run_id)
    if (
        run is not None
        and run.state == RunState.CANCELLED.value
        and _holds(run, worker, beat.epoch, beat.claim_token)
    ):
        return HeartbeatReply(cancelled=True)
    run = _held(run, worker, beat.epoch, beat.claim_token)
    at = now()
    if clock.is_hung(run, at):
        raise ClaimLost("This run has gone on for longer than it may.")
    if run.state == RunState.CLAIMED.value:
        run.state = states.step(states.RUN, run.state, RunState.RUNNING, "run")
    run.lease_until = at + timedelta(seconds=site.settings.worker_lease_seconds)
    if run.kind == "ingest" and beat.progress is not None:
        run.progress = beat.progress
    return HeartbeatReply(cancelled=False)


def query_succeeded(
    session: Session, worker: WorkerIdentity, run_id: str, result: QuerySucceeded
) -> None:
    """Record the run's one output, to be shown when its rung comes."""
    run = _held(repository.lock(session, run_id), worker, result.epoch, result.claim_token)
    _expect(run, result.kind)
    run.cpu_ms, run.wall_ms = result.cpu_ms, result.wall_ms
    # Whatever made the execution longer than its deadline, a busy machine included: the answer
    # then shows at a later rung, and the next ones are to start higher.
    run.overran = max(result.cpu_ms, result.wall_ms) > run.deadline_ms
    outputs.record_answer(session, run, result.answer, now())
    # The rung is chosen once the answer is written, so that only the commit is left to do.
    cells = len(result.answer.keys) * len(result.answer.measures)
    finish(session, run, RunState.SUCCEEDED, now(), margin=COMMIT_MARGIN + cells * CELL_MARGIN)


def black_box_succeeded(
    session: Session, worker: WorkerIdentity, run_id: str, result: BlackBoxSucceeded
) -> None:
    """Record a black box's one output, to be shown when its rung comes."""
    run = _held(repository.lock(session, run_id), worker, result.epoch, result.claim_token)
    _expect(run, result.kind)
    run.cpu_ms, run.wall_ms = result.cpu_ms, result.wall_ms
    run.overran = result.wall_ms > run.deadline_ms
    outputs.record_answer(session, run, result.answer, now())
    cells = len(result.answer.values)
    finish(session, run, RunState.SUCCEEDED, now(), margin=COMMIT_MARGIN + cells * CELL_MARGIN)


def ingest_succeeded(
    session: Session, site: Site, worker: WorkerIdentity, run_id: str, result: IngestSucceeded
) -> None:
    """Make the laid-out version answerable."""
    run = _held(repository.lock(session, run_id), worker, result.epoch, result.claim_token)
    _expect(run, result.kind)
    assert run.version_id is not None
    datasets.version_ready(session, site, run.version_id, result)
    # What was uploaded as a mock before there was anything to compare it with.
    waiting = mock_uploads.to_compare(session, run.version_id)
    if waiting is not None:
        queue_ingest(session, site, waiting)
    run.progress = 1.0
    finish(session, run, RunState.SUCCEEDED, now())


def mock_succeeded(
    session: Session, site: Site, worker: WorkerIdentity, run_id: str, result: MockSucceeded
) -> None:
    """Keep a mock that fits the table, with how its rows compare with private ones."""
    run = _held(repository.lock(session, run_id), worker, result.epoch, result.claim_token)
    _expect(run, "ingest")
    assert run.version_id is not None
    mock_uploads.compared(session, site, run.version_id, run.compared_with, result)
    run.progress = 1.0
    finish(session, run, RunState.SUCCEEDED, now())


def code_ended(
    session: Session, site: Site, worker: WorkerIdentity, run_id: str, result: CodeEnded
) -> None:
    """Hold what approved code returned until people have looked at it.

    Nothing here is logged or told but to those people: that it has ended is not public yet.
    """
    run = _held(repository.lock(session, run_id), worker, result.epoch, result.claim_token)
    _expect(run, result.kind)
    run.cpu_ms, run.wall_ms = result.report.cpu_ms, result.report.wall_ms
    assert run.claimed_at is not None
    at = now()
    took = at - run.claimed_at
    run.overran = took > timedelta(milliseconds=run.deadline_ms)
    held.record_code(session, site, run, result, at)
    finish(session, run, RunState.SUCCEEDED, now(), margin=HELD_MARGIN)


def mock_code_ended(
    session: Session, worker: WorkerIdentity, run_id: str, result: MockCodeEnded
) -> None:
    """Keep what a program made of made-up rows, for whoever tried it."""
    run = _held(repository.lock(session, run_id), worker, result.epoch, result.claim_token)
    _expect(run, result.kind)
    run.cpu_ms, run.wall_ms = result.report.cpu_ms, result.report.wall_ms
    mocking.keep(session, run.id, result)
    finish(session, run, RunState.SUCCEEDED, now())


def failed(
    session: Session, site: Site, worker: WorkerIdentity, run_id: str, failure: Failed
) -> None:
    """End a run that failed: charged, shown at its deadline, its reason for the owner alone."""
    run = _held(repository.lock(session, run_id), worker, failure.epoch, failure.claim_token)
    if run.version_id is not None:
        datasets.version_failed(session, site, run.version_id, failure.reason)
    finish(session, run, RunState.FAILED, now(), failure=failure.reason)


def excuse_failures(session: Session, account_id: str, reason: str, actor: str) -> None:
    """Let an account ask again after too many failures: those so far no longer count."""
    session.add(
        FailuresExcused(id=new_id("exc"), account_id=account_id, by=actor, reason=reason, at=now())
    )
    record(session, actor, "failures.excused", account_id, reason=reason)


def _holds(run: Run, worker: WorkerIdentity, epoch: int, token: str) -> bool:
    return (
        run.worker_id == worker.id
        and run.epoch == epoch
        and run.claim_token_hash is not None
        and same(run.claim_token_hash, digest_secret(token))
    )


def _held(run: Run | None, worker: WorkerIdentity, epoch: int, token: str) -> Run:
    """The run, if this worker still holds it under this epoch and token."""
    if (
        run is None
        or run.state not in (RunState.CLAIMED.value, RunState.RUNNING.value)
        or not _holds(run, worker, epoch, token)
    ):
        raise ClaimLost("This claim is over: the run has ended or another worker has it.")
    return run


def _expect(run: Run, kind: str) -> None:
    """Refuse a result of another kind than the run's."""
    if run.kind != kind:
        raise Conflict(f"This is the result of a run of kind '{kind}'; the run is '{run.kind}'.")
