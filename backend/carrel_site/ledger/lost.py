"""What a restored account owes: journalled spending, carried over to another account's orders."""

from carrel_site.ledger.accounting import MAX_NANO, Cost
from carrel_site.ledger.journal import Spend


def owed(line: Spend, orders_milli: tuple[int, int]) -> Cost:
    """What `line` had used, at the orders of the account that now pays for it.

    At the same order it is the same amount. Rényi divergence does not decrease with the order
    (van Erven & Harremoës 2014, arXiv 1206.2459, Thm 3), so at another order the amount at a
    higher one bounds it; where there is none nothing does, and that order can never pay again.
    """
    first, second = (_at(line, order) for order in orders_milli)
    return Cost((first, second), line.delta)


def most(costs: list[Cost]) -> Cost:
    """The largest of each amount."""
    return Cost(
        (max(cost.nano[0] for cost in costs), max(cost.nano[1] for cost in costs)),
        max(cost.delta_atto for cost in costs),
    )


def missing(due: Cost, spent: Cost) -> Cost:
    """What is to be added to `spent` so that nothing of `due` is lacking."""
    return Cost(
        (max(0, due.nano[0] - spent.nano[0]), max(0, due.nano[1] - spent.nano[1])),
        max(0, due.delta_atto - spent.delta_atto),
    )


def _at(line: Spend, order_milli: int) -> int:
    if not any(line.used):
        return 0
    by_order = dict(zip(line.orders, line.used, strict=True))
    if order_milli in by_order:
        return by_order[order_milli]
    higher = (used for order, used in by_order.items() if order > order_milli)
    return min(higher, default=MAX_NANO)
