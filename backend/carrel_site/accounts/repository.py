"""The accounts' queries."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Select, case, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_protocol.api.requests import RequestState
from carrel_site.accounts.models import ApiKey, GroupMember, User
from carrel_site.core.clock import now
from carrel_site.core.ids import new_id
from carrel_site.core.permissions import TABLE, Permission
from carrel_site.datasets.models import Dataset
from carrel_site.requests.models import Request

_UNDECIDED = (RequestState.SUBMITTED.value, RequestState.CHANGES_REQUESTED.value)
_REVIEWING = [role.value for role in TABLE[Permission.REQUESTS_REVIEW][0]]


def user(session: Session, user_id: str, *, lock: bool = False) -> User | None:
    return session.get(User, user_id, with_for_update=lock or None, populate_existing=True)


def user_still(session: Session, user_id: str) -> User | None:
    """A person who stays as they are until this transaction ends; others may refer to them."""
    return session.get(User, user_id, with_for_update={"read": True}, populate_existing=True)


def insert_user(
    session: Session, name: str, email: str, role: Role, password_hash: str
) -> User | None:
    """A new person; None when somebody has the address."""
    user_id = session.scalar(
        insert(User)
        .values(
            id=new_id("usr"),
            name=name,
            email=email,
            role=role.value,
            password_hash=password_hash,
            active=True,
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )
    return None if user_id is None else session.get_one(User, user_id)


def users() -> Select[User]:
    return select(User)


def anybody(session: Session) -> bool:
    """Whether the site has any person yet."""
    return session.scalar(select(select(User.id).exists())) is True


def lock_setup(session: Session) -> None:
    """One first owner: whoever else tries waits for this transaction's end."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("carrel.setup"))))


def lock_active_owners(session: Session) -> list[str]:
    """The ids of all active owners, none of whom can be changed until this transaction ends."""
    return list(
        session.scalars(
            select(User.id)
            .where(User.role == Role.OWNER.value, User.active)
            .order_by(User.id)
            .with_for_update()
        )
    )


def reviewers_among(session: Session, user_ids: Iterable[str]) -> set[str]:
    """Those of `user_ids` who may review now: active, and of a role that may."""
    return set(
        session.scalars(
            select(User.id).where(
                User.id.in_(list(user_ids)), User.active, User.role.in_(_REVIEWING)
            )
        )
    )


def members_among(
    session: Session, group_ids: Iterable[str], user_ids: Iterable[str]
) -> dict[str, set[str]]:
    """For each group, those of `user_ids` who are in it now."""
    found: dict[str, set[str]] = {group_id: set() for group_id in group_ids}
    rows = session.execute(
        select(GroupMember.group_id, GroupMember.user_id).where(
            GroupMember.group_id.in_(list(found)), GroupMember.user_id.in_(list(user_ids))
        )
    )
    for group_id, user_id in rows:
        found[group_id].add(user_id)
    return found


def uses_of_group(session: Session, group_id: str) -> tuple[list[str], int]:
    """Names of the datasets whose rule names a group, and how many undecided requests do."""
    datasets = session.scalars(
        select(Dataset.name)
        .where(Dataset.policy["reviewer_groups"].contains([group_id]))
        .order_by(Dataset.name)
    )
    requests = session.scalar(
        select(func.count())
        .select_from(Request)
        .where(Request.state.in_(_UNDECIDED), Request.reviewer_groups.contains([group_id]))
    )
    return list(datasets), requests or 0


def count_attempt(
    session: Session, email: str, at: datetime, *, most: int, pause: timedelta
) -> tuple[str, str] | None:
    """Count a sign-in before its password is checked, so that none goes uncounted.

    Returns the person's id and password hash; None when nobody may sign in under `email` now.
    """
    # The commit is the same for an address nobody has: neither waits for the disk.
    session.execute(text("SET LOCAL synchronous_commit TO off"))
    failed = case((User.locked_until.is_not(None), 1), else_=User.failed_logins + 1)
    row = session.execute(
        update(User)
        .where(User.email == email, User.active)
        .where(or_(User.locked_until.is_(None), User.locked_until <= at))
        .values(
            failed_logins=failed,
            locked_until=case((failed >= most, at + pause), else_=None),
        )
        .returning(User.id, User.password_hash)
    ).one_or_none()
    return None if row is None else (row.id, row.password_hash)


def forget_attempts(session: Session, user_id: str) -> None:
    session.execute(
        update(User).where(User.id == user_id).values(failed_logins=0, locked_until=None)
    )


def ask_for_reset(session: Session, email: str, at: datetime, *, at_most_every: timedelta) -> None:
    """Note that somebody wants to set the password of whoever has this address, if anybody has.

    As `count_attempt`: the same for an address nobody has, and neither waits for the disk.
    """
    session.execute(text("SET LOCAL synchronous_commit TO off"))
    session.execute(
        update(User)
        .where(User.email == email, User.active)
        .where(or_(User.reset_asked_at.is_(None), User.reset_asked_at <= at - at_most_every))
        .values(reset_asked_at=at, reset_waits=True)
    )


def keys(user_id: str) -> Select[ApiKey]:
    return select(ApiKey).where(ApiKey.user_id == user_id)


def key(session: Session, user_id: str, key_id: str) -> ApiKey | None:
    """A person's key, locked."""
    return session.scalars(
        select(ApiKey).where(ApiKey.id == key_id, ApiKey.user_id == user_id).with_for_update()
    ).one_or_none()


def revoke_keys(session: Session, user_id: str, at: datetime) -> list[str]:
    """End all of a person's keys that are not ended yet; returns their ids."""
    return list(
        session.scalars(
            update(ApiKey)
            .where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
            .values(revoked_at=at)
            .returning(ApiKey.id)
        )
    )
