"""Accounts as they are shown, with their guarantee in words."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from carrel_protocol.api.budgets import Account, LedgerEntry, LimitChange, OrderBalance
from carrel_protocol.api.common import Person
from carrel_protocol.api.datasets import BudgetLimits
from carrel_site.accounts.models import User
from carrel_site.datasets.models import Population
from carrel_site.ledger import accounting, models, repository, service


def accounts(session: Session, rows: Iterable[models.LedgerAccount]) -> tuple[Account, ...]:
    """Accounts with their balances, their limits' history and their statements."""
    rows = list(rows)
    histories = repository.limit_entries(session, [row.id for row in rows])
    return tuple(_account(session, row, histories[row.id]) for row in rows)


def entry(row: models.LedgerEntry) -> LedgerEntry:
    return LedgerEntry(
        id=row.id,
        account_id=row.account_id,
        sequence=row.sequence,
        kind=row.kind,
        run_id=row.run_id,
        request_id=row.request_id,
        costs=(row.cost1, row.cost2),
        delta=row.delta,
        detail=row.detail,
        previous_hash=row.previous_hash,
        hash=row.hash,
        at=row.at,
    )


def _account(
    session: Session, row: models.LedgerAccount, history: list[models.LedgerEntry]
) -> Account:
    user = session.get(User, row.user_id) if row.user_id is not None else None
    population = session.get_one(Population, row.population_id)
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
    return Account(
        id=row.id,
        population=population.name,
        person=Person(id=user.id, name=user.name, email=user.email) if user else None,
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
        charges=row.charges,
        raised=raised,
        unbounded_outputs=row.unbounded_outputs,
        last_unbounded_at=row.last_unbounded_at,
        statement=_statement(row, limits, service.limits_in(history[0]), raised),
    )


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
