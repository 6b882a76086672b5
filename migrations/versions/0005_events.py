"""notifications and e-mail

Revision ID: 0005
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0002"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True, precision=6), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("link", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        _time("at"),
        _time("read_at", nullable=True),
        _time("mailed_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notifications_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    newest = ["user_id", sa.literal_column("at DESC"), sa.literal_column("id DESC")]
    op.create_index("ix_notifications_newest", "notifications", newest)
    unread = sa.text("read_at IS NULL")
    op.create_index("ix_notifications_unread", "notifications", newest, postgresql_where=unread)
    op.create_index(
        "ix_notifications_to_resolve", "notifications", ["subject"], postgresql_where=unread
    )
    op.create_index(
        "ix_notifications_to_mail",
        "notifications",
        ["at"],
        postgresql_where=sa.text("mailed_at IS NULL"),
    )
    op.create_table(
        "emails",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        _time("created_at"),
        _time("next_try_at", nullable=True),
        _time("expires_at"),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')", name=op.f("ck_emails_state")),
        sa.CheckConstraint(
            "(state = 'waiting') = (next_try_at IS NOT NULL)", name=op.f("ck_emails_due")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emails")),
    )
    op.create_index(op.f("ix_emails_created_at"), "emails", ["created_at"])
    op.create_index(
        "ix_emails_due",
        "emails",
        ["next_try_at"],
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )
    op.add_column(
        "users",
        sa.Column("email_notifications", sa.String(), server_default="important", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_users_email_notifications"),
        "users",
        "email_notifications IN ('all', 'important', 'none')",
    )
    op.add_column("workers", _time("silent_told_at", nullable=True))

    # What was told stays as it was told: only what became of it may be noted.
    op.execute(
        "GRANT SELECT, INSERT, DELETE, UPDATE (read_at, mailed_at) ON notifications TO carrel_app"
    )
    op.execute(
        "GRANT SELECT, INSERT, DELETE, UPDATE (text, state, attempts, error, next_try_at)"
        " ON emails TO carrel_app"
    )


def downgrade() -> None:
    op.drop_column("workers", "silent_told_at")
    op.drop_constraint(op.f("ck_users_email_notifications"), "users")
    op.drop_column("users", "email_notifications")
    op.drop_table("emails")
    op.drop_table("notifications")
