"""Questions that a person keeps for later. Nobody else sees them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from carrel_protocol.api.accounts import Label
from carrel_protocol.base import Received, Sent
from carrel_protocol.privacy import PrivacyTarget

Sql = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class SavedQueryCreate(Sent):
    name: Label
    dataset: str = Field(min_length=1, max_length=200)
    """The dataset's id or name."""
    sql: Sql
    """Kept as it is written, complete or not: it is read when it is asked."""
    target: PrivacyTarget


class SavedQueryUpdate(Sent):
    name: Label | None = None
    dataset: str | None = Field(default=None, min_length=1, max_length=200)
    sql: Sql | None = None
    target: PrivacyTarget | None = None


class SavedQuery(Received):
    id: str
    name: str
    dataset: str
    dataset_id: str
    sql: str
    target: PrivacyTarget
    created_at: datetime
    updated_at: datetime
