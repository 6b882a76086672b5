"""What a worker receives and sends back: the internal API's models.

A job is complete: a worker needs nothing else but the bytes its grant names. Everything that
was approved is inside `content`; the worker recomputes the hash and runs `content` alone.
"""

import math
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from carrel_protocol.answers import QueryAnswer
from carrel_protocol.base import Received, Sent
from carrel_protocol.black_box import BlackBoxAnswer, BlackBoxContent
from carrel_protocol.canonical import tagged_hash
from carrel_protocol.code import CodeContent, Digest, EnvironmentName, MockCode
from carrel_protocol.outputs import MAX_ITEMS, Finding, OutputItem, RunReport
from carrel_protocol.plan import QueryPlan
from carrel_protocol.privacy import MECHANISM_VERSION, Claimed, Noise
from carrel_protocol.schema import TableSchema, UnitBounds

PackageText = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class QueryContent(Sent):
    """All that an approval of a query covers."""

    kind: Literal["query"] = "query"
    requester: str
    dataset_id: str
    version_id: str
    data_commitment: str
    """HMAC(site key, digest of the stored bytes): binds the data without revealing its digest."""
    metadata_revision: int
    policy_revision: int
    mechanism_version: int = MECHANISM_VERSION
    table: TableSchema
    plan: QueryPlan
    bounds: UnitBounds
    noise: tuple[Noise, ...]
    """One per primitive of `sensitivity.lower(plan, table, bounds)`, in its order."""
    claimed: tuple[Claimed, ...]
    """What each primitive was priced at; a worker refuses noise too small for it."""
    confidence: float = 0.95
    purpose: str = ""
    """What the requester said it is for: reviewers approve a question for a purpose."""

    def content_hash(self) -> str:
        return tagged_hash("request-content/query/1", self.model_dump(mode="json"))


class StorageGrant(Received):
    """Leave to read one version's bytes until `expires_at`: an unguessable path below the root."""

    path: str
    digest: str
    size: int
    expires_at: float


class QueryJob(Received):
    kind: Literal["query"] = "query"
    run_id: str
    epoch: int
    claim_token: str
    lease_seconds: float
    deadline_ms: int
    """The worker holds its slot until claim + deadline, so that a slot's freedom tells nothing."""
    content: QueryContent
    content_hash: str
    data: StorageGrant


class IngestJob(Received):
    kind: Literal["ingest"] = "ingest"
    run_id: str
    epoch: int
    claim_token: str
    lease_seconds: float
    version_id: str
    source_format: Literal["csv", "csv.gz", "parquet"]
    table: TableSchema
    source: StorageGrant
    target_path: str
    """Where to leave the laid-out table: a path below the storage root, the worker's to create."""
    max_expanded_bytes: int = 2**40
    """The most that the file may hold once it is decompressed."""


class MockJob(Received):
    """An uploaded mock: see that it fits the table, and compare its rows with private ones."""

    kind: Literal["mock"] = "mock"
    run_id: str
    epoch: int
    claim_token: str
    lease_seconds: float
    version_id: str
    source_format: Literal["csv", "csv.gz", "parquet", "rows"]
    """rows: what an earlier job left at `target_path`, to be compared again."""
    table: TableSchema
    source: StorageGrant
    target_path: str
    """Where to leave the mock as lines of JSON: the columns' names, the unit's first, then each
    row as an array of its values."""
    max_expanded_bytes: int
    max_rows: int
    private: StorageGrant | None
    """The laid-out version to compare with; None while there is none."""


class CodeJob(Received):
    """Approved code, to be run beside the data it names."""

    kind: Literal["code"] = "code"
    run_id: str
    epoch: int
    claim_token: str
    lease_seconds: float
    deadline_ms: int
    """The worker holds its slot until claim + deadline, so that a slot's freedom tells nothing."""
    content: CodeContent
    content_hash: str
    data: tuple[StorageGrant, ...]
    """One for each of `content.data`, in its order."""
    target_path: str
    """A directory below the storage root, the worker's to create: one file an item, by number."""
    earlier: tuple[StorageGrant, ...] = ()
    """Tables, values and arrays that were released of the same datasets: what comes out is
    compared with them (differencing)."""
    least_cell: int = 10
    """Counts below this are pointed out."""


class BlackBoxJob(Received):
    """A function to be run on blocks of units: what leaves is a private mean or median."""

    kind: Literal["black_box"] = "black_box"
    run_id: str
    epoch: int
    claim_token: str
    lease_seconds: float
    deadline_ms: int
    """The worker holds its slot until claim + deadline, so that a slot's freedom tells nothing."""
    content: BlackBoxContent
    content_hash: str
    data: StorageGrant


