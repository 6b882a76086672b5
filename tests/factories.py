"""A factory for each thing a test may need in a database; none commits."""

import itertools
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import (
    AccessUpdate,
    BudgetLimits,
    Dataset,
    DatasetCreate,
    DatasetPolicy,
    Population,
    PopulationCreate,
)
from carrel_protocol.jobs import IngestSucceeded
from carrel_protocol.schema import (
    BooleanColumn,
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
    UnitBounds,
)
from carrel_site.accounts.models import ApiKey, User
from carrel_site.core.clock import now
from carrel_site.core.ids import new_id
from carrel_site.core.security import digest_secret, new_secret
from carrel_site.datasets import access, catalogue, populations
from carrel_site.datasets.models import DatasetVersion
from carrel_site.datasets.service import version_ready
from carrel_site.site import Site

_numbers = itertools.count(1)

NO_PASSWORD = (
    "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""Matches nothing, and costs nothing to make."""


@dataclass(frozen=True)
class Member:
    """A person with a key, as tests use them."""

    id: str
    email: str
    role: Role
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


def make_user(
    session: Session,
    role: Role = Role.RESEARCHER,
    *,
    email: str | None = None,
    password_hash: str = NO_PASSWORD,
    active: bool = True,
) -> User:
    number = next(_numbers)
    user = User(
        id=new_id("usr"),
        name=f"{role.value} {number}",
        email=email or f"{role.value}{number}@example.org",
        role=role.value,
        password_hash=password_hash,
        active=active,
        created_at=now(),
    )
    session.add(user)
    session.flush()
    return user


def make_key(
    session: Session,
    user_id: str,
    *,
    scopes: tuple[Scope, ...] = tuple(Scope),
    lives: timedelta = timedelta(days=1),
) -> str:
    """A key's secret."""
    secret = new_secret("ck")
    session.add(
        ApiKey(
            id=new_id("key"),
            user_id=user_id,
            label="test",
            prefix=secret[:10],
            secret_hash=digest_secret(secret),
            scopes=[scope.value for scope in scopes],
            created_at=now(),
            expires_at=now() + lives,
        )
    )
    session.flush()
    return secret


def make_member(session: Session, role: Role = Role.RESEARCHER) -> Member:
    user = make_user(session, role)
    return Member(user.id, user.email, role, make_key(session, user.id))


def make_table(**changes: object) -> TableSchema:
    """A small table with a column of each type."""
    table = TableSchema(
        unit_column="person",
        columns=(
            IntegerColumn(name="age", lower=0, upper=120, nullable=False),
            RealColumn(name="spend", lower="0", upper="1000", resolution="0.01"),
            BooleanColumn(name="female"),
            CategoryColumn(name="region", categories=("north", "south", "west")),
        ),
        bounds=UnitBounds(),
        size=DeclaredSize(rows=1000, units=500),
    )
    return table.model_copy(update=changes)


def make_population(
    session: Session,
    actor: str,
    *,
    name: str | None = None,
    together: BudgetLimits | None = None,
    each: BudgetLimits | None = None,
) -> Population:
    asked = PopulationCreate(
        name=name or f"people_{next(_numbers)}",
        together=together or BudgetLimits(epsilon=20),
        each=each or BudgetLimits(epsilon=10),
    )
    return populations.create(session, asked, actor)


def make_dataset(
    session: Session,
    actor: str,
    population: str,
    *,
    name: str | None = None,
    table: TableSchema | None = None,
    policy: DatasetPolicy | None = None,
) -> Dataset:
    asked = DatasetCreate(
        name=name or f"data_{next(_numbers)}",
        population=population,
        table=table or make_table(),
        policy=policy or DatasetPolicy(),
    )
    return catalogue.create(session, asked, actor)


def make_access(session: Session, actor: str, dataset: str, user: str) -> None:
    access.give(session, dataset, AccessUpdate(user=user), actor)


def make_version(
    session: Session,
    site: Site,
    dataset: Dataset,
    *,
    content: bytes = b"stored",
    ready: bool = True,
    units_digest: str = "1" * 64,
) -> str:
    """A version's id; its stored bytes are `content`, which no test reads as a table."""
    version = DatasetVersion(
        id=new_id("ver"),
        dataset_id=dataset.id,
        state="ingesting",
        source_format="csv",
        source_digest="0" * 64,
        source_size=1,
        revision=dataset.revision,
        created_at=now(),
    )
    session.add(version)
    session.flush()
    path = site.storage.version_path(version.id)
    (site.storage.root / path).write_bytes(content)
    if ready:
        stored = site.storage.measure(path)
        result = IngestSucceeded(
            claim_token="",
            epoch=1,
            digest=stored.digest,
            size=stored.size,
            rows=9,
            units=3,
            units_digest=units_digest,
            report={},
        )
        version_ready(session, site, version.id, result)
    return version.id
