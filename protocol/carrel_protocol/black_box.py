"""Private black boxes: any function of a table, made private by sample and aggregate.

The units are divided at random into a fixed, public number of blocks; the function runs on each
block by itself; what it returns is moved into public bounds, rounded to a public grid and
averaged, and noise is added; or a median of it is chosen privately (Smith 2011,
"Privacy-preserving statistical estimation with optimal convergence rates", STOC; GUPT: Mohan,
Thakurta, Shi, Song & Culler 2012, SIGMOD).

**Sensitivity.** Fix in which block each unit is; that is drawn for each unit independently of all
others, so two datasets that differ in one unit can be compared under the same draw. They differ
in the one block where that unit is. A block's table says nothing about other blocks: its units
are numbered within it. So the function is given other data in that block alone, and whatever it
does there (return anything, raise, sleep, exit), the block counts as some point of the grid
{0, …, steps} in each coordinate, before and after. So the sum over blocks of a coordinate moves by
at most `steps`, whatever the function is, and every coordinate can move at once:

    |Δ sum_i| ≤ steps,    L1 = steps and L2 = steps for each coordinate by itself.

For a median the same says that one of the points is substituted: `carrel_protocol.median` goes on
from there.

Each coordinate is released as a primitive of its own with its own part of the cost, and the parts
add up (basic composition for epsilon, Bun & Steinke 2016, Lemma 1.7, for rho). The number of
blocks is public, so the mean is the noisy sum divided by a constant: in units of the output the
sensitivity of a coordinate is (upper − lower)/blocks. This holds for each draw of the blocks, and
so for their mixture (the draw itself is never released).

What is assumed: that a block's run depends on its own data alone. docs/black-boxes.md says what
the site does so that it is true, and what is left.
"""

import math
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from carrel_protocol.base import Received, Sent
from carrel_protocol.canonical import tagged_hash
from carrel_protocol.code import (
    MAX_FILES,
    CodeData,
    CodeEnvironment,
    FunctionEntry,
    Identifier,
    ParameterValue,
    RunLimits,
    SourceFile,
    check_program,
)
from carrel_protocol.median import DEFAULT_STEPS, MAX_STEPS, Choice
from carrel_protocol.privacy import MECHANISM_VERSION, Claimed, Noise
from carrel_protocol.sensitivity import Primitive

MAX_BLOCKS = 1000
MAX_LENGTH = 100
MAX_SCHEDULE_SECONDS = 3600.0
"""All blocks' slots together: a worker is held for as long."""
SLOT_MARGIN_SECONDS = 1.0
"""Of a block's slot beside the time its code may take: writing its table, ending its processes."""
LEAD_SECONDS = 5.0
LEAD_SECONDS_PER_ROW = 1e-6
OUTPUT_BYTES = 64 * 1024
"""What a block may return: more than a hundred numbers need, in any form."""

Aggregate = Literal["mean", "median"]
"""What of the blocks' points is released, number by number."""
Bound = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
LargeInteger = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,25}$")]
"""An integer that is no exact JSON number."""


def lead_seconds(rows: int) -> float:
    """From the claim to the first slot: opening the table, dividing its units, starting a sandbox.

    rows: the owner's declared, approximate number, so that it tells nothing.
    """
    return LEAD_SECONDS + rows * LEAD_SECONDS_PER_ROW


class OutputVector(Sent):
    """What each block returns, as far as it counts: so many numbers, each within its bounds.

    All of it is public, and none of it may come from the private data. `steps`: into how many
    equal steps the range of each number is divided; what a block returns counts as the nearest.
    A median takes no more than 4096, and 1000 unless others are asked for.
    """

    lower: tuple[Bound, ...] = Field(min_length=1, max_length=MAX_LENGTH)
    upper: tuple[Bound, ...] = Field(min_length=1, max_length=MAX_LENGTH)
    steps: int = Field(default=2**20, ge=1, le=2**24)

    @model_validator(mode="after")
    def _ordered(self) -> "OutputVector":
        if len(self.lower) != len(self.upper):
            raise ValueError(f"{len(self.lower)} lower bounds and {len(self.upper)} upper ones")
        for low, high in zip(self.lower, self.upper, strict=True):
            # A step that is no number of its own would make the whole range one point.
            if not low < low + (high - low) / self.steps:
                raise ValueError(f"between {low} and {high} there are no {self.steps} steps")
        return self

    @property
    def length(self) -> int:
        return len(self.lower)

    @property
    def middle(self) -> int:
        """The grid's point that a block counts as if it returns nothing that can count."""
        return self.steps // 2

    def step(self, coordinate: int) -> float:
        """How much one step of a coordinate is, in the output's own unit."""
        return (self.upper[coordinate] - self.lower[coordinate]) / self.steps

    def grid(self, value: float, coordinate: int) -> int:
        """The grid's point nearest to a finite `value` moved into its bounds.

        An integer of 0 to `steps` for every float that is no NaN, however arithmetic rounds.
        """
        low, high = self.lower[coordinate], self.upper[coordinate]
        inside = min(max(value, low), high)
        return min(max(round((inside - low) / (high - low) * self.steps), 0), self.steps)

    def primitives(self) -> tuple[Primitive, ...]:
        """One sum over blocks a coordinate, each of sensitivity `steps`: see the module's proof."""
        one = Primitive(
            kind="sum",
            column=None,
            centre=0,
            lower=0,
            upper=self.steps,
            rows_per_group=1,
            groups_per_unit=1,
        )
        return (one,) * self.length

    def choices(self) -> tuple[Choice, ...]:
        """One median a coordinate, each a choice among the grid's points."""
        return (Choice(candidates=self.steps + 1),) * self.length

    def point(self, coordinate: int, place: int) -> float:
        """A point of the grid in the output's own unit."""
        return self.mean(coordinate, place, 1)

    def mean(self, coordinate: int, summed: float, blocks: int) -> float:
        """A (noisy) sum over blocks as a mean in the output's own unit, within its bounds."""
        value = self.lower[coordinate] + summed * self.step(coordinate) / blocks
        # Plus zero: a database's numbers have no negative one, and an answer is stored as it is.
        return min(max(value, self.lower[coordinate]), self.upper[coordinate]) + 0.0


