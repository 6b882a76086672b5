"""A person's own password: changing it, and links to set a new one."""

from datetime import timedelta

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session, aliased

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.common import Role
from carrel_protocol.api.people import PasswordResetLink
from carrel_site.accounts import devices, repository, sessions
from carrel_site.accounts.errors import (
    LinkInvalid,
    PersonInactive,
    ScopesExceeded,
    WrongPassword,
)
from carrel_site.accounts.links import link_to
from carrel_site.accounts.models import PasswordReset, User
from carrel_site.accounts.sign_in import Proven
from carrel_site.accounts.views import missing
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.core.security import digest_secret, new_secret
from carrel_site.events import mail
from carrel_site.settings import Settings

OWNERS_LINK = timedelta(days=1)
MAILED_LINK = timedelta(hours=1)
ASK_AGAIN = timedelta(minutes=15)
"""A person is sent one link in so much time, whoever asks for how many."""
_KEPT = timedelta(days=30)


def change(
    session: Session, settings: Settings, caller: Caller, proven: Proven, password_hash: str
) -> None:
    """Set the caller's password and end their other sessions. Raises `WrongPassword`."""
    user = repository.user(session, caller.user_id, lock=True)
    if user is None or not user.active or user.password_hash != proven.password_hash:
        raise WrongPassword("This is not your present password.")
    _set(session, settings, user, password_hash)
    record(session, caller.user_id, "user.password_changed", user.id)
    sessions.end_all(session, user.id, caller.user_id, but=caller.session_id)


def make_link_by(
    session: Session, settings: Settings, user_id: str, caller: Caller
) -> PasswordResetLink:
    """A link for a person, made by an owner who could do everything that it lets its holder do."""
    user = _active(session, user_id)
    beyond = frozenset(Scope) - caller.scopes
    if beyond:
        raise ScopesExceeded(
            f"Whoever uses this link can do everything; the key that asks lacks '{min(beyond)}'."
        )
    return _make(session, settings, user, caller.user_id, OWNERS_LINK)


def make_link_here(session: Session, settings: Settings, user_id: str) -> PasswordResetLink:
    """A link made on the site's own machine, by whoever can read its secrets."""
    return _make(session, settings, _active(session, user_id), None, OWNERS_LINK)


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
    if not user.active or not mail.possible(settings):
        return
    made = _make(session, settings, user, None, MAILED_LINK)
    mail.send(
        session,
        user.email,
        "Set a new password",
        f"Somebody, most likely you, asked {settings.site_url} for a new password for this "
        f"address.\n\nTo set one, within an hour:\n\n{made.link}\n\n"
        "If it was not you, do nothing: your password stays as it is.\n",
        lives=MAILED_LINK,
    )


def accept(session: Session, settings: Settings, token: str, password_hash: str) -> User:
    """Use a link: set the password, end all sessions and every other link, lift the pause.

    Raises `LinkInvalid`, alike for a link that never was, was used, or ran out.
    """
    user_id = session.scalar(
        select(PasswordReset.user_id).where(PasswordReset.token_hash == digest_secret(token))
    )
    # The person first, as everywhere: two links of one person wait for each other.
    user = repository.user(session, user_id, lock=True) if user_id is not None else None
    link = check_link(session, token)
    if user is None or not user.active:
        raise _invalid()
    _set(session, settings, user, password_hash)
    repository.forget_attempts(session, user.id)
    devices.forget_all_attempts(session, user.id)
    record(session, user.id, "user.password_reset", user.id, link=link.id, made_by=link.made_by)
    sessions.end_all(session, user.id, user.id)
    return user


def check_link(session: Session, token: str) -> PasswordReset:
    """The link with this token. Raises `LinkInvalid` unless it is good.

    One that an owner made is good while they are an owner: who has to go takes no way in along.
    """
    maker = aliased(User)
    link = session.scalars(
        select(PasswordReset)
        .outerjoin(maker, maker.id == PasswordReset.made_by)
        .where(
            PasswordReset.token_hash == digest_secret(token),
            PasswordReset.ended_at.is_(None),
            PasswordReset.expires_at > now(),
            or_(
                PasswordReset.made_by.is_(None),
                and_(maker.active, maker.role == Role.OWNER.value),
            ),
        )
    ).one_or_none()
    if link is None:
        raise _invalid()
    return link


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
    at = now()
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


def _set(session: Session, settings: Settings, user: User, password_hash: str) -> None:
    user.password_hash = password_hash
    session.flush()
    end_links(session, of=user.id)
    if mail.possible(settings):
        mail.send(
            session,
            user.email,
            "Your password was changed",
            f"The password of this address at {settings.site_url} was changed just now.\n\n"
            "If it was not you, tell an owner of the site at once.\n",
            lives=timedelta(days=2),
        )


def _active(session: Session, user_id: str) -> User:
    """The person, locked."""
    user = repository.user(session, user_id, lock=True)
    if user is None:
        raise missing()
    if not user.active:
        raise PersonInactive("This person is deactivated.")
    return user


def _invalid() -> LinkInvalid:
    return LinkInvalid("This link is unknown, used, replaced or out of date.")
