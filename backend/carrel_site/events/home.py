"""What the first page of the console shows: what waits for somebody, and how things stand.

To a researcher a run exists by its public clock alone, and that one overran is not theirs to know.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, literal, select, union_all
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Person, Role
from carrel_protocol.api.events import Home, HomeCounts, LowBudget, WorkerHealth, WorkItem
from carrel_protocol.api.requests import RequestState, RunState
from carrel_site.accounts.models import User
from carrel_site.core.clock import now
from carrel_site.core.db import inline
from carrel_site.core.http import Caller
from carrel_site.core.permissions import Permission
from carrel_site.datasets.models import Dataset, Population
from carrel_site.events import repository
from carrel_site.ledger import service as ledger
from carrel_site.ledger.models import LedgerAccount
from carrel_site.outputs import listing
from carrel_site.requests.models import OPEN_STATES, Request
from carrel_site.requests.waiting import waits_for
from carrel_site.runs.models import Run, Worker
from carrel_site.runs.workers import SILENT_AFTER

SHOWN = 10
"""Rows of each part of the page; each links to the whole list."""
LOW = 0.1
MOST_COUNTED = 1000
LATELY = timedelta(days=30)

_ASKS = {
    "query": "asks about",
    "code": "asks to run code on",
    "black_box": "asks to run a black box on",
}
_MINE = {
    "query": "your question about",
    "code": "your code on",
    "black_box": "your black box on",
}
_MINE_TO_DO = {
    RequestState.CHANGES_REQUESTED.value: "Changes were asked for: {asked} {dataset}",
    RequestState.OVER_BUDGET.value: "Approved, but over budget: {asked} {dataset}",
}


def read(session: Session, caller: Caller) -> Home:
    """The caller's home page."""
    parts = (_requests, _to_decide, _empty)
    waiting = sorted(
        (item for part in parts for item in part(session, caller)), key=lambda item: item.at
    )
    told = repository.page(session, caller.user_id, unread=False, after=None, limit=SHOWN)
    return Home(
        waiting=tuple(waiting),
        changed=tuple(
            WorkItem(
                kind=row.kind,
                title=row.title,
                link=row.link,
                at=row.at,
                subject=row.subject,
                body=row.body,
            )
            for row in told
        ),
        budgets_low=_budgets_low(session, caller),
        workers=workers(session) if caller.role is Role.OWNER else (),
        counts=_counts(session, caller),
    )


def _reviewable(caller: Caller) -> Select[str]:
    """Requests that wait for a vote of the caller's."""
    return select(Request.id).where(*waits_for(caller.user_id))


def _requests(session: Session, caller: Caller) -> list[WorkItem]:
    """Those that wait for a vote of the caller's, and their own that wait for them."""
    mine = select(Request.id).where(
        Request.requester_id == caller.user_id,
        Request.state.in_([inline(state) for state in _MINE_TO_DO]),
    )
    parts = [_shown(mine, "mine", Request.updated_at)]
    if caller.may(Permission.REQUESTS_REVIEW):
        parts.append(_shown(_reviewable(caller), "review", Request.created_at))
    rows = session.execute(union_all(*(select(part.subquery()) for part in parts)))
    return [_to_review(row) if row.part == "review" else _mine_to_do(row) for row in rows]


def _shown(ids: Select[str], part: str, at: Any) -> Select[Any]:
    return (
        ids.join(Dataset, Dataset.id == Request.dataset_id)
        .join(User, User.id == Request.requester_id)
        .add_columns(
            literal(part).label("part"),
            Request.state,
            Request.kind,
            Request.updated_at,
            Request.purpose,
            Dataset.title,
            Dataset.name,
            User.name.label("who"),
        )
        .order_by(at, Request.id)
        .limit(SHOWN)
    )


def _to_review(row: Any) -> WorkItem:
    return WorkItem(
        kind="request.review",
        title=f"To review: {row.who} {_ASKS[row.kind]} {row.title or row.name}",
        link=f"/requests/{row.id}",
        at=row.updated_at,
        subject=row.id,
        body=row.purpose,
    )


def _mine_to_do(row: Any) -> WorkItem:
    return WorkItem(
        kind=f"request.{row.state}",
        title=_MINE_TO_DO[row.state].format(asked=_MINE[row.kind], dataset=row.title or row.name),
        link=f"/requests/{row.id}",
        at=row.updated_at,
        subject=row.id,
        body=row.purpose,
    )


def _to_decide(session: Session, caller: Caller) -> list[WorkItem]:
    """What code returned, for whoever reviews and has not voted on it; never their own."""
    if not caller.may(Permission.OUTPUTS_REVIEW):
        return []
    wanted = listing.Wanted(caller_id=caller.user_id, mine_to_decide=True, oldest_first=True)
    return [
        WorkItem(
            kind="output.decide",
            title=f"To release: what {row.requester_name}'s code on {row.dataset} returned",
            link=f"/outputs/{row.run_id}",
            at=row.recorded_at,
            subject=row.run_id,
            body=row.purpose,
        )
        for row in listing.page(session, wanted, None, SHOWN)
    ]


