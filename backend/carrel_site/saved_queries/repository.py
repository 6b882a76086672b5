"""The saved queries' queries. Each names its person: nobody reads another's."""

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from carrel_site.datasets.models import Dataset
from carrel_site.saved_queries.models import SavedQuery


def of_person(user_id: str, dataset_id: str | None) -> Select[SavedQuery]:
    query = select(SavedQuery).where(SavedQuery.user_id == user_id)
    return query if dataset_id is None else query.where(SavedQuery.dataset_id == dataset_id)


def one(session: Session, user_id: str, query_id: str, *, lock: bool = False) -> SavedQuery | None:
    query = select(SavedQuery).where(SavedQuery.id == query_id, SavedQuery.user_id == user_id)
    return session.scalars(query.with_for_update() if lock else query).one_or_none()


def count(session: Session, user_id: str) -> int:
    query = select(func.count()).select_from(SavedQuery).where(SavedQuery.user_id == user_id)
    return session.scalars(query).one()


def named(session: Session, user_id: str, name: str) -> str | None:
    """The id of the person's query with this name."""
    query = select(SavedQuery.id).where(SavedQuery.user_id == user_id, SavedQuery.name == name)
    return session.scalars(query).one_or_none()


def dataset_names(session: Session, ids: set[str]) -> dict[str, str]:
    rows = session.execute(select(Dataset.id, Dataset.name).where(Dataset.id.in_(ids)))
    return {row.id: row.name for row in rows}
