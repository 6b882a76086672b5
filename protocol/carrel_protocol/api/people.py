"""Sessions, invitations, new passwords and groups: what the console's people pages speak."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from carrel_protocol.api.accounts import Email, GroupRef, Label, NewPassword, Scope, User
from carrel_protocol.api.common import Person, Role
from carrel_protocol.base import READABLE, Received, Sent

Password = Annotated[SecretStr, Field(max_length=200)]
LinkToken = Annotated[SecretStr, Field(min_length=1, max_length=200)]
"""What stands behind the `#` of a link."""
Ref = Annotated[str, StringConstraints(min_length=1, max_length=64)]
GroupName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\x00-\x1f\x7f]*$", strip_whitespace=True, min_length=1, max_length=100
    ),
    READABLE,
]
GroupProse = Annotated[str, StringConstraints(max_length=2000), READABLE]


class SessionCreate(Sent):
    """Signs in: the answer sets the session's cookie."""

    email: Email
    password: Password


class SessionInfo(Received):
    """Who is signed in here. `csrf_token` goes into the header X-CSRF-Token of every write."""

    user: User
    scopes: tuple[Scope, ...]
    csrf_token: str
    expires_at: datetime
    """When it ends if nothing more is done; use moves this on, up to the longest it may live."""


class Session(Received):
    """One of one's own sessions."""

    id: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    user_agent: str
    current: bool


class PasswordChange(Sent):
    current: Password
    new: NewPassword


class InvitationCreate(Sent):
    email: Email
    name: Label
    role: Role
    groups: tuple[Ref, ...] = Field(default=(), max_length=20)
    """Ids or names."""
    datasets: tuple[Ref, ...] = Field(default=(), max_length=50)
    """Ids or names: whoever accepts gets access to these at once."""
    expires_in_days: int = Field(default=7, ge=1, le=30)


class DatasetRef(Received):
    id: str
    name: str


class Invitation(Received):
    id: str
    email: str
    name: str
    role: Role
    groups: tuple[GroupRef, ...]
    datasets: tuple[DatasetRef, ...]
    state: Literal["pending", "accepted", "revoked", "expired"]
    invited_by: Person
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None


class InvitationWithLink(Invitation):
    """The only answer that ever carries the link."""

    link: str


class InvitationLookup(Sent):
    token: LinkToken


class InvitationFacts(Received):
    """What somebody who holds an invitation's link is shown before they accept it."""

    email: str
    name: str
    role: Role
    site_url: str


class InvitationAccept(Sent):
    token: LinkToken
    name: Label
    password: NewPassword


class PasswordResetAsk(Sent):
    """Asks for a link by mail. The answer is the same whether or not anybody has the address."""

    email: Email


class PasswordResetLink(Received):
    """The only answer that ever carries the link."""

    link: str
    expires_at: datetime


class PasswordResetAccept(Sent):
    token: LinkToken
    password: NewPassword


class GroupCreate(Sent):
    name: GroupName
    description: GroupProse = ""


class GroupUpdate(Sent):
    name: GroupName | None = None
    description: GroupProse | None = None


class Group(Received):
    id: str
    name: str
    description: str
    size: int
    """How many people are in it, deactivated ones too."""
    created_at: datetime


class GroupWithMembers(Group):
    members: tuple[Person, ...]
