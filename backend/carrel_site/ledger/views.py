"""Accounts as they are shown, with their guarantee in words."""

from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.api.budgets import (
    Account,
    LedgerEntry,
    LimitChange,
    OrderBalance,
    PopulationBudget,
)
from carrel_protocol.api.common import Person
from carrel_protocol.api.datasets import BudgetLimits
from carrel_site.accounts.models import User
from carrel_site.datasets.models import Population
from carrel_site.ledger import accounting, models, repository, service

Row = TypeVar("Row", User, Population)


def accounts(session: Session, rows: Iterable[models.LedgerAccount]) -> tuple[Account, ...]:
    """Accounts with their balances, their limits' history and their statements."""
    rows = list(rows)
    histories = repository.limit_entries(session, [row.id for row in rows])
    users = _by_id(session, User, {row.user_id for row in rows})
    populations = _by_id(session, Population, {row.population_id for row in rows})
    return tuple(
        _account(
            row,
            histories[row.id],
            users[row.user_id] if row.user_id is not None else None,
            populations[row.population_id],
        )
        for row in rows
    )


def _by_id(session: Session, model: type[Row], ids: Iterable[str | None]) -> dict[str, Row]:
    wanted = [one for one in ids if one is not None]
    found = session.scalars(select(model).where(model.id.in_(wanted)))
    return {one.id: one for one in found}


def budgets(
    session: Session,
    user_id: str,
    rows: list[tuple[models.LedgerAccount, models.LedgerAccount, Population]],
) -> tuple[PopulationBudget, ...]:
    """A person's accounts, each beside what is left for everyone together."""
    shown = accounts(session, [mine for mine, _, _ in rows])
    counts = repository.datasets_open_to(session, user_id, [people.id for _, _, people in rows])
    return tuple(
        PopulationBudget(
            population_id=people.id,
            population=people.name,
            datasets=counts.get(people.id, 0),
            mine=account,
            together_share_left=max(0.0, 1 - service.share_used(together)),
        )
        for account, (_, together, people) in zip(shown, rows, strict=True)
    )


def entry(found: repository.Entry) -> LedgerEntry:
    row, user = found.row, found.requester
    return LedgerEntry(
        id=row.id,
        account_id=row.account_id,
        sequence=row.sequence,
        kind=row.kind,
        run_id=row.run_id,
        request_id=row.request_id,
        requester=_person(user) if user else None,
        dataset=found.dataset,
        costs=(row.cost1, row.cost2),
        delta=row.delta,
        detail=row.detail,
        previous_hash=row.previous_hash,
        hash=row.hash,
        at=row.at,
    )


def _account(
    row: models.LedgerAccount,
    history: list[models.LedgerEntry],
    user: User | None,
    population: Population,
) -> Account:
    limits = service.limits_in(history[-1])
    raised = tuple(
        LimitChange(
            at=change.at,
            limits=service.limits_in(change),
            reason=change.detail["reason"],
            after_answers=change.detail["after_answers"],
        )
        for change in history[1:]
    )
    preset, used = service.limits_of(row), service.used(row)
    settled = accounting.Cost((row.spent1, row.spent2), row.spent_delta)
    return Account(
        id=row.id,
        population=population.name,
        person=_person(user) if user else None,
        limits=limits,
        orders=(
            _balance(preset.orders_milli[0], row.limit1, row.spent1, row.reserved1),
            _balance(preset.orders_milli[1], row.limit2, row.spent2, row.reserved2),
        ),
        delta_limit=row.limit_delta,
        delta_spent=row.spent_delta,
        delta_reserved=row.reserved_delta,
        epsilon_spent=accounting.epsilon_of(used, preset, limits.delta_conv),
        share_spent=service.share_used(row),
        share_reserved=max(0.0, service.share_used(row) - service.share(settled, preset)),
        charges=row.charges,
        raised=raised,
        unbounded_outputs=row.unbounded_outputs,
        last_unbounded_at=row.last_unbounded_at,
        statement=_statement(row, limits, service.limits_in(history[0]), raised),
    )


def _person(user: User) -> Person:
    return Person(id=user.id, name=user.name, email=user.email)


def _balance(order_milli: int, limit: int, spent: int, reserved: int) -> OrderBalance:
    return OrderBalance(order=order_milli / 1000, limit=limit, spent=spent, reserved=reserved)


def _statement(
    row: models.LedgerAccount,
    limits: BudgetLimits,
    first: BudgetLimits,
    raised: tuple[LimitChange, ...],
) -> str:
    who = "this researcher" if row.user_id else "all researchers together"
    delta = limits.delta_conv + limits.delta_add
    guarantee = f"({limits.epsilon:g}, {delta:.3g})-differentially private"
    parts = [f"Taken together, all private answers to {who} are {guarantee} for one unit's data."]
    if raised:
        earlier = ", then ".join(f"{change.epsilon:g}" for change in _before(first, raised))
        after = " Raised after answers were seen." if any(c.after_answers for c in raised) else ""
        parts.append(f"The limit was epsilon = {earlier} before.{after}")
    last = f" (last: {row.last_unbounded_at:%Y-%m-%d})" if row.last_unbounded_at else ""
    parts.append(
        f"(ε, δ) covers private answers only; {row.unbounded_outputs} reviewed outputs{last} "
        "carry no formal bound."
    )
    return " ".join(parts)


def _before(first: BudgetLimits, raised: tuple[LimitChange, ...]) -> list[BudgetLimits]:
    return [first, *(change.limits for change in raised[:-1])]