class MockCodeJob(Received):
    """Code to be tried on made-up rows: it comes with all it reads, and no grant."""

    kind: Literal["mock_code"] = "mock_code"
    run_id: str
    epoch: int
    claim_token: str
    lease_seconds: float
    code: MockCode


Job = Annotated[
    QueryJob | IngestJob | MockJob | CodeJob | MockCodeJob | BlackBoxJob,
    Field(discriminator="kind"),
]


class ClaimRequest(Sent):
    protocol_version: int
    mechanism_version: int


class BuiltEnvironment(Sent):
    """An environment as a worker has it."""

    name: EnvironmentName
    packages: tuple[PackageText, ...] = Field(default=(), max_length=200)
    """What it was built from, as 'pandas>=2.2'."""
    locked: tuple[PackageText, ...] = Field(max_length=2000)
    """Every package in it, as 'pandas==2.3.3'."""
    imports: tuple[PackageText, ...] = Field(max_length=5000)
    """Top-level modules that it adds to the standard library's."""
    lock_hash: Digest
    built_at: AwareDatetime


class WorkerReport(Sent):
    """What a worker says of itself when it starts: what it can run, and what holds that."""

    environments: tuple[BuiltEnvironment, ...] = Field(default=(), max_length=100)
    sandbox: Annotated[str, StringConstraints(max_length=200)] = ""
    """The tier that it found and what the machine adds, as 'bubblewrap+seccomp+cgroup'."""


class Heartbeat(Sent):
    claim_token: str
    epoch: int
    progress: float | None = Field(default=None, ge=0, le=1)
    """Owner-only, for ingest; a private run's public progress is a clock."""


class HeartbeatReply(Received):
    cancelled: bool


class QuerySucceeded(Sent):
    kind: Literal["query"] = "query"
    claim_token: str
    epoch: int
    answer: QueryAnswer
    cpu_ms: float
    wall_ms: float


class IngestSucceeded(Sent):
    kind: Literal["ingest"] = "ingest"
    claim_token: str
    epoch: int
    digest: str
    size: int
    rows: int
    units: int
    units_digest: str
    """SHA-256 of the distinct unit ids in order; owner-only, and stored under the site's key."""
    report: dict[str, dict[str, int]]
    """Per column, owner-only: {"clamped": n, "nulls": n, "unknown": n}."""


class MockComparison(Sent):
    """How many rows of a mock are equal or near to private ones; owner-only."""

    exact: int
    exact_by_chance: int
    near: int
    near_by_chance: int
    examples: tuple[int, ...] = Field(default=(), max_length=20)

    @property
    def suspicious(self) -> bool:
        """Whether more rows are equal or near than chance explains."""
        return _beyond(self.exact, self.exact_by_chance) or _beyond(self.near, self.near_by_chance)


def _beyond(found: int, chance: int) -> bool:
    """Four standard deviations of a Poisson count, so that independent columns seldom alarm."""
    return found > chance + 4 * math.sqrt(chance)


class MockSucceeded(Sent):
    kind: Literal["mock"] = "mock"
    claim_token: str
    epoch: int
    digest: str
    size: int
    rows: int
    units: int
    comparison: MockComparison | None
    """None where there was nothing to compare with."""


class CodeEnded(Sent):
    """How approved code ended. Code that raised has ended too: it has a report and no items."""

    kind: Literal["code"] = "code"
    claim_token: str
    epoch: int
    report: RunReport
    items: tuple[OutputItem, ...] = Field(default=(), max_length=MAX_ITEMS)
    findings: tuple[Finding, ...] = Field(default=(), max_length=500)


class BlackBoxSucceeded(Sent):
    """Nothing here tells how many blocks failed, or how: nobody is to know."""

    kind: Literal["black_box"] = "black_box"
    claim_token: str
    epoch: int
    answer: BlackBoxAnswer
    cpu_ms: float
    wall_ms: float


class MockItem(Sent):
    """An item with its bytes: of made-up rows, so that nothing about it is secret."""

    item: OutputItem
    content: str
    """Base64."""


class MockCodeEnded(Sent):
    kind: Literal["mock_code"] = "mock_code"
    claim_token: str
    epoch: int
    report: RunReport
    items: tuple[MockItem, ...] = Field(default=(), max_length=MAX_ITEMS)


Succeeded = Annotated[
    QuerySucceeded
    | IngestSucceeded
    | MockSucceeded
    | CodeEnded
    | MockCodeEnded
    | BlackBoxSucceeded,
    Field(discriminator="kind"),
]


class Failed(Sent):
    """A failure's details go to the owner only; a researcher sees that the run failed."""

    claim_token: str
    epoch: int
    reason: str = Field(max_length=20_000)
