"""Queueing, claiming and ending runs.

The row is the truth and the queue only carries its id: whatever is lost, the reaper tells again.
A claim raises the run's fencing epoch; only who holds the current epoch and its random token can
report, so a run that executes twice still has one output and one charge.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from carrel_protocol import PROTOCOL_VERSION
from carrel_protocol.api.requests import RunState
from carrel_protocol.canonical import tagged_hmac
from carrel_protocol.jobs import (
    ClaimRequest,
    Failed,
    Heartbeat,
    HeartbeatReply,
    IngestJob,
    IngestSucceeded,
    QueryContent,
    QueryJob,
    QuerySucceeded,
    StorageGrant,
)
from carrel_protocol.privacy import MECHANISM_VERSION
from carrel_protocol.schema import TableSchema
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.db import after_commit, insert_rows
from carrel_site.core.errors import Conflict, Forbidden, NotFound
from carrel_site.core.ids import new_id
from carrel_site.core.security import digest_secret, same
from carrel_site.datasets import repository as dataset_rows
from carrel_site.datasets import service as datasets
from carrel_site.datasets.models import DatasetVersion
from carrel_site.events import changes, notices
from carrel_site.events.wakeups import announce
from carrel_site.ledger import service as ledger
from carrel_site.outputs import service as outputs
from carrel_site.outputs.models import Output
from carrel_site.pricing.deadlines import visible_at
from carrel_site.requests import states
from carrel_site.requests.models import Request
from carrel_site.runs import clock, repository
from carrel_site.runs.errors import ClaimLost, Tampered
from carrel_site.runs.models import FailuresExcused, Run
from carrel_site.runs.workers import WorkerIdentity
from carrel_site.site import Site

ATTEMPTS = 3
"""Fixed: retries never depend on what was read."""
COMMIT_MARGIN = timedelta(milliseconds=2)
"""An end counts for a rung only if it was known this long before, so that it is committed by it."""
CELL_MARGIN = timedelta(microseconds=1)
"""More of that for each value of an answer: some 50 bytes of it to flush, at 50 MB/s."""
CHARGED_ACCOUNTS = 2
"""The researcher's and the population's own."""
QUERY_GRANT_SECONDS = 60.0
INGEST_GRANT_SECONDS = 6 * 3600.0


def queue_query(
    session: Session, site: Site, request: Request, account_id: str, deadline_ms: int
) -> Run:
    """A run for an approved request, published once the transaction commits."""
    return _queue(
        session,
        site,
        Run(
            kind="query",
            queue="query",
            request_id=request.id,
            account_id=account_id,
            deadline_ms=deadline_ms,
        ),
    )


def queue_ingest(session: Session, site: Site, version: DatasetVersion) -> Run:
    """A run that lays out an uploaded version."""
    return _queue(
        session, site, Run(kind="ingest", queue="ingest", version_id=version.id, deadline_ms=0)
    )


def claim(
    session: Session, site: Site, worker: WorkerIdentity, run_id: str, asked: ClaimRequest
) -> QueryJob | IngestJob | None:
    """Give the run to a worker under a new epoch; None when it had to be failed instead.

    Raises `ClaimLost` when there is nothing to claim.
    """
    run = repository.lock(session, run_id)
    if run is None:
        raise NotFound("There is no such run.")
    if run.queue not in worker.queues:
        raise Forbidden(f"This worker does not serve the queue '{run.queue}'.")
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
    job = _query_job if run.kind == "query" else _ingest_job
    try:
        return job(session, site, run, token)
    except Tampered as tampered:
        # What was approved is not what is stored: nothing runs, and the owner is told.
        record(session, SITE, "run.refused", run.id, reason=str(tampered))
        _finish(session, run, RunState.FAILED, at, failure=str(tampered))
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
    _finish(session, run, RunState.SUCCEEDED, now(), margin=COMMIT_MARGIN + cells * CELL_MARGIN)


def ingest_succeeded(
    session: Session, site: Site, worker: WorkerIdentity, run_id: str, result: IngestSucceeded
) -> None:
    """Make the laid-out version answerable."""
    run = _held(repository.lock(session, run_id), worker, result.epoch, result.claim_token)
    _expect(run, result.kind)
    assert run.version_id is not None
    datasets.version_ready(session, site, run.version_id, result)
    run.progress = 1.0
    _finish(session, run, RunState.SUCCEEDED, now())


def failed(session: Session, worker: WorkerIdentity, run_id: str, failure: Failed) -> None:
    """End a run that failed: charged, shown at its deadline, its reason for the owner alone."""
    run = _held(repository.lock(session, run_id), worker, failure.epoch, failure.claim_token)
    if run.version_id is not None:
        datasets.version_failed(session, run.version_id, failure.reason)
    _finish(session, run, RunState.FAILED, now(), failure=failure.reason)


def close(session: Session, run: Run) -> Output | None:
    """Make the end of a run (locked) public, once its rung has come: settle, log, show.

    All that others can see of an end, its charge and its place in the log included, happens
    here and so at a public time. Nothing is shown that is not settled and logged. Returns the
    run's output, if its end is public and it has one.
    """
    if run.closed_at is None and not clock.is_due(run, now()):
        return None
    output = outputs.of_run(session, run.id)
    if run.closed_at is not None:
        return output
    detail: dict[str, Any] = {"epoch": run.epoch, "entries": ledger.settle(session, run.id)}
    if output is not None:
        record(session, SITE, "output.released", run.id, **detail, answer=output.digest)
    else:
        record(session, SITE, "run.failed", run.id, **detail)
    run.closed_at = now()  # whoever waits has the same clock: nobody needs to be woken
    _tell_end(session, run)
    return output


def cancel(session: Session, run: Run, actor: str) -> None:
    """Cancel a run (locked) that has not publicly ended.

    Unclaimed, it is refunded. Claimed, it stays charged and any output is withheld unread,
    whether or not it had already ended: to its researcher the two look the same.
    """
    if run.closed_at is not None:
        raise states.InvalidTransition(f"This run has ended: it is {run.state}.")
    unclaimed = run.epoch == 0
    run.state = states.step(states.RUN, run.state, RunState.CANCELLED, "run")
    run.finished_at = run.finished_at or now()
    run.visible_at = now()
    entries = (ledger.refund if unclaimed else ledger.settle)(session, run.id)
    detail: dict[str, Any] = {"refunded": unclaimed, "entries": entries}
    withheld = outputs.withhold(session, run.id)
    if withheld is not None:
        detail["answer"] = withheld
    record(session, actor, "run.cancelled", run.id, **detail)
    _show(session, run)


def expire(session: Session, run: Run) -> None:
    """End a run (locked) that no worker took: refunded, unless one had claimed it before."""
    at = now()
    if run.version_id is not None:
        datasets.version_failed(session, run.version_id, "No worker took the upload in time.")
    if run.epoch > 0:
        _finish(session, run, RunState.FAILED, at, failure="No worker took it up again.")
        return
    run.state = states.step(states.RUN, run.state, RunState.EXPIRED, "run")
    run.finished_at = run.visible_at = at
    entries = ledger.refund(session, run.id)
    record(session, SITE, "run.expired", run.id, entries=entries)
    _show(session, run)


def lease_lost(session: Session, site: Site, run: Run) -> None:
    """Put a run (locked) whose worker fell silent back on the queue, or fail it.

    It fails after its last attempt, and when it has hung: another attempt would hang too.
    """
    at = now()
    if run.lease_until is None or run.lease_until >= at:
        return
    worker = run.worker_id
    run.claim_token_hash = None
    hung = clock.is_hung(run, at)
    if run.attempts_left > 0 and not hung:
        run.state = states.step(states.RUN, run.state, RunState.QUEUED, "run")
        record(session, SITE, "run.requeued", run.id, worker=worker, epoch=run.epoch)
        publish(session, site, run)
        return
    reason = "It did not end." if hung else f"The worker fell silent {ATTEMPTS} times."
    if run.version_id is not None:
        datasets.version_failed(session, run.version_id, reason)
    _finish(session, run, RunState.FAILED, at, failure=reason)


def publish(session: Session, site: Site, run: Run) -> None:
    """Tell the workers of a run (locked) that waits, once the transaction has committed."""
    run.published_at = now()
    run_id, queue = run.id, run.queue
    after_commit(session, lambda: site.broker.publish(queue, run_id))


def excuse_failures(session: Session, account_id: str, reason: str, actor: str) -> None:
    """Let an account ask again after too many failures: those so far no longer count."""
    session.add(
        FailuresExcused(id=new_id("exc"), account_id=account_id, by=actor, reason=reason, at=now())
    )
    record(session, actor, "failures.excused", account_id, reason=reason)


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


def _finish(
    session: Session,
    run: Run,
    state: RunState,
    at: datetime,
    *,
    failure: str | None = None,
    margin: timedelta = COMMIT_MARGIN,
) -> None:
    """End a run. Nothing of a private run's end shows before `close`, at a rung of its clock."""
    run.state = states.step(states.RUN, run.state, state, "run")
    run.finished_at = at
    run.failure = failure
    if run.kind == "ingest":
        run.visible_at = at
        record(session, run.worker_id or SITE, f"run.{state.value}", run.id)
        _show(session, run)
        return
    assert run.claimed_at is not None
    run.visible_at = visible_at(run.claimed_at, run.deadline_ms, at, margin)


