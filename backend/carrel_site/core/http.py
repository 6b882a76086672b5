"""What routes are made of: the site they act on, who calls, and what that person may do."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import bindparam, select, update

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.common import Role
from carrel_site.accounts.models import ApiKey, User
from carrel_site.core.clock import now
from carrel_site.core.db import Database
from carrel_site.core.errors import Forbidden, Unauthenticated
from carrel_site.core.permissions import TABLE, Permission, allows
from carrel_site.core.security import digest_secret
from carrel_site.site import Site

_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent the request, through one of their keys."""

    user_id: str
    name: str
    email: str
    role: Role
    scopes: frozenset[Scope]
    key_id: str

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


def require(permission: Permission) -> Any:
    """A dependency that gives the `Caller`, or refuses whoever lacks `permission`."""

    def authenticate(request: Request) -> Caller:
        secret = bearer(request)
        caller = _find(site_of(request).db, secret)
        if not caller.may(permission):
            _, scope = TABLE[permission]
            if allows(permission, caller.role, frozenset(Scope)):
                raise Forbidden(
                    f"This key lacks the scope '{scope}'.",
                    advice=f"Create a key that has the scope '{scope}'.",
                )
            raise Forbidden(f"The role '{caller.role}' may not do this ({permission}).")
        return caller

    authenticate.permission = permission  # type: ignore[attr-defined]
    return Depends(authenticate)


def recheck(site: Site, caller: Caller, permission: Permission) -> None:
    """Raise unless `caller` still may: for a look that comes long after the request did.

    What waits (a stream of events) looks again with this, so that a key that was ended, a person
    who was deactivated and a role that was taken away end it too.
    """
    row = site.db.look_up(_KEY_STILL, id=caller.key_id, at=now())
    if row is None:
        raise Unauthenticated("This API key is unknown, expired or revoked.")
    if not replace(caller, role=Role(row[0])).may(permission):
        raise Forbidden(f"The role '{row[0]}' may not do this ({permission}).")


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


def _find(db: Database, secret: str) -> Caller:
    at = now()
    row = db.look_up(_KEY, secret_hash=digest_secret(secret), at=at)
    if row is None:
        raise Unauthenticated("This API key is unknown, expired or revoked.")
    user_id, name, email, role, scopes, key_id, used = tuple(row)
    if used is None or at - used > _USE_NOTED_EVERY:
        noted = update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=at)
        db.read(lambda session: session.execute(noted))
    return Caller(user_id, name, email, Role(role), frozenset(map(Scope, scopes)), key_id)


def permission_of(route_dependency: Callable[..., Any]) -> Permission | None:
    """The permission a dependency made by `require` checks; None for any other dependency."""
    return getattr(route_dependency, "permission", None)
