"""Opening, raising and charging accounts.

Every charge goes to two accounts, the researcher's and the population's own, and both must
admit it. A charge is reserved before anything is read, and settled at the same cost when its
run ends; it is refunded only when the run ended without ever having been claimed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from carrel_protocol.api.datasets import BudgetLimits
from carrel_site.audit.log import SITE, exact, record
from carrel_site.core.clock import now
from carrel_site.core.db import insert_rows
from carrel_site.core.errors import InvalidInput
from carrel_site.core.ids import new_id
from carrel_site.events import notices
from carrel_site.ledger import accounting, repository
from carrel_site.ledger.accounting import NOTHING, Cost, ImpossibleLimits, Limits
from carrel_site.ledger.chain import entry_hash
from carrel_site.ledger.errors import BudgetExceeded, LimitNotRaised, NoBudget
from carrel_site.ledger.journal import Spend
from carrel_site.ledger.lost import missing, most, owed
from carrel_site.ledger.models import LedgerAccount, LedgerEntry

LOW = 0.9
"""An account of which so much is used is told of: little is left."""


@dataclass(frozen=True, slots=True)
class Purse:
    """The two accounts that a researcher's charge at a population goes to."""

    mine: LedgerAccount
    together: LedgerAccount

    def __iter__(self) -> Iterator[LedgerAccount]:
        """By ascending id: the order in which they are locked and charged."""
        return iter(sorted((self.mine, self.together), key=lambda account: account.id))


def open_account(
    session: Session, population_id: str, user_id: str | None, limits: BudgetLimits, actor: str
) -> LedgerAccount:
    """The account of a person at a population (`user_id` None: its own), opened if absent.

    An account that exists keeps its limits: nothing but a raise changes them.
    """
    account = repository.find(session, population_id, user_id)
    if account is not None:
        return account
    account = LedgerAccount(id=new_id("acc"), population_id=population_id, user_id=user_id)
    session.add(account)
    session.flush()
    session.refresh(account)
    bounds = preset(limits)
    opening = _Movement(account, "open", NOTHING, _limit_detail(limits, bounds))
    (entry,) = _append(session, [opening])
    session.refresh(account)
    record(
        session,
        actor,
        "ledger.opened",
        account.id,
        population=population_id,
        user=user_id,
        limits=limits.model_dump(),
        entry=entry,
    )
    lost = [Spend.model_validate(row.line) for row in repository.lost(session, account)]
    if lost:
        charge_lost(session, account, lost, continued=True)
    return account


def charge_lost(
    session: Session, account: LedgerAccount, lines: list[Spend], *, continued: bool
) -> None:
    """Charge to an account (locked) what the spend journal knows and a restore lost.

    lines: of accounts that came after each other. continued: this account is the last of them,
    so what it has spent is part of what they had used; otherwise it comes on top. Its open
    reservations come on top either way: such a run may start again, and answer a second time.
    The entry may pass the limits; the account then admits nothing.
    """
    due = most([owed(line, limits_of(account).orders_milli) for line in lines])
    spent = Cost((account.spent1, account.spent2), account.spent_delta)
    cost = missing(due, spent) if continued else due
    detail = {
        "heads": [line.head for line in lines],
        "orders": [list(line.orders) for line in lines],
        "used": [[*map(str, line.used), str(line.delta)] for line in lines],
        "journalled_at": [line.at.isoformat() for line in lines],
    }
    (entry,) = _append(session, [_Movement(account, "restore", cost, detail)])
    session.refresh(account)
    record(session, SITE, "ledger.restored", account.id, heads=detail["heads"], entry=entry)


