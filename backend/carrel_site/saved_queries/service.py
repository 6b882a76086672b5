"""Keeping questions for later: drafts, each its person's own.

They are not logged: nothing was asked, and what somebody drafts is theirs. Saving one checks that
its dataset may be seen; taking access away later leaves the draft and what it can do nothing with.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Page
from carrel_protocol.api.saved_queries import SavedQuery as SavedQueryView
from carrel_protocol.api.saved_queries import SavedQueryCreate, SavedQueryUpdate
from carrel_site.core.clock import now
from carrel_site.core.errors import NotFound
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.core.pagination import newest_first
from carrel_site.datasets import catalogue
from carrel_site.saved_queries import repository
from carrel_site.saved_queries.errors import QueryNameTaken, TooManySaved
from carrel_site.saved_queries.models import SavedQuery

MOST = 500
"""A person's drafts."""


def create(session: Session, caller: Caller, asked: SavedQueryCreate) -> SavedQueryView:
    """Keep a question under a name that the person has no other for."""
    _one_at_a_time(session, caller)
    dataset = catalogue.visible(session, caller, asked.dataset)
    if repository.count(session, caller.user_id) >= MOST:
        raise TooManySaved(f"You keep {MOST} queries, which is as many as the site lets you.")
    if repository.named(session, caller.user_id, asked.name) is not None:
        raise QueryNameTaken(f"You keep a query named {asked.name!r} already.")
    at = now()
    query = SavedQuery(
        id=new_id("sav"),
        user_id=caller.user_id,
        name=asked.name,
        dataset_id=dataset.id,
        sql=asked.sql,
        target=asked.target.model_dump(mode="json"),
        created_at=at,
        updated_at=at,
    )
    session.add(query)
    session.flush()
    return _view(query, dataset.name)


def update(
    session: Session, caller: Caller, query_id: str, change: SavedQueryUpdate
) -> SavedQueryView:
    """Change what is named in `change`; the rest stays."""
    _one_at_a_time(session, caller)
    query = _own(session, caller, query_id, lock=True)
    if change.name is not None:
        holder = repository.named(session, caller.user_id, change.name)
        if holder not in (None, query.id):
            raise QueryNameTaken(f"You keep a query named {change.name!r} already.")
        query.name = change.name
    if change.dataset is not None:
        query.dataset_id = catalogue.visible(session, caller, change.dataset).id
    if change.sql is not None:
        query.sql = change.sql
    if change.target is not None:
        query.target = change.target.model_dump(mode="json")
    query.updated_at = now()
    session.flush()
    return _view(query, repository.dataset_names(session, {query.dataset_id})[query.dataset_id])


def delete(session: Session, caller: Caller, query_id: str) -> None:
    session.delete(_own(session, caller, query_id, lock=True))


def get(session: Session, caller: Caller, query_id: str) -> SavedQueryView:
    query = _own(session, caller, query_id)
    return _view(query, repository.dataset_names(session, {query.dataset_id})[query.dataset_id])


def page(
    session: Session, caller: Caller, dataset: str | None, cursor: str | None, limit: int
) -> Page[SavedQueryView]:
    """The caller's own, newest first; those on one dataset, by its id or name."""
    dataset_id = None if dataset is None else catalogue.visible(session, caller, dataset).id
    rows = newest_first(
        session,
        repository.of_person(caller.user_id, dataset_id),
        SavedQuery.created_at,
        SavedQuery.id,
        cursor,
        limit,
        lambda query: query,
    )
    names = repository.dataset_names(session, {row.dataset_id for row in rows.items})
    return Page(
        items=tuple(_view(row, names[row.dataset_id]) for row in rows.items),
        next_cursor=rows.next_cursor,
    )


def _one_at_a_time(session: Session, caller: Caller) -> None:
    """A person's writes wait for each other, so that the cap and the names hold."""
    key = func.hashtextextended(f"saved_queries/{caller.user_id}", 0)
    session.execute(select(func.pg_advisory_xact_lock(key)))


def _own(session: Session, caller: Caller, query_id: str, *, lock: bool = False) -> SavedQuery:
    query = repository.one(session, caller.user_id, query_id, lock=lock)
    if query is None:
        raise NotFound("There is no such query of yours.")
    return query


def _view(query: SavedQuery, dataset: str) -> SavedQueryView:
    return SavedQueryView.model_validate(
        {
            "id": query.id,
            "name": query.name,
            "dataset": dataset,
            "dataset_id": query.dataset_id,
            "sql": query.sql,
            "target": query.target,
            "created_at": query.created_at,
            "updated_at": query.updated_at,
        }
    )
