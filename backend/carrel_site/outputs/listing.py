"""Lists of what code returned: which ones, in which order, and what a row shows.

A page is chosen first, by an index of outputs; what a row shows besides is joined to those few. Of
the program, which is large, its entry alone is read.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, func, literal, literal_column, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from carrel_protocol.api.code import HeldSummary
from carrel_protocol.api.common import Person
from carrel_protocol.api.requests import OutputState, RunState
from carrel_protocol.code import Entry
from carrel_site.accounts.models import User
from carrel_site.code import programs
from carrel_site.core.db import inline
from carrel_site.core.models import Timestamp
from carrel_site.datasets import repository as datasets
from carrel_site.datasets.models import Dataset
from carrel_site.outputs import held
from carrel_site.outputs.models import Output, OutputVote
from carrel_site.requests.models import Request
from carrel_site.runs.models import Run

_GRAVITY: tuple[Literal["alarm", "warning", "note"], ...] = ("alarm", "warning", "note")
_LEVELS: ColumnElement[list[str]] = literal_column(
    "jsonb_path_query_array(outputs.findings, '$[*].level')", type_=JSONB
)
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which outputs: every condition that is set must hold."""

    caller_id: str
    """Whose own are never among them."""
    states: tuple[OutputState, ...] = ()
    mine_to_decide: bool = False
    """Held, and without the caller's vote."""
    dataset: str | None = None
    requester: str | None = None
    oldest_first: bool = False


class Listed(NamedTuple):
    """A row of a list."""

    run_id: str
    request_id: str
    state: str
    requester_id: str
    requester_name: str
    requester_email: str
    dataset: str
    purpose: str
    entry: dict[str, Any]
    items: int
    levels: list[str] | None
    ending: str | None
    votes_needed: int
    voted: bool
    recorded_at: datetime
    dataset_ids: list[str]


def page(
    session: Session, wanted: Wanted, after: tuple[datetime, str] | None, limit: int
) -> list[Listed]:
    """At most `limit` outputs of code behind `after`."""
    conditions = _conditions(session, wanted)
    if conditions is None:
        return []
    position = tuple_(Output.recorded_at, Output.run_id)
    if after is not None:
        place = tuple_(literal(after[0], Timestamp), after[1])
        conditions.append(position > place if wanted.oldest_first else position < place)
    chosen = (
        select(Output.run_id)
        .join(Run, Run.id == Output.run_id)
        .join(Request, Request.id == Run.request_id)
        .where(*conditions)
        .order_by(*_order(wanted))
        .limit(limit)
        .subquery("chosen")
    )
    query = (
        select(
            Output.run_id,
            Request.id,
            Output.state,
            User.id,
            User.name,
            User.email,
            Dataset.name,
            Request.purpose,
            Request.content["entry"],
            func.jsonb_array_length(Output.items),
            _LEVELS,
            Output.report["ending"].as_string(),
            Output.votes_needed,
            _voted(wanted.caller_id),
            Output.recorded_at,
            func.array_append(Request.also_datasets, Request.dataset_id),
        )
        .join(chosen, chosen.c.run_id == Output.run_id)
        .join(Run, Run.id == Output.run_id)
        .join(Request, Request.id == Run.request_id)
        .join(Dataset, Dataset.id == Request.dataset_id)
        .join(User, User.id == Request.requester_id)
        .order_by(*_order(wanted))
    )
    return _by_present_rules(session, [Listed(*row) for row in session.execute(query)])


def _by_present_rules(session: Session, rows: list[Listed]) -> list[Listed]:
    """Of what is held: rules that became stricter count."""
    waiting = [row for row in rows if row.state == OutputState.HELD]
    if not waiting:
        return rows
    rules = held.policies(session, (each for row in waiting for each in row.dataset_ids))

    def needed(row: Listed) -> int:
        now = held.rule([rules[each] for each in row.dataset_ids])
        return max(row.votes_needed, now.votes)

    return [
        row._replace(votes_needed=needed(row)) if row.state == OutputState.HELD else row
        for row in rows
    ]


def summary(row: Listed) -> HeldSummary:
    return HeldSummary(
        run_id=row.run_id,
        request_id=row.request_id,
        state=OutputState(row.state),
        requester=Person(id=row.requester_id, name=row.requester_name, email=row.requester_email),
        dataset=row.dataset,
        purpose=row.purpose,
        title=programs.title(_ENTRY.validate_python(row.entry)),
        items=row.items,
        worst=next((level for level in _GRAVITY if level in (row.levels or ())), None),
        ending=row.ending or "",
        votes_needed=row.votes_needed,
        voted=row.voted,
        recorded_at=row.recorded_at,
    )


def _order(wanted: Wanted) -> tuple[Any, Any]:
    if wanted.oldest_first:
        return Output.recorded_at, Output.run_id
    return Output.recorded_at.desc(), Output.run_id.desc()


def _voted(caller_id: str) -> ColumnElement[bool]:
    return (
        select(OutputVote.id)
        .where(OutputVote.run_id == Output.run_id, OutputVote.reviewer_id == caller_id)
        .correlate(Output)
        .exists()
    )


def _conditions(session: Session, wanted: Wanted) -> list[ColumnElement[bool]] | None:
    """What must hold of an output; None when nothing can be found."""
    conditions: list[ColumnElement[bool]] = [
        Output.items.is_not(None),
        Run.state == inline(RunState.SUCCEEDED.value),
        Request.requester_id != wanted.caller_id,
    ]
    if wanted.states:
        conditions.append(Output.state.in_([inline(state.value) for state in wanted.states]))
    if wanted.mine_to_decide:
        held = Output.state == inline(OutputState.HELD.value)
        conditions += [held, ~_voted(wanted.caller_id)]
    if wanted.dataset is not None:
        dataset = datasets.dataset(session, wanted.dataset)
        if dataset is None:
            return None
        conditions.append(
            (Request.dataset_id == dataset.id) | Request.also_datasets.contains([dataset.id])
        )
    if wanted.requester is not None:
        user = datasets.user(session, wanted.requester)
        if user is None:
            return None
        # Theirs for code alone, by an index: a person may have asked a hundred thousand questions.
        conditions += [Request.requester_id == user.id, Request.lineage.is_not(None)]
    return conditions
