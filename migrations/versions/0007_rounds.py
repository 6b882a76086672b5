"""What a request asked before each edit.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _json(name: str, *, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "request_rounds",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("sql", sa.String(), nullable=True),
        _json("target"),
        _json("bounds", nullable=True),
        _json("content"),
        sa.Column("content_hash", sa.String(), nullable=False),
        _json("price"),
        sa.Column("replaced_at", postgresql.TIMESTAMP(timezone=True, precision=6), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_request_rounds_request_id_requests")
        ),
        sa.PrimaryKeyConstraint("request_id", "number", name=op.f("pk_request_rounds")),
    )
    # Reviewers compare what is asked now with what was asked then, so nobody may change it after.
    op.execute("GRANT SELECT, INSERT ON request_rounds TO carrel_app")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON request_rounds"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("request_rounds")
