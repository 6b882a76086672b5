"""E-mail to one person, in the transaction of what it tells."""

from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_site.settings import Settings


def possible(_settings: Settings) -> bool:
    """Whether the site sends e-mail."""
    return False


def send(session: Session, to: str, subject: str, text: str, *, lives: timedelta) -> None:
    """Queue an e-mail; it is not sent later than `lives` from now. Only where it is `possible`."""
