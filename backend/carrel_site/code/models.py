"""Tables of environments, of runs on made-up rows, and of comments on a program's lines."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from carrel_site.core.db import Base
from carrel_site.core.models import Timestamp


class CodeEnvironment(Base):
    """A named set of packages, as the worker that runs reviewed code has it."""

    __tablename__ = "code_environments"

    name: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str]
    packages: Mapped[list[str]] = mapped_column(JSONB)
    locked: Mapped[list[str]] = mapped_column(JSONB)
    imports: Mapped[list[str]] = mapped_column(JSONB)
    lock_hash: Mapped[str]
    limits: Mapped[dict[str, Any]] = mapped_column(JSONB)
    retired: Mapped[bool] = mapped_column(server_default="false")
    built_at: Mapped[datetime] = mapped_column(Timestamp)


class MockRun(Base):
    """A program that was tried on made-up rows, and what came of it. Nothing here is private."""

    __tablename__ = "mock_runs"
    __table_args__ = (
        Index("ix_mock_runs_by_user", "user_id", "created_at"),
        Index(
            "ix_mock_runs_expiry",
            "expires_at",
            postgresql_where=text("result IS NOT NULL AND expires_at IS NOT NULL"),
        ),
    )

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The program, its environment and limits, and the datasets by alias; no rows."""
    program_hash: Mapped[str]
    rows: Mapped[int]
    """How many of each dataset."""
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Its report and items, until it expires."""
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    expires_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """None once a request shows it: then it stays."""


class LineComment(Base):
    """Said of a line of the program as it was in one round. Never changed, never deleted."""

    __tablename__ = "line_comments"

    id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id"), index=True)
    author_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    path: Mapped[str]
    line: Mapped[int]
    round: Mapped[int]
    content_hash: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime] = mapped_column(Timestamp)
