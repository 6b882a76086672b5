"""Browsers in which a person signed in before, known by a cookie (OWASP: device cookies)."""

from datetime import datetime, timedelta

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.orm import Session

from carrel_site.accounts.models import Device, User
from carrel_site.core.clock import now
from carrel_site.core.ids import new_id
from carrel_site.core.security import digest_secret, new_secret

_MOST = 20
"""Browsers that are remembered of one person; the one used longest ago makes room."""


def known(session: Session, email: str, secret: str) -> str | None:
    """The id of the browser with this secret, if the person with this address signed in there."""
    return session.scalar(
        select(Device.id)
        .join(User, User.id == Device.user_id)
        .where(Device.secret_hash == digest_secret(secret), User.email == email, User.active)
    )


def remember(session: Session, user_id: str, secret: str | None) -> str:
    """Know this browser from now on as one of a person's. Returns the secret it is to keep."""
    at = now()
    if secret is not None:
        used = session.scalar(
            update(Device)
            .where(Device.secret_hash == digest_secret(secret), Device.user_id == user_id)
            .values(last_used_at=at)
            .returning(Device.id)
        )
        if used is not None:
            return secret
    made = new_secret("cd")
    session.add(
        Device(
            id=new_id("dev"),
            user_id=user_id,
            secret_hash=digest_secret(made),
            created_at=at,
            last_used_at=at,
        )
    )
    session.flush()
    newest = select(Device.id).where(Device.user_id == user_id)
    newest = newest.order_by(Device.last_used_at.desc(), Device.id).limit(_MOST)
    session.execute(delete(Device).where(Device.user_id == user_id, Device.id.not_in(newest)))
    return made


def count_attempt(
    session: Session, device_id: str, at: datetime, *, most: int, pause: timedelta
) -> tuple[str, str] | timedelta | None:
    """Count a sign-in before its password is checked.

    Returns the person's id and password hash; for how much longer this browser is paused; or None
    when the person may not sign in any more.
    """
    failed = case((Device.locked_until.is_not(None), 1), else_=Device.failed_logins + 1)
    row = session.execute(
        update(Device)
        .where(Device.id == device_id, Device.user_id == User.id, User.active)
        .where(or_(Device.locked_until.is_(None), Device.locked_until <= at))
        .values(
            failed_logins=failed,
            locked_until=case((failed >= most, at + pause), else_=None),
        )
        .returning(User.id, User.password_hash)
    ).one_or_none()
    if row is not None:
        return row.id, row.password_hash
    until = session.scalar(select(Device.locked_until).where(Device.id == device_id))
    return None if until is None or until <= at else until - at


def forget_attempts(session: Session, device_id: str) -> None:
    session.execute(
        update(Device).where(Device.id == device_id).values(failed_logins=0, locked_until=None)
    )


def forget_all_attempts(session: Session, user_id: str) -> None:
    """For somebody who proved by a link who they are."""
    session.execute(
        update(Device).where(Device.user_id == user_id).values(failed_logins=0, locked_until=None)
    )


def sweep(session: Session, before: datetime) -> None:
    """Forget browsers that nobody has signed in with since."""
    session.execute(delete(Device).where(Device.last_used_at < before))
