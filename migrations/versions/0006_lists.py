"""Lists by one index each, and saved queries.

Revision ID: 0006
Revises: 0005

A list's index has its filter's column first and its order after it, so that a page costs the same
wherever in the list it is.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NEWEST = ("created_at DESC", "id DESC")
REPLACED = {
    # Each has one below that begins with the same column.
    "ix_requests_state": "requests",
    "ix_requests_requester_id": "requests",
    "ix_requests_dataset_id": "requests",
    "ix_audit_events_action": "audit_events",
    "ix_audit_events_subject": "audit_events",
}


def _index(name: str, table: str, *columns: str, **options: object) -> None:
    op.create_index(name, table, [sa.literal_column(column) for column in columns], **options)


ENTRY_ORDER = "uq_ledger_entries_account_id_sequence"


def upgrade() -> None:
    op.create_table(
        "saved_queries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("dataset_id", sa.String(), nullable=False),
        sa.Column("sql", sa.String(), nullable=False),
        sa.Column("target", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True, precision=6), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True, precision=6), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_saved_queries_user_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_saved_queries_dataset_id_datasets")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_queries")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_saved_queries_user_id_name")),
    )
    _index("ix_saved_queries_mine", "saved_queries", "user_id", *NEWEST)
    _index("ix_saved_queries_dataset_id", "saved_queries", "dataset_id")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON saved_queries TO carrel_app")

    for name, table in REPLACED.items():
        op.drop_index(name, table_name=table)
    _index("ix_requests_by_state", "requests", "state", *NEWEST)
    _index("ix_requests_by_requester", "requests", "requester_id", *NEWEST)
    _index("ix_requests_by_dataset", "requests", "dataset_id", *NEWEST)
    _index(
        "ix_requests_purpose",
        "requests",
        "to_tsvector('simple'::regconfig, purpose)",
        postgresql_using="gin",
    )
    _index("ix_runs_queued", "runs", "queued_at DESC", "id DESC")
    _index("ix_runs_by_account", "runs", "account_id", "queued_at DESC", "id DESC")
    _index(
        "ix_runs_unanswered",
        "runs",
        "state",
        "queued_at DESC",
        "id DESC",
        postgresql_where=sa.text("state IN ('failed', 'cancelled', 'expired')"),
    )
    _index(
        "ix_runs_overran",
        "runs",
        "queued_at DESC",
        "id DESC",
        postgresql_where=sa.text("overran"),
    )
    _index(
        "ix_runs_ingest",
        "runs",
        "queued_at DESC",
        "id DESC",
        postgresql_where=sa.text("kind = 'ingest'"),
    )
    timed = {"postgresql_include": ["at"]}
    _index("ix_audit_events_by_action", "audit_events", "action", "sequence", **timed)
    _index("ix_audit_events_by_subject", "audit_events", "subject", "sequence")
    _index("ix_audit_events_by_actor", "audit_events", "actor", "action", "sequence", **timed)
    _index("ix_audit_events_at", "audit_events", "at")
    _index("ix_ledger_accounts_user_id", "ledger_accounts", "user_id")
    _index(
        "ix_ledger_entries_limits",
        "ledger_entries",
        "account_id",
        "sequence",
        postgresql_where=sa.text("kind IN ('open', 'raise')"),
    )
    # With what an account's history adds up: it is read from the index alone.
    op.drop_constraint(ENTRY_ORDER, "ledger_entries", type_="unique")
    op.execute(
        f"ALTER TABLE ledger_entries ADD CONSTRAINT {ENTRY_ORDER}"
        " UNIQUE (account_id, sequence) INCLUDE (kind, cost1, cost2, at)"
    )
    for digest in ("source_digest", "units_digest"):
        _index(f"ix_dataset_versions_{digest}", "dataset_versions", digest)
    for table in ("populations", "users"):
        _index(f"ix_{table}_newest", table, *NEWEST)


def downgrade() -> None:
    op.drop_table("saved_queries")
    for table, names in {
        "requests": ("by_state", "by_requester", "by_dataset", "purpose"),
        "runs": ("queued", "by_account", "unanswered", "overran", "ingest"),
        "audit_events": ("by_action", "by_subject", "by_actor", "at"),
        "ledger_accounts": ("user_id",),
        "ledger_entries": ("limits",),
        "dataset_versions": ("source_digest", "units_digest"),
        "populations": ("newest",),
        "users": ("newest",),
    }.items():
        for name in names:
            op.drop_index(f"ix_{table}_{name}", table_name=table)
    op.drop_constraint(ENTRY_ORDER, "ledger_entries", type_="unique")
    op.create_unique_constraint(ENTRY_ORDER, "ledger_entries", ["account_id", "sequence"])
    for name, table in REPLACED.items():
        op.create_index(name, table, [name.removeprefix(f"ix_{table}_")])
