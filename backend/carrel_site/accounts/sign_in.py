"""Passwords: checking one, and what signing in with it gives: a key, or a session.

Wrong passwords in a row pause sign-in. Anybody can send wrong passwords, so that pause alone
would let them keep a person out for ever. A browser in which the person signed in before is known
by a cookie: it counts wrong passwords of its own, and others' do not concern it.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import ApiKeyWithSecret, TokenCreate
from carrel_site.accounts import devices, keys, repository
from carrel_site.accounts.errors import BrowserPaused, SignInRefused
from carrel_site.accounts.models import User
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.db import Database
from carrel_site.core.security import verify_password

MOST_FAILURES = 10
PAUSE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Proven:
    """Somebody who knew the password whose hash was `password_hash`."""

    user_id: str
    password_hash: str
    device_id: str | None
    """The known browser that sent it."""


def sign_in(db: Database, asked: TokenCreate) -> ApiKeyWithSecret:
    """A new key for whoever knows the password. Raises `SignInRefused`, whatever the cause."""
    proven = prove(db, asked.email, asked.password.get_secret_value(), device=None)

    def admit(session: Session) -> ApiKeyWithSecret:
        user = admitted(session, proven)
        record(session, user.id, "user.signed_in", user.id)
        return keys.create(session, user, asked.key, actor=user.id)

    return db.transact(admit)


def prove(db: Database, email: str, password: str, device: str | None) -> Proven:
    """Check a password, sent by the browser whose secret is `device`.

    Raises `SignInRefused`, whatever the cause; `BrowserPaused` to a known browser, which may be
    told more. The attempt is counted and committed first, so that attempts made at once are
    counted too; the password is checked in any case, so that an unknown address takes as long as a
    known one.
    """
    known = db.read(lambda session: devices.known(session, email, device)) if device else None
    at = now()
    if known is not None:
        device_id = known
        counted = db.transact(
            lambda session: devices.count_attempt(
                session, device_id, at, most=MOST_FAILURES, pause=PAUSE
            )
        )
        if isinstance(counted, timedelta):
            raise BrowserPaused(counted)
        found = counted
    else:
        found = db.transact(
            lambda session: repository.count_attempt(
                session, email, at, most=MOST_FAILURES, pause=PAUSE
            )
        )
    user_id, password_hash = found or (None, None)
    matches = verify_password(password, password_hash)
    if not matches or user_id is None or password_hash is None:
        raise SignInRefused("The e-mail address or the password is wrong, or sign-in is paused.")
    return Proven(user_id, password_hash, known)


def admitted(session: Session, proven: Proven) -> User:
    """The person who proved to know the password, locked, if it is still theirs.

    It may have been changed, or they deactivated, since it was checked: whoever knows the old one
    must not come in after everybody else was signed out.
    """
    user = repository.user(session, proven.user_id, lock=True)
    if user is None or not user.active or user.password_hash != proven.password_hash:
        raise SignInRefused("The e-mail address or the password is wrong, or sign-in is paused.")
    if proven.device_id is None:
        repository.forget_attempts(session, user.id)
    else:
        devices.forget_attempts(session, proven.device_id)
    return user
