"""Saved queries: each person's own."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from carrel_protocol.api.common import Page
from carrel_protocol.api.saved_queries import SavedQuery, SavedQueryCreate, SavedQueryUpdate
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.idempotency import IdempotencyKeyHeader, once
from carrel_site.core.pagination import Cursor, Limit
from carrel_site.core.permissions import Permission
from carrel_site.saved_queries import service

router = APIRouter(prefix="/api/v1/saved_queries", tags=["saved queries"])

Id = Annotated[str, Path(min_length=1, max_length=64)]
Reader = Annotated[Caller, require(Permission.REQUESTS_READ)]
Asker = Annotated[Caller, require(Permission.REQUESTS_ASK)]


@router.get("")
def list_saved_queries(
    site: SiteDep,
    caller: Reader,
    dataset: Annotated[str | None, Query(max_length=200, description="Its id or name.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SavedQuery]:
    """Your own, newest first."""
    return site.db.read(lambda session: service.page(session, caller, dataset, cursor, limit))


@router.post("", status_code=201)
def create_saved_query(
    site: SiteDep,
    caller: Asker,
    body: SavedQueryCreate,
    idempotency_key: IdempotencyKeyHeader = None,
) -> SavedQuery:
    """Keep a question for later. It is not asked, and need not be complete."""
    _, query = once(
        site.db,
        caller.user_id,
        idempotency_key,
        "POST /saved_queries",
        body.model_dump(mode="json"),
        SavedQuery,
        lambda session: (201, service.create(session, caller, body)),
    )
    return query


@router.get("/{query_id}")
def read_saved_query(site: SiteDep, caller: Reader, query_id: Id) -> SavedQuery:
    return site.db.read(lambda session: service.get(session, caller, query_id))


@router.patch("/{query_id}")
def update_saved_query(
    site: SiteDep, caller: Asker, query_id: Id, body: SavedQueryUpdate
) -> SavedQuery:
    """Change its name, dataset, text or target."""
    return site.db.transact(lambda session: service.update(session, caller, query_id, body))


@router.delete("/{query_id}", status_code=204)
def delete_saved_query(site: SiteDep, caller: Asker, query_id: Id) -> None:
    site.db.transact(lambda session: service.delete(session, caller, query_id))
