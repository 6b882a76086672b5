"""People and keys."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import (
    ApiKey,
    ApiKeyWithSecret,
    KeyCreate,
    OwnerWithKey,
    SetupCreate,
    SetupStatus,
    TokenCreate,
    User,
    UserCreate,
    UserUpdate,
)
from carrel_protocol.api.common import Page, Role
from carrel_site.accounts import keys, repository, sessions, sign_in, users
from carrel_site.accounts.sessions import Started
from carrel_site.accounts.sessions_router import browser_of, give_cookies
from carrel_site.core import csrf
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.idempotency import IdempotencyKeyHeader, once
from carrel_site.core.pagination import Cursor, Limit
from carrel_site.core.permissions import Permission
from carrel_site.core.security import hash_password

router = APIRouter(prefix="/api/v1", tags=["accounts"])

Id = Annotated[str, Path(min_length=1, max_length=64)]
Me = Annotated[Caller, require(Permission.SELF_READ)]
KeyHolder = Annotated[Caller, require(Permission.KEYS_MANAGE_OWN)]
UserManager = Annotated[Caller, require(Permission.USERS_MANAGE)]


@router.get("/setup")
def read_setup(site: SiteDep) -> SetupStatus:
    """Whether the site has its first owner."""
    return SetupStatus(done=site.db.read(repository.anybody))


@router.post("/setup", status_code=201)
def create_first_owner(
    site: SiteDep, request: Request, response: Response, body: SetupCreate
) -> OwnerWithKey:
    """Make the first owner with the token that `carrel up` printed, and sign them in. Once."""
    csrf.refuse_other_sites(request, site.settings)
    users.check_setup_token(site.settings, body.token.get_secret_value())
    hashed = hash_password(body.password.get_secret_value())
    browser = browser_of(request, site)

    def work(session: Session) -> tuple[OwnerWithKey, Started]:
        owner, user = users.set_up(session, body, hashed)
        return owner, sessions.start(session, site.settings, user, browser)

    owner, started = site.db.transact(work)
    give_cookies(response, site, started)
    return owner


@router.post("/tokens", status_code=201)
def create_token(site: SiteDep, body: TokenCreate) -> ApiKeyWithSecret:
    """Sign in with e-mail and password; the answer carries a new API key."""
    return sign_in.sign_in(site.db, body)


@router.get("/me")
def read_me(site: SiteDep, caller: Me) -> User:
    """Whoever the API key belongs to."""
    return site.db.read(lambda session: users.get(session, caller.user_id))


@router.get("/users", dependencies=[require(Permission.USERS_READ)])
def list_users(
    site: SiteDep,
    cursor: Cursor = None,
    limit: Limit = 50,
    q: Annotated[
        str | None, Query(max_length=200, description="Part of a name or an address.")
    ] = None,
    role: Role | None = None,
    active: bool | None = None,
) -> Page[User]:
    """People on the site, newest first."""
    return site.db.read(
        lambda session: users.page(session, cursor, limit, q=q, role=role, active=active)
    )


@router.post("/users", status_code=201)
def create_user(
    site: SiteDep,
    caller: UserManager,
    body: UserCreate,
    idempotency_key: IdempotencyKeyHeader = None,
) -> User:
    """Add a person with a first password, which they get from you and not from the site."""
    hashed = hash_password(body.password.get_secret_value())
    _, user = once(
        site.db,
        caller.user_id,
        idempotency_key,
        "POST /users",
        body.model_dump(mode="json"),
        User,
        lambda session: (201, users.create(session, body, hashed, caller.user_id)),
    )
    return user


@router.get("/users/{user_id}", dependencies=[require(Permission.USERS_READ)])
def read_user(site: SiteDep, user_id: Id) -> User:
    return site.db.read(lambda session: users.get(session, user_id))


@router.patch("/users/{user_id}")
def update_user(
    site: SiteDep,
    caller: UserManager,
    user_id: Id,
    body: UserUpdate,
    idempotency_key: IdempotencyKeyHeader = None,
) -> User:
    """Change a name, a role, or whether the person is active. Deactivating ends all their keys,
    sessions and links at once.
    """
    _, user = once(
        site.db,
        caller.user_id,
        idempotency_key,
        f"PATCH /users/{user_id}",
        body.model_dump(mode="json"),
        User,
        lambda session: (200, users.update(session, user_id, body, caller.user_id)),
    )
    return user


@router.get("/users/{user_id}/keys", dependencies=[require(Permission.USERS_MANAGE)])
def list_user_keys(
    site: SiteDep, user_id: Id, cursor: Cursor = None, limit: Limit = 50
) -> Page[ApiKey]:
    """A person's keys, ended ones too."""

    def work(session: Session) -> Page[ApiKey]:
        users.get(session, user_id)
        return keys.page(session, user_id, cursor, limit)

    return site.db.read(work)


@router.post("/users/{user_id}/keys", status_code=201)
def create_user_key(
    site: SiteDep, caller: UserManager, user_id: Id, body: KeyCreate
) -> ApiKeyWithSecret:
    """A key for somebody else, with no scope that your own key lacks."""
    return site.db.transact(lambda session: keys.create_by(session, caller, user_id, body))


@router.delete("/users/{user_id}/keys/{key_id}", status_code=204)
def delete_user_key(site: SiteDep, caller: UserManager, user_id: Id, key_id: Id) -> None:
    """End somebody's key at once."""
    site.db.transact(lambda session: keys.revoke(session, user_id, key_id, caller.user_id))


@router.get("/keys")
def list_keys(site: SiteDep, caller: Me, cursor: Cursor = None, limit: Limit = 50) -> Page[ApiKey]:
    """Your own keys, ended ones too."""
    return site.db.read(lambda session: keys.page(session, caller.user_id, cursor, limit))


@router.post("/keys", status_code=201)
def create_key(site: SiteDep, caller: KeyHolder, body: KeyCreate) -> ApiKeyWithSecret:
    """A key for yourself, with no scope that the key you ask with lacks."""
    return site.db.transact(lambda session: keys.create_by(session, caller, caller.user_id, body))


@router.delete("/keys/{key_id}", status_code=204)
def delete_key(site: SiteDep, caller: KeyHolder, key_id: Id) -> None:
    """End one of your keys at once."""
    site.db.transact(lambda session: keys.revoke(session, caller.user_id, key_id, caller.user_id))
