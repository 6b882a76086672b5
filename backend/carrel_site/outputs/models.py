"""Tables of outputs: one a run, written once, and what people decided of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from carrel_site.core.db import Base
from carrel_site.core.models import Timestamp


class Output(Base):
    """The application may insert, read, and update `state`: an answer once recorded stays."""

    __tablename__ = "outputs"
    __table_args__ = (
        CheckConstraint("(answer IS NULL) <> (items IS NULL)", name="one_kind"),
        Index(
            "ix_outputs_code",
            "state",
            text("recorded_at DESC"),
            text("run_id DESC"),
            postgresql_where=text("items IS NOT NULL"),
        ),
        Index(
            "ix_outputs_code_newest",
            text("recorded_at DESC"),
            text("run_id DESC"),
            postgresql_where=text("items IS NOT NULL"),
        ),
    )

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    state: Mapped[str]
    epoch: Mapped[int]
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """A private answer; None for what code returned."""
    items: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    """What code returned; the bytes lie in the storage, by number."""
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    report: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    votes_needed: Mapped[int] = mapped_column(server_default="0")
    reviewer_groups: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """What its release takes, as the strictest of its datasets said when it was recorded;
    while it is held, `held.takes` says what it takes."""
    digest: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    """What its researcher reads beside what people decided of it."""
    recorded_at: Mapped[datetime] = mapped_column(Timestamp)


class OutputVote(Base):
    """A decision on the output that its reviewer was shown. Never changed, never deleted."""

    __tablename__ = "output_votes"
    __table_args__ = (UniqueConstraint("run_id", "reviewer_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("outputs.run_id"))
    reviewer_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    decision: Mapped[str]
    digest: Mapped[str]
    items: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    """Names of those that leave; None for all."""
    transforms: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(Timestamp)


class OutputItem(Base):
    """What became of an item of a decided output. Never changed, never deleted."""

    __tablename__ = "output_items"
    __table_args__ = (
        CheckConstraint("(state = 'released') = (released IS NOT NULL)", name="released"),
    )

    run_id: Mapped[str] = mapped_column(ForeignKey("outputs.run_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    state: Mapped[str]
    released: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """The item as it left, which may not be as it came."""
    at: Mapped[datetime] = mapped_column(Timestamp)
