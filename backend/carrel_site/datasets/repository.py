"""The datasets' queries."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ARRAY, Select, Text, bindparam, func, select, text, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from carrel_site.accounts.models import User
from carrel_site.datasets.models import (
    Dataset,
    DatasetAccess,
    DatasetRevision,
    DatasetVersion,
    Population,
)
from carrel_site.ledger.models import LedgerAccount
from carrel_site.runs.models import Run


def population(session: Session, ref: str, *, lock: bool = False) -> Population | None:
    """A population by id or name."""
    query = select(Population).where((Population.id == ref) | (Population.name == ref))
    if lock:
        query = query.with_for_update(key_share=True)
    return session.scalars(query).one_or_none()


def populations(user_id: str | None) -> Select[Population]:
    """All populations, or those behind datasets that `user_id` may use."""
    query = select(Population)
    if user_id is not None:
        query = query.where(
            Population.id.in_(
                select(Dataset.population_id)
                .join(DatasetAccess, DatasetAccess.dataset_id == Dataset.id)
                .where(DatasetAccess.user_id == user_id)
            )
        )
    return query


def population_names(session: Session, ids: Iterable[str]) -> dict[str, str]:
    rows = session.execute(
        select(Population.id, Population.name).where(Population.id.in_(list(ids)))
    )
    return {row.id: row.name for row in rows}


def datasets(user_id: str | None) -> Select[Dataset]:
    """All datasets, or those that `user_id` may use."""
    query = select(Dataset)
    if user_id is not None:
        query = query.join(DatasetAccess, DatasetAccess.dataset_id == Dataset.id).where(
            DatasetAccess.user_id == user_id
        )
    return query


def dataset(session: Session, ref: str, *, lock: bool = False) -> Dataset | None:
    """A dataset by id or name."""
    query = (
        select(Dataset)
        .where((Dataset.id == ref) | (Dataset.name == ref))
        .execution_options(populate_existing=True)
    )
    if lock:
        query = query.with_for_update(key_share=True)
    return session.scalars(query).one_or_none()


_GRANTED = (
    select(Dataset, DatasetVersion)
    .join(
        DatasetAccess,
        (DatasetAccess.dataset_id == Dataset.id) & (DatasetAccess.user_id == bindparam("user_id")),
    )
    .outerjoin(DatasetVersion, DatasetVersion.id == Dataset.version_id)
    .where((Dataset.id == bindparam("ref")) | (Dataset.name == bindparam("ref")))
    .execution_options(populate_existing=True)
)


def granted_dataset(
    session: Session, ref: str, user_id: str
) -> tuple[Dataset, DatasetVersion | None] | None:
    """A dataset that `user_id` was given access to, with its current version: one round trip."""
    row = session.execute(_GRANTED, {"user_id": user_id, "ref": ref}).one_or_none()
    return None if row is None else (row[0], row[1])


def has_access(session: Session, dataset_id: str, user_id: str) -> bool:
    return session.get(DatasetAccess, (dataset_id, user_id)) is not None


def table_at(session: Session, dataset_id: str, revision: int) -> dict[str, object]:
    """The table's metadata as it was at `revision`."""
    table: dict[str, object] = session.scalars(
        select(DatasetRevision.table_schema)
        .where(DatasetRevision.dataset_id == dataset_id, DatasetRevision.revision == revision)
        .limit(1)
    ).one()
    return table


def version(session: Session, version_id: str) -> DatasetVersion | None:
    return session.get(DatasetVersion, version_id, with_for_update=True, populate_existing=True)


def versions(dataset_id: str) -> Select[DatasetVersion]:
    return select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id)


def runs_of(session: Session, version_ids: Iterable[str]) -> dict[str, str]:
    """The ingest run of each version."""
    rows = session.execute(
        select(Run.version_id, func.max(Run.id))
        .where(Run.version_id.in_(list(version_ids)))
        .group_by(Run.version_id)
    )
    return {version_id: run_id for version_id, run_id in rows if version_id is not None}


def version_states(session: Session, version_ids: Iterable[str]) -> dict[str, str]:
    """The states of those of `version_ids` that are versions."""
    rows = session.execute(
        select(DatasetVersion.id, DatasetVersion.state).where(
            DatasetVersion.id.in_(list(version_ids))
        )
    )
    return {row.id: row.state for row in rows}


_EARLIER = aliased(DatasetVersion)
_THEIRS = aliased(Dataset)


def _sharing(digest: InstrumentedAttribute[str | None]) -> Select[str, str, datetime, str]:
    """Versions with this digest of an earlier one in another population, and its name."""
    return (
        select(
            DatasetVersion.id, Population.name, _EARLIER.created_at, _EARLIER.id.label("earlier")
        )
        .join(Dataset, Dataset.id == DatasetVersion.dataset_id)
        .join(_EARLIER, getattr(_EARLIER, digest.key) == digest)
        .join(_THEIRS, _THEIRS.id == _EARLIER.dataset_id)
        .join(Population, Population.id == _THEIRS.population_id)
        .where(
            DatasetVersion.id == func.any(bindparam("ids", type_=ARRAY(Text))),
            _THEIRS.population_id != Dataset.population_id,
            _EARLIER.state != "failed",
            _EARLIER.created_at < DatasetVersion.created_at,
        )
    )


# Two joins by one index each; by both digests at once, PostgreSQL may compare all with all.
_SAME_PEOPLE = union_all(
    _sharing(DatasetVersion.source_digest), _sharing(DatasetVersion.units_digest)
).order_by(text("created_at DESC, earlier DESC"))


def same_people(session: Session, version_ids: Iterable[str]) -> dict[str, str]:
    """For versions with the bytes or the unit ids of an earlier one in another population: the
    name of the population that had them first."""
    rows = session.execute(_SAME_PEOPLE, {"ids": list(version_ids)})
    return {row.id: row.name for row in rows}  # the earliest comes last and stays


def access(session: Session, dataset_id: str) -> list[tuple[DatasetAccess, User]]:
    """Who may use a dataset, earliest grant first."""
    rows = session.execute(
        select(DatasetAccess, User)
        .join(User, User.id == DatasetAccess.user_id)
        .where(DatasetAccess.dataset_id == dataset_id)
        .order_by(DatasetAccess.granted_at, DatasetAccess.user_id)
    )
    return [(row[0], row[1]) for row in rows]


def user(session: Session, ref: str) -> User | None:
    """A person by id or e-mail."""
    return session.scalars(
        select(User).where((User.id == ref) | (User.email == ref.lower()))
    ).one_or_none()


def shared_accounts(session: Session, population_ids: Iterable[str]) -> dict[str, str]:
    """The populations' own accounts: account id to population id."""
    rows = session.execute(
        select(LedgerAccount.id, LedgerAccount.population_id).where(
            LedgerAccount.population_id.in_(list(population_ids)), LedgerAccount.user_id.is_(None)
        )
    )
    return {row.id: row.population_id for row in rows}
