"""Populations, datasets, their versions, rules and mocks."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from carrel_protocol.api.common import Person
from carrel_protocol.base import READABLE, Name, Received, Sent, Text
from carrel_protocol.privacy import EpsilonTarget
from carrel_protocol.schema import TableSchema

Title = Annotated[str, StringConstraints(max_length=200), READABLE]
Prose = Annotated[str, StringConstraints(max_length=20_000), READABLE]
SourceFormat = Literal["csv", "csv.gz", "parquet"]
UploadPurpose = Literal["version", "mock"]
VersionState = Literal["uploading", "ingesting", "ready", "failed", "cancelled"]


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


AskKind = Literal["query", "code", "black_box"]


class DatasetPolicy(Sent):
    """What may be asked, what of it without a person, and how many people it takes otherwise."""

    kinds: tuple[AskKind, ...] = Field(default=("query", "code", "black_box"), max_length=3)
    """What may be asked of this dataset."""

    auto_approve: bool = False
    """Approve private queries whose share of the researcher's budget is within the limit."""
    auto_approve_share: float = Field(default=0.05, gt=0, le=1)
    """The largest share of an account's limit that one auto-approved request may cost."""
    reviewers: int = Field(default=1, ge=1, le=10)
    reviewer_groups: tuple[Annotated[str, StringConstraints(min_length=1, max_length=64)], ...] = (
        Field(default=(), max_length=10)
    )
    """Ids of groups: an approval needs a vote from each of these, beside `reviewers`."""
    release_reviewers: int | None = Field(default=None, ge=1, le=10)
    """How many people it takes to release what code returned; as many as `reviewers` when None."""
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
    terms: Prose = ""
    """What everybody has to accept before they ask; none when empty."""


class DatasetUpdate(Sent):
    """A new metadata revision. The unit column cannot change: that needs a new dataset."""

    title: Title | None = None
    description: Prose | None = None
    table: TableSchema | None = None
    policy: DatasetPolicy | None = None
    terms: Prose | None = None
    """New terms: everybody has to accept them anew."""


class TermsAcceptance(Sent):
    revision: int = Field(ge=1, le=10**9)
    """The `terms_revision` that was read."""


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
    created_by: Person | None = None
    population_id: str = ""
    population_name: str = ""
    terms: str = ""
    """What has to be accepted before anything can be asked; none when empty."""
    terms_revision: int = 0
    """Goes up with each change of the terms; 0 where there never were any."""
    terms_accepted_at: datetime | None = None
    """When you accepted the present terms."""
    mock: Literal["generated", "uploaded"] = "generated"
    accessible: bool = True
    """Whether you were given access: without it nobody can ask, whatever their role."""


class DatasetVersion(Received):
    """The owner's view of a version: sizes and digests are private facts."""

    id: str
    state: VersionState
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
    dataset_id: str = ""
    purpose: UploadPurpose = "version"
    format: SourceFormat = "csv"
    progress: float | None = None
    """Share of the laying out that is done (0 to 1); None before a worker began."""


class UploadCreate(Sent):
    """Announces a file, which then comes in pieces."""

    format: SourceFormat
    size: int = Field(ge=0, le=2**50)
    """Bytes of the file as it is sent; an empty one is refused."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Digest of the whole file, in hex: what arrived is compared with it."""
    purpose: UploadPurpose = "version"


class Upload(Received):
    """A file on its way, in pieces: the owner's view."""

    id: str
    dataset: str
    """The dataset's id."""
    purpose: UploadPurpose
    format: SourceFormat
    size: int
    offset: int
    """Bytes that are safely on the site's disk: where the next piece has to begin."""
    sha256: str | None = None
    """As it was announced."""
    state: Literal["open", "completed", "abandoned", "expired"]
    version_id: str | None
    """The version that came of it, once it is complete."""
    created_at: datetime
    expires_at: datetime
    """An unfinished upload is removed then; each piece moves it on."""


class AccessGrant(Received):
    user_id: str
    name: str
    email: str
    granted_at: datetime


class PersonAccess(Received):
    """A dataset that a person may ask questions of."""

    dataset_id: str
    dataset: str
    title: str
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
    """Made-up rows: generated from public metadata alone, or uploaded by the owner."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int | float | str | bool | None, ...], ...]
    source: Literal["generated", "uploaded"] = "generated"


class MockCheck(Received):
    """How an uploaded mock compares with the private rows: a private fact, the owner's alone."""

    version_id: str
    state: Literal["checking", "waiting", "clean", "suspicious", "failed", "cancelled"]
    """waiting: there is no private version to compare with yet. suspicious: more rows are equal
    or near to private ones than chance explains; it is served only once it was accepted."""
    served: bool
    """Whether researchers get this mock."""
    progress: float | None = None
    error: str | None = None
    rows: int | None = None
    compared_with: str | None = None
    """The private version that the rows were compared with."""
    exact: int | None = None
    """Rows that equal a private row in every column."""
    exact_by_chance: int | None = None
    """As many did so, at most, in five tries after each column was shuffled by itself."""
    near: int | None = None
    """Rows that equal a private row in all columns but one at most, or once numbers are rounded
    to a fiftieth of their domain; the exact ones are among them."""
    near_by_chance: int | None = None
    examples: tuple[int, ...] = ()
    """Equal rows, then near ones: their places in the mock as it would be served, from 1."""
    accepted_reason: str | None = None
    created_at: datetime


class MockAcceptance(Sent):
    """The owner looked at a suspicious mock and lets researchers have it."""

    version_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    reason: Text


class Activity(Received):
    """Something that happened to a dataset, its versions, its access or its requests."""

    at: datetime
    actor: Person | None
    """None: the site itself, or a worker."""
    action: str
    subject: str
    detail: dict[str, Any]


class BudgetPreview(Sent):
    limits: BudgetLimits
    units: int = Field(ge=1, le=10**12)
    example: EpsilonTarget = EpsilonTarget(epsilon=0.1)


class BudgetPreviewResult(Received):
    """What a budget buys, before it is set."""

    counts_within_one_percent: int
    means_within: int
    """Means of a column from 0 to 1, each expected right to within 0.01 for all units."""
    example_queries: int
    examples: tuple[str, ...]
    """The same in words."""


class CommentText(Sent):
    text: Text
