"""Reviewed code: environments, runs on made-up rows, requests, held outputs and their release."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, Strict, StringConstraints

from carrel_protocol.api.common import Person
from carrel_protocol.api.requests import OutputState, Purpose, RunState
from carrel_protocol.base import READABLE, Received, Sent, Text
from carrel_protocol.code import (
    MAX_FILES,
    Digest,
    Entry,
    EnvironmentName,
    FilePath,
    Identifier,
    ParameterValue,
    Reach,
    RunLimits,
    SourceFile,
)
from carrel_protocol.outputs import Finding, ItemName, OutputItem, RunReport

Packages = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=200), READABLE], ...],
    Field(max_length=200),
]


class Environment(Received):
    """A named set of packages that code may run in. Nothing is installed when it runs."""

    name: EnvironmentName
    description: str
    packages: tuple[str, ...]
    """What it was built from, as 'pandas>=2.2'."""
    locked: tuple[str, ...]
    """Every package in it, as 'pandas==2.3.3'."""
    imports: tuple[str, ...]
    """Top-level modules that code may import, the standard library's left out."""
    lock_hash: str
    limits: RunLimits
    state: Literal["ready", "missing", "retired"]
    """missing: no worker that was heard of lately has it built."""
    built_at: datetime


class EnvironmentUpdate(Sent):
    description: Annotated[str, StringConstraints(max_length=2000), READABLE] | None = None
    limits: RunLimits | None = None
    retired: Annotated[bool, Strict()] | None = None


class CodeAsk(Sent):
    """A program and what it is to be given."""

    data: dict[Identifier, Annotated[str, StringConstraints(min_length=1, max_length=200)]] = Field(
        min_length=1, max_length=10
    )
    """Alias → a dataset's id or name."""
    entry: Entry
    files: tuple[SourceFile, ...] = Field(min_length=1, max_length=MAX_FILES)
    parameters: dict[Identifier, ParameterValue] = Field(default={}, max_length=50)
    environment: EnvironmentName = "default"
    limits: RunLimits | None = None
    """Within the environment's. When None its own, but at most 50 s of wall time."""


class MockRunCreate(CodeAsk):
    """Runs on made-up rows at once: nothing is asked of anybody, and nothing is private."""

    rows: int = Field(default=1000, ge=1, le=20_000)
    """Of each dataset."""


class MockRunItem(Received):
    item: OutputItem
    content: str
    """Base64."""


class MockRun(Received):
    id: str
    state: RunState
    content_hash: str
    """Of program and parameters: the same for a request that asks to run just this."""
    queued_at: datetime
    finished_at: datetime | None
    report: RunReport | None
    items: tuple[MockRunItem, ...] = ()


class CodeRequestCreate(CodeAsk):
    purpose: Purpose = ""
    reach: Reach | None = None
    mock_run_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    """The run on made-up rows to show to reviewers; it has to be of this very program."""


class CodeRequestEdit(Sent):
    """Another program in place of one that was returned; votes until now are void."""

    entry: Entry | None = None
    files: tuple[SourceFile, ...] | None = Field(default=None, min_length=1, max_length=MAX_FILES)
    parameters: dict[Identifier, ParameterValue] | None = None
    environment: EnvironmentName | None = None
    limits: RunLimits | None = None
    purpose: Purpose | None = None
    reach: Reach | None = None
    mock_run_id: Annotated[str, StringConstraints(max_length=64)] | None = None


class CodeFinding(Received):
    """What reading the program found, at its line. Advice: people decide, the sandbox holds."""

    source: Literal["carrel", "ruff"]
    rule: str
    path: FilePath
    line: int
    column: int
    message: str
    level: Literal["note", "warning", "alarm"]


