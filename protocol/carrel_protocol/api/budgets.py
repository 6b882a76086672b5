"""Accounts, what is left of them, and their statements."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from carrel_protocol.api.common import Person
from carrel_protocol.api.datasets import BudgetLimits
from carrel_protocol.base import Received, Sent, Text


class OrderBalance(Received):
    """An account at one Rényi order, in nano-units (1e-9) of Rényi divergence."""

    order: float
    limit: int
    spent: int
    reserved: int


class Account(Received):
    """One account: a researcher's at a population, or the population's own (`person` None)."""

    id: str
    population: str
    person: Person | None
    limits: BudgetLimits
    orders: tuple[OrderBalance, OrderBalance]
    delta_limit: int
    delta_spent: int
    delta_reserved: int
    """Deltas are in atto-units (1e-18)."""
    epsilon_spent: float
    """The epsilon that what was spent and reserved already guarantees, at delta_conv."""
    share_spent: float = Field(ge=0)
    """Of the limit at the better order; 1 means nothing is left."""
    charges: int
    raised: tuple["LimitChange", ...] = ()
    unbounded_outputs: int
    last_unbounded_at: datetime | None
    statement: str
    """The guarantee in words, with what it does not cover."""


class LimitChange(Received):
    at: datetime
    limits: BudgetLimits
    reason: str
    after_answers: bool
    """True when the limit was raised after answers had been seen."""


Account.model_rebuild()


class Budget(Received):
    """What a researcher has at one dataset: both accounts must admit a charge."""

    dataset: str
    mine: Account
    together_share_left: float
    """What is left of the population's own account, as a share of its limit."""


class Raise(Sent):
    """Raises an account's epsilon. The earlier limits stay on its statement."""

    epsilon: float = Field(gt=0, le=1000, allow_inf_nan=False)
    reason: Text


class LedgerEntry(Received):
    id: str
    account_id: str
    sequence: int
    kind: Literal["open", "raise", "reserve", "settle", "refund", "unbounded", "restore"]
    run_id: str | None
    request_id: str | None
    costs: tuple[int, int]
    delta: int
    detail: dict[str, object]
    previous_hash: str
    hash: str
    at: datetime
