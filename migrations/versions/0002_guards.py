"""Guards: the ledger's and the log's rules, and what the application's role may do.

Revision ID: 0002
Revises: 0001

Tables belong to carrel_owner. The functions below run as their owner, so an account's sums and
the log's head move only as entries and events are inserted, whatever the application does. They
fire after the insert: before it, they would also fire for a row that ON CONFLICT then skips. Their
search path ends with pg_temp, so that no temporary table can stand in for one of ours.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege';
END $$;
"""

APPLY_LEDGER_ENTRY = """
CREATE FUNCTION apply_ledger_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  account public.ledger_accounts%ROWTYPE;
  held public.ledger_entries%ROWTYPE;
BEGIN
  SELECT * INTO STRICT account FROM ledger_accounts WHERE id = NEW.account_id FOR NO KEY UPDATE;
  IF NEW.sequence <> account.entries + 1 OR NEW.previous_hash <> account.head_hash THEN
    RAISE EXCEPTION 'ledger entry % does not follow entry % of account %',
      NEW.sequence, account.entries, account.id USING ERRCODE = 'serialization_failure';
  END IF;
  account.entries := NEW.sequence;
  account.head_hash := NEW.hash;

  IF NEW.kind IN ('open', 'raise') THEN
    IF (NEW.kind = 'open') <> (NEW.sequence = 1) THEN
      RAISE EXCEPTION 'account % is opened once, by its first entry', account.id;
    END IF;
    IF account.charges > 0 AND (
         (NEW.detail->'orders'->>0)::bigint <> account.order1_milli
      OR (NEW.detail->'orders'->>1)::bigint <> account.order2_milli
      OR (NEW.detail->>'limit_delta')::bigint <> account.limit_delta) THEN
      RAISE EXCEPTION 'orders and deltas of account % are fixed since its first charge', account.id;
    END IF;
    IF (NEW.detail->'limits'->>0)::bigint < account.limit1
       AND (NEW.detail->'limits'->>1)::bigint < account.limit2 THEN
      RAISE EXCEPTION 'the limits of account % can only be raised', account.id;
    END IF;
    account.order1_milli := (NEW.detail->'orders'->>0)::bigint;
    account.order2_milli := (NEW.detail->'orders'->>1)::bigint;
    account.limit1 := (NEW.detail->'limits'->>0)::bigint;
    account.limit2 := (NEW.detail->'limits'->>1)::bigint;
    account.limit_delta := (NEW.detail->>'limit_delta')::bigint;
  ELSIF NEW.kind = 'reserve' THEN
    account.reserved1 := account.reserved1 + NEW.cost1;
    account.reserved2 := account.reserved2 + NEW.cost2;
    account.reserved_delta := account.reserved_delta + NEW.delta;
    account.charges := account.charges + 1;
  ELSIF NEW.kind IN ('settle', 'refund') THEN
    SELECT * INTO STRICT held FROM ledger_entries
      WHERE account_id = NEW.account_id AND run_id = NEW.run_id AND kind = 'reserve';
    IF (held.cost1, held.cost2, held.delta) <> (NEW.cost1, NEW.cost2, NEW.delta) THEN
      RAISE EXCEPTION 'run % was reserved at another cost', NEW.run_id;
    END IF;
    account.reserved1 := account.reserved1 - NEW.cost1;
    account.reserved2 := account.reserved2 - NEW.cost2;
    account.reserved_delta := account.reserved_delta - NEW.delta;
    IF NEW.kind = 'settle' THEN
      account.spent1 := account.spent1 + NEW.cost1;
      account.spent2 := account.spent2 + NEW.cost2;
      account.spent_delta := account.spent_delta + NEW.delta;
    ELSIF EXISTS (SELECT FROM runs WHERE id = NEW.run_id AND epoch > 0) THEN
      RAISE EXCEPTION 'run % was claimed: nothing is refunded', NEW.run_id;
    END IF;
  ELSIF NEW.kind = 'restore' THEN
    account.spent1 := account.spent1 + NEW.cost1;
    account.spent2 := account.spent2 + NEW.cost2;
    account.spent_delta := account.spent_delta + NEW.delta;
    IF NEW.cost1 > 0 THEN
      account.charges := account.charges + 1;
    END IF;
  ELSE
    account.unbounded_outputs := account.unbounded_outputs + 1;
    account.last_unbounded_at := NEW.at;
  END IF;

  -- Only a restore may leave an account beyond its limits; the CHECK refuses anything else that
  -- does, and while it is beyond them, every reservation.
  account.overdrawn := NOT (
      (account.spent1 + account.reserved1 <= account.limit1
        OR account.spent2 + account.reserved2 <= account.limit2)
      AND account.spent_delta + account.reserved_delta <= account.limit_delta)
    AND (NEW.kind = 'restore' OR (account.overdrawn AND NEW.kind <> 'reserve'));

  UPDATE ledger_accounts SET
    order1_milli = account.order1_milli, order2_milli = account.order2_milli,
    limit1 = account.limit1, limit2 = account.limit2, limit_delta = account.limit_delta,
    spent1 = account.spent1, spent2 = account.spent2, spent_delta = account.spent_delta,
    reserved1 = account.reserved1, reserved2 = account.reserved2,
    reserved_delta = account.reserved_delta, charges = account.charges,
    unbounded_outputs = account.unbounded_outputs,
    last_unbounded_at = account.last_unbounded_at, overdrawn = account.overdrawn,
    entries = account.entries, head_hash = account.head_hash
  WHERE id = account.id;
  RETURN NEW;
END $$;
"""

