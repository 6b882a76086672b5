"""Asking: prices, requests, votes, runs and answers."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from carrel_protocol.answers import QueryAnswer
from carrel_protocol.api.common import Person, Role, SignedHead
from carrel_protocol.api.datasets import DatasetPolicy
from carrel_protocol.base import READABLE, Received, Sent, Text
from carrel_protocol.black_box import BlackBoxAnswer, BlackBoxContent
from carrel_protocol.code import CodeContent
from carrel_protocol.jobs import QueryContent
from carrel_protocol.plan import QueryPlan
from carrel_protocol.privacy import Noise, PrivacyTarget
from carrel_protocol.schema import UnitBounds

Purpose = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000), READABLE]


class RequestState(StrEnum):
    SUBMITTED = "submitted"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    OVER_BUDGET = "over_budget"
    QUEUED = "queued"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class RunState(StrEnum):
    QUEUED = "queued"
    CLAIMED = "claimed"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class OutputState(StrEnum):
    HELD = "held"
    RELEASED = "released"
    WITHHELD = "withheld"


class QueryAsk(Sent):
    """A question: SQL or a plan, and how private the answer must be."""

    dataset: str = Field(min_length=1, max_length=200)
    """The dataset's id or name."""
    sql: str | None = Field(default=None, max_length=100_000)
    plan: QueryPlan | None = None
    target: PrivacyTarget
    bounds: UnitBounds | None = None
    """Instead of the dataset's own bounds per unit."""


class RequestCreate(QueryAsk):
    kind: Literal["query"] = "query"
    purpose: Purpose = ""
    review: bool = False
    """Ask for a person's approval even where policy would approve at once."""


class ExpectedError(Received):
    """Half-width of the interval at `confidence`; `expected` marks AVG's, at the declared size."""

    measure: str
    plus_minus: float
    confidence: float
    expected: bool
    ranks: int | None = None
    """For a median: how many values it is of, among which `plus_minus` counts ranks. None where it
    is in the measure's own unit."""


class Price(Received):
    """What a question costs and what it would leave, before anything is asked."""

    epsilon: float | None
    """The sum over primitives, when each is private by an epsilon."""
    rho: float | None
    """The sum over primitives, when each is private by a rho."""
    costs: tuple[int, int]
    """At the account's two orders, in nano-units, minimum charge included."""
    share: float
    """Of the account's limit, at the better order."""
    share_left_after: float
    expected_errors: tuple[ExpectedError, ...]
    noise: tuple[Noise, ...]
    groups: int
    deadline_ms: int
    affordable: bool
    approval: Literal["automatic", "review"]
    plan: QueryPlan | None
    """None for a black box."""
    in_words: str
    fits: PrivacyTarget | None = None
    """Beside a price that cannot be paid: the most exact target of the same kind that can.
    None where nothing can, and in a request's own price."""
    asked_before: str | None = None
    """The request of yours that asked exactly this: asking again gives its answer, and costs
    nothing. None in a request's own price."""


class Comment(Received):
    id: str
    author: Person
    text: str
    kind: Literal["comment", "vote", "event"]
    at: datetime


class Vote(Received):
    reviewer: Person
    decision: Literal["approve", "reject", "return"]
    content_hash: str
    reason: str
    counts: bool
    """False once an edit has voided it."""
    at: datetime
    round: int = 1
    """Which of the request's rounds it was about: 1 as first asked, one more with each edit."""


class Decision(Sent):
    """A vote, bound to the content its reviewer was shown."""

    content_hash: str
    reason: Annotated[str, StringConstraints(max_length=4000), READABLE] = ""


class ReasonedDecision(Sent):
    """Returning or rejecting needs a reason that the researcher can read."""

    content_hash: str
    reason: Text


class Run(Received):
    """A run on its public clock: nothing here changes with private facts before the deadline."""

    id: str
    request_id: str
    state: RunState
    progress: float
    queued_at: datetime
    deadline_ms: int
    finished_at: datetime | None
    answer: QueryAnswer | None = None
    black_box: BlackBoxAnswer | None = None
    """The answer of a black box."""
    receipt: SignedHead | None = None
    output: OutputState | None = None
    """Of a run of code, once its end is public: held while people look at what it returned."""


RequestKind = Literal["query", "code", "black_box"]
Content = Annotated[QueryContent | CodeContent | BlackBoxContent, Field(discriminator="kind")]


