"""Tables of the ledger.

An account's sums are written by the database alone: inserting an entry fires a trigger, owned by
`carrel_owner`, that checks the entry against the account and moves the sums; the application
role may insert entries and read. A CHECK constraint is the admission rule itself.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from carrel_site.core.db import Base
from carrel_site.core.models import Timestamp


def _sum() -> Mapped[int]:
    return mapped_column(BigInteger, server_default="0")


class LedgerAccount(Base):
    """Costs in nano-units (1e-9) of Rényi divergence at two orders; deltas in 1e-18."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        UniqueConstraint("population_id", "user_id", postgresql_nulls_not_distinct=True),
        CheckConstraint(
            "overdrawn OR ((spent1 + reserved1 <= limit1 OR spent2 + reserved2 <= limit2)"
            " AND spent_delta + reserved_delta <= limit_delta)",
            name="admits",
        ),
        CheckConstraint(
            "spent1 >= 0 AND spent2 >= 0 AND spent_delta >= 0"
            " AND reserved1 >= 0 AND reserved2 >= 0 AND reserved_delta >= 0",
            name="not_negative",
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    population_id: Mapped[str] = mapped_column(ForeignKey("populations.id"))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
    """Null: the population's own account, everyone together."""
    order1_milli: Mapped[int] = _sum()
    order2_milli: Mapped[int] = _sum()
    limit1: Mapped[int] = _sum()
    limit2: Mapped[int] = _sum()
    limit_delta: Mapped[int] = _sum()
    spent1: Mapped[int] = _sum()
    spent2: Mapped[int] = _sum()
    spent_delta: Mapped[int] = _sum()
    reserved1: Mapped[int] = _sum()
    reserved2: Mapped[int] = _sum()
    reserved_delta: Mapped[int] = _sum()
    charges: Mapped[int] = _sum()
    unbounded_outputs: Mapped[int] = _sum()
    last_unbounded_at: Mapped[datetime | None] = mapped_column(Timestamp)
    overdrawn: Mapped[bool] = mapped_column(server_default="false")
    """A restore brought spending back that is beyond the limits: nothing is admitted meanwhile."""
    entries: Mapped[int] = _sum()
    head_hash: Mapped[str] = mapped_column(server_default="")
    lock: Mapped[int] = mapped_column(server_default="0")
    """Never written: the one column the application may UPDATE, as row locks ask for that."""


class LedgerEntry(Base):
    """One movement, chained to the account's previous one. Never updated, never deleted."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        UniqueConstraint(
            "account_id", "sequence", postgresql_include=["kind", "cost1", "cost2", "at"]
        ),
        CheckConstraint(
            "kind IN ('open', 'raise', 'reserve', 'settle', 'refund', 'unbounded', 'restore')",
            name="kind",
        ),
        CheckConstraint("cost1 >= 0 AND cost2 >= 0 AND delta >= 0", name="not_negative"),
        Index(
            "ix_ledger_entries_limits",
            "account_id",
            "sequence",
            postgresql_where=text("kind IN ('open', 'raise')"),
        ),
        Index(
            "uq_ledger_entries_reserved_once",
            "account_id",
            "run_id",
            unique=True,
            postgresql_where=text("kind = 'reserve'"),
        ),
        Index(
            "uq_ledger_entries_ended_once",
            "account_id",
            "run_id",
            unique=True,
            postgresql_where=text("kind IN ('settle', 'refund')"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("ledger_accounts.id"))
    sequence: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    run_id: Mapped[str | None] = mapped_column(index=True)
    request_id: Mapped[str | None]
    cost1: Mapped[int] = mapped_column(BigInteger)
    cost2: Mapped[int] = mapped_column(BigInteger)
    delta: Mapped[int] = mapped_column(BigInteger)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The mechanism's parameters; for `open` and `raise` the limits; for `restore` its reasons."""
    previous_hash: Mapped[str]
    hash: Mapped[str]
    at: Mapped[datetime] = mapped_column(Timestamp)


class LostAccount(Base):
    """An account that the spend journal knows and this database does not: a restore lost it.

    Whoever holds an account like it later pays for what was spent from it.
    """

    __tablename__ = "lost_accounts"

    head: Mapped[str] = mapped_column(primary_key=True)
    """The hash of its last entry that was journalled."""
    population_id: Mapped[str]
    population: Mapped[str]
    user_id: Mapped[str | None]
    user_digest: Mapped[str | None]
    line: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The journal's line."""