def raise_limit(
    session: Session, account_id: str, epsilon: float, reason: str, actor: str
) -> LedgerAccount | None:
    """Raise an account's epsilon; its deltas stay. None when there is no such account."""
    found = repository.locked(session, [account_id])
    if not found:
        return None
    account = found[0]
    earlier = current_limits(session, account.id)
    if epsilon <= earlier.epsilon:
        raise LimitNotRaised(
            f"The limit is epsilon = {earlier.epsilon:g}; {epsilon:g} would not raise it."
        )
    limits = earlier.model_copy(update={"epsilon": epsilon})
    fixed = (account.order1_milli, account.order2_milli) if account.charges else None
    bounds = preset(limits, orders_milli=fixed)
    detail = _limit_detail(limits, bounds) | {
        "reason": reason,
        "by": actor,
        "after_answers": account.charges > 0,
    }
    (entry,) = _append(session, [_Movement(account, "raise", NOTHING, detail)])
    session.refresh(account)
    record(
        session,
        actor,
        "ledger.raised",
        account.id,
        limits=limits.model_dump(),
        earlier=earlier.model_dump(),
        reason=reason,
        after_answers=account.charges > 0,
        entry=entry,
    )
    notices.limit_raised(session, account, reason)
    return account


def purse(session: Session, population_id: str, user_id: str, *, lock: bool = False) -> Purse:
    """A researcher's two accounts at a population; raises `NoBudget` when one is missing."""
    found = repository.both(session, population_id, user_id, lock=lock)
    mine = next((account for account in found if account.user_id == user_id), None)
    together = next((account for account in found if account.user_id is None), None)
    if mine is None or together is None:
        raise NoBudget("You have no budget at this dataset's population.")
    return Purse(mine, together)


def charge_of(account: LedgerAccount, cost: Cost) -> Cost:
    """What `cost` takes from this account: never less than the minimum charge."""
    return accounting.at_least_minimum(cost, limits_of(account))


def admits(account: LedgerAccount, charge: Cost) -> bool:
    """Whether the account can pay `charge` beside what is spent and reserved."""
    return accounting.admits(used(account), charge, limits_of(account))


def charges(accounts: Purse, costs: dict[str, Cost]) -> dict[str, Cost]:
    """By account id, what each account would be charged for `costs` at its own orders.

    Raises `BudgetExceeded` unless both admit it.
    """
    found = {account.id: charge_of(account, costs[account.id]) for account in accounts}
    for account in accounts:
        if not admits(account, found[account.id]):
            raise refusal(account, found[account.id])
    return found


def reserve(
    session: Session,
    accounts: Purse,
    charged: dict[str, Cost],
    *,
    run_id: str,
    request_id: str,
    mechanism: dict[str, Any],
) -> list[str]:
    """Reserve a run's charges at both accounts (locked by `purse(lock=True)`).

    charged: from `charges`, under the same locks. Returns the entries' hashes. The database
    refuses what does not fit, whoever asks.
    """
    for account in accounts:
        _tell_low(session, account, charged[account.id])
    return _append(
        session,
        [
            _Movement(
                account,
                "reserve",
                charged[account.id],
                mechanism,
                run_id=run_id,
                request_id=request_id,
            )
            for account in accounts
        ],
    )


def _tell_low(session: Session, account: LedgerAccount, charge: Cost) -> None:
    """Tell of the charge that takes an account below a tenth of its limits, and of no other."""
    limits = limits_of(account)
    after = share(used(account) + charge, limits)
    if share_used(account) < LOW <= after:
        notices.budget_low(session, account)


def settle(session: Session, run_id: str) -> list[str]:
    """Turn what a run reserved into spending, at both accounts; returns the entries' hashes."""
    return _end(session, run_id, "settle")


def refund(session: Session, run_id: str) -> list[str]:
    """Give back what a run reserved. The run was never claimed: the database checks that too."""
    return _end(session, run_id, "refund")


def note_unbounded(
    session: Session,
    population_ids: list[str],
    user_id: str,
    *,
    run_id: str,
    request_id: str,
    detail: dict[str, Any],
) -> list[str]:
    """Note that an output with no formal bound left, at the accounts of each population: the
    researcher's and its own. It costs nothing, and counts; returns the entries' hashes."""
    ids = {
        account.id
        for population_id in population_ids
        for account in purse(session, population_id, user_id)
    }
    return _append(
        session,
        [
            _Movement(account, "unbounded", NOTHING, detail, run_id=run_id, request_id=request_id)
            for account in repository.locked(session, ids)
        ],
    )


def refusal(account: LedgerAccount, charge: Cost) -> BudgetExceeded:
    """The error that says which account cannot pay, and by how much."""
    whose = "Your budget" if account.user_id is not None else "The budget of everyone together"
    need, left = share(charge, limits_of(account)), 1 - share_used(account)
    return BudgetExceeded(
        f"{whose} at this population has {max(left, 0):.2%} left; this would take {need:.2%}."
    )


def limits_of(account: LedgerAccount) -> Limits:
    return Limits(
        orders_milli=(account.order1_milli, account.order2_milli),
        nano=(account.limit1, account.limit2),
        delta_atto=account.limit_delta,
    )


def used(account: LedgerAccount) -> Cost:
    """Spent and reserved."""
    return Cost(
        nano=(account.spent1 + account.reserved1, account.spent2 + account.reserved2),
        delta_atto=account.spent_delta + account.reserved_delta,
    )


def share(cost: Cost, limits: Limits) -> float:
    """`cost` as a share of the limits, at whichever order it is the smaller."""
    return min(
        (part / limit for part, limit in zip(cost.nano, limits.nano, strict=True) if limit > 0),
        default=float("inf"),
    )


def share_used(account: LedgerAccount) -> float:
    return share(used(account), limits_of(account))


def current_limits(session: Session, account_id: str) -> BudgetLimits:
    """The account's limits as the owner set them last."""
    return limits_in(repository.limit_entries(session, [account_id])[account_id][-1])


def limits_in(entry: LedgerEntry) -> BudgetLimits:
    """The limits that an `open` or `raise` entry set."""
    return BudgetLimits(
        epsilon=float(entry.detail["epsilon"]),
        delta_conv=float(entry.detail["delta_conv"]),
        delta_add=float(entry.detail["delta_add"]),
    )


def _end(session: Session, run_id: str, kind: str) -> list[str]:
    # Whoever ends a run holds its row's lock, so nobody else can end these reservations.
    return _append(
        session,
        [
            _Movement(
                account,
                kind,
                Cost(nano=(held.cost1, held.cost2), delta_atto=held.delta),
                run_id=run_id,
                request_id=held.request_id,
            )
            for held, account in repository.reservations(session, run_id)
        ],
    )


@dataclass(frozen=True, slots=True)
class _Movement:
    """An entry to come, of an account that is locked."""

    account: LedgerAccount
    kind: str
    cost: Cost
    detail: dict[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    request_id: str | None = None


def _append(session: Session, movements: list[_Movement]) -> list[str]:
    """Insert each account's next entry and return their hashes.

    The database moves the accounts' sums as it inserts, and refuses an overdraft; the accounts
    as loaded are stale afterwards.
    """
    entries = [_entry(move) for move in movements]
    insert_rows(session, entries)
    return [entry.hash for entry in entries]


def _entry(move: _Movement) -> LedgerEntry:
    cost1, cost2 = move.cost.nano
    entry = LedgerEntry(
        id=new_id("led"),
        account_id=move.account.id,
        sequence=move.account.entries + 1,
        kind=move.kind,
        run_id=move.run_id,
        request_id=move.request_id,
        cost1=cost1,
        cost2=cost2,
        delta=move.cost.delta_atto,
        detail=exact(move.detail),
        previous_hash=move.account.head_hash,
        at=now(),
    )
    entry.hash = entry_hash(entry)
    return entry


def preset(limits: BudgetLimits, orders_milli: tuple[int, int] | None = None) -> Limits:
    """The bounds of an account with these limits; raises `InvalidInput` where nothing fits."""
    try:
        return accounting.preset(
            limits.epsilon, limits.delta_conv, limits.delta_add, orders_milli=orders_milli
        )
    except ImpossibleLimits as impossible:
        raise InvalidInput(str(impossible)) from None


def _limit_detail(limits: BudgetLimits, preset: Limits) -> dict[str, Any]:
    return {
        **limits.model_dump(),
        "orders": list(preset.orders_milli),
        "limits": [str(limit) for limit in preset.nano],
        "limit_delta": str(preset.delta_atto),
    }
