"""E-mail to people."""

from sqlalchemy.orm import Session


def send(session: Session, to: str, subject: str, text: str) -> None:
    """Queue a message in the caller's transaction; where no mail server is set, do nothing."""
