"""Code that people approve: what a request of it covers, and what a worker is given to run.

Everything that could make the code do something else is inside the content, and so in its hash:
its files, where it begins, its parameters, the datasets' versions, the environment's lock, the
limits, who asks and what for.
"""

import keyword
import math
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict, StringConstraints, model_validator

from carrel_protocol.base import PLAIN, Sent
from carrel_protocol.canonical import tagged_hash
from carrel_protocol.schema import TableSchema

MAX_SOURCE = 200_000
"""Characters of a request's files together: more than anybody reviews."""
MAX_FILES = 20
JOB_MODULE = "carrel_job"
"""What a program imports to find its tables and parameters, and to save what it makes."""
USUAL_WALL_SECONDS = 50.0
"""Of a run that asks for no limits. Its worker's place is held until its public time, which is
51.2 s after the claim then."""


def _identifier(name: str) -> str:
    if keyword.iskeyword(name):
        raise ValueError(f"'{name}' is a word of Python's own")
    return name


Identifier = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"),
    AfterValidator(_identifier),
]
FilePath = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*\.py$", max_length=200
    ),
]
"""Where a file lies beside the others: 'analysis.py', 'lib/tables.py'."""
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

_SAFE = 2**53 - 1
_EXACT = 1e15
"""Above it a float may come back from a database as an integer with the same digits."""

Number = Annotated[
    float,
    Field(ge=-_EXACT, le=_EXACT, allow_inf_nan=False),
    # JSON keeps the sign of -0.0, and a hash does not: only one of the two is a number here.
    AfterValidator(lambda number: number + 0.0),
]
# Strict: `true` is no 1, "1" no number, and what was approved is a value of its type.
Scalar = (
    Annotated[bool, Strict()]
    | Annotated[int, Strict(), Field(ge=-_SAFE, le=_SAFE)]
    | Annotated[Number, Strict()]
    | Annotated[str, Strict(), StringConstraints(max_length=2000), PLAIN]
    | None
)
ParameterValue = Scalar | Annotated[tuple[Scalar, ...], Field(max_length=1000)]


def _of_one_reading(text: str) -> str:
    """`ValueError` if the text names an encoding: Python would read other characters than people.

    That is what PEP 263 does with a comment in the first two lines ('coding: utf-7').
    """
    for line in text.split("\n", 2)[:2]:
        named = _ENCODING.match(line)
        if named and named[1].lower().replace("_", "-") not in ("utf-8", "utf8"):
            raise ValueError(f"it says that it is written in {named[1]}; programs are UTF-8")
    return text


_ENCODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


class SourceFile(Sent):
    path: FilePath
    text: Annotated[
        str,
        StringConstraints(max_length=MAX_SOURCE),
        PLAIN,
        AfterValidator(_of_one_reading),
    ]


class FunctionEntry(Sent):
    """Call a function of the file with one table a dataset, then the parameters by name."""

    kind: Literal["function"] = "function"
    path: FilePath
    name: Identifier


class ScriptEntry(Sent):
    """Run the file as a program. `carrel_job.tables`, `.parameters` and `.save` are its world."""

    kind: Literal["script"] = "script"
    path: FilePath


Entry = Annotated[FunctionEntry | ScriptEntry, Field(discriminator="kind")]


class NumberBound(Sent):
    """A parameter may be any number from `lower` to `upper`, whole ones only if `whole`."""

    kind: Literal["number"] = "number"
    lower: Number
    upper: Number
    whole: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "NumberBound":
        if self.lower > self.upper:
            raise ValueError(f"lower {self.lower} is above upper {self.upper}")
        return self

    def admits(self, value: ParameterValue) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.whole and value != math.floor(value):
            return False
        return self.lower <= value <= self.upper


class ChoiceBound(Sent):
    """A parameter may be any of these values, and nothing else."""

    kind: Literal["choice"] = "choice"
    values: tuple[Scalar, ...] = Field(min_length=1, max_length=1000)

    def admits(self, value: ParameterValue) -> bool:
        # 1 == True == 1.0 in Python; what was approved is a value of its type.
        return any(type(value) is type(each) and value == each for each in self.values)


Bound = Annotated[NumberBound | ChoiceBound, Field(discriminator="kind")]


class Reach(Sent):
    """An approval that covers later runs too: other parameters within these bounds."""

    bounds: dict[Identifier, Bound] = Field(min_length=1, max_length=50)
    runs: int = Field(default=10, ge=1, le=1000)
    """How many runs it covers, the first among them."""
    days: int = Field(default=30, ge=1, le=365)


class RunLimits(Sent):
    """What a run may take. The environment's owner sets them; a request may lower them."""

    wall_seconds: float = Field(default=300, gt=0, le=86_400)
    cpu_seconds: float = Field(default=300, gt=0, le=86_400)
    memory_bytes: int = Field(default=2 * 2**30, ge=64 * 2**20, le=2**42)
    processes: int = Field(default=64, ge=1, le=4096)
    """Processes and threads at once."""
    scratch_bytes: int = Field(default=256 * 2**20, ge=0, le=2**40)
    """Of /tmp, where files may be written; they are gone when it ends."""
    output_bytes: int = Field(default=8 * 2**20, ge=1024, le=2**30)
    """Of everything it returns together."""
    log_bytes: int = Field(default=256 * 1024, ge=0, le=2**24)
    """Of stdout and stderr, each; the rest is cut off."""

    def usual(self) -> "RunLimits":
        """What a run gets within these that asks for nothing: a public time that comes soon."""
        return self.model_copy(update={"wall_seconds": min(self.wall_seconds, USUAL_WALL_SECONDS)})


