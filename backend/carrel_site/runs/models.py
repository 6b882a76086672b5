"""Tables of runs and workers. A run's row is the truth; the queue only carries its id."""

from datetime import datetime

from sqlalchemy import Double, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from carrel_site.core.db import Base
from carrel_site.core.models import Timestamp


class Run(Base):
    __tablename__ = "runs"
    __table_args__ = (
        Index(
            "ix_runs_live",
            "state",
            postgresql_where=text("state IN ('queued', 'claimed', 'running')"),
        ),
        Index("ix_runs_queued", text("queued_at DESC"), text("id DESC")),
        Index("ix_runs_by_account", "account_id", text("queued_at DESC"), text("id DESC")),
        Index(
            "ix_runs_unanswered",
            "state",
            text("queued_at DESC"),
            text("id DESC"),
            postgresql_where=text("state IN ('failed', 'cancelled', 'expired')"),
        ),
        Index(
            "ix_runs_overran",
            text("queued_at DESC"),
            text("id DESC"),
            postgresql_where=text("overran"),
        ),
        Index(
            "ix_runs_ingest",
            text("queued_at DESC"),
            text("id DESC"),
            postgresql_where=text("kind = 'ingest'"),
        ),
        Index("ix_runs_to_close", "visible_at", postgresql_where=text("closed_at IS NULL")),
        Index(
            "ix_runs_misbehaved",
            "account_id",
            "closed_at",
            postgresql_where=text("overran OR state = 'failed'"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    queue: Mapped[str]
    request_id: Mapped[str | None] = mapped_column(ForeignKey("requests.id"), unique=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("ledger_accounts.id"))
    """The researcher's account that was charged."""
    version_id: Mapped[str | None] = mapped_column(ForeignKey("dataset_versions.id"), index=True)
    """The version an ingest run lays out; a query's version is in its content."""
    compared_with: Mapped[str | None]
    """The private version that a mock is compared with."""
    state: Mapped[str]
    epoch: Mapped[int]
    """The fencing epoch: 0 until first claimed, one more at each claim; it never goes down."""
    attempts_left: Mapped[int]
    worker_id: Mapped[str | None] = mapped_column(ForeignKey("workers.id"))
    claim_token_hash: Mapped[str | None]
    lease_until: Mapped[datetime | None] = mapped_column(Timestamp)
    progress: Mapped[float | None] = mapped_column(Double)
    deadline_ms: Mapped[int]
    queued_at: Mapped[datetime] = mapped_column(Timestamp)
    published_at: Mapped[datetime | None] = mapped_column(Timestamp)
    claimed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """When it was first claimed: where the public clock starts."""
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """Owner-only; researchers see `visible_at` in its place."""
    visible_at: Mapped[datetime | None] = mapped_column(Timestamp)
    closed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """When the end was settled, logged and made public, at or after `visible_at`."""
    failure: Mapped[str | None]
    cpu_ms: Mapped[float | None] = mapped_column(Double)
    wall_ms: Mapped[float | None] = mapped_column(Double)
    overran: Mapped[bool] = mapped_column(server_default="false")


class Worker(Base):
    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[str] = mapped_column(unique=True)
    queues: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    last_seen_at: Mapped[datetime | None] = mapped_column(Timestamp)
    revoked_at: Mapped[datetime | None] = mapped_column(Timestamp)
    environments: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    """The environments that it has built, as it said when it started: name to the lock's hash."""
    sandbox: Mapped[str] = mapped_column(server_default="")
    """What holds the code that it runs, likewise."""
    silent_told_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """When the owners were last told that nothing is heard of it."""


class FailuresExcused(Base):
    """The owner looked at an account's failures: only later ones count towards a pause."""

    __tablename__ = "failures_excused"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("ledger_accounts.id"), index=True)
    by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(Timestamp)
