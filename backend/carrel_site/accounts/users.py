"""People: creating them, changing what they may do, and the very first owner."""

from sqlalchemy import or_
from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import (
    KeyCreate,
    OwnerWithKey,
    Scope,
    SetupCreate,
    UserCreate,
    UserUpdate,
)
from carrel_protocol.api.accounts import User as UserView
from carrel_protocol.api.common import Page, Role
from carrel_protocol.api.events import MeUpdate
from carrel_site.accounts import invitations, keys, passwords, people, repository, sessions
from carrel_site.accounts.errors import LastOwner, SetupDone, SetupTokenRefused
from carrel_site.accounts.models import User
from carrel_site.accounts.views import missing, shown, view
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.pagination import newest_first
from carrel_site.core.security import same
from carrel_site.events.wakeups import announce
from carrel_site.settings import Settings


def create(session: Session, asked: UserCreate, password_hash: str, actor: str) -> UserView:
    """A person with a role. Raises `EmailTaken`."""
    user = people.add(session, asked.name, asked.email, asked.role, password_hash)
    record(session, actor, "user.created", user.id, email=user.email, role=user.role)
    return view(user, ())


def check_setup_token(settings: Settings, token: str) -> None:
    """Raise `SetupTokenRefused` unless this is the token that `carrel up` printed."""
    try:
        expected = settings.setup_token_file.read_text().strip()
    except FileNotFoundError:
        raise SetupTokenRefused("This site has no setup token.") from None
    if not expected or not same(token, expected):
        raise SetupTokenRefused("This is not the setup token of this site.")


def set_up(session: Session, asked: SetupCreate, password_hash: str) -> tuple[OwnerWithKey, User]:
    """The first owner, with a key of every scope. Raises `SetupDone` when there is anybody."""
    repository.lock_setup(session)
    if repository.anybody(session):
        raise SetupDone("This site has an owner.")
    user = people.add(session, asked.name, asked.email, Role.OWNER, password_hash)
    record(session, SITE, "site.set_up", user.id, email=user.email)
    every = KeyCreate(label="setup", scopes=tuple(Scope), expires_in_days=90)
    key = keys.create(session, user, every, actor=user.id)
    return OwnerWithKey(user=view(user, ()), key=key), user


def update(session: Session, user_id: str, asked: UserUpdate, actor: str) -> UserView:
    """Change a name, a role or whether the person is active; deactivating ends their keys.

    Raises `LastOwner` for what would leave the site without an active owner.
    """
    owners = repository.lock_active_owners(session)
    user = repository.user(session, user_id, lock=True)
    if user is None:
        raise missing()
    loses_owner = user.id in owners and (
        asked.active is False or asked.role not in (None, Role.OWNER)
    )
    if loses_owner and len(owners) == 1:
        raise LastOwner("A site needs an active owner, and this is the only one.")
    changes = {
        field: value
        for field, value in asked.model_dump(mode="json", exclude_none=True).items()
        if value != getattr(user, field)
    }
    for field, value in changes.items():
        setattr(user, field, value)
    ended: list[str] = []
    if changes.get("active") is False:
        ended = repository.revoke_keys(session, user.id, now())
        sessions.end_all(session, user.id, actor)
    if loses_owner or changes.get("active") is False:
        # What an owner handed out while they were one does not outlast it.
        passwords.end_links(session, of=user.id, made_too=True)
        invitations.revoke_made_by(session, user.id, actor)
    if changes:
        record(session, actor, "user.changed", user.id, **changes, keys_ended=ended)
        announce(session, user.id)  # whoever waits for something as this person looks again
    return shown(session, [user])[0]


def page(
    session: Session,
    cursor: str | None,
    limit: int,
    *,
    q: str | None = None,
    role: Role | None = None,
    active: bool | None = None,
) -> Page[UserView]:
    """People, newest first: everybody, or those whose name or address holds `q`, and so on."""
    query = repository.users()
    if q:
        query = query.where(
            or_(User.name.icontains(q, autoescape=True), User.email.icontains(q, autoescape=True))
        )
    if role is not None:
        query = query.where(User.role == role.value)
    if active is not None:
        query = query.where(User.active.is_(active))
    rows = newest_first(session, query, User.created_at, User.id, cursor, limit, lambda user: user)
    return Page(items=shown(session, rows.items), next_cursor=rows.next_cursor)


def update_self(session: Session, user_id: str, asked: MeUpdate) -> UserView:
    """Change what a person may change about themselves."""
    user = repository.user(session, user_id, lock=True)
    if user is None:
        raise missing()
    if asked.name is not None and asked.name != user.name:
        user.name = asked.name
        record(session, user_id, "user.changed", user_id, name=asked.name)
    if asked.email_notifications is not None:
        user.email_notifications = asked.email_notifications
    return shown(session, [user])[0]


def get(session: Session, user_id: str) -> UserView:
    user = repository.user(session, user_id)
    if user is None:
        raise missing()
    return shown(session, [user])[0]
