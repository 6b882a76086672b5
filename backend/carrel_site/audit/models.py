"""Tables of the audit log: a chain, and its head."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from carrel_site.core.db import Base
from carrel_site.core.models import Timestamp


class AuditEvent(Base):
    """One thing that happened. Never updated, never deleted."""

    __tablename__ = "audit_events"
    __table_args__ = (
        # With the time, so that a search reads these alone, however many events it passes over.
        Index("ix_audit_events_by_action", "action", "sequence", postgresql_include=["at"]),
        Index("ix_audit_events_by_subject", "subject", "sequence"),
        Index("ix_audit_events_by_actor", "actor", "action", "sequence", postgresql_include=["at"]),
        # A dataset's activity, newest first.
        Index(
            "ix_audit_events_dataset",
            text("(detail ->> 'dataset')"),
            "at",
            "hash",
            postgresql_where=text("(detail ->> 'dataset') IS NOT NULL"),
        ),
    )

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Timestamp, index=True)
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    previous_hash: Mapped[str]
    hash: Mapped[str]


class AuditHead(Base):
    """The chain's end. A trigger moves it; the application only locks it, last of all locks."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str]
    lock: Mapped[int] = mapped_column(server_default="0")
