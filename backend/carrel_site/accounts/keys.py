"""API keys: shown once, stored as digests, scoped, expiring, revocable at once."""

from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import ApiKey as KeyView
from carrel_protocol.api.accounts import ApiKeyWithSecret, KeyCreate, Scope
from carrel_protocol.api.common import Page
from carrel_site.accounts import repository
from carrel_site.accounts.errors import PersonInactive, ScopesExceeded
from carrel_site.accounts.models import ApiKey, User
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import Forbidden, NotFound
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.core.pagination import newest_first
from carrel_site.core.security import digest_secret, new_secret

_PREFIX_LENGTH = 10
"""Of the secret, kept so that its holder can tell their keys apart: 7 of its 43 characters."""


def create(session: Session, user: User, asked: KeyCreate, actor: str) -> ApiKeyWithSecret:
    """A key of `user`'s; its secret is in this answer and nowhere else."""
    secret = new_secret("ck")
    at = now()
    key = ApiKey(
        id=new_id("key"),
        user_id=user.id,
        label=asked.label,
        prefix=secret[:_PREFIX_LENGTH],
        secret_hash=digest_secret(secret),
        scopes=sorted(set(asked.scopes)),
        created_at=at,
        expires_at=at + timedelta(days=asked.expires_in_days),
    )
    session.add(key)
    session.flush()
    record(
        session,
        actor,
        "key.created",
        key.id,
        user=user.id,
        label=key.label,
        scopes=key.scopes,
        expires_at=key.expires_at.isoformat(),
    )
    return ApiKeyWithSecret(**_view(key).model_dump(), secret=secret)


def create_by(session: Session, caller: Caller, user_id: str, asked: KeyCreate) -> ApiKeyWithSecret:
    """A key made with another key, whose scopes it cannot exceed. Raises `ScopesExceeded`."""
    if Scope.REVIEW in asked.scopes and user_id != caller.user_id:
        raise Forbidden(
            "A key that votes is made by whoever votes with it: two people are two people.",
            advice="Let them sign in and make it themselves (POST /api/v1/tokens).",
        )
    beyond = set(asked.scopes) - caller.scopes
    if beyond:
        raise ScopesExceeded(
            f"The key that asks lacks the scope '{min(beyond)}', so it cannot give it away."
        )
    # Locked, so that a key cannot appear while its person is being deactivated.
    user = repository.user(session, user_id, lock=True)
    if user is None:
        raise NotFound("There is no such person.")
    if not user.active:
        raise PersonInactive("This person is deactivated.")
    return create(session, user, asked, actor=caller.user_id)


def page(session: Session, user_id: str, cursor: str | None, limit: int) -> Page[KeyView]:
    """A person's keys, ended ones too, newest first."""
    return newest_first(
        session, repository.keys(user_id), ApiKey.created_at, ApiKey.id, cursor, limit, _view
    )


def revoke(session: Session, user_id: str, key_id: str, actor: str) -> None:
    """End a key at once; ending it again changes nothing."""
    key = repository.key(session, user_id, key_id)
    if key is None:
        raise NotFound("There is no such key.")
    if key.revoked_at is None:
        key.revoked_at = now()
        record(session, actor, "key.revoked", key.id, user=user_id)


def _view(key: ApiKey) -> KeyView:
    return KeyView(
        id=key.id,
        label=key.label,
        prefix=key.prefix,
        scopes=tuple(Scope(scope) for scope in key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )
