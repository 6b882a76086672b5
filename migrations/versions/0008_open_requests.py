"""A person's open requests by an index of their own.

Revision ID: 0008
Revises: 0007

There are few of them, and the first page of the console counts them for whoever comes; without it
all that the person ever asked is read.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_requests_open",
        "requests",
        ["requester_id", "updated_at", "id"],
        postgresql_where=sa.text("state IN ('submitted', 'changes_requested', 'over_budget')"),
    )


def downgrade() -> None:
    op.drop_index("ix_requests_open", table_name="requests")
