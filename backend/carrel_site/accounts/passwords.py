"""A person's own password: changing it, and links to set a new one."""

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from carrel_protocol.api.people import PasswordResetLink
from carrel_site.accounts import repository, sessions
from carrel_site.accounts.errors import LinkInvalid, PersonInactive, WrongPassword
from carrel_site.accounts.links import link_to
from carrel_site.accounts.models import PasswordReset, User
from carrel_site.accounts.sign_in import Proven
from carrel_site.accounts.views import missing
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.core.security import digest_secret, new_secret
from carrel_site.events import outbox
from carrel_site.settings import Settings

OWNERS_LINK = timedelta(days=1)
MAILED_LINK = timedelta(hours=1)
ASK_AGAIN = timedelta(minutes=15)
"""A person is sent one link in so much time, whoever asks for how many."""
_KEPT = timedelta(days=30)


def change(session: Session, caller: Caller, proven: Proven, password_hash: str) -> None:
    """Set the caller's password and end their other sessions. Raises `WrongPassword`."""
    user = repository.user(session, caller.user_id, lock=True)
    if user is None or not user.active or user.password_hash != proven.password_hash:
        raise WrongPassword("This is not your present password.")
    _set(session, user, password_hash)
    record(session, caller.user_id, "user.password_changed", user.id)
    sessions.end_all(session, user.id, caller.user_id, but=caller.session_id)


def make_link(
    session: Session, settings: Settings, user_id: str, made_by: str | None
) -> PasswordResetLink:
    """A link for a person, made by an owner; by nobody (None) on the site's own machine."""
    user = repository.user(session, user_id, lock=True)
    if user is None:
        raise missing()
    if not user.active:
        raise PersonInactive("This person is deactivated.")
    return _make(session, settings, user, made_by, OWNERS_LINK)


def ask(session: Session, email: str) -> None:
    """Note that a link is asked for; the scheduler sends it.

    It costs the same whether or not anybody has the address, which nobody is told.
    """
    repository.ask_for_reset(session, email, now(), at_most_every=ASK_AGAIN)


def waiting(session: Session) -> list[str]:
    """The ids of those who wait for a link."""
    return list(session.scalars(select(User.id).where(User.reset_waits).order_by(User.id)))


def send_link(session: Session, settings: Settings, user_id: str) -> None:
    """Mail somebody the link they, or somebody in their name, asked for."""
    user = repository.user(session, user_id, lock=True)
    if user is None or not user.reset_waits:
        return
    user.reset_waits = False
    if not (user.active and settings.sends_email):
        return
    made = _make(session, settings, user, None, MAILED_LINK)
    outbox.send(
        session,
        user.email,
        "Set a new password",
        f"Somebody, most likely you, asked {settings.site_url} for a new password for this "
        f"address.\n\nTo set one, within an hour:\n\n{made.link}\n\n"
        "If it was not you, do nothing: your password stays as it is.\n",
        lives=MAILED_LINK,
    )


def accept(session: Session, token: str, password_hash: str) -> User:
    """Use a link: set the password, end all sessions and every other link, lift the pause.

    Raises `LinkInvalid`, alike for a link that never was, was used, or ran out.
    """
    found = session.execute(
        select(PasswordReset.id, PasswordReset.user_id).where(
            PasswordReset.token_hash == digest_secret(token)
        )
    ).one_or_none()
    # The person first, as everywhere: two links of one person wait for each other.
    user = repository.user(session, found.user_id, lock=True) if found is not None else None
    link = (
        session.get(PasswordReset, found.id, with_for_update=True, populate_existing=True)
        if found is not None
        else None
    )
    if user is None or link is None or not _is_open(link) or not user.active:
        raise LinkInvalid("This link is unknown, used, replaced or out of date.")
    _set(session, user, password_hash)
    repository.forget_attempts(session, user.id)
    record(session, user.id, "user.password_reset", user.id, link=link.id, made_by=link.made_by)
    sessions.end_all(session, user.id, user.id)
    return user


def check_link(session: Session, token: str) -> None:
    """Raise `LinkInvalid` before anything dear is done for a link that opens nothing."""
    link = session.scalars(
        select(PasswordReset).where(PasswordReset.token_hash == digest_secret(token))
    ).one_or_none()
    if link is None or not _is_open(link):
        raise LinkInvalid("This link is unknown, used, replaced or out of date.")


def end_links(session: Session, *, of: str, made_too: bool = False) -> None:
    """End a person's links, and with `made_too` those that they made for others."""
    theirs = PasswordReset.user_id == of
    session.execute(
        update(PasswordReset)
        .where(PasswordReset.ended_at.is_(None))
        .where(or_(theirs, PasswordReset.made_by == of) if made_too else theirs)
        .values(ended_at=now())
    )


def sweep(session: Session) -> None:
    """Drop the rows of links that ran out a month ago."""
    session.execute(delete(PasswordReset).where(PasswordReset.expires_at < now() - _KEPT))


def _make(
    session: Session, settings: Settings, user: User, made_by: str | None, lives: timedelta
) -> PasswordResetLink:
    token = new_secret("cr")
    at: datetime = now()
    link = PasswordReset(
        id=new_id("rst"),
        user_id=user.id,
        token_hash=digest_secret(token),
        made_by=made_by,
        created_at=at,
        expires_at=at + lives,
    )
    session.add(link)
    session.flush()
    record(session, made_by or SITE, "user.password_link_made", user.id, link=link.id)
    return PasswordResetLink(link=link_to(settings, "reset", token), expires_at=link.expires_at)


def _set(session: Session, user: User, password_hash: str) -> None:
    user.password_hash = password_hash
    session.flush()
    end_links(session, of=user.id)


def _is_open(link: PasswordReset) -> bool:
    return link.ended_at is None and link.expires_at > now()
