"""People: creating them, changing what they may do, and the very first owner."""

from sqlalchemy.dialects.postgresql import insert
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
from carrel_site.accounts import keys, repository
from carrel_site.accounts.errors import EmailTaken, LastOwner, SetupDone, SetupTokenRefused
from carrel_site.accounts.models import User
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.errors import NotFound
from carrel_site.core.ids import new_id
from carrel_site.core.pagination import newest_first
from carrel_site.core.security import same
from carrel_site.events.wakeups import announce
from carrel_site.settings import Settings


def create(session: Session, asked: UserCreate, password_hash: str, actor: str) -> UserView:
    """A person with a role. Raises `EmailTaken`."""
    user = _insert(session, asked.name, asked.email, asked.role, password_hash)
    record(session, actor, "user.created", user.id, email=user.email, role=user.role)
    return view(user)


def check_setup_token(settings: Settings, token: str) -> None:
    """Raise `SetupTokenRefused` unless this is the token that `carrel up` printed."""
    try:
        expected = settings.setup_token_file.read_text().strip()
    except FileNotFoundError:
        raise SetupTokenRefused("This site has no setup token.") from None
    if not expected or not same(token, expected):
        raise SetupTokenRefused("This is not the setup token of this site.")


def set_up(session: Session, asked: SetupCreate, password_hash: str) -> OwnerWithKey:
    """The first owner, with a key of every scope. Raises `SetupDone` when there is anybody."""
    repository.lock_setup(session)
    if repository.anybody(session):
        raise SetupDone("This site has an owner.")
    user = _insert(session, asked.name, asked.email, Role.OWNER, password_hash)
    record(session, SITE, "site.set_up", user.id, email=user.email)
    every = KeyCreate(label="setup", scopes=tuple(Scope), expires_in_days=90)
    return OwnerWithKey(user=view(user), key=keys.create(session, user, every, actor=user.id))


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
    ended = (
        repository.revoke_keys(session, user.id, now()) if changes.get("active") is False else []
    )
    if changes:
        record(session, actor, "user.changed", user.id, **changes, keys_ended=ended)
        announce(session, user.id)  # whoever waits for something as this person looks again
    return view(user)


def update_self(session: Session, user_id: str, asked: MeUpdate) -> UserView:
    """Change what a person may change about themselves."""
    user = repository.user(session, user_id, lock=True)
    if user is None:
        raise missing()
    if asked.email_notifications is not None:
        user.email_notifications = asked.email_notifications
    return view(user)


def page(session: Session, cursor: str | None, limit: int) -> Page[UserView]:
    """Everybody, newest first."""
    return newest_first(session, repository.users(), User.created_at, User.id, cursor, limit, view)


def get(session: Session, user_id: str) -> UserView:
    user = repository.user(session, user_id)
    if user is None:
        raise missing()
    return view(user)


def missing() -> NotFound:
    return NotFound("There is no such person.")


def view(user: User) -> UserView:
    return UserView(
        id=user.id,
        name=user.name,
        email=user.email,
        role=Role(user.role),
        active=user.active,
        created_at=user.created_at,
        email_notifications=user.email_notifications,
    )


def _insert(session: Session, name: str, email: str, role: Role, password_hash: str) -> User:
    user_id = session.scalar(
        insert(User)
        .values(
            id=new_id("usr"),
            name=name,
            email=email,
            role=role.value,
            password_hash=password_hash,
            active=True,
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )
    if user_id is None:
        raise EmailTaken(f"Somebody has the e-mail address {email}.")
    return session.get_one(User, user_id)