OPEN_EMPTY_ACCOUNT = """
CREATE FUNCTION open_empty_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.order1_milli, NEW.order2_milli, NEW.limit1, NEW.limit2, NEW.limit_delta, NEW.spent1,
      NEW.spent2, NEW.spent_delta, NEW.reserved1, NEW.reserved2, NEW.reserved_delta, NEW.charges,
      NEW.unbounded_outputs, NEW.overdrawn, NEW.entries, NEW.head_hash)
     IS DISTINCT FROM (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, 0, '') THEN
    RAISE EXCEPTION 'an account starts empty: its first entry opens it';
  END IF;
  RETURN NEW;
END $$;
"""

FOLLOW_AUDIT_HEAD = """
CREATE FUNCTION follow_audit_head() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE audit_head SET sequence = NEW.sequence, hash = NEW.hash
    WHERE sequence = NEW.sequence - 1 AND hash = NEW.previous_hash;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'audit event % does not follow the head', NEW.sequence
      USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NEW;
END $$;
"""

KEEP_EPOCH = """
CREATE FUNCTION keep_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.epoch < OLD.epoch THEN
    RAISE EXCEPTION 'the epoch of run % never goes down', OLD.id;
  END IF;
  RETURN NEW;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER apply AFTER INSERT ON ledger_entries
  FOR EACH ROW EXECUTE FUNCTION apply_ledger_entry();
CREATE TRIGGER open_empty BEFORE INSERT ON ledger_accounts
  FOR EACH ROW EXECUTE FUNCTION open_empty_account();
CREATE TRIGGER follow_head AFTER INSERT ON audit_events
  FOR EACH ROW EXECUTE FUNCTION follow_audit_head();
CREATE TRIGGER keep_epoch BEFORE UPDATE OF epoch ON runs
  FOR EACH ROW EXECUTE FUNCTION keep_epoch();
"""

APPEND_ONLY = (
    "ledger_entries",
    "audit_events",
    "votes",
    "comments",
    "dataset_revisions",
    "failures_excused",
    "lost_accounts",
)
WRITABLE = (
    "users",
    "api_keys",
    "workers",
    "populations",
    "datasets",
    "dataset_versions",
    "requests",
    "runs",
)
DELETABLE = ("dataset_access", "idempotency_keys")


def upgrade() -> None:
    for function in (
        REFUSE_CHANGE,
        APPLY_LEDGER_ENTRY,
        OPEN_EMPTY_ACCOUNT,
        FOLLOW_AUDIT_HEAD,
        KEEP_EPOCH,
    ):
        op.execute(function)
    op.execute(TRIGGERS)
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
    for table in WRITABLE:
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO carrel_app")
    for table in DELETABLE:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO carrel_app")
    op.execute("GRANT SELECT, INSERT, UPDATE (state) ON outputs TO carrel_app")
    op.execute("GRANT SELECT, INSERT, UPDATE (lock) ON ledger_accounts TO carrel_app")
    op.execute("GRANT SELECT, UPDATE (lock) ON audit_head TO carrel_app")
    op.execute("GRANT SELECT ON alembic_version TO carrel_app")
    op.execute("INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, '')")


def downgrade() -> None:
    raise RuntimeError("the guards are not taken away; restore a backup of the earlier version")
