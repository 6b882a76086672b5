"""Budgets: one's own, everyone's, and raising them."""

from typing import Annotated

from fastapi import APIRouter, Path
from sqlalchemy.orm import Session

from carrel_protocol.api.budgets import (
    Account,
    AccountHistory,
    Budget,
    LedgerEntry,
    PopulationBudget,
    Raise,
    Simulate,
    Simulation,
)
from carrel_protocol.api.common import Page
from carrel_protocol.api.datasets import BudgetPreview, BudgetPreviewResult
from carrel_protocol.api.requests import Excuse
from carrel_site.accounts import users
from carrel_site.core.errors import NotFound
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.idempotency import IdempotencyKeyHeader, once
from carrel_site.core.pagination import Cursor, Limit, decode_cursor, encode_cursor
from carrel_site.core.permissions import Permission
from carrel_site.datasets import catalogue
from carrel_site.datasets import repository as dataset_rows
from carrel_site.ledger import buys, history, repository, service, views
from carrel_site.ledger.models import LedgerAccount
from carrel_site.runs import service as runs

router = APIRouter(prefix="/api/v1", tags=["budgets"])

Own = Annotated[Caller, require(Permission.BUDGETS_READ_OWN)]
Owner = Annotated[Caller, require(Permission.BUDGETS_MANAGE)]


@router.get("/datasets/{dataset}/budget", operation_id="get_budget")
def budget(dataset: str, site: SiteDep, caller: Own) -> Budget:
    """What is left of one's own account at a dataset's population, and of everyone's."""

    def work(session: Session) -> Budget:
        found = catalogue.visible(session, caller, dataset)
        purse = service.purse(session, found.population_id, caller.user_id)
        (mine,) = views.accounts(session, [purse.mine])
        left = max(0.0, 1 - service.share_used(purse.together))
        return Budget(dataset=found.name, mine=mine, together_share_left=left)

    return site.db.read(work)


@router.get("/budgets", operation_id="list_budgets")
def budgets(
    site: SiteDep, caller: Own, cursor: Cursor = None, limit: Limit = 50
) -> Page[PopulationBudget]:
    """One's own budgets, one a population, by the populations' names."""
    after = decode_cursor(cursor, str)[0] if cursor is not None else None

    return site.db.read(lambda session: _of_person(session, caller.user_id, after, limit))


