"""People: sessions, known browsers, groups, invitations, links for new passwords.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# What may change of a row once it is there: no invitation's role, no session's person.
CHANGEABLE = {
    "sessions": "last_seen_at",
    "devices": "failed_logins, locked_until, last_used_at",
    "groups": "name, description",
    "group_members": "",
    "invitations": "accepted_at, accepted_by, revoked_at",
    "password_resets": "ended_at",
}
KEPT = ("invitations",)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    kind = postgresql.TIMESTAMP(timezone=True, precision=6)
    return sa.Column(name, kind, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _person(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["users.id"], name=f"fk_{table}_{column}_users")


def upgrade() -> None:
    op.add_column("users", _at("last_seen_at", nullable=True))
    op.add_column("users", _at("reset_asked_at", nullable=True))
    op.add_column(
        "users",
        sa.Column("reset_waits", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_index(
        "ix_users_reset_waits", "users", ["id"], postgresql_where=sa.text("reset_waits")
    )
    op.add_column(
        "requests",
        sa.Column(
            "reviewer_groups", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False
        ),
    )
    _sessions()
    _groups()
    _links()
    for table, columns in CHANGEABLE.items():
        op.execute(f"GRANT SELECT, INSERT ON {table} TO carrel_app")
        if columns:
            op.execute(f"GRANT UPDATE ({columns}) ON {table} TO carrel_app")
        if table not in KEPT:
            op.execute(f"GRANT DELETE ON {table} TO carrel_app")


def _sessions() -> None:
    op.create_table(
        "sessions",
        _text("id"),
        _text("user_id"),
        _text("secret_hash"),
        _at("created_at"),
        _at("last_seen_at"),
        _at("expires_at"),
        _text("user_agent"),
        _person("sessions", "user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("secret_hash", name="uq_sessions_secret_hash"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "devices",
        _text("id"),
        _text("user_id"),
        _text("secret_hash"),
        sa.Column("failed_logins", sa.Integer(), server_default="0", nullable=False),
        _at("locked_until", nullable=True),
        _at("created_at"),
        _at("last_used_at"),
        _person("devices", "user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.UniqueConstraint("secret_hash", name="uq_devices_secret_hash"),
    )
    op.create_index("ix_devices_user_id", "devices", ["user_id"])


def _groups() -> None:
    op.create_table(
        "groups",
        _text("id"),
        _text("name"),
        _text("description"),
        _at("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("name", name="uq_groups_name"),
    )
    op.create_table(
        "group_members",
        _text("group_id"),
        _text("user_id"),
        _text("added_by"),
        _at("added_at"),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name="fk_group_members_group_id_groups"
        ),
        _person("group_members", "user_id"),
        _person("group_members", "added_by"),
        sa.PrimaryKeyConstraint("group_id", "user_id", name="pk_group_members"),
    )
    op.create_index("ix_group_members_user_id", "group_members", ["user_id"])


def _links() -> None:
    op.create_table(
        "invitations",
        _text("id"),
        _text("email"),
        _text("name"),
        _text("role"),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("datasets", postgresql.ARRAY(sa.Text()), nullable=False),
        _text("token_hash"),
        _text("invited_by"),
        _at("created_at"),
        _at("expires_at"),
        _at("accepted_at", nullable=True),
        _text("accepted_by", nullable=True),
        _at("revoked_at", nullable=True),
        _person("invitations", "invited_by"),
        _person("invitations", "accepted_by"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("token_hash", name="uq_invitations_token_hash"),
    )
    op.create_index(
        "uq_invitations_pending",
        "invitations",
        ["email"],
        unique=True,
        postgresql_where=sa.text("accepted_at IS NULL AND revoked_at IS NULL"),
    )
    op.create_index(
        "ix_invitations_created", "invitations", [sa.text("created_at DESC"), sa.text("id DESC")]
    )
    op.create_table(
        "password_resets",
        _text("id"),
        _text("user_id"),
        _text("token_hash"),
        _text("made_by", nullable=True),
        _at("created_at"),
        _at("expires_at"),
        _at("ended_at", nullable=True),
        _person("password_resets", "user_id"),
        _person("password_resets", "made_by"),
        sa.PrimaryKeyConstraint("id", name="pk_password_resets"),
        sa.UniqueConstraint("token_hash", name="uq_password_resets_token_hash"),
    )
    op.create_index("ix_password_resets_user_id", "password_resets", ["user_id"])


def downgrade() -> None:
    raise RuntimeError("people are not taken away; restore a backup of the earlier version")
