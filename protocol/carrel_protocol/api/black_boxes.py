"""Private black boxes: pricing one and asking for one."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from carrel_protocol.api.requests import Purpose
from carrel_protocol.base import Sent
from carrel_protocol.black_box import MAX_BLOCKS, Aggregate, OutputVector, median_output
from carrel_protocol.code import (
    MAX_FILES,
    EnvironmentName,
    FunctionEntry,
    Identifier,
    ParameterValue,
    SourceFile,
)
from carrel_protocol.median import DEFAULT_STEPS
from carrel_protocol.privacy import PrivacyTarget

BlockSeconds = Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)]


class BlackBoxAsk(Sent):
    """A function to run on blocks of a dataset's units, and how private what leaves must be."""

    dataset: str = Field(min_length=1, max_length=200)
    """The dataset's id or name."""
    alias: Identifier = "df"
    """The function's parameter that a block's table is given to."""
    entry: FunctionEntry
    files: tuple[SourceFile, ...] = Field(min_length=1, max_length=MAX_FILES)
    parameters: dict[Identifier, ParameterValue] = Field(default={}, max_length=50)
    environment: EnvironmentName = "default"
    blocks: int = Field(default=100, ge=2, le=MAX_BLOCKS)
    output: OutputVector
    aggregate: Aggregate = "mean"
    """Over blocks, of each number. A median's grid has 1000 steps where none are said."""
    target: PrivacyTarget
    """For all numbers together; an accuracy is meant of each number of a mean."""
    cpu_seconds: BlockSeconds = 5.0
    """Of one block. Starting Python and importing pandas are part of it: about a second."""
    wall_seconds: BlockSeconds = 10.0
    """Of one block: well above its CPU seconds, so that no busy machine decides what counts."""

    @model_validator(mode="before")
    @classmethod
    def _median_grid(cls, asked: Any) -> Any:
        if not isinstance(asked, dict) or asked.get("aggregate") != "median":
            return asked
        output = asked.get("output")
        if isinstance(output, OutputVector):
            return asked | {"output": median_output(output)}
        if isinstance(output, dict):
            return asked | {"output": {"steps": DEFAULT_STEPS} | output}
        return asked


class BlackBoxRequestCreate(BlackBoxAsk):
    purpose: Purpose = ""
    review: bool = False
    """Ask for a person's approval even where policy would approve at once."""
