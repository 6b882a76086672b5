"""How a run ends, and when that shows.

The end of a private run is recorded at once and public at a rung of its clock: until then nothing
that others can see, its charge and its place in the log included, tells that it has ended.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RunState
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.datasets import service as datasets
from carrel_site.events import changes, notices
from carrel_site.events.kinds import Kind
from carrel_site.events.wakeups import announce
from carrel_site.ledger import service as ledger
from carrel_site.outputs import decisions
from carrel_site.outputs import service as outputs
from carrel_site.outputs.models import Output
from carrel_site.pricing.deadlines import visible_at
from carrel_site.requests import states
from carrel_site.runs import clock
from carrel_site.runs.models import Run
from carrel_site.runs.queueing import ATTEMPTS, publish
from carrel_site.site import Site

COMMIT_MARGIN = timedelta(milliseconds=2)
"""An end counts for a rung only if it was known this long before, so that it is committed by it."""


OPEN_KINDS = ("ingest", "mock_code")
"""Runs of which nothing waits for a public time: an upload's, which is the owner's alone, and one
on made-up rows, of which nothing is private."""


def finish(
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
    if run.kind in OPEN_KINDS:
        run.visible_at = at
        record(session, run.worker_id or SITE, f"run.{state.value}", run.id)
        _show(session, run)
        return
    assert run.claimed_at is not None
    run.visible_at = visible_at(run.claimed_at, run.deadline_ms, at, margin)


def close(session: Session, site: Site, run: Run) -> Output | None:
    """Make the end of a run (locked) public, once its rung has come: settle, log, show.

    All that others can see of an end, its charge and its place in the log included, happens
    here and so at a public time. Nothing is shown that is not settled and logged. What people
    decided of a held output before takes effect here too. Returns the run's output, if its end
    is public and it has one.
    """
    if run.closed_at is None and not clock.is_due(run, now()):
        return None
    output = outputs.of_run(session, run.id)
    if run.closed_at is not None:
        return output
    detail: dict[str, Any] = {"epoch": run.epoch, "entries": ledger.settle(session, run.id)}
    if output is None:
        record(session, SITE, "run.failed", run.id, **detail)
    elif run.kind == "code":
        record(session, SITE, "output.held", run.id, **detail, answer=output.digest)
    else:
        record(session, SITE, "output.released", run.id, **detail, answer=output.digest)
    run.closed_at = now()  # whoever waits has the same clock: nobody needs to be woken
    _tell_end(session, run)
    if output is not None and run.kind == "code":
        decisions.settle(session, site, run, output)
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
    if run.kind == "code":  # whether or not it had ended: the two take the same statements
        notices.resolve(session, run.id, Kind.OUTPUT_HELD)
    record(session, actor, "run.cancelled", run.id, **detail)
    _show(session, run)


def cancel_ingest(session: Session, run: Run, actor: str) -> None:
    """End an ingest run (locked) that has not ended; its worker is told at its next heartbeat."""
    at = now()
    run.state = states.step(states.RUN, run.state, RunState.CANCELLED, "run")
    run.finished_at = run.visible_at = at
    record(session, actor, "run.cancelled", run.id)
    _show(session, run)


def expire(session: Session, site: Site, run: Run) -> None:
    """End a run (locked) that no worker took: refunded, unless one had claimed it before."""
    at = now()
    if run.version_id is not None:
        datasets.version_failed(session, site, run.version_id, "No worker took the upload in time.")
    if run.epoch > 0:
        finish(session, run, RunState.FAILED, at, failure="No worker took it up again.")
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
        datasets.version_failed(session, site, run.version_id, reason)
    finish(session, run, RunState.FAILED, at, failure=reason)


def _show(session: Session, run: Run) -> None:
    run.closed_at = now()
    announce(session, run.id)
    if run.request_id is not None:
        _tell_end(session, run)


def _tell_end(session: Session, run: Run) -> None:
    """Tell of a private run's end in the transaction that makes it public, and in no other."""
    notices.run_ended(session, run, changes.run_ended(session, run))