class CodeData(Sent):
    """One dataset that the code is given, as it was when this was asked."""

    alias: Identifier
    """The parameter's name for a function, the key in `carrel_job.tables` for a script."""
    dataset_id: str
    version_id: str
    data_commitment: str
    """HMAC(site key, digest of the stored bytes): binds the data without revealing its digest."""
    metadata_revision: int
    policy_revision: int
    table: TableSchema


class CodeEnvironment(Sent):
    """A named set of packages; the lock says which, to the byte."""

    name: EnvironmentName
    lock_hash: Digest


class CodeContent(Sent):
    """All that an approval of code covers."""

    kind: Literal["code"] = "code"
    requester: str
    data: tuple[CodeData, ...] = Field(min_length=1, max_length=10)
    entry: Entry
    files: tuple[SourceFile, ...] = Field(min_length=1, max_length=MAX_FILES)
    parameters: dict[Identifier, ParameterValue] = Field(default={}, max_length=50)
    environment: CodeEnvironment
    limits: RunLimits
    reach: Reach | None = None
    purpose: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "CodeContent":
        check_program(self.entry, self.files)
        aliases = [one.alias for one in self.data]
        if len(set(aliases)) != len(aliases):
            raise ValueError("two datasets have the same alias")
        if both := set(aliases) & set(self.parameters):
            raise ValueError(f"'{min(both)}' names a dataset and a parameter")
        if self.reach is not None:
            check_reach(self.reach, self.parameters)
        return self

    def content_hash(self) -> str:
        body = self.model_dump(mode="json")
        body["types"] = types_of(self.parameters)
        body["bound_types"] = _bound_types(self.reach)
        return tagged_hash("request-content/code/1", body)

    def reach_hash(self) -> str | None:
        """The same for every content that one approval with this `reach` covers.

        None without a reach. Parameters that no bound is given for stay part of it, and so does the
        type of those that may be any number: 18.0 is not what was approved as 18.
        """
        if self.reach is None:
            return None
        body = self.model_dump(mode="json", exclude={"parameters", "purpose"})
        fixed = {
            name: value for name, value in self.parameters.items() if name not in self.reach.bounds
        }
        body["fixed"] = {name: _plain(value) for name, value in fixed.items()}
        bounds = self.reach.bounds
        body["types"] = types_of(
            {
                name: value
                for name, value in self.parameters.items()
                if not isinstance(bounds.get(name), ChoiceBound)
            }
        )
        body["bound_types"] = _bound_types(self.reach)
        return tagged_hash("request-reach/code/1", body)


def types_of(parameters: Mapping[str, ParameterValue]) -> dict[str, str | list[str]]:
    """The parameters' types: in canonical JSON, 18 and 18.0 are one number."""
    return {
        name: [type(each).__name__ for each in value]
        if isinstance(value, tuple)
        else type(value).__name__
        for name, value in parameters.items()
    }


def _bound_types(reach: Reach | None) -> dict[str, list[str]]:
    """The types of the values that parameters may be chosen from."""
    if reach is None:
        return {}
    return {
        name: [type(each).__name__ for each in bound.values]
        for name, bound in reach.bounds.items()
        if isinstance(bound, ChoiceBound)
    }


def _plain(value: ParameterValue) -> object:
    return list(value) if isinstance(value, tuple) else value


def check_program(entry: Entry, files: tuple[SourceFile, ...]) -> None:
    """Raise `ValueError` unless the files are a program with that entry, of a size to read."""
    paths = [file.path for file in files]
    if len(set(paths)) != len(paths):
        raise ValueError("two files have the same path")
    folders = {path[:place] for path in paths for place, each in enumerate(path) if each == "/"}
    for path in paths:
        module = path.removesuffix(".py")
        if module.partition("/")[0] == JOB_MODULE:
            raise ValueError(
                f"'{path}' would never be imported: {JOB_MODULE} is what the site gives a program; "
                "name the file otherwise"
            )
        if module in folders:
            raise ValueError(
                f"'{path}' and the folder '{module}' are imported by one name, so that one of the "
                "two would never be read by Python; name one otherwise"
            )
    if entry.path not in paths:
        raise ValueError(f"the entry '{entry.path}' is none of the files")
    if (total := sum(len(file.text) for file in files)) > MAX_SOURCE:
        raise ValueError(f"the files hold {total} characters; at most {MAX_SOURCE} are reviewed")


def check_reach(reach: Reach, parameters: dict[str, ParameterValue]) -> None:
    """Raise `ValueError` unless each bound names a parameter and admits its present value."""
    for name, bound in reach.bounds.items():
        if name not in parameters:
            raise ValueError(f"a bound is given for '{name}', which is no parameter")
        if not bound.admits(parameters[name]):
            raise ValueError(f"'{name}' lies outside the bound that is asked for it")


class MockTable(Sent):
    """Made-up rows for a run on mock data: the unit's column first, then the table's."""

    alias: Identifier
    table: TableSchema
    rows: tuple[tuple[int | float | str | bool | None, ...], ...]


class MockCode(Sent):
    """A program to try on made-up rows."""

    entry: Entry
    files: tuple[SourceFile, ...] = Field(min_length=1, max_length=MAX_FILES)
    parameters: dict[Identifier, ParameterValue] = Field(default={}, max_length=50)
    environment: CodeEnvironment
    limits: RunLimits
    data: tuple[MockTable, ...] = Field(min_length=1, max_length=10)
