"""What several resources share."""

from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from carrel_protocol.base import Received

Item = TypeVar("Item")


class Page(Received, Generic[Item]):
    """One page of a list, newest first unless the resource says otherwise."""

    items: tuple[Item, ...]
    next_cursor: str | None = None


class Role(StrEnum):
    """What a person may do on a site; the permission table is `carrel_site.core.permissions`."""

    OWNER = "owner"
    REVIEWER = "reviewer"
    RESEARCHER = "researcher"
    AUDITOR = "auditor"


class Person(Received):
    """A person as others see them."""

    id: str
    name: str
    email: str


class SignedHead(Received):
    """The audit log up to `sequence`, signed by the site (Ed25519 over the canonical head)."""

    sequence: int
    hash: str
    at: datetime
    key_id: str
    signature: str
