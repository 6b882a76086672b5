"""Sessions: a browser that is signed in, by a random secret in a cookie that scripts cannot read.

Each sign-in makes a new secret and ends the session that the browser had, so that no secret that
somebody else may have put there is ever worth anything. Of a secret only its digest is stored.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.people import Session as SessionView
from carrel_protocol.api.people import SessionInfo
from carrel_site.accounts import devices
from carrel_site.accounts.models import User, UserSession
from carrel_site.accounts.views import shown
from carrel_site.audit.log import record
from carrel_site.core import csrf
from carrel_site.core.clock import now
from carrel_site.core.errors import NotFound
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.core.security import digest_secret, new_secret
from carrel_site.events.wakeups import announce
from carrel_site.settings import Settings

_AGENT_LENGTH = 300
_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser that signs in brings with it."""

    user_agent: str
    session: str | None
    """The secret of the session it had."""
    device: str | None


@dataclass(frozen=True, slots=True)
class Started:
    """A new session, and the secrets for the browser's cookies."""

    info: SessionInfo
    secret: str
    device: str


def start(session: Session, settings: Settings, user: User, browser: Browser) -> Started:
    """Sign `user` (locked, active) in, in this browser."""
    if browser.session is not None:
        _end_replaced(session, browser.session, user.id)
    at = now()
    secret = new_secret("cs")
    row = UserSession(
        id=new_id("ses"),
        user_id=user.id,
        secret_hash=digest_secret(secret),
        created_at=at,
        last_seen_at=at,
        expires_at=at + timedelta(hours=settings.session_hours),
        user_agent=_plain(browser.user_agent),
    )
    session.add(row)
    user.last_seen_at = at
    session.flush()
    record(session, user.id, "user.signed_in", user.id, by_session=row.id)
    device = devices.remember(session, user.id, browser.device)
    return Started(_info(session, settings, user, row), secret, device)


def current(session: Session, settings: Settings, caller: Caller) -> SessionInfo:
    """The session that the caller used. Raises `NotFound` for whoever used a key."""
    row = session.get(UserSession, caller.session_id) if caller.session_id else None
    if row is None:
        raise no_session()
    return _info(session, settings, session.get_one(User, row.user_id), row)


def of(
    session: Session, settings: Settings, caller: Caller, user_id: str
) -> tuple[SessionView, ...]:
    """A person's sessions that have not ended, newest first; `current` is the caller's own."""
    at = now()
    live = (
        select(UserSession)
        .where(
            UserSession.user_id == user_id,
            UserSession.expires_at > at,
            UserSession.last_seen_at > at - _idle(settings),
        )
        .order_by(UserSession.created_at.desc(), UserSession.id)
        .limit(_MOST_SHOWN)
    )
    return tuple(
        SessionView(
            id=row.id,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=_ends(settings, row),
            user_agent=row.user_agent,
            current=row.id == caller.session_id,
        )
        for row in session.scalars(live)
    )


def end(session: Session, user_id: str, session_id: str, actor: str) -> None:
    """End one session of a person's at once."""
    gone = session.scalar(
        delete(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == user_id)
        .returning(UserSession.id)
    )
    if gone is None:
        raise NotFound("There is no such session.")
    record(session, actor, "session.ended", gone, user=user_id)
    announce(session, user_id)


def end_all(session: Session, user_id: str, actor: str, *, but: str = "") -> list[str]:
    """End a person's sessions at once, `but` one; returns their ids.

    Their row is to be locked: otherwise one that is just being started would be missed.
    """
    gone = list(
        session.scalars(
            delete(UserSession)
            .where(UserSession.user_id == user_id, UserSession.id != but)
            .returning(UserSession.id)
        )
    )
    for session_id in sorted(gone):
        record(session, actor, "session.ended", session_id, user=user_id)
    announce(session, user_id)
    return gone


def _end_replaced(session: Session, secret: str, actor: str) -> None:
    """End the session that a browser had, whoever's it was: its cookie is about to be replaced."""
    for gone in session.execute(
        delete(UserSession)
        .where(UserSession.secret_hash == digest_secret(secret))
        .returning(UserSession.id, UserSession.user_id)
    ):
        record(session, actor, "session.ended", gone.id, user=gone.user_id)
        announce(session, gone.user_id)


def sweep(session: Session, settings: Settings) -> None:
    """Drop the rows of sessions that ran out."""
    at = now()
    session.execute(
        delete(UserSession).where(
            (UserSession.expires_at <= at) | (UserSession.last_seen_at <= at - _idle(settings))
        )
    )


def no_session() -> NotFound:
    return NotFound(
        "You called with an API key, which is no session.",
        advice="Sign in with POST /api/v1/session, or use the key without a session.",
    )


def _info(session: Session, settings: Settings, user: User, row: UserSession) -> SessionInfo:
    return SessionInfo(
        user=shown(session, [user])[0],
        scopes=tuple(Scope),
        csrf_token=csrf.token_of(settings, row.id),
        expires_at=_ends(settings, row),
    )


def _ends(settings: Settings, row: UserSession) -> datetime:
    """When it ends if it is not used any more."""
    return min(row.expires_at, row.last_seen_at + _idle(settings))


def _idle(settings: Settings) -> timedelta:
    return timedelta(hours=settings.session_idle_hours)


def _plain(user_agent: str) -> str:
    """What a browser says of itself, as far as it can be shown."""
    return "".join(c for c in user_agent if c.isprintable())[:_AGENT_LENGTH]
