"""The ledger's queries."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import bindparam, case, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from carrel_site.accounts.models import User
from carrel_site.datasets.models import Dataset, DatasetAccess, Population
from carrel_site.ledger.journal import user_digest
from carrel_site.ledger.models import LedgerAccount, LedgerEntry, LostAccount
from carrel_site.requests.models import Request

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


def of_population(
    session: Session, population_id: str, *, after: tuple[int, str] | None, limit: int
) -> list[LedgerAccount]:
    """Accounts at a population, its own first; `after`: whether the last was a person's, its id."""
    persons = case((LedgerAccount.user_id.is_(None), 0), else_=1)
    query = select(LedgerAccount).where(LedgerAccount.population_id == population_id)
    if after is not None:
        query = query.where(tuple_(persons, LedgerAccount.id) > after)
    return list(session.scalars(query.order_by(persons, LedgerAccount.id).limit(limit)))


def of_person(
    session: Session, user_id: str, *, after: str | None, limit: int
) -> list[tuple[LedgerAccount, LedgerAccount, Population]]:
    """A person's accounts by their populations' names, each with that of everyone together."""
    shared = aliased(LedgerAccount)
    query = (
        select(LedgerAccount, shared, Population)
        .join(Population, Population.id == LedgerAccount.population_id)
        .join(shared, (shared.population_id == Population.id) & shared.user_id.is_(None))
        .where(LedgerAccount.user_id == user_id)
    )
    if after is not None:
        query = query.where(Population.name > after)
    rows = session.execute(query.order_by(Population.name).limit(limit))
    return [(row[0], row[1], row[2]) for row in rows]


def datasets_open_to(
    session: Session, user_id: str, population_ids: Iterable[str]
) -> dict[str, int]:
    """How many datasets of each population the person was given access to."""
    rows = session.execute(
        select(Dataset.population_id, func.count())
        .join(DatasetAccess, DatasetAccess.dataset_id == Dataset.id)
        .where(DatasetAccess.user_id == user_id, Dataset.population_id.in_(list(population_ids)))
        .group_by(Dataset.population_id)
    )
    return {row[0]: row[1] for row in rows}


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


# As the partial index says it, in the statement's text.
_SETS_LIMITS = LedgerEntry.kind.in_(
    bindparam("limit_kinds", LIMIT_KINDS, expanding=True, literal_execute=True)
)


def limit_entries(session: Session, account_ids: Iterable[str]) -> dict[str, list[LedgerEntry]]:
    """Each account's `open` and `raise` entries, oldest first."""
    found: dict[str, list[LedgerEntry]] = {}
    for entry in session.scalars(
        select(LedgerEntry)
        .where(LedgerEntry.account_id.in_(list(account_ids)), _SETS_LIMITS)
        .order_by(LedgerEntry.account_id, LedgerEntry.sequence)
    ):
        found.setdefault(entry.account_id, []).append(entry)
    return found


class Entry(NamedTuple):
    """An entry with what it was charged for, where something was asked."""

    row: LedgerEntry
    dataset: str | None
    requester: User | None


def entries(session: Session, account_id: str, *, before: int | None, limit: int) -> list[Entry]:
    """An account's entries, newest first, from below sequence `before`."""
    chosen = select(LedgerEntry.id).where(LedgerEntry.account_id == account_id)
    if before is not None:
        chosen = chosen.where(LedgerEntry.sequence < before)
    ids = chosen.order_by(LedgerEntry.sequence.desc()).limit(limit).subquery("chosen")
    query = (
        select(LedgerEntry, Dataset.name, User)
        .join(ids, ids.c.id == LedgerEntry.id)
        .outerjoin(Request, Request.id == LedgerEntry.request_id)
        .outerjoin(Dataset, Dataset.id == Request.dataset_id)
        .outerjoin(User, User.id == Request.requester_id)
        .order_by(LedgerEntry.sequence.desc())
    )
    return [Entry(*row) for row in session.execute(query)]