def _show(session: Session, run: Run) -> None:
    run.closed_at = now()
    announce(session, run.id)
    if run.request_id is not None:
        _tell_end(session, run)


def _tell_end(session: Session, run: Run) -> None:
    """Tell of a private run's end in the transaction that makes it public, and in no other."""
    notices.run_ended(session, run, changes.run_ended(session, run))


def _query_job(session: Session, site: Site, run: Run, token: str) -> QueryJob:
    assert run.request_id is not None
    approved = repository.approved(session, run.request_id, run.id)
    if approved is None:
        raise Tampered("The stored content names no version that there is.")
    request, version = approved.request, approved.version
    content = QueryContent.model_validate(request.content)
    if content.content_hash() != request.content_hash:
        raise Tampered("The request's content does not match the hash that was approved.")
    if not approved.logged:
        raise Tampered("The log names no approval of the request's content.")
    if approved.held != CHARGED_ACCOUNTS:
        raise Tampered("The run's charge is not reserved at both accounts.")
    grant = _grant(site, version.id, version.digest, version.size)
    commitment = tagged_hmac(
        site.settings.site_key, "data-commitment/1", [version.id, version.digest]
    )
    if not same(commitment, content.data_commitment):
        raise Tampered("The stored version is not the one that was approved.")
    return QueryJob(
        run_id=run.id,
        epoch=run.epoch,
        claim_token=token,
        lease_seconds=site.settings.worker_lease_seconds,
        deadline_ms=run.deadline_ms,
        content=content,
        content_hash=request.content_hash,
        data=grant,
    )


