"""Reviewed code: environments, runs on made-up rows, comments on lines, held outputs.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

APPEND_ONLY = ("line_comments", "output_votes", "output_items")


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    kind = postgresql.TIMESTAMP(timezone=True, precision=6)
    return sa.Column(name, kind, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), nullable=nullable)


def _names(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target.partition('.')[0]}")
    return sa.ForeignKeyConstraint([column], [target], name=name)


def upgrade() -> None:
    op.create_table(
        "code_environments",
        _text("name"),
        _text("description"),
        _json("packages"),
        _json("locked"),
        _json("imports"),
        _text("lock_hash"),
        _json("limits"),
        sa.Column("retired", sa.Boolean(), server_default="false", nullable=False),
        _at("built_at"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_code_environments")),
    )
    op.create_table(
        "mock_runs",
        _text("run_id"),
        _text("user_id"),
        _json("content"),
        _text("program_hash"),
        sa.Column("rows", sa.Integer(), nullable=False),
        _json("result", nullable=True),
        _at("created_at"),
        _at("expires_at", nullable=True),
        _to("mock_runs", "run_id", "runs.id"),
        _to("mock_runs", "user_id", "users.id"),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_mock_runs")),
    )
    op.create_index("ix_mock_runs_by_user", "mock_runs", ["user_id", "created_at"])
    op.create_index(
        "ix_mock_runs_expiry",
        "mock_runs",
        ["expires_at"],
        postgresql_where=sa.text("result IS NOT NULL AND expires_at IS NOT NULL"),
    )
    op.create_table(
        "line_comments",
        _text("id"),
        _text("request_id"),
        _text("author_id"),
        _text("path"),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        _text("content_hash"),
        _text("text"),
        _at("at"),
        _to("line_comments", "request_id", "requests.id"),
        _to("line_comments", "author_id", "users.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line_comments")),
    )
    op.create_index(op.f("ix_line_comments_request_id"), "line_comments", ["request_id"])
    op.create_table(
        "output_votes",
        _text("id"),
        _text("run_id"),
        _text("reviewer_id"),
        _text("decision"),
        _text("digest"),
        _json("items", nullable=True),
        _json("transforms"),
        _text("reason"),
        _at("at"),
        _to("output_votes", "run_id", "outputs.run_id"),
        _to("output_votes", "reviewer_id", "users.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_output_votes")),
        sa.UniqueConstraint(
            "run_id", "reviewer_id", name=op.f("uq_output_votes_run_id_reviewer_id")
        ),
    )
    op.create_table(
        "output_items",
        _text("run_id"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        _text("name"),
        _text("state"),
        _json("released", nullable=True),
        _at("at"),
        _to("output_items", "run_id", "outputs.run_id"),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_output_items")),
        sa.CheckConstraint(
            "(state = 'released') = (released IS NOT NULL)", name=op.f("ck_output_items_released")
        ),
    )

    op.alter_column("outputs", "answer", nullable=True)
    op.add_column("outputs", _json("items", nullable=True))
    op.add_column("outputs", _json("findings", nullable=True))
    op.add_column("outputs", _json("report", nullable=True))
    op.add_column(
        "outputs", sa.Column("votes_needed", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("outputs", _names("reviewer_groups"))
    op.add_column("outputs", sa.Column("reason", sa.String(), server_default="", nullable=False))
    op.create_check_constraint(
        op.f("ck_outputs_one_kind"), "outputs", "(answer IS NULL) <> (items IS NULL)"
    )
    op.create_index(
        "ix_outputs_code",
        "outputs",
        ["state", sa.literal_column("recorded_at DESC"), sa.literal_column("run_id DESC")],
        postgresql_where=sa.text("items IS NOT NULL"),
    )
    op.create_index(
        "ix_outputs_code_newest",
        "outputs",
        [sa.literal_column("recorded_at DESC"), sa.literal_column("run_id DESC")],
        postgresql_where=sa.text("items IS NOT NULL"),
    )

    op.add_column("requests", _text("reach_hash", nullable=True))
    op.add_column("requests", _text("lineage", nullable=True))
    op.add_column("requests", _text("covered_by", nullable=True))
    op.add_column("requests", _text("mock_run_id", nullable=True))
    op.add_column("requests", _names("also_datasets"))
    op.create_foreign_key(
        op.f("fk_requests_covered_by_requests"), "requests", "requests", ["covered_by"], ["id"]
    )
    op.create_foreign_key(
        op.f("fk_requests_mock_run_id_mock_runs"),
        "requests",
        "mock_runs",
        ["mock_run_id"],
        ["run_id"],
    )
    op.create_index(
        "ix_requests_reach",
        "requests",
        ["reach_hash"],
        postgresql_where=sa.text("reach_hash IS NOT NULL"),
    )
    op.create_index(
        "ix_requests_covered_by",
        "requests",
        ["covered_by"],
        postgresql_where=sa.text("covered_by IS NOT NULL"),
    )
    op.create_index(
        "ix_requests_lineage",
        "requests",
        ["requester_id", "lineage"],
        postgresql_where=sa.text("lineage IS NOT NULL"),
    )
    op.create_index(
        "ix_requests_also_datasets",
        "requests",
        ["also_datasets"],
        postgresql_using="gin",
        postgresql_where=sa.text("also_datasets <> '{}'"),
    )
    op.add_column("workers", _json("environments", nullable=True))
    op.add_column("workers", sa.Column("sandbox", sa.String(), server_default="", nullable=False))

    op.execute("GRANT SELECT, INSERT, UPDATE ON code_environments TO carrel_app")
    op.execute("GRANT SELECT, INSERT, UPDATE (result, expires_at) ON mock_runs TO carrel_app")
    # What was recorded stays; that people decided, and what they said, is noted beside it.
    op.execute("GRANT UPDATE (reason) ON outputs TO carrel_app")
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER never_truncated BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"GRANT SELECT, INSERT ON {table} TO carrel_app")


def downgrade() -> None:
    raise RuntimeError("what reviewed code left is not taken away; restore an earlier backup")
