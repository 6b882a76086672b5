"""Groups: people by what they stand for, named in review rules and used to give access.

A rule that names a group is not met by taking the group away: one that a dataset's rule or an
undecided request names cannot be deleted, and a group without members approves nothing.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import GroupRef
from carrel_protocol.api.common import Page
from carrel_protocol.api.people import Group as GroupView
from carrel_protocol.api.people import GroupCreate, GroupUpdate, GroupWithMembers
from carrel_site.accounts import repository
from carrel_site.accounts.errors import GroupInUse, PersonInactive
from carrel_site.accounts.models import Group, GroupMember, User
from carrel_site.accounts.views import missing, person
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, NotFound
from carrel_site.core.ids import new_id
from carrel_site.core.pagination import newest_first


def create(session: Session, asked: GroupCreate, actor: str) -> GroupView:
    group_id = session.scalar(
        insert(Group)
        .values(id=new_id("grp"), name=asked.name, description=asked.description, created_at=now())
        .on_conflict_do_nothing(index_elements=[Group.name])
        .returning(Group.id)
    )
    if group_id is None or session.get(Group, asked.name) is not None:
        raise _taken(asked.name)
    record(session, actor, "group.created", group_id, name=asked.name)
    return _views(session, [session.get_one(Group, group_id)])[0]


def update(session: Session, ref: str, asked: GroupUpdate, actor: str) -> GroupView:
    group = _locked(session, ref)
    changes = {
        field: value
        for field, value in asked.model_dump(exclude_none=True).items()
        if value != getattr(group, field)
    }
    if "name" in changes and find(session, changes["name"]) is not None:
        raise _taken(changes["name"])
    for field, value in changes.items():
        setattr(group, field, value)
    session.flush()
    if changes:
        record(session, actor, "group.changed", group.id, **changes)
    return _views(session, [group])[0]


def remove(session: Session, ref: str, actor: str) -> None:
    """Delete a group. Raises `GroupInUse` while a rule or an undecided request names it."""
    group = _locked(session, ref)
    datasets, requests = repository.uses_of_group(session, group.id)
    if datasets or requests:
        named = f"the rule of {', '.join(datasets[:3])}" if datasets else "undecided requests"
        raise GroupInUse(f"The group {group.name!r} is named by {named}.")
    members = list(
        session.scalars(
            delete(GroupMember)
            .where(GroupMember.group_id == group.id)
            .returning(GroupMember.user_id)
        )
    )
    session.delete(group)
    record(session, actor, "group.deleted", group.id, name=group.name, members=sorted(members))


def page(session: Session, cursor: str | None, limit: int) -> Page[GroupView]:
    """All groups, newest first."""
    rows = newest_first(
        session, select(Group), Group.created_at, Group.id, cursor, limit, lambda group: group
    )
    return Page(items=_views(session, rows.items), next_cursor=rows.next_cursor)


def get(session: Session, ref: str) -> GroupWithMembers:
    """A group by id or name, with everybody in it."""
    group = find(session, ref)
    if group is None:
        raise no_group(ref)
    people = members(session, group.id)
    return GroupWithMembers(
        **_view(group, len(people)).model_dump(),
        members=tuple(person(user) for user in people),
    )


def add(session: Session, ref: str, user_id: str, actor: str) -> None:
    """Put a person into a group; once more changes nothing."""
    group = _locked(session, ref, share=True)
    # Locked, so that nobody is put into a group while they are being deactivated.
    user = repository.user(session, user_id, lock=True)
    if user is None:
        raise missing()
    if not user.active:
        raise PersonInactive("This person is deactivated.")
    join(session, group, user.id, actor)


def join(session: Session, group: Group, user_id: str, actor: str) -> None:
    added = session.scalar(
        insert(GroupMember)
        .values(group_id=group.id, user_id=user_id, added_by=actor, added_at=now())
        .on_conflict_do_nothing(index_elements=[GroupMember.group_id, GroupMember.user_id])
        .returning(GroupMember.user_id)
    )
    if added is not None:
        record(session, actor, "group.joined", group.id, user=user_id)


def take_out(session: Session, ref: str, user_id: str, actor: str) -> None:
    """Take a person out of a group. Access that it gave them stays until it is taken away."""
    group = _locked(session, ref, share=True)
    gone = session.scalar(
        delete(GroupMember)
        .where(GroupMember.group_id == group.id, GroupMember.user_id == user_id)
        .returning(GroupMember.user_id)
    )
    if gone is None:
        raise NotFound("This person is not in this group.")
    record(session, actor, "group.left", group.id, user=user_id)


def find(session: Session, ref: str, *, share: bool = False) -> Group | None:
    """A group by id or name; with `share`, it stays until this transaction ends."""
    query = select(Group).where((Group.id == ref) | (Group.name == ref))
    if share:
        query = query.with_for_update(read=True, key_share=True)
    return session.scalars(query).one_or_none()


def held(session: Session, refs: Iterable[str]) -> list[Group]:
    """Groups by id or name, none of which can be deleted until this transaction ends.

    In the order of their ids, so that two who hold several do not wait for each other.
    """
    found = {}
    for ref in refs:
        group = find(session, ref)
        if group is None:
            raise no_group(ref)
        found[group.id] = group
    for group_id in sorted(found):
        if find(session, group_id, share=True) is None:
            raise no_group(found[group_id].name)
    return list(found.values())


def members(session: Session, group_id: str) -> list[User]:
    """Everybody in a group, by name."""
    return list(
        session.scalars(
            select(User)
            .join(GroupMember, GroupMember.user_id == User.id)
            .where(GroupMember.group_id == group_id)
            .order_by(User.name, User.id)
        )
    )


def refs(session: Session, ids: Iterable[str]) -> dict[str, GroupRef]:
    """Those of `ids` that are groups, by id."""
    rows = session.execute(select(Group.id, Group.name).where(Group.id.in_(list(ids))))
    return {row.id: GroupRef(id=row.id, name=row.name) for row in rows}


def no_group(ref: str) -> NotFound:
    return NotFound(f"There is no group {ref!r}.", advice="Look at the list of groups.")


def _locked(session: Session, ref: str, *, share: bool = False) -> Group:
    query = select(Group).where((Group.id == ref) | (Group.name == ref))
    query = query.with_for_update(read=share, key_share=share)
    group = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if group is None:
        raise no_group(ref)
    return group


def _views(session: Session, groups: Sequence[Group]) -> tuple[GroupView, ...]:
    counted = session.execute(
        select(GroupMember.group_id, func.count())
        .where(GroupMember.group_id.in_([group.id for group in groups]))
        .group_by(GroupMember.group_id)
    )
    sizes: dict[str, int] = {row[0]: row[1] for row in counted}
    return tuple(_view(group, sizes.get(group.id, 0)) for group in groups)


def _view(group: Group, size: int) -> GroupView:
    return GroupView(
        id=group.id,
        name=group.name,
        description=group.description,
        size=size,
        created_at=group.created_at,
    )


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a group named {name!r}.", advice="Choose another name.")