def median_output(output: OutputVector) -> OutputVector:
    """`output` for a median: with fewer steps, unless it was said how many there are to be."""
    if "steps" in output.model_fields_set:
        return output
    return output.model_copy(update={"steps": DEFAULT_STEPS})


class BlackBoxProgram(Sent):
    """What runs on each block, and what of it counts."""

    entry: FunctionEntry
    files: tuple[SourceFile, ...] = Field(min_length=1, max_length=MAX_FILES)
    parameters: dict[Identifier, ParameterValue] = Field(default={}, max_length=50)
    limits: RunLimits
    """Of one block. A block that takes longer counts as one that returned nothing."""
    blocks: int = Field(ge=2, le=MAX_BLOCKS)
    output: OutputVector
    aggregate: Aggregate = "mean"

    @model_validator(mode="after")
    def _consistent(self) -> "BlackBoxProgram":
        check_program(self.entry, self.files)
        if self.aggregate == "median" and self.output.steps > MAX_STEPS:
            raise ValueError(
                f"a median is chosen among at most {MAX_STEPS + 1} points, and a grid of "
                f"{self.output.steps} steps has more; set steps={MAX_STEPS} or fewer, or leave "
                f"them out (then there are {DEFAULT_STEPS})"
            )
        if (seconds := self.schedule_seconds()) > MAX_SCHEDULE_SECONDS:
            raise ValueError(
                f"{self.blocks} blocks of {self.slot_seconds():g} s each take {seconds:g} s, and "
                f"{MAX_SCHEDULE_SECONDS:g} s is the most; ask for fewer blocks, or for less time "
                "a block (limits.wall_seconds)"
            )
        return self

    def slot_seconds(self) -> float:
        """T: a block's slot, whatever its code does with it. Whole milliseconds."""
        return math.ceil(1000 * (self.limits.wall_seconds + SLOT_MARGIN_SECONDS)) / 1000

    def schedule_seconds(self) -> float:
        """From the first slot's start to the last one's end.

        One block runs at a time: two at once could signal to each other by how busy they keep the
        machine, and one unit's data would then move more than one block's output.
        """
        return self.blocks * self.slot_seconds()


class BlackBoxContent(BlackBoxProgram):
    """All that a request for a black box covers."""

    kind: Literal["black_box"] = "black_box"
    requester: str
    data: CodeData
    environment: CodeEnvironment
    mechanism_version: int = MECHANISM_VERSION
    noise: tuple[Noise, ...] = Field(min_length=1, max_length=MAX_LENGTH)
    """One a coordinate: in steps of the grid, on the sum over blocks; for a median, in ranks."""
    claimed: tuple[Claimed, ...] = Field(min_length=1, max_length=MAX_LENGTH)
    """What each coordinate was priced at; a worker refuses noise too small for it."""
    confidence: float = Field(default=0.95, ge=0.5, le=0.9999)
    purpose: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "BlackBoxContent":
        if not len(self.noise) == len(self.claimed) == self.output.length:
            raise ValueError(
                f"{self.output.length} numbers, {len(self.noise)} noises and "
                f"{len(self.claimed)} claims"
            )
        if self.data.alias in self.parameters:
            raise ValueError(f"'{self.data.alias}' names a dataset and a parameter")
        return self

    def content_hash(self) -> str:
        return tagged_hash("request-content/black_box/1", self.model_dump(mode="json"))


class BlackBoxAnswer(Received):
    """What leaves: one number a coordinate, with an interval for the noise alone.

    The interval does not cover how far the mean or median over blocks is from the function of all
    the data.
    """

    kind: Literal["black_box"] = "black_box"
    aggregate: Aggregate = "mean"
    blocks: int
    values: tuple[float, ...]
    low: tuple[float, ...] | None = None
    """Of a mean, in the output's own unit."""
    high: tuple[float, ...] | None = None
    ranks: tuple[tuple[int, int], ...] | None = None
    """Of a median: between which of the blocks' values, in ascending order from 1, each lies. 0 is
    the lower bound of the range, and `blocks` + 1 the upper one."""
    confidence: float
    noise: tuple[Noise, ...]
    released: tuple[Annotated[int, Field(strict=True)] | LargeInteger, ...]
    """The noisy sums over blocks, in steps, or the points chosen as medians: what everything above
    was worked out from."""
