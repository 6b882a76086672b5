"""Base classes of everything that goes over a wire."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Sent(BaseModel):
    """Something a caller sends: immutable, and a field nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Received(BaseModel):
    """Something a caller is given: immutable; a field it does not know is ignored.

    That is how an older client goes on working with a newer site.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$", min_length=1, max_length=63)
]
"""A dataset, column or alias name: an SQL identifier that needs no quotes."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
"""Prose written by a person: a purpose, a comment, a reason."""
