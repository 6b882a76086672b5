"""Lists of runs: for owners and auditors as they are, for everyone else on the public clock.

What a run's state, end and overrun are worth to a researcher is fixed in `clock`; here the same is
said as conditions, so that no filter tells what a row does not show.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RunState
from carrel_site.accounts.models import User
from carrel_site.core.db import inline
from carrel_site.core.models import Timestamp
from carrel_site.datasets.models import Dataset, DatasetVersion
from carrel_site.ledger.models import LedgerAccount
from carrel_site.requests.models import Request
from carrel_site.runs.models import Run


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs: every condition that is set must hold."""

    as_they_are: bool
    """For owners and auditors; else on the public clock, and questions' runs alone."""
    asked_by: str | None = None
    """The person whose questions' runs alone may be seen; None for everyone's."""
    states: tuple[RunState, ...] = ()
    failed: bool | None = None
    overran: bool | None = None
    """Only ever with `as_they_are`."""
    kind: str | None = None


class Listed(NamedTuple):
    """A row of a list."""

    run: Run
    dataset: str
    purpose: str | None
    requester_id: str | None
    requester_name: str | None
    requester_email: str | None


def page(
    session: Session, wanted: Wanted, after: tuple[datetime, str] | None, limit: int
) -> list[Listed]:
    """At most `limit` runs behind `after`, those queued last first."""
    conditions = _conditions(wanted)
    if after is not None:
        place = tuple_(literal(after[0], Timestamp), after[1])
        conditions.append(tuple_(Run.queued_at, Run.id) < place)
    if wanted.asked_by is None:
        ids = _newest(conditions, limit).subquery("chosen")
    else:
        ids = _newest_of(wanted.asked_by, conditions, limit).subquery("chosen")
    query = (
        select(Run, Dataset.name, Request.purpose, User.id, User.name, User.email)
        .join(ids, ids.c.id == Run.id)
        .outerjoin(Request, Request.id == Run.request_id)
        .outerjoin(DatasetVersion, DatasetVersion.id == Run.version_id)
        .join(Dataset, Dataset.id == func.coalesce(Request.dataset_id, DatasetVersion.dataset_id))
        .outerjoin(User, User.id == Request.requester_id)
        .order_by(Run.queued_at.desc(), Run.id.desc())
    )
    if wanted.asked_by is not None:  # as their accounts say already: what is shown is theirs
        query = query.where(Request.requester_id == wanted.asked_by)
    return [Listed(*row) for row in session.execute(query)]


def _newest(conditions: list[ColumnElement[bool]], limit: int) -> Select[str, datetime]:
    newest = select(Run.id, Run.queued_at).where(*conditions)
    return newest.order_by(Run.queued_at.desc(), Run.id.desc()).limit(limit)


def _newest_of(
    user_id: str, conditions: list[ColumnElement[bool]], limit: int
) -> Select[str, datetime]:
    """The newest runs that were charged to this person: each of their accounts' newest, merged.

    Somebody may have asked a hundred thousand questions, but has few accounts.
    """
    mine = [*conditions, Run.account_id == LedgerAccount.id]
    newest = _newest(mine, limit).correlate(LedgerAccount).lateral("newest")
    return (
        select(newest.c.id, newest.c.queued_at)
        .select_from(LedgerAccount)
        .join(newest, true())
        .where(LedgerAccount.user_id == user_id)
        .order_by(newest.c.queued_at.desc(), newest.c.id.desc())
        .limit(limit)
    )


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    state_is = _is if wanted.as_they_are else _is_publicly
    conditions: list[ColumnElement[bool]] = []
    if not wanted.as_they_are:
        conditions.append(Run.request_id.is_not(None))
    elif wanted.kind is None:
        # Runs on made-up rows are their askers' own, of no dataset in particular.
        conditions.append(Run.kind != inline("mock_code"))
    if wanted.states:
        conditions.append(or_(*(state_is(state) for state in dict.fromkeys(wanted.states))))
    if wanted.failed is not None:
        failed = state_is(RunState.FAILED)
        conditions.append(failed if wanted.failed else ~failed)
    if wanted.overran is not None:
        assert wanted.as_they_are
        conditions.append(Run.overran.is_(wanted.overran))
    if wanted.kind is not None:
        conditions.append(Run.kind == inline(wanted.kind))
    return conditions


def _is(state: RunState) -> ColumnElement[bool]:
    found: ColumnElement[bool] = Run.state == inline(state.value)
    return found


def _is_publicly(state: RunState) -> ColumnElement[bool]:
    """`clock.public_state(run) == state`, as a condition."""
    if state is RunState.QUEUED:
        return and_(Run.closed_at.is_(None), Run.claimed_at.is_(None))
    if state is RunState.RUNNING:
        return and_(Run.closed_at.is_(None), Run.claimed_at.is_not(None))
    return and_(Run.closed_at.is_not(None), _is(state))
