"""People as they are shown."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import GroupRef
from carrel_protocol.api.accounts import User as UserView
from carrel_protocol.api.common import Person, Role
from carrel_site.accounts.models import Group, GroupMember, User
from carrel_site.core.errors import NotFound


def shown(session: Session, people: Sequence[User]) -> tuple[UserView, ...]:
    """People with their groups, in the same order: one look-up for all."""
    groups: dict[str, list[GroupRef]] = defaultdict(list)
    rows = session.execute(
        select(GroupMember.user_id, Group.id, Group.name)
        .join(Group, Group.id == GroupMember.group_id)
        .where(GroupMember.user_id.in_([user.id for user in people]))
        .order_by(Group.name)
    )
    for user_id, group_id, name in rows:
        groups[user_id].append(GroupRef(id=group_id, name=name))
    return tuple(view(user, tuple(groups[user.id])) for user in people)


def view(user: User, groups: tuple[GroupRef, ...]) -> UserView:
    return UserView(
        id=user.id,
        name=user.name,
        email=user.email,
        role=Role(user.role),
        active=user.active,
        created_at=user.created_at,
        last_seen_at=user.last_seen_at,
        groups=groups,
    )


def person(user: User) -> Person:
    return Person(id=user.id, name=user.name, email=user.email)


def missing() -> NotFound:
    return NotFound("There is no such person.")
