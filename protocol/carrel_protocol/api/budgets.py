"""Accounts, what is left of them, and their statements."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from carrel_protocol.api.common import Person
from carrel_protocol.api.datasets import BudgetLimits
from carrel_protocol.base import Received, Sent, Text
from carrel_protocol.privacy import PrivacyTarget


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
    """Spent and reserved, of the limit at the better order; 1 means nothing is left."""
    share_reserved: float = Field(ge=0)
    """The part of `share_spent` that runs which have not ended may still be refunded."""
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


class PopulationBudget(Received):
    """What a person has at one population: their own account, and what is left for everyone."""

    population_id: str
    population: str
    datasets: int
    """How many of the population's datasets the person may ask of."""
    mine: Account
    together_share_left: float
    """What is left of the population's own account, as a share of its limit."""


class AccountPoint(Received):
    """How an account stood after one of its entries."""

    at: datetime
    epsilon: float
    """The limit in force then."""
    share_spent: float
    """Settled, as a share of the limit then in force, at the better order."""
    share_reserved: float
    """What reservations took on top of that."""
    charges: int
    """So far, refunded ones included."""


class AccountHistory(Received):
    """An account over time: exact at each point, with entries left out between them."""

    account_id: str
    points: tuple[AccountPoint, ...]


class Simulate(Sent):
    """A question to imagine: one COUNT of units, asked so many times of this account."""

    target: PrivacyTarget
    times: int = Field(default=1, ge=1, le=1_000_000)


class Simulation(Received):
    """What such questions would take. Nothing is asked or reserved."""

    share_each: float
    """Of the account's limit, for one, minimum charge included."""
    how_many: int
    """How many more of them fit, by both accounts that would pay."""
    fits: bool
    limited_by: Literal["account", "together"]
    """Which of the two accounts runs out first."""
    share_left: float
    share_left_after: float
    """Of the account's limit, once `times` were asked; 0 when they do not fit."""
    in_words: str


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
    requester: Person | None
    """Whoever asked what this was charged for; None where nothing was asked."""
    dataset: str | None
    costs: tuple[int, int]
    delta: int
    detail: dict[str, object]
    previous_hash: str
    hash: str
    at: datetime
