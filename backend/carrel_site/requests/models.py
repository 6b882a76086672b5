"""Tables of requests, votes and comments."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from carrel_site.core.db import Base
from carrel_site.core.models import Timestamp

# Two who ask the same at once collide on this index; the second then finds the first's request.
Base.metadata.info.setdefault("retried", set()).add("uq_requests_memo")

OPEN_STATES = ("submitted", "changes_requested", "over_budget")
"""Those that somebody still has to do something about."""


class Request(Base):
    __tablename__ = "requests"
    __table_args__ = (
        # One live request a question and account: asking twice joins the first (SOUNDNESS 9).
        Index("uq_requests_memo", "memo_key", unique=True, postgresql_where=text("memo_key <> ''")),
        Index("ix_requests_created", text("created_at DESC"), text("id DESC")),
        Index("ix_requests_by_state", "state", text("created_at DESC"), text("id DESC")),
        Index("ix_requests_by_requester", "requester_id", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_requests_open",
            "requester_id",
            "updated_at",
            "id",
            postgresql_where=text(f"state IN {OPEN_STATES}"),
        ),
        Index("ix_requests_by_dataset", "dataset_id", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_requests_purpose",
            text("to_tsvector('simple'::regconfig, purpose)"),
            postgresql_using="gin",
        ),
        Index("ix_requests_expiry", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        Index("ix_requests_reach", "reach_hash", postgresql_where=text("reach_hash IS NOT NULL")),
        Index(
            "ix_requests_covered_by", "covered_by", postgresql_where=text("covered_by IS NOT NULL")
        ),
        Index(
            "ix_requests_lineage",
            "requester_id",
            "lineage",
            postgresql_where=text("lineage IS NOT NULL"),
        ),
        Index(
            "ix_requests_also_datasets",
            "also_datasets",
            postgresql_using="gin",
            postgresql_where=text("also_datasets <> '{}'"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    requester_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    purpose: Mapped[str]
    state: Mapped[str]
    sql: Mapped[str | None]
    target: Mapped[dict[str, Any]] = mapped_column(JSONB)
    bounds: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    content_hash: Mapped[str]
    price: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Of code nothing but words for lists: it has no price."""
    memo_key: Mapped[str]
    """Empty once the request has ended without an answer: failures are not remembered."""
    votes_needed: Mapped[int]
    reviewer_groups: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """Ids of the groups that the rule named when this was asked or edited; never taken back."""
    also_datasets: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """Ids of the datasets that code is given beside the first, `dataset_id`."""
    reach_hash: Mapped[str | None]
    """What an approval of this covers, where it covers more than this; see `code.reach`."""
    lineage: Mapped[str | None]
    """Of code and black boxes: the same for all versions of a program; see `code.earlier`."""
    covered_by: Mapped[str | None] = mapped_column(ForeignKey("requests.id"))
    """The request whose approval covers this one."""
    mock_run_id: Mapped[str | None] = mapped_column(ForeignKey("mock_runs.run_id"))
    """The run on made-up rows that reviewers are shown."""
    round: Mapped[int]
    """Raised by every edit; only votes of the current round count."""
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    updated_at: Mapped[datetime] = mapped_column(Timestamp)
    expires_at: Mapped[datetime | None] = mapped_column(Timestamp)


class Round(Base):
    """What a request asked until it was edited. What it asks now stands in the request itself."""

    __tablename__ = "request_rounds"

    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    sql: Mapped[str | None]
    target: Mapped[dict[str, Any]] = mapped_column(JSONB)
    bounds: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    content_hash: Mapped[str]
    price: Mapped[dict[str, Any]] = mapped_column(JSONB)
    replaced_at: Mapped[datetime] = mapped_column(Timestamp)


class Vote(Base):
    """A decision on what its reviewer was shown. Votes of earlier rounds stay, and do not count."""

    __tablename__ = "votes"
    __table_args__ = (UniqueConstraint("request_id", "reviewer_id", "round"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id"), index=True)
    reviewer_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    round: Mapped[int]
    decision: Mapped[str]
    content_hash: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(Timestamp)


class Comment(Base):
    __tablename__ = "comments"

    id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id"), index=True)
    author_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime] = mapped_column(Timestamp)