class ApprovedBefore(Received):
    """The last version by the same person that people approved: with the same entry, and given the
    same datasets under the same names. What was approved by a rule, or is covered by another
    approval, counts as none."""

    request_id: str
    requester: Person
    approved_by: tuple[Person, ...]
    """Who voted for it: whoever compares with it relies on them."""
    approved_at: datetime
    files: tuple[SourceFile, ...]
    parameters: dict[Identifier, ParameterValue]
    environment: EnvironmentName
    differs: tuple[str, ...]
    """What beside the files is asked otherwise now, by its name in the content: `parameters`,
    `data` (another version or other rules), `environment` (its lock), `limits`, `reach`, …"""


class Review(Received):
    """What a reviewer is shown beside the program."""

    findings: tuple[CodeFinding, ...]
    approved_before: ApprovedBefore | None
    mock_run: MockRun | None
    comments: tuple["LineComment", ...]
    covered_by: str | None
    """The request whose approval covers this one too: then nobody votes."""
    runs_left: int | None
    """Of an approval with a reach."""


class LineComment(Received):
    id: str
    author: Person
    path: FilePath
    line: int
    round: int
    text: str
    at: datetime


class LineCommentCreate(Sent):
    content_hash: Digest
    path: FilePath
    line: int = Field(ge=1, le=1_000_000)
    text: Text


class HeldOutput(Received):
    """An output as its reviewers see it."""

    run_id: str
    request_id: str
    state: OutputState
    items: tuple["HeldItem", ...]
    findings: tuple[Finding, ...]
    report: RunReport | None
    """Owners' and reviewers' alone."""
    votes: tuple["ReleaseVote", ...]
    """The caller's own until the output is decided."""
    votes_needed: int
    groups_needed: tuple[str, ...] = ()
    """Names of the groups of which each has to have given a vote."""
    digest: str
    """Of all items together: a decision names it."""
    reason: str = ""
    """Why it was withheld; the researcher reads it."""
    requester: Person
    dataset: str
    title: str
    """What ran, in words: 'work() of analysis.py'."""
    public_at: datetime | None
    """When its researcher sees that it has ended. A decision before then shows then."""
    recorded_at: datetime


class HeldSummary(Received):
    """A row of the list of outputs."""

    run_id: str
    request_id: str
    state: OutputState
    requester: Person
    dataset: str
    purpose: str
    title: str
    items: int
    worst: Literal["note", "warning", "alarm"] | None
    """The gravest level among its findings."""
    ending: str
    """How the code ended: 'returned', 'raised', …"""
    votes_needed: int
    voted: bool
    """Whether the caller has."""
    recorded_at: datetime


class HeldItem(Received):
    item: OutputItem
    state: OutputState
    released_as: OutputItem | None = None
    """What leaves in its place: rounded, or with cells taken out."""


class ReleaseVote(Received):
    reviewer: Person
    decision: Literal["release", "withhold"]
    reason: str
    at: datetime


class Transform(Sent):
    """Done to a table or value before it leaves. The original stays where it is."""

    item: ItemName
    round_to: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Numbers become multiples of this."""
    suppress: tuple[tuple[int, int], ...] = Field(default=(), max_length=10_000)
    """Cells (row, column) of a table that become null."""


class TransformPreview(Received):
    """An item as it would leave."""

    item: OutputItem
    content: str
    """Its JSON."""
    left_alone: int
    """Numbers that stand in names and texts: rounding leaves them as they are."""


class ReleaseDecision(Sent):
    """Bound to the output its reviewer was shown."""

    digest: Digest
    decision: Literal["release", "withhold"]
    items: tuple[ItemName, ...] | None = None
    """Those that leave; all when None. The others are withheld."""
    transforms: tuple[Transform, ...] = Field(default=(), max_length=50)
    reason: Annotated[str, StringConstraints(max_length=4000), READABLE] = ""
    """Withholding needs one; the researcher reads it."""


class CodeResult(Received):
    """What the researcher gets: the released items, or why there are none."""

    run_id: str
    state: OutputState | None
    """None until the run's end is public."""
    items: tuple[OutputItem, ...] = ()
    reason: str = ""


Review.model_rebuild()
HeldOutput.model_rebuild()
