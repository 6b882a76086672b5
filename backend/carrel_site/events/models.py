"""Tables of what people are told: in the console, and by e-mail."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from carrel_site.core.db import Base
from carrel_site.core.models import Timestamp


class Notification(Base):
    """One thing that one person was told. The application may only note what became of it."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_newest", "user_id", text("at DESC"), text("id DESC")),
        Index(
            "ix_notifications_unread",
            "user_id",
            text("at DESC"),
            text("id DESC"),
            postgresql_where=text("read_at IS NULL"),
        ),
        Index(
            "ix_notifications_to_resolve",
            "subject",
            postgresql_where=text("read_at IS NULL"),
        ),
        Index("ix_notifications_to_mail", "at", postgresql_where=text("mailed_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    link: Mapped[str]
    subject: Mapped[str]
    """The id of what it is about."""
    at: Mapped[datetime] = mapped_column(Timestamp)
    read_at: Mapped[datetime | None] = mapped_column(Timestamp)
    mailed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """When it was put into an e-mail, or it was decided that it goes into none."""


class Email(Base):
    """An e-mail to be sent, or that was: its text is wiped as soon as it is out or given up."""

    __tablename__ = "emails"
    __table_args__ = (
        Index("ix_emails_due", "next_try_at", postgresql_where=text("next_try_at IS NOT NULL")),
        CheckConstraint("state IN ('waiting', 'sent', 'failed')", name="state"),
        CheckConstraint("(state = 'waiting') = (next_try_at IS NOT NULL)", name="due"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    recipient: Mapped[str]
    title: Mapped[str]
    """Its subject line."""
    text: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    error: Mapped[str | None]
    """Why the last attempt failed."""
    created_at: Mapped[datetime] = mapped_column(Timestamp, index=True)
    next_try_at: Mapped[datetime | None] = mapped_column(Timestamp)
    expires_at: Mapped[datetime] = mapped_column(Timestamp)
    """Not sent any more after this: a link in it has expired, or it is old news."""
