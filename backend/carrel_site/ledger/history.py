"""An account over time, worked out from its entries: no sum of the past is stored."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, BigInteger, case, func, literal, select, true
from sqlalchemy.orm import Session, aliased

from carrel_protocol.api.budgets import AccountHistory, AccountPoint
from carrel_site.core.db import inline
from carrel_site.ledger import repository, service
from carrel_site.ledger.accounting import NOTHING, Cost, Limits
from carrel_site.ledger.models import LedgerAccount, LedgerEntry

_RESERVE, _RESTORE = inline("reserve"), inline("restore")
_ENDS = (inline("settle"), inline("refund"))
_SPENDS = (inline("settle"), inline("restore"))
POINTS = 200
"""About how many points a long history is cut to, spread evenly over its entries."""


class _Slice(NamedTuple):
    """What the entries between two points moved."""

    last: int
    at: datetime
    reserved: Cost
    """Below zero where more ended than was reserved."""
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
    for part in _slices(session, account, starts):
        reserved, spent = reserved + part.reserved, spent + part.spent
        charges += part.charges
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


def _slices(session: Session, account: LedgerAccount, starts: list[int]) -> list[_Slice]:
    """Each slice's sums, by a range of the index that holds what they are made of.

    Two sums a column, each with its sign, and nothing that the slice's last entry says by itself:
    a long account's time goes into what is worked out for each of its entries.
    """
    costs = (LedgerEntry.cost1, LedgerEntry.cost2)
    kind = LedgerEntry.kind
    ends = [start - 1 for start in starts[1:]] + [account.entries]
    slices = (
        func.unnest(literal(starts, ARRAY(BigInteger)), literal(ends, ARRAY(BigInteger)))
        .table_valued("first", "last")
        .render_derived("slices")
    )
    sums = (
        select(
            *(
                func.sum(case((kind == _RESERVE, cost), (kind.in_(_ENDS), -cost), else_=0))
                for cost in costs
            ),
            *(func.sum(case((kind.in_(_SPENDS), cost), else_=0)) for cost in costs),
            func.count().filter((kind == _RESERVE) | ((kind == _RESTORE) & (costs[0] > 0))),
        )
        .where(
            LedgerEntry.account_id == account.id,
            LedgerEntry.sequence.between(slices.c.first, slices.c.last),
        )
        .lateral("sums")
    )
    last = aliased(LedgerEntry)
    at = (
        select(last.at)
        .where(last.account_id == account.id, last.sequence == slices.c.last)
        .scalar_subquery()
    )
    rows = session.execute(
        select(slices.c.last, at, sums)
        .select_from(slices)
        .join(sums, true())
        .order_by(slices.c.last)
    )
    return [
        _Slice(
            last=row[0],
            at=row[1],
            reserved=Cost((int(row[2]), int(row[3]))),
            spent=Cost((int(row[4]), int(row[5]))),
            charges=row[6],
        )
        for row in rows
    ]


def _limits_in(entry: LedgerEntry) -> Limits:
    detail = entry.detail
    first, second = (int(order) for order in detail["orders"])
    low, high = (int(limit) for limit in detail["limits"])
    return Limits((first, second), (low, high), int(detail["limit_delta"]))
