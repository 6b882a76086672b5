"""People and their API keys."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, model_validator

from carrel_protocol.api.common import Role
from carrel_protocol.base import READABLE, Received, Sent

Email = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,255}$", max_length=320, to_lower=True
    ),
]
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), READABLE
]
NewPassword = Annotated[SecretStr, Field(min_length=12, max_length=200)]


class Scope(StrEnum):
    """What a key may be used for; never more than its person's role allows."""

    READ = "read"
    ASK = "ask"
    REVIEW = "review"
    ADMIN = "admin"


class SetupCreate(Sent):
    """The first run: turns the token printed by `carrel up` into the first owner."""

    token: SecretStr
    name: Label
    email: Email
    password: NewPassword


class SetupStatus(Received):
    done: bool


class UserCreate(Sent):
    name: Label
    email: Email
    role: Role
    password: NewPassword


class UserUpdate(Sent):
    name: Label | None = None
    role: Role | None = None
    active: bool | None = None


class GroupRef(Received):
    id: str
    name: str


class User(Received):
    id: str
    name: str
    email: str
    role: Role
    active: bool
    created_at: datetime
    last_seen_at: datetime | None = None
    """By session or key, to the minute."""
    groups: tuple[GroupRef, ...] = ()
    email_notifications: Literal["all", "important", "none"] = "important"


class KeyCreate(Sent):
    label: Label
    scopes: tuple[Scope, ...] = Field(default=(Scope.READ, Scope.ASK), min_length=1, max_length=5)
    expires_in_days: int = Field(default=90, ge=1, le=366)


class TokenCreate(Sent):
    """Signs in with a password and gets a key: how a person gets their first one."""

    email: Email
    password: SecretStr = Field(max_length=200)
    key: KeyCreate


class ApiKey(Received):
    id: str
    label: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyWithSecret(ApiKey):
    """The only answer that ever carries the key itself."""

    secret: str


class OwnerWithKey(Received):
    user: User
    key: ApiKeyWithSecret


class Worker(Received):
    id: str
    name: str
    queues: tuple[str, ...]
    created_at: datetime
    last_seen_at: datetime | None
    revoked_at: datetime | None
    sandbox: str = ""
    """What holds the code that it runs, as it found when it started; empty before it said."""


class WorkerCreate(Sent):
    name: Label
    queues: tuple[
        Annotated[str, StringConstraints(pattern=r"^(ingest|query|code|mock|black_box|train)$")],
        ...,
    ] = Field(min_length=1, max_length=6)

    @model_validator(mode="after")
    def _apart(self) -> "WorkerCreate":
        # What a program on made-up rows returns is its asker's at once, without anybody looking.
        # So whoever runs it holds no data, and nothing that data could have left a mark in.
        if "mock" in self.queues and set(self.queues) != {"mock"}:
            raise ValueError(
                "a worker of the queue 'mock' serves no other queue: it holds no data; "
                "make a second worker for the others"
            )
        return self


class WorkerWithSecret(Worker):
    secret: str
