"""E-mail to one person, in the transaction of what it tells. The scheduler sends it (`outbox`)."""

from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_site.core.clock import now
from carrel_site.core.ids import new_id
from carrel_site.events.models import Email
from carrel_site.settings import Settings

LIVES = timedelta(days=2)
"""How long an e-mail is tried, unless it says otherwise."""
_LONGEST_LINE = 300


def possible(settings: Settings) -> bool:
    """Whether the site sends e-mail."""
    return settings.smtp_url is not None


def send(session: Session, to: str, subject: str, text: str, *, lives: timedelta = LIVES) -> None:
    """Queue an e-mail; it is not sent later than `lives` from now. Only where it is `possible`.

    `text` may hold a link that works once: it is stored until it is sent or given up, then wiped.
    """
    at = now()
    session.add(
        Email(
            id=new_id("eml"),
            recipient=to,
            title=one_line(subject),
            text=text,
            state="waiting",
            attempts=0,
            created_at=at,
            next_try_at=at,
            expires_at=at + lives,
        )
    )


def one_line(text: str) -> str:
    """`text` as a header may hold it: nothing that would start another one."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:_LONGEST_LINE]
