"""What routes are made of: the site they act on, who calls, and what that person may do."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Update, bindparam, select, update
from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.common import Role
from carrel_protocol.errors import ErrorCode
from carrel_site.accounts.models import ApiKey, Device, User, UserSession
from carrel_site.core import cookies, csrf
from carrel_site.core.clock import now
from carrel_site.core.db import Database
from carrel_site.core.errors import Forbidden, Unauthenticated
from carrel_site.core.permissions import TABLE, Permission, allows
from carrel_site.core.security import digest_secret
from carrel_site.site import Site

_USE_NOTED_EVERY = timedelta(minutes=1)
PASSIVE = "X-Carrel-Passive"
"""What a page sends with a read that nobody asked it for: such a request keeps no session alive."""


class SessionEnded(Unauthenticated):
    advice = "Sign in again."


class AccountDeactivated(Unauthenticated):
    """Said only to a browser in which this person signed in last: nobody else learns of it."""

    code, title = ErrorCode.ACCOUNT_DEACTIVATED, "Account deactivated"
    advice = "Ask an owner of this site if you think that this is a mistake."


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent the request, through one of their keys or sessions."""

    user_id: str
    name: str
    email: str
    role: Role
    scopes: frozenset[Scope]
    key_id: str
    """Empty when a session sent it."""
    session_id: str = ""

    def may(self, permission: Permission) -> bool:
        return allows(permission, self.role, self.scopes)


def site_of(request: Request) -> Site:
    site = request.app.state.site
    assert isinstance(site, Site)
    return site


async def _site(request: Request) -> Site:
    return site_of(request)


SiteDep = Annotated[Site, Depends(_site)]


