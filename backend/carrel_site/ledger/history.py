"""An account over time, worked out from its entries: no sum of the past is stored."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, func, literal, select, true
from sqlalchemy.orm import Session

from carrel_protocol.api.budgets import AccountHistory, AccountPoint
from carrel_site.ledger import repository, service
from carrel_site.ledger.accounting import NOTHING, Cost, Limits
from carrel_site.ledger.models import LedgerAccount, LedgerEntry

_END = 2**62
POINTS = 200
"""About how many points a long history is cut to, spread evenly over its entries."""


class _Slice(NamedTuple):
    """What the entries between two points moved."""

    last: int
    at: datetime
    reserved: Cost
    ended: Cost
    spent: Cost
    charges: int


def history(session: Session, account: LedgerAccount, points: int = POINTS) -> AccountHistory:
    """How `account` stood after about `points` of its entries, each change of its limits included.

    Shares are of the limit in force at that point.
    """
    limits = repository.limit_entries(session, [account.id])[account.id]
    starts = _starts(account.entries, points, [entry.sequence for entry in limits])
    changed_at = [entry.sequence for entry in limits]
    reserved = spent = NOTHING
    charges = 0
    shown: list[AccountPoint] = []
    for part in _slices(session, account.id, starts):
        reserved = _less(reserved + part.reserved, part.ended)
        spent, charges = spent + part.spent, charges + part.charges
        entry = limits[bisect_right(changed_at, part.last) - 1]
        bounds = _limits_in(entry)
        settled = service.share(spent, bounds)
        shown.append(
            AccountPoint(
                at=part.at,
                epsilon=service.limits_in(entry).epsilon,
                share_spent=settled,
                share_reserved=max(0.0, service.share(spent + reserved, bounds) - settled),
                charges=charges,
            )
        )
    return AccountHistory(account_id=account.id, points=tuple(shown))


def _starts(entries: int, points: int, changes: Sequence[int]) -> list[int]:
    """The sequences at which a new slice begins: a change of the limits has one of its own."""
    even = {1 + entries * i // points for i in range(points)}
    alone = {start for change in changes for start in (change, change + 1)}
    return sorted(start for start in even | alone | {1} if start <= entries)


def _slices(session: Session, account_id: str, starts: list[int]) -> list[_Slice]:
    """Each slice's sums, by a range of the index that holds what they are made of."""

    def total(column: Any, *kinds: str) -> Any:
        return func.coalesce(func.sum(column).filter(LedgerEntry.kind.in_(kinds)), 0)

    bounds = func.unnest(
        literal(starts, ARRAY(BigInteger)), literal([*starts[1:], _END], ARRAY(BigInteger))
    ).table_valued("first", "next")
    slices = bounds.render_derived("slices")
    sums = (
        select(
            func.max(LedgerEntry.sequence).label("last"),
            func.max(LedgerEntry.at),
            *(
                total(column, *kinds)
                for kinds in (("reserve",), ("settle", "refund"), ("settle", "restore"))
                for column in (LedgerEntry.cost1, LedgerEntry.cost2)
            ),
            func.count().filter(
                (LedgerEntry.kind == "reserve")
                | ((LedgerEntry.kind == "restore") & (LedgerEntry.cost1 > 0))
            ),
        )
        .where(
            LedgerEntry.account_id == account_id,
            LedgerEntry.sequence >= slices.c.first,
            LedgerEntry.sequence < slices.c.next,
        )
        .lateral("sums")
    )
    rows = session.execute(
        select(sums).select_from(slices).join(sums, true()).order_by(sums.c.last)
    )
    return [
        _Slice(
            last=row[0],
            at=row[1],
            reserved=Cost((int(row[2]), int(row[3]))),
            ended=Cost((int(row[4]), int(row[5]))),
            spent=Cost((int(row[6]), int(row[7]))),
            charges=row[8],
        )
        for row in rows
        if row[0] is not None
    ]


def _less(cost: Cost, ended: Cost) -> Cost:
    return Cost((cost.nano[0] - ended.nano[0], cost.nano[1] - ended.nano[1]))


def _limits_in(entry: LedgerEntry) -> Limits:
    detail = entry.detail
    first, second = (int(order) for order in detail["orders"])
    low, high = (int(limit) for limit in detail["limits"])
    return Limits((first, second), (low, high), int(detail["limit_delta"]))
