"""Adding a person."""

from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_site.accounts import repository
from carrel_site.accounts.errors import EmailTaken
from carrel_site.accounts.models import User


def add(session: Session, name: str, email: str, role: Role, password_hash: str) -> User:
    """A new person. Raises `EmailTaken`."""
    user = repository.insert_user(session, name, email, role, password_hash)
    if user is None:
        raise EmailTaken(f"Somebody has the e-mail address {email}.")
    return user
