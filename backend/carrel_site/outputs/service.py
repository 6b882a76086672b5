"""Recording a run's one output, and withholding it."""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from carrel_protocol.answers import QueryAnswer
from carrel_protocol.api.requests import OutputState
from carrel_protocol.canonical import tagged_hash
from carrel_site.audit.log import exact
from carrel_site.core.db import insert_rows
from carrel_site.outputs.models import Output
from carrel_site.requests import states
from carrel_site.runs.models import Run


class Tampered(Exception):
    """What is stored is not what was approved. Its run fails closed."""


def record_answer(session: Session, run: Run, answer: QueryAnswer, at: datetime) -> None:
    """Record a private answer.

    It is released by the mechanism that made it, and shows once its run is closed.
    """
    body = answer.model_dump(mode="json")
    output = Output(
        run_id=run.id,
        state=OutputState.RELEASED.value,
        epoch=run.epoch,
        answer=body,
        digest=tagged_hash("answer/1", exact(body)),
        recorded_at=at,
    )
    insert_rows(session, [output])


_OF_RUN = select(Output).where(Output.run_id == bindparam("run_id"))


def of_run(session: Session, run_id: str) -> Output | None:
    return session.scalars(_OF_RUN, {"run_id": run_id}).one_or_none()


def withhold(session: Session, run_id: str) -> str | None:
    """Make sure that a run's output, if it has one, is never shown; returns its digest."""
    output = of_run(session, run_id)
    if output is None:
        return None
    output.state = states.step(states.OUTPUT, output.state, OutputState.WITHHELD, "output")
    return output.digest
