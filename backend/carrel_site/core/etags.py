"""Entity tags, where two people may edit: what was read is named in what is written."""

from typing import Annotated

from fastapi import Header
from pydantic import BaseModel

from carrel_protocol.canonical import tagged_hash
from carrel_site.core.errors import PreconditionFailed, PreconditionRequired

IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=1000, description="The ETag you read.")
]


def needed(header: str | None) -> str:
    """The If-Match `header` of an edit. Raises `PreconditionRequired` without one."""
    if header is None:
        raise PreconditionRequired("Editing needs the ETag of what you edit.")
    return header


def etag_of(shown: BaseModel) -> str:
    """A strong entity tag (RFC 9110, 8.8.3) of what the caller was shown."""
    return f'"{tagged_hash("etag/1", shown.model_dump(mode="json"))[:32]}"'


def check_if_match(header: str | None, current: BaseModel) -> None:
    """Raise unless the If-Match `header` names what is there now.

    `PreconditionRequired` without one; `PreconditionFailed` when something changed meanwhile.
    """
    if header is None:
        raise PreconditionRequired("A change needs the ETag of what it changes.")
    if header.strip() == "*":
        return
    if etag_of(current) not in [tag.strip() for tag in header.split(",")]:
        raise PreconditionFailed("It was changed since you read it.")
