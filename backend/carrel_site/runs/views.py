"""Runs as they are shown: to researchers by the public clock, to the owner as they are."""

from datetime import datetime

from sqlalchemy.orm import Session

from carrel_protocol.answers import QueryAnswer
from carrel_protocol.api.common import Person, SignedHead
from carrel_protocol.api.requests import OutputState, Run, RunDiagnostics, RunState, RunSummary
from carrel_protocol.black_box import BlackBoxAnswer
from carrel_site.audit.anchors import signed_head
from carrel_site.core.security import Signer
from carrel_site.outputs.models import Output
from carrel_site.runs import clock, models, repository
from carrel_site.runs.listing import Listed


def public(
    run: models.Run, output: Output | None, at: datetime, receipt: SignedHead | None = None
) -> Run:
    """The run on its public clock, with its answer and receipt once those are visible."""
    shown = output if output is not None and answers(run, output) else None
    boxed = run.kind == "black_box"
    out = output is not None and has_left(run, output)
    return Run(
        id=run.id,
        request_id=run.request_id or "",
        state=clock.public_state(run),
        progress=clock.progress(run, at),
        queued_at=run.queued_at,
        deadline_ms=run.deadline_ms,
        finished_at=_public_end(run),
        answer=QueryAnswer.model_validate(shown.answer) if shown and not boxed else None,
        black_box=BlackBoxAnswer.model_validate(shown.answer) if shown and boxed else None,
        receipt=receipt if out else None,
        output=output_state(run, output),
    )


def summary(row: Listed, at: datetime, *, as_it_is: bool) -> RunSummary:
    """A row of the list of runs; unless `as_it_is`, nothing of it is ahead of the public clock."""
    run = row.run
    requester = None
    if row.requester_id is not None:
        requester = Person(
            id=row.requester_id, name=row.requester_name or "", email=row.requester_email or ""
        )
    return RunSummary(
        id=run.id,
        kind=run.kind,
        state=RunState(run.state) if as_it_is else clock.public_state(run),
        request_id=run.request_id,
        version_id=run.version_id,
        dataset=row.dataset,
        requester=requester,
        purpose=row.purpose or "",
        progress=clock.progress(run, at),
        queued_at=run.queued_at,
        finished_at=run.finished_at if as_it_is else _public_end(run),
        deadline_ms=run.deadline_ms,
        overran=run.overran if as_it_is else None,
    )


def _public_end(run: models.Run) -> datetime | None:
    return run.visible_at if clock.is_public(run) else None


def output_state(run: models.Run, output: Output | None) -> OutputState | None:
    """What became of what code returned; None until its end is public, and of a question."""
    return output_state_of(run, None if output is None else output.state)


def output_state_of(run: models.Run, state: str | None) -> OutputState | None:
    """The same, from the output's state alone."""
    if state is None or run.kind != "code" or not clock.is_public(run):
        return None
    return OutputState(state) if run.state == RunState.SUCCEEDED.value else None


def answers(run: models.Run, output: Output) -> bool:
    """Whether the output is the run's answer and may be seen."""
    return output.answer is not None and has_left(run, output)


def has_left(run: models.Run, output: Output) -> bool:
    """Whether the output may be seen, or what people released of it."""
    return (
        clock.is_public(run)
        and run.state == RunState.SUCCEEDED.value
        and output.state == OutputState.RELEASED.value
    )


def diagnostics(run: models.Run) -> RunDiagnostics:
    """Everything about a run, for the owner and the auditor."""
    return RunDiagnostics(
        id=run.id,
        kind=run.kind,
        state=RunState(run.state),
        request_id=run.request_id,
        version_id=run.version_id,
        epoch=run.epoch,
        attempts_left=run.attempts_left,
        worker_id=run.worker_id,
        progress=run.progress,
        queued_at=run.queued_at,
        claimed_at=run.claimed_at,
        lease_until=run.lease_until,
        finished_at=run.finished_at,
        visible_at=run.visible_at,
        deadline_ms=run.deadline_ms,
        cpu_ms=run.cpu_ms,
        wall_ms=run.wall_ms,
        overran=run.overran,
        failure=run.failure,
    )


def receipt(
    session: Session, signer: Signer, run: models.Run, output: Output | None
) -> SignedHead | None:
    """The signed place in the log of the event that released the run's answer."""
    if output is None or not has_left(run, output):
        return None
    event = repository.recorded_event(session, run.id)
    return None if event is None else signed_head(signer, event.sequence, event.hash, event.at)
