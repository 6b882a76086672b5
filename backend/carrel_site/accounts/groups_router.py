"""Groups and who is in them."""

from typing import Annotated

from fastapi import APIRouter, Path

from carrel_protocol.api.common import Page
from carrel_protocol.api.people import Group, GroupCreate, GroupUpdate, GroupWithMembers
from carrel_site.accounts import groups
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.idempotency import IdempotencyKeyHeader, once
from carrel_site.core.pagination import Cursor, Limit
from carrel_site.core.permissions import Permission

router = APIRouter(prefix="/api/v1", tags=["accounts"])

Ref = Annotated[str, Path(min_length=1, max_length=100, description="An id or a name.")]
Id = Annotated[str, Path(min_length=1, max_length=64)]
Manager = Annotated[Caller, require(Permission.GROUPS_MANAGE)]


@router.get("/groups", dependencies=[require(Permission.GROUPS_READ)])
def list_groups(site: SiteDep, cursor: Cursor = None, limit: Limit = 50) -> Page[Group]:
    """All groups, newest first."""
    return site.db.read(lambda session: groups.page(session, cursor, limit))


@router.post("/groups", status_code=201)
def create_group(
    site: SiteDep,
    caller: Manager,
    body: GroupCreate,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Group:
    """Make a group, with nobody in it."""
    _, group = once(
        site.db,
        caller.user_id,
        idempotency_key,
        "POST /groups",
        body.model_dump(mode="json"),
        Group,
        lambda session: (201, groups.create(session, body, caller.user_id)),
    )
    return group


@router.get("/groups/{group}", dependencies=[require(Permission.GROUPS_READ)])
def read_group(site: SiteDep, group: Ref) -> GroupWithMembers:
    """A group and everybody in it."""
    return site.db.read(lambda session: groups.get(session, group))


@router.patch("/groups/{group}")
def update_group(
    site: SiteDep,
    caller: Manager,
    group: Ref,
    body: GroupUpdate,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Group:
    """Change a group's name or description."""
    _, changed = once(
        site.db,
        caller.user_id,
        idempotency_key,
        f"PATCH /groups/{group}",
        body.model_dump(mode="json"),
        Group,
        lambda session: (200, groups.update(session, group, body, caller.user_id)),
    )
    return changed


@router.delete("/groups/{group}", status_code=204)
def delete_group(site: SiteDep, caller: Manager, group: Ref) -> None:
    """Delete a group that no rule and no undecided request names."""
    site.db.transact(lambda session: groups.remove(session, group, caller.user_id))


@router.put("/groups/{group}/members/{user_id}", status_code=204)
def add_to_group(site: SiteDep, caller: Manager, group: Ref, user_id: Id) -> None:
    """Put a person into a group. It gives them no access to what the group was given before."""
    site.db.transact(lambda session: groups.add(session, group, user_id, caller.user_id))


@router.delete("/groups/{group}/members/{user_id}", status_code=204)
def take_out_of_group(site: SiteDep, caller: Manager, group: Ref, user_id: Id) -> None:
    """Take a person out of a group. Their votes count for it no more where nothing is decided."""
    site.db.transact(lambda session: groups.take_out(session, group, user_id, caller.user_id))