def bearer(request: Request) -> str:
    """The bearer secret of the request; raises `Unauthenticated` when there is none."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise Unauthenticated("No API key was sent.")
    return secret


def require(permission: Permission, *, passive: bool = False) -> Any:
    """A dependency that gives the `Caller`, or refuses whoever lacks `permission`.

    passive: programs ask for it again and again by themselves, so that it keeps no session alive.
    """

    def authenticate(request: Request) -> Caller:
        caller = _identify(request, passive=passive)
        _check(caller, permission)
        return caller

    authenticate.permission = permission  # type: ignore[attr-defined]
    return Depends(authenticate)


def recheck(site: Site, caller: Caller, permission: Permission) -> None:
    """Raise unless `caller` still may: for a look that comes long after the request did.

    What waits (a long poll, a stream of events) looks again with this, so that a key or session
    that was ended, a person who was deactivated and a role that was taken away end it too.
    """
    statement, credential = (
        (_SESSION_STILL, caller.session_id) if caller.session_id else (_KEY_STILL, caller.key_id)
    )
    at = now()
    row = site.db.look_up(statement, id=credential, at=at, idle_since=_idle_since(site, at))
    if row is None:
        raise _ended(caller)
    _check(replace(caller, role=Role(row[0])), permission)


def _check(caller: Caller, permission: Permission) -> None:
    if caller.may(permission):
        return
    _, scope = TABLE[permission]
    if allows(permission, caller.role, frozenset(Scope)):
        raise Forbidden(
            f"This key lacks the scope '{scope}'.",
            advice=f"Create a key that has the scope '{scope}'.",
        )
    raise Forbidden(f"The role '{caller.role}' may not do this ({permission}).")


def _identify(request: Request, *, passive: bool) -> Caller:
    """By key where one is sent, whatever cookies come with it; else by session.

    A request counts as one use, however often it is looked at while it lasts; one that is passive
    is no use of a session. Saying so can only end one's own session sooner.
    """
    site = site_of(request)
    first = not hasattr(request.state, "identified")
    passive = passive or (request.method in csrf.SAFE and PASSIVE in request.headers)
    request.state.identified = True
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        return _by_key(site, secret, note=first)
    cookie = cookies.read(request, site.settings, cookies.SESSION)
    if cookie is None:
        raise Unauthenticated("No API key was sent, and nobody is signed in.")
    try:
        caller = _by_session(site, cookie, note=first and not passive)
    except SessionEnded as ended:
        device = cookies.read(request, site.settings, cookies.DEVICE)
        if device and site.db.look_up(_DEACTIVATED, secret_hash=digest_secret(device)):
            raise AccountDeactivated(
                "Your account was deactivated, and you were signed out everywhere."
            ) from ended
        raise
    csrf.check(request, site.settings, caller.session_id)
    return caller


_KEY = (
    select(User.id, User.name, User.email, User.role, ApiKey.scopes, ApiKey.id, ApiKey.last_used_at)
    .join(ApiKey, ApiKey.user_id == User.id)
    .where(
        ApiKey.secret_hash == bindparam("secret_hash"),
        ApiKey.revoked_at.is_(None),
        ApiKey.expires_at > bindparam("at"),
        User.active,
    )
)
_KEY_STILL = (
    select(User.role)
    .join(ApiKey, ApiKey.user_id == User.id)
    .where(
        ApiKey.id == bindparam("id"),
        ApiKey.revoked_at.is_(None),
        ApiKey.expires_at > bindparam("at"),
        User.active,
    )
)
_SESSION = (
    select(User.id, User.name, User.email, User.role, UserSession.id, UserSession.last_seen_at)
    .join(UserSession, UserSession.user_id == User.id)
    .where(
        UserSession.secret_hash == bindparam("secret_hash"),
        UserSession.expires_at > bindparam("at"),
        UserSession.last_seen_at > bindparam("idle_since"),
        User.active,
    )
)
_SESSION_STILL = (
    select(User.role)
    .join(UserSession, UserSession.user_id == User.id)
    .where(
        UserSession.id == bindparam("id"),
        UserSession.expires_at > bindparam("at"),
        UserSession.last_seen_at > bindparam("idle_since"),
        User.active,
    )
)
_DEACTIVATED = (
    select(User.id)
    .join(Device, Device.user_id == User.id)
    .where(Device.secret_hash == bindparam("secret_hash"), ~User.active)
)
_EVERY_SCOPE = frozenset(Scope)


_KEY_ENDED = select(ApiKey.revoked_at, ApiKey.expires_at).where(
    ApiKey.secret_hash == bindparam("secret_hash")
)


def _refusal(site: Site, secret: str, at: datetime) -> Unauthenticated:
    """Why a key opens nothing. Whoever holds its secret may know what became of it."""
    row = site.db.look_up(_KEY_ENDED, secret_hash=digest_secret(secret))
    if row is None:
        return Unauthenticated("This API key is unknown, expired or revoked.")
    revoked_at, expires_at = tuple(row)
    if revoked_at is not None:
        return Unauthenticated(f"This API key was revoked on {revoked_at:%Y-%m-%d at %H:%M} UTC.")
    if expires_at <= at:
        return Unauthenticated(f"This API key expired on {expires_at:%Y-%m-%d at %H:%M} UTC.")
    return Unauthenticated("This API key's owner may not use the site any more.")


def _by_key(site: Site, secret: str, *, note: bool) -> Caller:
    at = now()
    row = site.db.look_up(_KEY, secret_hash=digest_secret(secret), at=at)
    if row is None:
        raise _refusal(site, secret, at)
    user_id, name, email, role, scopes, key_id, used = tuple(row)
    if note and (used is None or at - used > _USE_NOTED_EVERY):
        noted = update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=at)
        _note(site.db, noted, user_id, at)
    return Caller(user_id, name, email, Role(role), frozenset(map(Scope, scopes)), key_id)


def _by_session(site: Site, secret: str, *, note: bool) -> Caller:
    at = now()
    idle_since = _idle_since(site, at)
    row = site.db.look_up(_SESSION, secret_hash=digest_secret(secret), at=at, idle_since=idle_since)
    if row is None:
        raise SessionEnded("This session has ended, or was ended.")
    user_id, name, email, role, session_id, seen = tuple(row)
    if note and at - seen > min(_USE_NOTED_EVERY, (at - idle_since) / 4):
        noted = update(UserSession).where(UserSession.id == session_id).values(last_seen_at=at)
        _note(site.db, noted, user_id, at)
    return Caller(user_id, name, email, Role(role), _EVERY_SCOPE, "", session_id)


def _note(db: Database, use: Update, user_id: str, at: datetime) -> None:
    seen = update(User).where(User.id == user_id).values(last_seen_at=at)

    def write(session: Session) -> None:
        session.execute(use)
        session.execute(seen)

    db.read(write)


def _idle_since(site: Site, at: datetime) -> datetime:
    """A session that was last used before this has ended."""
    return at - timedelta(hours=site.settings.session_idle_hours)


def _ended(caller: Caller) -> Unauthenticated:
    if caller.session_id:
        return SessionEnded("This session was ended.")
    return Unauthenticated("This API key was ended.")


def permission_of(route_dependency: Callable[..., Any]) -> Permission | None:
    """The permission a dependency made by `require` checks; None for any other dependency."""
    return getattr(route_dependency, "permission", None)
