"""Uploads in pieces, terms of use, uploaded mocks, and a search through datasets.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIMESTAMP = postgresql.TIMESTAMP(timezone=True, precision=6)

# In PostgreSQL's contrib and trusted: a database's owner may create it without being superuser.
_TRIGRAMS = """
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
    CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
    CREATE INDEX ix_datasets_words ON datasets USING gin (words gin_trgm_ops);
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'pg_trgm cannot be created here: searches read every dataset';
END $$;
"""

_WORDS = """
UPDATE datasets SET words = lower(concat_ws(' ', name, title, description,
  (SELECT string_agg(concat_ws(' ', c->>'name', c->>'description'), ' ')
     FROM jsonb_array_elements(table_schema->'columns') AS c)))
"""


def upgrade() -> None:
    op.add_column("datasets", sa.Column("mock_version_id", sa.String(), nullable=True))
    op.add_column("datasets", sa.Column("terms", sa.String(), server_default="", nullable=False))
    op.add_column(
        "datasets", sa.Column("terms_revision", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("datasets", sa.Column("words", sa.String(), server_default="", nullable=False))
    op.add_column("datasets", sa.Column("created_by", sa.String(), nullable=True))
    op.create_foreign_key(
        op.f("fk_datasets_created_by_users"), "datasets", "users", ["created_by"], ["id"]
    )
    op.create_index(
        "ix_datasets_created", "datasets", [sa.text("created_at DESC"), sa.text("id DESC")]
    )
    op.execute(_WORDS)
    op.execute(_TRIGRAMS)

    op.drop_constraint(op.f("ck_dataset_versions_state"), "dataset_versions", type_="check")
    op.create_check_constraint(
        op.f("ck_dataset_versions_state"),
        "dataset_versions",
        "state IN ('uploading', 'ingesting', 'ready', 'failed', 'cancelled')",
    )
    op.add_column(
        "dataset_versions",
        sa.Column("purpose", sa.String(), server_default="version", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_dataset_versions_purpose"), "dataset_versions", "purpose IN ('version', 'mock')"
    )
    op.add_column("dataset_versions", sa.Column("mock_check", postgresql.JSONB(), nullable=True))

    op.create_index(
        "ix_audit_events_dataset",
        "audit_events",
        [sa.text("(detail ->> 'dataset')"), "at", "hash"],
        postgresql_where=sa.text("(detail ->> 'dataset') IS NOT NULL"),
    )
    op.add_column("runs", sa.Column("compared_with", sa.String(), nullable=True))

    op.create_table(
        "terms_accepted",
        sa.Column("dataset_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", _TIMESTAMP, nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_terms_accepted_dataset_id_datasets")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_terms_accepted_user_id_users")
        ),
        sa.PrimaryKeyConstraint(
            "dataset_id", "user_id", "revision", name=op.f("pk_terms_accepted")
        ),
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON terms_accepted"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER never_truncated BEFORE TRUNCATE ON terms_accepted"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute("GRANT SELECT, INSERT ON terms_accepted TO carrel_app")

    op.create_table(
        "uploads",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("dataset_id", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("source_format", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version_id", sa.String(), nullable=False),
        sa.Column("created_at", _TIMESTAMP, nullable=False),
        sa.Column("expires_at", _TIMESTAMP, nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'completed', 'abandoned', 'expired')", name=op.f("ck_uploads_state")
        ),
        sa.CheckConstraint("purpose IN ('version', 'mock')", name=op.f("ck_uploads_purpose")),
        sa.CheckConstraint(
            "received >= 0 AND received <= size", name=op.f("ck_uploads_within_size")
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_uploads_dataset_id_datasets")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_uploads_created_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(
        "ix_uploads_open", "uploads", ["dataset_id"], postgresql_where=sa.text("state = 'open'")
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON uploads TO carrel_app")


def downgrade() -> None:
    raise RuntimeError("what uploads and terms left is not taken away; restore an earlier backup")
