"""Recording a run's one output, and withholding it."""

from datetime import datetime

from sqlalchemy import select
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


def record_answer(session: Session, run: Run, answer: QueryAnswer, at: datetime) -> str:
    """Record a private answer and return its digest.

    It is released by the mechanism that made it, and shows from the run's `visible_at` on.
    """
    body = answer.model_dump(mode="json")
    digest = tagged_hash("answer/1", exact(body))
    output = Output(
        run_id=run.id,
        state=OutputState.RELEASED.value,
        epoch=run.epoch,
        answer=body,
        digest=digest,
        recorded_at=at,
    )
    insert_rows(session, [output])
    return digest


def withhold(session: Session, run_id: str) -> None:
    """Make sure that a run's output, if it has one, is never shown."""
    output = session.scalars(select(Output).where(Output.run_id == run_id)).one_or_none()
    if output is not None:
        output.state = states.step(states.OUTPUT, output.state, OutputState.WITHHELD, "output")
