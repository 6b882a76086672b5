"""The datasets' queries."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, Select, Text, bindparam, func, select, text, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from carrel_site.accounts.models import User
from carrel_site.datasets.models import (
    Dataset,
    DatasetAccess,
    DatasetRevision,
    DatasetVersion,
    Population,
    TermsAccepted,
    Upload,
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


class Granted(NamedTuple):
    """A dataset that somebody was given access to."""

    dataset: Dataset
    version: DatasetVersion | None
    """The current one."""
    accepted_at: datetime | None
    """When they accepted the present terms."""


_GRANTED = (
    select(Dataset, DatasetVersion, TermsAccepted.at)
    .join(
        DatasetAccess,
        (DatasetAccess.dataset_id == Dataset.id) & (DatasetAccess.user_id == bindparam("user_id")),
    )
    .outerjoin(DatasetVersion, DatasetVersion.id == Dataset.version_id)
    .outerjoin(
        TermsAccepted,
        (TermsAccepted.dataset_id == Dataset.id)
        & (TermsAccepted.user_id == DatasetAccess.user_id)
        & (TermsAccepted.revision == Dataset.terms_revision),
    )
    .where((Dataset.id == bindparam("ref")) | (Dataset.name == bindparam("ref")))
    .execution_options(populate_existing=True)
)


def granted_dataset(session: Session, ref: str, user_id: str) -> Granted | None:
    """A dataset that `user_id` was given access to, with what asking takes: one round trip."""
    row = session.execute(_GRANTED, {"user_id": user_id, "ref": ref}).one_or_none()
    return None if row is None else Granted(*row)


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


def versions(dataset_id: str, purpose: str = "version") -> Select[DatasetVersion]:
    return select(DatasetVersion).where(
        DatasetVersion.dataset_id == dataset_id, DatasetVersion.purpose == purpose
    )


def newest_mock(session: Session, dataset_id: str) -> DatasetVersion | None:
    """The mock that was uploaded last, whatever became of it."""
    newest = (DatasetVersion.created_at.desc(), DatasetVersion.id.desc())
    return session.scalars(versions(dataset_id, "mock").order_by(*newest).limit(1)).one_or_none()


def runs_of(session: Session, version_ids: Iterable[str]) -> dict[str, Run]:
    """The newest ingest run of each version."""
    rows = session.scalars(
        select(Run).where(Run.version_id.in_(list(version_ids))).order_by(Run.queued_at)
    )
    return {run.version_id: run for run in rows if run.version_id is not None}


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
            DatasetVersion.purpose == "version",
            _EARLIER.purpose == "version",
            _EARLIER.state.not_in(("failed", "cancelled")),
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


class Grant(NamedTuple):
    """A dataset that somebody was given, without the metadata, which is large."""

    dataset_id: str
    name: str
    title: str
    granted_at: datetime


def access_of(session: Session, user_id: str) -> list[Grant]:
    """What a person may use, newest grant first."""
    rows = session.execute(
        select(Dataset.id, Dataset.name, Dataset.title, DatasetAccess.granted_at)
        .join(Dataset, Dataset.id == DatasetAccess.dataset_id)
        .where(DatasetAccess.user_id == user_id)
        .order_by(DatasetAccess.granted_at.desc(), DatasetAccess.dataset_id)
    )
    return [Grant(*row) for row in rows]


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


def people(session: Session, ids: Iterable[str | None]) -> dict[str, User]:
    """The users among `ids`."""
    rows = session.scalars(select(User).where(User.id.in_({i for i in ids if i is not None})))
    return {user.id: user for user in rows}


def granted_among(session: Session, user_id: str, dataset_ids: Iterable[str]) -> set[str]:
    """Those of `dataset_ids` that `user_id` was given access to."""
    return set(
        session.scalars(
            select(DatasetAccess.dataset_id).where(
                DatasetAccess.user_id == user_id, DatasetAccess.dataset_id.in_(list(dataset_ids))
            )
        )
    )


def accepted_terms(
    session: Session, user_id: str, dataset_ids: Iterable[str]
) -> dict[str, datetime]:
    """When `user_id` accepted the present terms of those of `dataset_ids` where they did."""
    rows = session.execute(
        select(TermsAccepted.dataset_id, TermsAccepted.at)
        .join(Dataset, Dataset.id == TermsAccepted.dataset_id)
        .where(
            TermsAccepted.user_id == user_id,
            TermsAccepted.dataset_id.in_(list(dataset_ids)),
            TermsAccepted.revision == Dataset.terms_revision,
        )
    )
    return {row.dataset_id: row.at for row in rows}


def upload(session: Session, upload_id: str, *, lock: bool = False) -> Upload | None:
    return session.get(Upload, upload_id, with_for_update=lock or None, populate_existing=True)


def unfinished_uploads(session: Session, dataset_id: str) -> list[Upload]:
    """A dataset's open uploads, newest first."""
    query = select(Upload).where(Upload.dataset_id == dataset_id, Upload.state == "open")
    return list(session.scalars(query.order_by(Upload.created_at.desc(), Upload.id.desc())))


def open_uploads(session: Session) -> tuple[int, int]:
    """How many uploads are open on the site, and how many bytes of them are still to come."""
    row = session.execute(
        select(func.count(), func.coalesce(func.sum(Upload.size - Upload.received), 0)).where(
            Upload.state == "open"
        )
    ).one()
    return int(row[0]), int(row[1])


def open_among(session: Session, upload_ids: Iterable[str]) -> set[str]:
    """Those of `upload_ids` that are open uploads."""
    return set(
        session.scalars(
            select(Upload.id).where(Upload.id.in_(list(upload_ids)), Upload.state == "open")
        )
    )


def expired_uploads(session: Session, at: datetime) -> list[Upload]:
    """Open uploads that expired before `at`, locked."""
    return list(
        session.scalars(
            select(Upload)
            .where(Upload.state == "open", Upload.expires_at < at)
            .with_for_update(skip_locked=True)
        )
    )


def matching(
    query: Select[Dataset], words: str | None, population_ref: str | None, *, ready: bool | None
) -> Select[Dataset]:
    """Of `query`, the datasets with each of the words in what they say of themselves."""
    for word in (words or "").lower().split()[:10]:
        query = query.where(Dataset.words.contains(word, autoescape=True))
    if population_ref is not None:
        query = query.where(
            Dataset.population_id.in_(
                select(Population.id).where(
                    (Population.id == population_ref) | (Population.name == population_ref)
                )
            )
        )
    if ready is not None:
        query = query.where(
            Dataset.version_id.is_not(None) if ready else Dataset.version_id.is_(None)
        )
    return query
