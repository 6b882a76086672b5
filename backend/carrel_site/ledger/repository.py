"""The ledger's queries."""

from collections.abc import Iterable

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from carrel_site.accounts.models import User
from carrel_site.datasets.models import Population
from carrel_site.ledger.journal import user_digest
from carrel_site.ledger.models import LedgerAccount, LedgerEntry, LostAccount

LIMIT_KINDS = ("open", "raise")


def find(session: Session, population_id: str, user_id: str | None) -> LedgerAccount | None:
    """The account of a person at a population; the population's own for `user_id` None."""
    return session.scalars(
        select(LedgerAccount).where(
            LedgerAccount.population_id == population_id,
            LedgerAccount.user_id.is_not_distinct_from(user_id),
        )
    ).one_or_none()


_BOTH = (
    select(LedgerAccount)
    .where(
        LedgerAccount.population_id == bindparam("population_id"),
        (LedgerAccount.user_id == bindparam("user_id")) | LedgerAccount.user_id.is_(None),
    )
    .order_by(LedgerAccount.id)
    .execution_options(populate_existing=True)
)
_BOTH_LOCKED = _BOTH.with_for_update(key_share=True)


def both(session: Session, population_id: str, user_id: str, *, lock: bool) -> list[LedgerAccount]:
    """A person's account and the population's own, by ascending id; locked in that order."""
    query = _BOTH_LOCKED if lock else _BOTH
    return list(session.scalars(query, {"population_id": population_id, "user_id": user_id}))


def locked(session: Session, account_ids: Iterable[str]) -> list[LedgerAccount]:
    """Accounts by ascending id, locked in that order."""
    return list(
        session.scalars(
            select(LedgerAccount)
            .where(LedgerAccount.id.in_(list(account_ids)))
            .order_by(LedgerAccount.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def lost(session: Session, account: LedgerAccount) -> list[LostAccount]:
    """The accounts that a restore lost and that `account` stands for: same population, same
    person. A population is known again by its name, a person by their e-mail address."""
    population = session.get_one(Population, account.population_id)
    query = select(LostAccount).where(
        (LostAccount.population_id == population.id) | (LostAccount.population == population.name)
    )
    if account.user_id is None:
        query = query.where(LostAccount.user_id.is_(None))
    else:
        user = session.get_one(User, account.user_id)
        query = query.where(
            (LostAccount.user_id == user.id) | (LostAccount.user_digest == user_digest(user.email))
        )
    return list(session.scalars(query.order_by(LostAccount.head)))


def of_population(session: Session, population_id: str) -> list[LedgerAccount]:
    """Every account at a population, its own first."""
    return list(
        session.scalars(
            select(LedgerAccount)
            .where(LedgerAccount.population_id == population_id)
            .order_by(LedgerAccount.user_id.is_not(None), LedgerAccount.id)
        )
    )


_RESERVATIONS = (
    select(LedgerEntry, LedgerAccount)
    .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
    .where(
        LedgerEntry.run_id == bindparam("run_id"),
        LedgerEntry.kind == "reserve",
        LedgerEntry.account_id.not_in(
            select(LedgerEntry.account_id)
            .where(
                LedgerEntry.run_id == bindparam("run_id"),
                LedgerEntry.kind.in_(("settle", "refund")),
            )
            .scalar_subquery()
        ),
    )
    .order_by(LedgerAccount.id)
    .with_for_update(of=LedgerAccount, key_share=True)
    .execution_options(populate_existing=True)
)


def reservations(session: Session, run_id: str) -> list[tuple[LedgerEntry, LedgerAccount]]:
    """A run's reservations that have not ended, each with its account, locked by ascending id."""
    return [(row[0], row[1]) for row in session.execute(_RESERVATIONS, {"run_id": run_id})]


def limit_entries(session: Session, account_ids: Iterable[str]) -> dict[str, list[LedgerEntry]]:
    """Each account's `open` and `raise` entries, oldest first."""
    found: dict[str, list[LedgerEntry]] = {}
    for entry in session.scalars(
        select(LedgerEntry)
        .where(LedgerEntry.account_id.in_(list(account_ids)), LedgerEntry.kind.in_(LIMIT_KINDS))
        .order_by(LedgerEntry.account_id, LedgerEntry.sequence)
    ):
        found.setdefault(entry.account_id, []).append(entry)
    return found


def entries(
    session: Session, account_id: str, *, before: int | None, limit: int
) -> list[LedgerEntry]:
    """An account's entries, newest first, from below sequence `before`."""
    query = select(LedgerEntry).where(LedgerEntry.account_id == account_id)
    if before is not None:
        query = query.where(LedgerEntry.sequence < before)
    return list(session.scalars(query.order_by(LedgerEntry.sequence.desc()).limit(limit)))
