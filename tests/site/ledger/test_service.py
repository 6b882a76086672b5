"""Charging accounts, on PostgreSQL: races, refunds, raises, and what the database refuses."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from carrel_protocol.api.datasets import BudgetLimits
from carrel_site.accounts.models import User
from carrel_site.core.clock import now
from carrel_site.core.db import Database
from carrel_site.core.ids import new_id
from carrel_site.datasets.models import Population
from carrel_site.ledger import repository, service
from carrel_site.ledger.accounting import Cost, pure_cost
from carrel_site.ledger.chain import entry_hash
from carrel_site.ledger.errors import BudgetExceeded, LimitNotRaised
from carrel_site.ledger.models import LedgerAccount
from carrel_site.runs.models import Run
from tests.fixtures.services import DatabaseUrls

LIMITS = BudgetLimits(epsilon=3.0)
ROOMY = BudgetLimits(epsilon=900.0)


@dataclass
class Bank:
    """A population with one researcher, and charging as requests do it."""

    db: Database
    population_id: str
    user_id: str

    def account(self, user_id: str | None) -> LedgerAccount:
        def work(session: Session) -> LedgerAccount:
            found = repository.find(session, self.population_id, user_id)
            assert found is not None
            return found

        return self.db.read(work)

    def run(self) -> str:
        """A queued run to charge for."""

        def work(session: Session) -> str:
            run = Run(
                id=new_id("run"),
                kind="query",
                queue="query",
                state="queued",
                epoch=0,
                attempts_left=3,
                deadline_ms=25,
                queued_at=now(),
            )
            session.add(run)
            return run.id

        return self.db.transact(work)

    def reserve(self, run_id: str, epsilon: float) -> None:
        def work(session: Session) -> None:
            purse = service.purse(session, self.population_id, self.user_id, lock=True)
            costs = {a.id: at_orders(a, epsilon) for a in purse}
            service.reserve(
                session,
                purse,
                service.charges(purse, costs),
                run_id=run_id,
                request_id="req_x",
                mechanism={"e": epsilon},
            )

        self.db.transact(work)

    def end(self, run_id: str, how: Callable[[Session, str], list[str]]) -> None:
        self.db.transact(lambda session: how(session, run_id))


def at_orders(account: LedgerAccount, epsilon: float) -> Cost:
    return Cost(
        (pure_cost(epsilon, account.order1_milli), pure_cost(epsilon, account.order2_milli))
    )


@pytest.fixture
def bank(database_urls: DatabaseUrls) -> Iterator[Bank]:
    db = Database(database_urls.app)
    user_id, population_id = new_id("usr"), new_id("pop")

    def work(session: Session) -> None:
        session.add(
            User(
                id=user_id,
                name="R",
                email="r@x.example",
                role="researcher",
                password_hash="-",
                active=True,
                created_at=now(),
            )
        )
        session.add(
            Population(
                id=population_id,
                name="people",
                description="",
                each_limits=LIMITS.model_dump(),
                created_at=now(),
            )
        )
        session.flush()
        service.open_account(session, population_id, None, ROOMY, user_id)
        service.open_account(session, population_id, user_id, LIMITS, user_id)

    db.transact(work)
    yield Bank(db, population_id, user_id)
    db.dispose()


def affordable(account: LedgerAccount, epsilon: float) -> int:
    """How many charges of `epsilon` fit, by integer division of the limits."""
    limits = service.limits_of(account)
    charge = service.charge_of(account, at_orders(account, epsilon))
    return max(limit // part for limit, part in zip(limits.nano, charge.nano, strict=True))


def test_races_never_overspend(bank: Bank) -> None:
    epsilon = 0.2
    fits = affordable(bank.account(bank.user_id), epsilon)
    runs = [bank.run() for _ in range(fits + 40)]

    def attempt(run_id: str) -> bool:
        try:
            bank.reserve(run_id, epsilon)
        except BudgetExceeded:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        admitted = sum(pool.map(attempt, runs))

    assert admitted == fits > 5
    for user_id in (bank.user_id, None):
        account = bank.account(user_id)
        charge = service.charge_of(account, at_orders(account, epsilon))
        assert (account.reserved1, account.reserved2) == tuple(fits * c for c in charge.nano)
        assert account.charges == fits
        assert account.spent1 == account.spent2 == 0


def test_both_accounts_must_admit(bank: Bank) -> None:
    bank.db.transact(
        lambda session: service.raise_limit(
            session, bank.account(bank.user_id).id, 950.0, "a test", bank.user_id
        )
    )
    together = bank.account(None)
    for _ in range(affordable(together, 300.0)):
        bank.reserve(bank.run(), 300.0)
    with pytest.raises(BudgetExceeded, match="everyone together"):
        bank.reserve(bank.run(), 300.0)
    after = bank.account(None)
    mine = bank.account(bank.user_id)
    assert after.charges == mine.charges >= 1
    assert after.limit1 == together.limit1


def test_a_run_is_reserved_and_ended_once(bank: Bank) -> None:
    run_id = bank.run()
    bank.reserve(run_id, 0.1)
    with pytest.raises(IntegrityError):
        bank.reserve(run_id, 0.1)
    bank.end(run_id, service.settle)
    bank.end(run_id, service.settle)  # nothing is held any more: nothing happens
    account = bank.account(bank.user_id)
    cost = service.charge_of(account, at_orders(account, 0.1))
    assert (account.spent1, account.spent2) == cost.nano
    assert account.reserved1 == account.reserved2 == 0


def test_refund_gives_back_everything(bank: Bank) -> None:
    run_id = bank.run()
    bank.reserve(run_id, 0.1)
    bank.end(run_id, service.refund)
    account = bank.account(bank.user_id)
    assert account.spent1 == account.reserved1 == account.spent2 == account.reserved2 == 0


def test_a_claimed_run_is_never_refunded_even_if_asked(bank: Bank) -> None:
    run_id = bank.run()
    bank.reserve(run_id, 0.1)

    def claim(session: Session) -> None:
        session.get_one(Run, run_id).epoch = 1

    bank.db.transact(claim)
    with pytest.raises(DBAPIError, match="nothing is refunded"):
        bank.end(run_id, service.refund)
    with pytest.raises(DBAPIError, match="never goes down"):
        bank.db.transact(lambda s: s.execute(text("UPDATE runs SET epoch = 0")))


def test_the_database_itself_refuses_an_overdraft(bank: Bank) -> None:
    """Past the readable check: the CHECK constraint holds even if the service is wrong."""
    account = bank.account(bank.user_id)

    def overdraw(session: Session) -> None:
        row = repository.locked(session, [account.id])[0]
        cost = Cost((row.limit1 + 1, row.limit2 + 1))
        service._append(session, [service._Movement(row, "reserve", cost, run_id="run_x")])

    with pytest.raises(IntegrityError, match="admits"):
        bank.db.transact(overdraw)


def test_a_settlement_must_cost_what_was_reserved(bank: Bank) -> None:
    run_id = bank.run()
    bank.reserve(run_id, 0.1)
    account = bank.account(bank.user_id)

    def cheat(session: Session) -> None:
        row = repository.locked(session, [account.id])[0]
        service._append(session, [service._Movement(row, "settle", Cost((1, 1)), run_id=run_id)])

    with pytest.raises(DBAPIError, match="another cost"):
        bank.db.transact(cheat)


def test_raising_keeps_orders_and_history(bank: Bank) -> None:
    account = bank.account(bank.user_id)
    bank.reserve(bank.run(), 0.1)
    bank.db.transact(
        lambda s: service.raise_limit(s, account.id, 5.0, "the study was extended", bank.user_id)
    )
    after = bank.account(bank.user_id)
    assert (after.order1_milli, after.order2_milli) == (account.order1_milli, account.order2_milli)
    assert after.limit1 > account.limit1
    assert after.limit2 > account.limit2
    with pytest.raises(LimitNotRaised):
        bank.db.transact(lambda s: service.raise_limit(s, account.id, 4.0, "less", bank.user_id))
    history = bank.db.read(lambda s: repository.limit_entries(s, [account.id])[account.id])
    assert [entry.kind for entry in history] == ["open", "raise"]
    assert history[1].detail["after_answers"] is True
    assert history[1].detail["reason"] == "the study was extended"


def test_entries_are_chained(bank: Bank) -> None:
    for _ in range(3):
        run_id = bank.run()
        bank.reserve(run_id, 0.05)
        bank.end(run_id, service.settle)
    account = bank.account(bank.user_id)
    entries = bank.db.read(lambda s: repository.entries(s, account.id, before=None, limit=100))
    previous = ""
    for sequence, (entry, _, _) in enumerate(reversed(entries), start=1):
        assert entry.sequence == sequence
        assert entry.previous_hash == previous
        assert entry.hash == entry_hash(entry)
        previous = entry.hash
    assert account.head_hash == previous
    assert account.entries == len(entries) == 7


def test_the_application_cannot_move_sums(bank: Bank, database_urls: DatabaseUrls) -> None:
    url = database_urls.app.replace("+psycopg", "")
    for statement in (
        "UPDATE ledger_accounts SET spent1 = 0",
        "UPDATE ledger_accounts SET limit1 = 9000000000000",
        "UPDATE ledger_entries SET cost1 = 0",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
        "DROP TRIGGER apply ON ledger_entries",
        "ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
        "INSERT INTO ledger_accounts (id, population_id, limit1) VALUES ('acc_x', 'pop_x', 9)",
    ):
        with (
            psycopg.connect(url, autocommit=True) as connection,
            pytest.raises(psycopg.Error) as refused,
        ):
            connection.execute(statement)  # type: ignore[call-overload]
        assert refused.value.sqlstate in ("42501", "P0001"), statement


@pytest.mark.parametrize("kind", ["open", "raise", "reserve", "settle", "refund", "unbounded"])
def test_an_entry_that_is_not_inserted_moves_nothing(
    bank: Bank, database_urls: DatabaseUrls, kind: str
) -> None:
    """ON CONFLICT DO NOTHING skips the row, and so must the trigger."""
    run_id = bank.run()
    bank.reserve(run_id, 0.1)
    before = bank.account(bank.user_id)
    forged = (
        "INSERT INTO ledger_entries (id, account_id, sequence, kind, run_id, cost1, cost2, delta,"
        " detail, previous_hash, hash, at) SELECT id, account_id, %s, %s, run_id, cost1, cost2,"
        " delta, detail, %s, 'forged', at FROM ledger_entries WHERE kind = 'reserve'"
        " AND account_id = %s ON CONFLICT DO NOTHING"
    )
    with psycopg.connect(database_urls.app.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(forged, (before.entries + 1, kind, before.head_hash, before.id))
    after = bank.account(bank.user_id)
    assert (after.reserved1, after.reserved2) == (before.reserved1, before.reserved2)
    assert (after.entries, after.head_hash) == (before.entries, before.head_hash)


def test_no_temporary_table_stands_in_for_the_runs(bank: Bank, database_urls: DatabaseUrls) -> None:
    run_id = bank.run()
    bank.reserve(run_id, 0.1)
    bank.db.transact(lambda s: s.execute(text("UPDATE runs SET epoch = 1")))
    with psycopg.connect(database_urls.superuser_dsn, autocommit=True) as admin:
        name = admin.execute("SELECT current_database()").fetchone()
        assert name is not None
        admin.execute(f'GRANT TEMPORARY ON DATABASE "{name[0]}" TO carrel_app')

    def cheat(session: Session) -> None:
        session.execute(text("CREATE TEMPORARY TABLE runs (id text, epoch integer)"))
        service.refund(session, run_id)

    with pytest.raises(DBAPIError, match="nothing is refunded"):
        bank.db.transact(cheat)
