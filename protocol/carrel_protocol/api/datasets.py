"""Populations, datasets, their versions, rules and mocks."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from carrel_protocol.base import READABLE, Name, Received, Sent, Text
from carrel_protocol.privacy import EpsilonTarget
from carrel_protocol.schema import TableSchema

Title = Annotated[str, StringConstraints(max_length=200), READABLE]
Prose = Annotated[str, StringConstraints(max_length=20_000), READABLE]


class BudgetLimits(Sent):
    """The guarantee an account keeps: (epsilon, delta_conv + delta_add)-DP for its unit.

    The deltas are fixed at the first charge; epsilon may be raised later, with a reason.
    """

    epsilon: float = Field(gt=0, le=1000, allow_inf_nan=False)
    delta_conv: float = Field(default=1e-6, ge=1e-15, le=0.01)
    delta_add: float = Field(default=1e-6, ge=0, le=0.01)


class PopulationCreate(Sent):
    """A set of people that one or more datasets are about, and its two kinds of budget."""

    name: Name
    description: Prose = ""
    together: BudgetLimits
    """All researchers together: what holds even if they collude."""
    each: BudgetLimits
    """Each researcher who is granted access, unless raised for them."""


class Population(Received):
    id: str
    name: str
    description: str
    together: BudgetLimits
    each: BudgetLimits
    created_at: datetime


class DatasetPolicy(Sent):
    """What may happen without a person, and how many people it takes otherwise."""

    auto_approve: bool = False
    """Approve private queries whose share of the researcher's budget is within the limit."""
    auto_approve_share: float = Field(default=0.05, gt=0, le=1)
    """The largest share of an account's limit that one auto-approved request may cost."""
    reviewers: int = Field(default=1, ge=1, le=10)
    reviewer_groups: tuple[Annotated[str, StringConstraints(min_length=1, max_length=64)], ...] = (
        Field(default=(), max_length=10)
    )
    """Ids of groups: an approval needs a vote from each of these, beside `reviewers`."""
    request_days: int = Field(default=30, ge=1, le=365)
    """An unanswered request expires after this long."""


class DatasetCreate(Sent):
    name: Name
    title: Title = ""
    description: Prose = ""
    population: str
    """The population's id or name."""
    table: TableSchema
    policy: DatasetPolicy = DatasetPolicy()


class DatasetUpdate(Sent):
    """A new metadata revision. The unit column cannot change: that needs a new dataset."""

    title: Title | None = None
    description: Prose | None = None
    table: TableSchema | None = None
    policy: DatasetPolicy | None = None


class Dataset(Received):
    """A dataset as a researcher sees it: declared facts only."""

    id: str
    name: str
    title: str
    description: str
    population: str
    table: TableSchema
    policy: DatasetPolicy
    revision: int
    version_id: str | None
    """The version that answers come from; None until one is ready."""
    created_at: datetime


class DatasetVersion(Received):
    """The owner's view of a version: sizes and digests are private facts."""

    id: str
    state: Literal["uploading", "ingesting", "ready", "failed"]
    digest: str | None
    size: int | None
    rows: int | None
    units: int | None
    report: dict[str, dict[str, int]] | None
    error: str | None
    run_id: str | None
    created_at: datetime
    same_people_as: str | None = None
    """Another population that has an earlier version with the same bytes or the same unit ids:
    if these are the same people, this dataset belongs there, where their accounts are."""


class AccessGrant(Received):
    user_id: str
    name: str
    email: str
    granted_at: datetime


class AccessUpdate(Sent):
    """Gives a person access, or everyone who is in a group now. Each one's account at the
    population opens with its `each` limits."""

    user: str | None = None
    """The person's id or e-mail."""
    group: str | None = None
    """The group's id or name. Whoever joins it later does not get access by it."""


class AccessSkipped(Received):
    """Somebody in a group to whom access was not given, and why."""

    user_id: str
    name: str
    reason: str


class GroupAccess(Received):
    """What giving access to a group came to: one grant a person."""

    given: tuple[AccessGrant, ...]
    skipped: tuple[AccessSkipped, ...]


class Mock(Received):
    """Made-up rows, generated from public metadata alone."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int | float | str | bool | None, ...], ...]


class BudgetPreview(Sent):
    limits: BudgetLimits
    units: int = Field(ge=1, le=10**12)
    example: EpsilonTarget = EpsilonTarget(epsilon=0.1)


class BudgetPreviewResult(Received):
    """What a budget buys, before it is set."""

    counts_within_one_percent: int
    example_queries: int


class CommentText(Sent):
    text: Text
