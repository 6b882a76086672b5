"""Making wire models from what a caller gave, with pydantic's complaints in plain words."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from carrel._errors import InvalidInput, QueryNotAllowed

Model = TypeVar("Model", bound=BaseModel)


def made(model: type[Model], **fields: Any) -> Model:
    """`model(**fields)`; raises `InvalidInput`."""
    try:
        return model(**fields)
    except ValidationError as error:
        raise InvalidInput(told(error)) from None


def made_query(model: type[Model], **fields: Any) -> Model:
    """The same for a part of a question; raises `QueryNotAllowed`."""
    try:
        return model(**fields)
    except ValidationError as error:
        raise QueryNotAllowed(f"This cannot be asked: {told(error)}") from None


def told(error: ValidationError) -> str:
    """What is wrong with which value; the first few of many."""

    def one(entry: Any) -> str:
        name = ".".join(str(part) for part in entry["loc"]) or error.title
        shown = repr(entry["input"])
        return f"{name}: {shown if len(shown) < 80 else shown[:80] + '…'}: {entry['msg']}"

    entries = error.errors()
    more = f"; and {len(entries) - 3} more" if len(entries) > 3 else ""
    return "; ".join(one(entry) for entry in entries[:3]) + more