@router.get(
    "/users/{user_id}/budgets",
    operation_id="list_user_budgets",
    dependencies=[require(Permission.BUDGETS_READ_ALL)],
)
def user_budgets(
    user_id: Annotated[str, Path(min_length=1, max_length=64)],
    site: SiteDep,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[PopulationBudget]:
    """A person's budgets, one a population, by the populations' names."""
    after = decode_cursor(cursor, str)[0] if cursor is not None else None

    def work(session: Session) -> Page[PopulationBudget]:
        users.get(session, user_id)
        return _of_person(session, user_id, after, limit)

    return site.db.read(work)


def _of_person(
    session: Session, user_id: str, after: str | None, limit: int
) -> Page[PopulationBudget]:
    rows = repository.of_person(session, user_id, after=after, limit=limit + 1)
    more = encode_cursor(rows[limit - 1][2].name) if len(rows) > limit else None
    return Page(items=views.budgets(session, user_id, rows[:limit]), next_cursor=more)


@router.get(
    "/populations/{population}/accounts",
    operation_id="list_accounts",
    dependencies=[require(Permission.BUDGETS_READ_ALL)],
)
def accounts(
    population: str, site: SiteDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[Account]:
    """Every account at a population, its own first."""
    after = decode_cursor(cursor, int, str) if cursor is not None else None

    def work(session: Session) -> Page[Account]:
        found = dataset_rows.population(session, population)
        if found is None:
            raise NotFound("There is no such population.")
        rows = repository.of_population(session, found.id, after=after, limit=limit + 1)
        more = None
        if len(rows) > limit:
            last = rows[limit - 1]
            more = encode_cursor(int(last.user_id is not None), last.id)
        return Page(items=views.accounts(session, rows[:limit]), next_cursor=more)

    return site.db.read(work)


@router.get("/accounts/{account_id}", operation_id="get_account")
def account(account_id: str, site: SiteDep, caller: Own) -> Account:
    """An account: one's own, or any for those who may see all."""
    return site.db.read(
        lambda session: views.accounts(session, [_visible(session, caller, account_id)])[0]
    )


@router.get("/accounts/{account_id}/history", operation_id="get_account_history")
def account_history(account_id: str, site: SiteDep, caller: Own) -> AccountHistory:
    """What was spent and reserved over time, as shares of the limit in force then."""
    return site.db.read(
        lambda session: history.history(session, _visible(session, caller, account_id))
    )


@router.post("/accounts/{account_id}/simulate", operation_id="simulate_account")
def simulate(account_id: str, asked: Simulate, site: SiteDep, caller: Own) -> Simulation:
    """How many more counts with this target fit, and what is left after some. Charges nothing."""

    def work(session: Session) -> Simulation:
        mine = _visible(session, caller, account_id)
        together = repository.find(session, mine.population_id, None)
        assert together is not None
        return buys.simulate(mine, together, asked.target, asked.times)

    return site.db.read(work)


@router.post("/accounts/{account_id}/raise", operation_id="raise_account")
def raise_(
    account_id: str,
    change: Raise,
    site: SiteDep,
    caller: Owner,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Account:
    """Raise an account's epsilon. The earlier limits stay on its statement for good."""

    def work(session: Session) -> tuple[int, Account]:
        account = service.raise_limit(
            session, account_id, change.epsilon, change.reason, caller.user_id
        )
        if account is None:
            raise NotFound("There is no such account.")
        return 200, views.accounts(session, [account])[0]

    _, raised = once(
        site.db,
        caller.user_id,
        idempotency_key,
        f"POST /accounts/{account_id}/raise",
        change.model_dump(mode="json"),
        Account,
        work,
    )
    return raised


@router.post("/accounts/{account_id}/excuse", status_code=204, operation_id="excuse_failures")
def excuse(account_id: str, lifted: Excuse, site: SiteDep, caller: Owner) -> None:
    """Lift the pause that failed runs brought: they no longer count."""

    def work(session: Session) -> None:
        if session.get(LedgerAccount, account_id) is None:
            raise NotFound("There is no such account.")
        runs.excuse_failures(session, account_id, lifted.reason, caller.user_id)

    site.db.transact(work)


@router.get("/accounts/{account_id}/entries", operation_id="list_entries")
def entries(
    account_id: str, site: SiteDep, caller: Own, cursor: Cursor = None, limit: Limit = 50
) -> Page[LedgerEntry]:
    """An account's entries, newest first: one's own, or any for those who may see all."""

    def work(session: Session) -> Page[LedgerEntry]:
        _visible(session, caller, account_id)
        before = decode_cursor(cursor, int)[0] if cursor is not None else None
        rows = repository.entries(session, account_id, before=before, limit=limit + 1)
        more = encode_cursor(rows[limit - 1].row.sequence) if len(rows) > limit else None
        return Page(items=tuple(map(views.entry, rows[:limit])), next_cursor=more)

    return site.db.read(work)


@router.post(
    "/budgets/preview",
    operation_id="preview_budget",
    dependencies=[require(Permission.BUDGETS_MANAGE)],
)
def preview(asked: BudgetPreview) -> BudgetPreviewResult:
    """What a budget would buy, before it is set."""
    return buys.preview(asked.limits, asked.units, asked.example.epsilon)


def _visible(session: Session, caller: Caller, account_id: str) -> LedgerAccount:
    """One's own account, or any for those who may see all; else `NotFound`."""
    found = session.get(LedgerAccount, account_id)
    if found is None or not (
        found.user_id == caller.user_id or caller.may(Permission.BUDGETS_READ_ALL)
    ):
        raise NotFound("There is no such account.")
    return found
