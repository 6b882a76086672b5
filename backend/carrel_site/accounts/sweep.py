"""What of people's sessions and links is dropped once it is of no use."""

from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_site.accounts import devices, passwords, sessions
from carrel_site.core.clock import now
from carrel_site.settings import Settings

_BROWSERS_KEPT = timedelta(days=365)


def sweep(session: Session, settings: Settings) -> None:
    sessions.sweep(session, settings)
    passwords.sweep(session)
    devices.sweep(session, now() - _BROWSERS_KEPT)
