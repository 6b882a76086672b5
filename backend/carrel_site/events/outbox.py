"""E-mail: written into the database with what it tells, and sent from there by the scheduler.

An e-mail holds titles and links, never a result, a reason or anything else that was written on
the site: it passes through servers that are not the site's. Its text is wiped once it is out.
"""

import threading
from datetime import timedelta
from itertools import groupby
from typing import NamedTuple

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from carrel_site.accounts.models import User
from carrel_site.core.clock import now
from carrel_site.events import mail
from carrel_site.events.kinds import IMPORTANT
from carrel_site.events.mail import one_line
from carrel_site.events.models import Email, Notification
from carrel_site.events.smtp import Mailbox, NeverDelivered, NotDelivered
from carrel_site.site import Site

log = structlog.get_logger(__name__)

GATHERED = timedelta(minutes=1)
"""Notifications go out this old, those of one person together; what was read by then does not."""
_OLD_NEWS = timedelta(days=1)
"""Notifications that are older go into no e-mail: the server was away, or none was set."""
_LEASE = timedelta(minutes=10)
"""An e-mail that was taken to be sent, and of which nothing was heard, is tried again after it."""
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
_KEPT = timedelta(days=30)
_WHY_NOT = {True: "No e-mail server is set.", False: "It was not sent in time."}
_GATHERED_AT_ONCE = 500
_LISTED = 20


def gather(site: Site) -> None:
    """Put notifications that their readers want by e-mail into e-mails, one a person."""
    site.db.transact(lambda session: _gather(session, site))


def _gather(session: Session, site: Site) -> None:
    at = now()
    waiting = session.execute(
        select(Notification, User)
        .join(User, User.id == Notification.user_id)
        .where(Notification.mailed_at.is_(None), Notification.at <= at - GATHERED)
        .order_by(Notification.at, Notification.id)
        .limit(_GATHERED_AT_ONCE)
        .with_for_update(of=Notification, skip_locked=True)
    ).all()
    by_person = sorted(waiting, key=lambda row: row[1].id)
    for _, rows in groupby(by_person, key=lambda row: row[1].id):
        wanted = []
        for row, user in rows:
            row.mailed_at = at
            if mail.possible(site.settings) and _wants(user, row) and row.at > at - _OLD_NEWS:
                wanted.append(row)
        if wanted:
            _write(session, site, user, wanted)


def _wants(user: User, row: Notification) -> bool:
    wanted = user.email_notifications
    return (
        user.active
        and row.read_at is None
        and (wanted == "all" or (wanted == "important" and row.kind in IMPORTANT))
    )


def _write(session: Session, site: Site, user: User, rows: list[Notification]) -> None:
    home = site.settings.site_url.rstrip("/")
    subject = rows[0].title if len(rows) == 1 else f"{len(rows)} things on Carrel wait for you"
    lines = [f"{one_line(row.title)}\n{home}{row.link}\n" for row in rows[:_LISTED]]
    if len(rows) > _LISTED:
        lines.append(f"And {len(rows) - _LISTED} more: {home}/\n")
    lines.append(f"-- \nWhat you get e-mails about is set in your profile: {home}/profile\n")
    mail.send(session, user.email, subject, "\n".join(lines))


class _Taken(NamedTuple):
    """An e-mail that is being sent."""

    id: str
    to: str
    title: str
    text: str


def deliver(site: Site) -> int:
    """Send what is due, until nothing is left or the server cannot be reached; how many went."""
    mailbox = Mailbox.of(site.settings)
    sent = 0
    while (taken := site.db.transact(lambda session: _take(session, mailbox))) is not None:
        assert mailbox is not None
        try:
            mailbox.deliver(taken.id, taken.to, taken.title, taken.text)
        except NeverDelivered as refusal:
            _note(site, taken.id, str(refusal), final=True)
        except NotDelivered as trouble:
            _note(site, taken.id, str(trouble), final=False)
            break  # the next ones would wait for the same server
        else:
            _done(site, taken.id)
            sent += 1
    return sent


def _take(session: Session, mailbox: Mailbox | None) -> _Taken | None:
    """The next e-mail that is due, so that no other process sends it too; None without one.

    One that may not be sent any more is given up here.
    """
    at = now()
    due = (
        select(Email)
        .where(Email.next_try_at <= at)
        .order_by(Email.next_try_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    while (row := session.scalars(due).one_or_none()) is not None:
        if mailbox is not None and row.expires_at > at:
            row.attempts += 1
            row.next_try_at = at + _LEASE
            return _Taken(row.id, row.recipient, row.title, row.text)
        _give_up(row, row.error or _WHY_NOT[mailbox is None])
        session.flush()
    return None


def _done(site: Site, email_id: str) -> None:
    def work(session: Session) -> None:
        session.execute(
            update(Email)
            .where(Email.id == email_id)
            .values(state="sent", text="", error=None, next_try_at=None)
        )

    site.db.transact(work)
    log.info("email_sent", email=email_id)


def _note(site: Site, email_id: str, error: str, *, final: bool) -> None:
    """Remember why an e-mail did not go, and try again later unless that is of no use."""

    def work(session: Session) -> None:
        row = session.get(Email, email_id, with_for_update=True)
        if row is None or row.state != "waiting":
            return
        wait = min(_FIRST_WAIT * 2 ** min(row.attempts - 1, 10), _LONGEST_WAIT)
        if final or now() + wait >= row.expires_at:
            _give_up(row, error)
        else:
            row.error, row.next_try_at = one_line(error), now() + wait

    site.db.transact(work)
    log.warning("email_not_sent", email=email_id, error=error, final=final)


def _give_up(row: Email, error: str) -> None:
    row.state, row.text, row.next_try_at, row.error = "failed", "", None, one_line(error)


def forget_old(session: Session) -> None:
    """Drop what is left of e-mails that were sent or given up long ago."""
    session.execute(delete(Email).where(Email.created_at < now() - _KEPT, Email.state != "waiting"))


class Courier:
    """Sends in a thread of its own: a slow mail server must not keep the scheduler waiting."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def send_mail(self, site: Site) -> None:
        """Gather notifications, and send what is due unless that is being done already."""
        gather(site)
        if not mail.possible(site.settings):
            deliver(site)  # nowhere: what waits is wiped
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._work, args=(site,), name="mail", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Until what is being sent is sent, or for `seconds`."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _work(self, site: Site) -> None:
        try:
            deliver(site)
        except Exception:
            log.exception("mail_failed")