def _empty(session: Session, caller: Caller) -> list[WorkItem]:
    """For owners: datasets that nothing can be asked of until they upload data."""
    if not caller.may(Permission.DATASETS_MANAGE):
        return []
    query = (
        select(Dataset.id, Dataset.title, Dataset.name, Dataset.created_at)
        .where(Dataset.version_id.is_(None))
        .order_by(Dataset.created_at.desc(), Dataset.id.desc())
        .limit(SHOWN)
    )
    return [
        WorkItem(
            kind="dataset.empty",
            title=f"{row.title or row.name} has no data to answer from",
            link=f"/datasets/{row.name}",
            at=row.created_at,
            subject=row.id,
        )
        for row in session.execute(query)
    ]


def _budgets_low(session: Session, caller: Caller) -> tuple[LowBudget, ...]:
    """Accounts with a tenth or less left: one's own, or anybody's for those who see all."""
    query = (
        select(LedgerAccount, Population.name, User)
        .join(Population, Population.id == LedgerAccount.population_id)
        .outerjoin(User, User.id == LedgerAccount.user_id)
    )
    if not caller.may(Permission.BUDGETS_READ_ALL):
        query = query.where(LedgerAccount.user_id == caller.user_id)
    # A share is of the better order: the account is low when it is low at both.
    for spent, reserved, limit in (
        (LedgerAccount.spent1, LedgerAccount.reserved1, LedgerAccount.limit1),
        (LedgerAccount.spent2, LedgerAccount.reserved2, LedgerAccount.limit2),
    ):
        query = query.where(10 * (spent + reserved) >= 9 * limit)
    query = query.where(LedgerAccount.charges > 0).order_by(LedgerAccount.id).limit(SHOWN)
    low = [
        LowBudget(
            account_id=account.id,
            population_id=account.population_id,
            population=population,
            person=None if user is None else Person(id=user.id, name=user.name, email=user.email),
            share_left=max(0.0, 1 - ledger.share_used(account)),
            link=f"/budgets/{account.id}",
        )
        for account, population, user in session.execute(query)
    ]
    return tuple(sorted(low, key=lambda account: account.share_left))


def workers(session: Session) -> tuple[WorkerHealth, ...]:
    """Workers that are let in, those in trouble first."""
    heard = now() - SILENT_AFTER
    query = select(Worker).where(Worker.revoked_at.is_(None)).order_by(Worker.name)
    found = [
        WorkerHealth(
            id=worker.id,
            name=worker.name,
            queues=tuple(worker.queues),
            last_seen_at=worker.last_seen_at,
            healthy=worker.last_seen_at is not None and worker.last_seen_at > heard,
        )
        for worker in session.scalars(query)
    ]
    return tuple(sorted(found, key=lambda worker: worker.healthy))


def _counts(session: Session, caller: Caller) -> HomeCounts:
    watches = caller.may(Permission.RUNS_DIAGNOSE)
    since = now() - LATELY
    mine = select(Request.id).where(Request.requester_id == caller.user_id)
    open_request = mine.where(Request.state.in_([inline(state) for state in OPEN_STATES]))
    open_run = mine.join(Run, Run.request_id == Request.id).where(Run.closed_at.is_(None))
    failed = select(Run.id).where(
        Run.state == inline(RunState.FAILED.value),
        Run.closed_at >= since,
        Run.account_id.is_not(None),
    )
    if not watches:
        accounts = select(LedgerAccount.id).where(LedgerAccount.user_id == caller.user_id)
        failed = failed.where(Run.account_id.in_(accounts))
    overran = select(Run.id).where(Run.overran, Run.closed_at >= since)
    parts: dict[str, Any] = {
        "to_review": _count(_reviewable(caller))
        if caller.may(Permission.REQUESTS_REVIEW)
        else literal(0),
        "open_requests": _count(open_request),
        "open_runs": _count(open_run),
        "failed": _count(failed),
        "overran": _count(overran) if watches else literal(None),
        "unread": _count(repository.unread(caller.user_id)),
    }
    row = session.execute(select(*(part.label(name) for name, part in parts.items()))).one()
    return HomeCounts(
        to_review=row.to_review,
        mine_open=min(row.open_requests + row.open_runs, MOST_COUNTED),
        unread=row.unread,
        failed_runs=row.failed,
        overran_runs=row.overran,
    )


def _count(query: Select[str]) -> Any:
    """How many rows, 1000 at most: a page need not wait for an exact larger number."""
    rows = query.limit(MOST_COUNTED).subquery()
    return select(func.count()).select_from(rows).scalar_subquery()
