"""The table of outputs: one a run, written once."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from carrel_site.core.db import Base
from carrel_site.core.models import Timestamp


class Output(Base):
    """The application may insert, read, and update `state`: an answer once recorded stays."""

    __tablename__ = "outputs"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    state: Mapped[str]
    epoch: Mapped[int]
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(Timestamp)
