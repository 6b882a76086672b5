"""Signing in with a password: how a person gets their first key."""

from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import ApiKeyWithSecret, TokenCreate
from carrel_site.accounts import keys, repository
from carrel_site.accounts.errors import SignInRefused
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.db import Database
from carrel_site.core.security import verify_password

MOST_FAILURES = 10
PAUSE = timedelta(minutes=15)


def sign_in(db: Database, asked: TokenCreate) -> ApiKeyWithSecret:
    """A new key for whoever knows the password. Raises `SignInRefused`, whatever the cause.

    The attempt is counted and committed first, so that attempts made at once are counted too;
    the password is checked in any case, so that an unknown address takes as long as a known one.
    """
    found = db.transact(
        lambda session: repository.count_attempt(
            session, asked.email, now(), most=MOST_FAILURES, pause=PAUSE
        )
    )
    user_id, password_hash = found or (None, None)
    if not verify_password(asked.password.get_secret_value(), password_hash) or user_id is None:
        raise SignInRefused("The e-mail address or the password is wrong, or sign-in is paused.")

    def admit(session: Session) -> ApiKeyWithSecret:
        user = repository.user(session, user_id, lock=True)
        if user is None or not user.active:
            raise SignInRefused("This person is deactivated.")
        repository.forget_attempts(session, user_id)
        record(session, user_id, "user.signed_in", user_id)
        return keys.create(session, user, asked.key, actor=user_id)

    return db.transact(admit)
