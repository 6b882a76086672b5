"""Tables of populations, datasets and their immutable versions."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from carrel_site.core.db import Base
from carrel_site.core.models import Timestamp


class Population(Base):
    """The owner's declaration that unit ids mean the same people. Accounts belong to it."""

    __tablename__ = "populations"
    __table_args__ = (Index("ix_populations_newest", text("created_at DESC"), text("id DESC")),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str]
    each_limits: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Timestamp)


class Dataset(Base):
    __tablename__ = "datasets"
    __table_args__ = (
        Index("ix_datasets_created", text("created_at DESC"), text("id DESC")),
        # Finds any part of a word; without the extension a search reads every row.
        Index(
            "ix_datasets_words",
            "words",
            postgresql_using="gin",
            postgresql_ops={"words": "public.gin_trgm_ops"},
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str]
    population_id: Mapped[str] = mapped_column(ForeignKey("populations.id"), index=True)
    table_schema: Mapped[dict[str, Any]] = mapped_column(JSONB)
    revision: Mapped[int]
    policy: Mapped[dict[str, Any]] = mapped_column(JSONB)
    policy_revision: Mapped[int]
    version_id: Mapped[str | None]
    """The current version; no foreign key, as versions point back here."""
    mock_version_id: Mapped[str | None]
    """The uploaded mock that researchers get; None for a generated one."""
    terms: Mapped[str] = mapped_column(server_default="")
    terms_revision: Mapped[int] = mapped_column(server_default="0")
    words: Mapped[str] = mapped_column(server_default="")
    """What a search looks through, in lower case: name, title, description, columns."""
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Timestamp)


class DatasetRevision(Base):
    """What a dataset's metadata and policy were, revision by revision."""

    __tablename__ = "dataset_revisions"

    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    policy_revision: Mapped[int] = mapped_column(primary_key=True)
    table_schema: Mapped[dict[str, Any]] = mapped_column(JSONB)
    policy: Mapped[dict[str, Any]] = mapped_column(JSONB)
    by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(Timestamp)


class DatasetVersion(Base):
    """One immutable upload, as laid out by ingest. Sizes and digests are the owner's only."""

    __tablename__ = "dataset_versions"
    __table_args__ = (
        CheckConstraint(
            "state IN ('uploading', 'ingesting', 'ready', 'failed', 'cancelled')", name="state"
        ),
        CheckConstraint("purpose IN ('version', 'mock')", name="purpose"),
        # What the same bytes, or the same people, are found again by.
        Index("ix_dataset_versions_source_digest", "source_digest"),
        Index("ix_dataset_versions_units_digest", "units_digest"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), index=True)
    purpose: Mapped[str] = mapped_column(server_default="version")
    """`mock`: made-up rows for researchers to see, kept apart from every private version."""
    state: Mapped[str]
    source_format: Mapped[str]
    source_digest: Mapped[str | None]
    source_size: Mapped[int | None] = mapped_column(BigInteger)
    revision: Mapped[int]
    """The metadata revision whose domains the stored table was laid out by."""
    digest: Mapped[str | None]
    size: Mapped[int | None] = mapped_column(BigInteger)
    rows: Mapped[int | None] = mapped_column(BigInteger)
    units: Mapped[int | None] = mapped_column(BigInteger)
    units_digest: Mapped[str | None]
    """HMAC of the set of unit ids: whether two versions are about the same ones, and no more."""
    report: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    commitment: Mapped[str | None]
    error: Mapped[str | None]
    mock_check: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """How a mock's rows compare with private ones."""
    created_at: Mapped[datetime] = mapped_column(Timestamp)


class DatasetAccess(Base):
    __tablename__ = "dataset_access"

    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    granted_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    granted_at: Mapped[datetime] = mapped_column(Timestamp)


class TermsAccepted(Base):
    """Who accepted which revision of a dataset's terms. Never updated, never deleted."""

    __tablename__ = "terms_accepted"

    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Timestamp)


class Upload(Base):
    """A file that comes in pieces. Its bytes up to `received` are synced to disk; any beyond
    them in the file are not counted, and are cut off before the next piece."""

    __tablename__ = "uploads"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'completed', 'abandoned', 'expired')", name="state"),
        CheckConstraint("purpose IN ('version', 'mock')", name="purpose"),
        CheckConstraint("received >= 0 AND received <= size", name="within_size"),
        Index("ix_uploads_open", "dataset_id", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    purpose: Mapped[str]
    source_format: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    """Of the whole file, as it was announced."""
    received: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str]
    version_id: Mapped[str]
    """The id that its version will have; there is no such version before it is complete."""
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    expires_at: Mapped[datetime] = mapped_column(Timestamp)