def _ingest_job(session: Session, site: Site, run: Run, token: str) -> IngestJob:
    version = session.get_one(DatasetVersion, run.version_id)
    table = dataset_rows.table_at(session, version.dataset_id, version.revision)
    source = site.storage.grant(site.storage.upload_path(version.id), INGEST_GRANT_SECONDS)
    assert version.source_digest is not None
    assert version.source_size is not None
    return IngestJob(
        run_id=run.id,
        epoch=run.epoch,
        claim_token=token,
        lease_seconds=site.settings.worker_lease_seconds,
        version_id=version.id,
        source_format=version.source_format,
        table=TableSchema.model_validate(table),
        source=StorageGrant(
            path=source,
            digest=version.source_digest,
            size=version.source_size,
            expires_at=now().timestamp() + INGEST_GRANT_SECONDS,
        ),
        target_path=site.storage.version_path(version.id),
    )


def _grant(site: Site, version_id: str, digest: str | None, size: int | None) -> StorageGrant:
    if digest is None or size is None:
        raise Tampered("The stored version has no digest.")
    try:
        path = site.storage.grant(site.storage.version_path(version_id), QUERY_GRANT_SECONDS)
    except FileNotFoundError:
        raise Tampered("The stored version's file is gone.") from None
    return StorageGrant(
        path=path, digest=digest, size=size, expires_at=now().timestamp() + QUERY_GRANT_SECONDS
    )


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
