"""The accounts' queries."""

from datetime import datetime, timedelta

from sqlalchemy import Select, case, func, or_, select, text, update
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_site.accounts.models import ApiKey, User


def user(session: Session, user_id: str, *, lock: bool = False) -> User | None:
    return session.get(User, user_id, with_for_update=lock or None, populate_existing=True)


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
