"""Recording a run's one output, and withholding it."""

from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from carrel_protocol.answers import QueryAnswer
from carrel_protocol.api.requests import OutputState
from carrel_protocol.black_box import BlackBoxAnswer
from carrel_protocol.canonical import tagged_hash
from carrel_site.audit.log import exact
from carrel_site.core.db import insert_rows
from carrel_site.outputs.models import Output
from carrel_site.requests import states
from carrel_site.runs.models import Run


def record_answer(
    session: Session, run: Run, answer: QueryAnswer | BlackBoxAnswer, at: datetime
) -> None:
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


_OF_RUN = select(Output).where(Output.run_id == bindparam("run"))


def of_run(session: Session, run_id: str) -> Output | None:
    """A run's output, answer and all; None when it has none."""
    return session.scalars(_OF_RUN, {"run": run_id}).one_or_none()


_WITHHOLD = (
    update(Output)
    .where(
        Output.run_id == bindparam("run"),
        # As `states.step` would have it. Of a run that has not publicly ended nobody has decided.
        Output.state.in_(
            state.value
            for state, targets in states.OUTPUT.items()
            if OutputState.WITHHELD in targets
        ),
    )
    .values(state=OutputState.WITHHELD.value)
    .returning(Output.digest)
)


def withhold(session: Session, run_id: str) -> str | None:
    """Make sure that a run's output, if it has one, is never shown; returns its digest.

    One statement whether or not there is an output, and the answer is not read: how long a
    cancellation takes must not tell whether the run had ended.
    """
    return session.connection().execute(_WITHHOLD, {"run": run_id}).scalar_one_or_none()