class Request(Received):
    id: str
    kind: RequestKind
    dataset: str
    dataset_id: str
    requester: Person
    purpose: str
    state: RequestState
    sql: str | None
    as_sql: str = ""
    """The question in SQL, whichever way it was asked; empty for code."""
    target: PrivacyTarget | None = None
    """How private it was asked to be. Sites before this field send None."""
    bounds: UnitBounds | None = None
    """Those it was asked with, instead of the dataset's own bounds per unit."""
    content: Content
    content_hash: str
    price: Price | None
    """None for code: people look at what it returns, and no bound is worked out."""
    run: Run | None
    votes: tuple[Vote, ...]
    votes_needed: int
    groups_needed: tuple[str, ...] = ()
    """Names of the groups of which each has to have given a vote."""
    reused: bool = False
    """True when this was asked before: the stored answer, at no further cost."""
    etag: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    round: int = 1
    """1 as first asked, one more with each edit."""


class RequestRound(Received):
    """What a request asked in one round: as first made, or after an edit."""

    number: int
    purpose: str
    as_sql: str
    """The question in SQL, whichever way it was asked; empty for code."""
    target: PrivacyTarget | None
    bounds: UnitBounds | None
    content: CodeContent | BlackBoxContent | None = None
    """Of code and of a black box: its program and all else that was asked."""
    content_hash: str
    price: Price | None
    asked_at: datetime
    replaced_at: datetime | None
    """When an edit put another in its place; None for what is asked now."""


class AccountUse(Received):
    """How far an account is used, and what a request takes of it: shares of the account's limit."""

    account_id: str | None
    """None for whoever may not see the account itself."""
    share_spent: float
    """Spent and reserved; what the request itself has reserved or spent is part of it."""
    share_price: float
    admits: bool
    """Whether it could pay for the request now."""


class Standing(Received):
    """How an account behaved in the last 30 days, as far as that is public."""

    account_id: str
    failures: int
    overruns: int
    paused: bool
    """So many failures that it may not ask until an owner has looked."""


class RequesterHistory(Received):
    """What else the requester asked, of their latest 1000 requests."""

    role: Role
    since: datetime
    """When they joined the site."""
    active: bool
    asked: int
    approved: int
    rejected: int
    undecided: int


class RequestBackground(Received):
    """What a reviewer weighs beside the request itself."""

    history: RequesterHistory
    mine: AccountUse | None
    """The requester's account; None when they have no budget at this population any more."""
    together: AccountUse | None
    """Everyone's together."""
    standing: Standing | None
    policy: DatasetPolicy
    """The dataset's rules as they are now."""
    policy_changed: bool
    """Whether the rules have changed since this was asked."""


class RequestSummary(Received):
    id: str
    kind: RequestKind
    dataset: str
    requester: Person
    purpose: str
    state: RequestState
    run_state: RunState | None
    output_state: OutputState | None = None
    """Of code, once its run's end is public."""
    in_words: str
    share: float
    """What it costs, as a share of its researcher's limit; 0 for code."""
    votes_needed: int
    votes_cast: int
    """Approvals, rejections and returns of the request as it is. Until it is decided votes are
    blind: then this counts the caller's own alone."""
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None


class RequestEdit(Sent):
    """A new question in place of one that was returned; earlier votes are void."""

    sql: str | None = Field(default=None, max_length=100_000)
    plan: QueryPlan | None = None
    target: PrivacyTarget | None = None
    bounds: UnitBounds | None = None
    purpose: Purpose | None = None


class RunSummary(Received):
    """A row of the list of runs: on the public clock, but as they are for owners and auditors."""

    id: str
    kind: Literal["query", "ingest", "code", "black_box"]
    state: RunState
    request_id: str | None
    version_id: str | None
    """Of an upload that was laid out; owners and auditors alone see those runs."""
    dataset: str
    requester: Person | None
    purpose: str
    progress: float
    queued_at: datetime
    finished_at: datetime | None
    deadline_ms: int
    overran: bool | None
    """Whether it went on past its deadline; None for whoever may not know."""


class RunDiagnostics(Received):
    """A run as it is, private facts included: for the owner and the auditor."""

    id: str
    kind: str
    state: RunState
    request_id: str | None
    version_id: str | None
    epoch: int
    attempts_left: int
    worker_id: str | None
    progress: float | None
    queued_at: datetime
    claimed_at: datetime | None
    lease_until: datetime | None
    finished_at: datetime | None
    visible_at: datetime | None
    deadline_ms: int
    cpu_ms: float | None
    wall_ms: float | None
    overran: bool
    failure: str | None
    standing: Standing | None = None
    """Of the account that paid; None for a run that nobody asked for."""


class Excuse(Sent):
    """Lifts a pause: earlier failures of the account no longer count."""

    reason: Text
