"""What a program is, apart from who asks for it and what for: its hash, and words for it."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.canonical import tagged_hash
from carrel_protocol.code import (
    CodeContent,
    CodeEnvironment,
    Entry,
    FunctionEntry,
    ParameterValue,
    SourceFile,
    types_of,
)
from carrel_site.core.errors import InvalidInput

Program = CodeContent | BlackBoxContent
"""What people are asked to let run on private data."""


def program_hash(
    entry: Entry,
    files: Iterable[SourceFile],
    parameters: Mapping[str, ParameterValue],
    environment: CodeEnvironment,
    data: Mapping[str, str],
) -> str:
    """The same for a run on made-up rows and a request that runs just that.

    data: dataset ids by alias.
    """
    return tagged_hash(
        "program/1",
        {
            "entry": entry.model_dump(mode="json"),
            "files": {file.path: file.text for file in files},
            "parameters": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in parameters.items()
            },
            "types": types_of(parameters),
            "environment": environment.model_dump(mode="json"),
            "data": dict(data),
        },
    )


def of_content(content: Program) -> str:
    """The program's hash of a request's content."""
    data = (content.data,) if isinstance(content, BlackBoxContent) else content.data
    return program_hash(
        content.entry,
        content.files,
        content.parameters,
        content.environment,
        {one.alias: one.dataset_id for one in data},
    )


def title(entry: Entry) -> str:
    """What runs, in words."""
    if isinstance(entry, FunctionEntry):
        return f"{entry.name}() of {entry.path}"
    return entry.path


def in_words(content: CodeContent, names: Iterable[str]) -> str:
    """What was asked, for a row of a list."""
    parameters = ", ".join(f"{name} = {value!r}" for name, value in content.parameters.items())
    words = f"{title(content.entry)} on {', '.join(names)}"
    return f"{words} with {parameters}"[:500] if parameters else words


def invalid(error: ValidationError) -> InvalidInput:
    """What is wrong with a program, to whoever sent it."""
    found: list[dict[str, Any]] = [
        {
            "loc": ".".join(str(part) for part in entry["loc"]),
            "message": entry["msg"].removeprefix("Value error, "),
        }
        for entry in error.errors(include_input=False, include_context=False)
    ]
    return InvalidInput("; ".join(each["message"] for each in found[:5]), errors=tuple(found[:50]))
