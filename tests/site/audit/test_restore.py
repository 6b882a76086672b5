"""A backup of the database is restored; what was spent since is charged all the same."""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import BudgetLimits
from carrel_site.core.clock import now
from carrel_site.embedded.bootstrap import create_database
from carrel_site.ledger.accounting import MAX_NANO
from carrel_site.ledger.journal import JournalMissing, Spend, read_journal
from carrel_site.ledger.lost import owed
from carrel_site.runs.beat import anchor
from tests.factories import Member, make_access, make_key, make_population, make_user
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.services import PostgresService
from tests.fixtures.site import AppSite
from tests.site.audit.conftest import Log

BACKUP = "backup_of_the_site"
MOST = 4.0
"""An epsilon that a researcher's account can pay once, and not twice."""
Used = dict[str, tuple[int, int, int]]


@dataclasses.dataclass
class Site:
    """A site whose database is backed up and restored as a whole."""

    log: Log
    postgres: PostgresService

    @property
    def app(self) -> AppSite:
        return self.log.app

    @property
    def name(self) -> str:
        return str(psycopg.conninfo.conninfo_to_dict(self.app.urls.superuser_dsn)["dbname"])

    def backup(self) -> None:
        with self._server() as server:
            _end_sessions(server, self.name)
            create_database(self.postgres.superuser_dsn, BACKUP, template=self.name)

    def restore(self) -> None:
        with self._server() as server:
            names = sql.Identifier(self.name), sql.Identifier(BACKUP)
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(names[0]))
            create_database(self.postgres.superuser_dsn, self.name, template=BACKUP)
        self.app.site.db.dispose()

    @contextlib.contextmanager
    def _server(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.postgres.superuser_dsn, autocommit=True) as server:
            yield server

    @contextlib.contextmanager
    def started(self) -> Iterator["Site"]:
        """The application, started anew on the database as it is."""
        from starlette.testclient import TestClient  # noqa: PLC0415

        from carrel_site import site as sites  # noqa: PLC0415
        from carrel_site.app import create_app  # noqa: PLC0415

        site = sites.Site.open(self.app.site.settings)
        app = create_app(site)
        with TestClient(app, raise_server_exceptions=False) as http:
            fresh = dataclasses.replace(self.app, app=app, site=site, http=http)
            yield Site(dataclasses.replace(self.log, app=fresh), self.postgres)
        site.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.app.urls.superuser_dsn) as connection:
            return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]

    def used(self) -> Used:
        return {
            account: (first, second, delta)
            for account, first, second, delta in self.rows(
                "SELECT id, spent1 + reserved1, spent2 + reserved2, spent_delta + reserved_delta"
                " FROM ledger_accounts"
            )
        }

    def reserved(self) -> Used:
        return {
            account: (first, second, delta)
            for account, first, second, delta in self.rows(
                "SELECT id, reserved1, reserved2, reserved_delta FROM ledger_accounts"
            )
        }

    @property
    def dataset(self) -> str:
        return str(self.rows("SELECT name FROM datasets")[0][0])

    def ask(self, age: int, epsilon: float, who: Member | None = None) -> Any:
        body = {
            "dataset": self.dataset,
            "sql": f"SELECT COUNT(*) AS n FROM {self.dataset} WHERE age > {age}",
            "target": {"kind": "epsilon", "epsilon": epsilon},
        }
        return self.app.call(who or self.app.researcher, "POST", "/requests", json=body)

    def answered(self, age: int, epsilon: float, who: Member | None = None) -> None:
        asked = self.ask(age, epsilon, who)
        assert asked.status_code == 201, asked.text
        run_id = asked.json()["run"]["id"]
        worker = HandWorker.admitted(self.app, name=f"hand{age}")
        worker.succeed(worker.claim(run_id))
        path = f"/runs/{run_id}"
        ended = self.app.call(who or self.app.researcher, "GET", path, params={"wait": 20}).json()
        assert ended["state"] == "succeeded"

    def beat(self) -> None:
        anchor(self.app.site)

    def raise_mine(self, epsilon: float) -> None:
        ((account,),) = self.rows("SELECT id FROM ledger_accounts WHERE user_id IS NOT NULL")
        raised = self.app.call(
            self.app.owner,
            "POST",
            f"/accounts/{account}/raise",
            json={"epsilon": epsilon, "reason": "the study goes on"},
        )
        assert raised.is_success, raised.text


@pytest.fixture
def site(log: Log, postgres: PostgresService) -> Iterator[Site]:
    yield Site(log, postgres)
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {BACKUP} WITH (FORCE)")


def _end_sessions(server: psycopg.Connection, database: str) -> None:
    server.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')  # type: ignore[arg-type]
    server.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
        (database,),
    )
    server.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')  # type: ignore[arg-type]


def plus(left: Used, right: Used) -> Used:
    return {
        account: tuple(a + b for a, b in zip(left[account], right[account], strict=True))  # type: ignore[misc]
        for account in left
    }


def test_what_was_spent_since_the_backup_is_charged_again_once(site: Site) -> None:
    site.beat()
    site.backup()
    with site.started() as before:
        before.answered(10, 1.5)
        before.answered(11, 0.5)
        before.beat()
        spent = before.used()
    site.restore()
    assert all(site.used()[account] < spent[account] for account in spent)
    with site.started() as after:
        # The run that the backup has under way may answer a second time, and is paid for twice.
        assert after.used() == plus(spent, site.reserved())
        found = after.log.verify()
        ((first, last),) = found.restores
        assert 1 < first <= last
        after.beat()
    again = site.used()
    with site.started() as later:
        later.beat()
        later.answered(10, 0.1)
        later.beat()
        assert len(later.log.verify().restores) == 1
        assert all(later.used()[account] > again[account] for account in again)
    kinds = site.rows("SELECT count(*) FROM ledger_entries WHERE kind = 'restore'")
    assert kinds == [(2,)]


def test_nothing_happens_without_a_restore(site: Site) -> None:
    site.beat()
    site.answered(10, 1.0)
    before = site.used()
    with site.started() as again:
        again.beat()
        again.beat()
    assert site.used() == before
    assert site.rows("SELECT count(*) FROM ledger_entries WHERE kind = 'restore'") == [(0,)]
    lines = read_journal(site.app.site.settings.spend_journal_file)
    assert [line.number for line in lines] == [1, 2, 3, 4]  # two accounts, which moved once


def test_what_the_backup_would_have_paid_is_refused(site: Site) -> None:
    site.backup()
    with site.started() as before:
        before.answered(10, MOST)
        before.beat()
    site.restore()
    with site.started() as after:
        refused = after.ask(11, MOST)
        assert refused.json()["code"] == "budget_exceeded", refused.text


def test_a_restored_account_beyond_its_limits_admits_nothing(site: Site) -> None:
    site.backup()
    with site.started() as before:
        before.raise_mine(20)
        before.answered(10, MOST)
        before.answered(11, MOST)
        before.beat()
    site.restore()
    with site.started() as after:
        overdrawn = "SELECT overdrawn FROM ledger_accounts WHERE user_id IS NOT NULL"
        assert after.rows(overdrawn) == [(True,)]
        assert after.ask(12, 0.001).json()["code"] == "budget_exceeded"
        _refused_by_the_database(after)
        # What the backup has under way still ends, and is charged.
        ((open_run,),) = after.rows("SELECT id FROM runs WHERE closed_at IS NULL")
        worker = HandWorker.admitted(after.app, name="late")
        worker.succeed(worker.claim(open_run))
        path = f"/runs/{open_run}"
        after.app.call(after.app.researcher, "GET", path, params={"wait": 20})
        assert set(after.reserved().values()) == {(0, 0, 0)}
        after.raise_mine(10.1)
        assert after.rows(overdrawn) == [(True,)]
        after.raise_mine(25)
        assert after.rows(overdrawn) == [(False,)]
        after.answered(13, 0.1)
        after.beat()
        after.log.verify()


def _refused_by_the_database(site: Site) -> None:
    """Whatever the application does, as its own role."""
    url = site.app.urls.app.replace("postgresql+psycopg://", "postgresql://")
    with (
        psycopg.connect(url) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="admits"),
    ):
        connection.execute(
            "INSERT INTO ledger_entries SELECT 'x', id, entries + 1, 'reserve', 'r', 'q', 1, 1, 0,"
            " '{}', head_hash, 'h', now() FROM ledger_accounts WHERE overdrawn"
        )


def test_an_account_that_the_restore_lost_is_charged_when_it_is_opened_again(site: Site) -> None:
    site.backup()
    who = "new@example.org"
    with site.started() as before:
        member, lost = _join(before, who)
        before.answered(10, 3.0, member)
        before.beat()
        spent = before.used()[lost]
    site.restore()
    with site.started() as after:
        after.log.verify()
        _, account = _join(after, who)
        assert account != lost
        assert after.used()[account] == spent
        assert after.rows("SELECT count(*) FROM lost_accounts") == [(2,)]  # and its population's
        _, other = _join(after, "other@example.org")
        assert after.used()[other] == (0, 0, 0)
        after.beat()
        after.log.verify()
    with site.started() as later:
        assert later.used()[account] == spent


def _join(site: Site, email: str) -> tuple[Member, str]:
    """A new person, a population of another dataset, and access to the dataset there is."""
    db, owner = site.app.site.db, site.app.owner.id

    def work(session: Any) -> tuple[Member, str]:
        if session.execute(_named("later_people")).first() is None:
            make_population(session, owner, name="later_people", each=BudgetLimits(epsilon=1))
        user = make_user(session, email=email)
        dataset = site.rows("SELECT id FROM datasets")[0][0]
        make_access(session, owner, dataset, user.id)
        secret = make_key(session, user.id)
        return Member(user.id, user.email, Role.RESEARCHER, secret), user.id

    member, user_id = db.transact(work)
    ((account,),) = site.rows(f"SELECT id FROM ledger_accounts WHERE user_id = '{user_id}'")
    return member, account


def _named(name: str) -> Any:
    from sqlalchemy import select  # noqa: PLC0415

    from carrel_site.datasets.models import Population  # noqa: PLC0415

    return select(Population.id).where(Population.name == name)


def test_a_site_whose_database_is_restored_beneath_it_notices_at_the_next_beat(site: Site) -> None:
    site.backup()
    site.app.site.db.dispose()
    site.answered(10, 2.0)
    site.beat()
    spent = site.used()
    site.restore()
    reserved = site.reserved()
    site.beat()
    assert site.used() == plus(spent, reserved)
    site.log.verify()


def test_without_its_journal_nothing_is_served(site: Site) -> None:
    site.beat()
    with site.started():
        pass
    path = site.app.site.settings.spend_journal_file
    path.unlink()
    with pytest.raises(JournalMissing, match=r"spends\.jsonl is missing"), site.started():
        pass
    path.touch()  # the owner's word that what was spent since any backup stays unknown
    with site.started() as again:
        again.beat()
    assert site.rows("SELECT count(*) FROM audit_events WHERE action = 'journal.begun'") == [(2,)]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda lines: [lines[0].replace('"entries":', '"entries":1'), *lines[1:]], "not signed"),
        (lambda lines: lines[1:], "line 2 does not follow line 0"),
        (lambda lines: [lines[0], *lines[2:]], "line 3 does not follow line 1"),
        (lambda lines: ['{"kind": "spend"}', *lines], "none of its own"),
    ],
)
def test_a_changed_journal_is_told(
    site: Site, damage: Callable[[list[str]], list[str]], says: str
) -> None:
    site.beat()
    site.answered(10, 0.1)
    site.beat()
    path = site.app.site.settings.spend_journal_file
    lines = path.read_text().splitlines()
    assert site.log.verify().journal_lines == len(lines) == 4
    path.write_text("".join(f"{line}\n" for line in damage(lines)))
    with pytest.raises(Exception, match=says):
        site.log.verify()


def test_a_write_that_a_crash_cut_short_harms_nothing(site: Site) -> None:
    site.beat()
    path = site.app.site.settings.spend_journal_file
    with path.open("a") as file:
        file.write('{"number":3,"prev')
    site.answered(10, 0.1)
    with site.started() as again:
        again.beat()
        assert again.log.verify().journal_lines == 4


def test_a_spend_that_the_ledger_contradicts_is_told(site: Site) -> None:
    """Who can rewrite the whole database cannot rewrite what the journal says of it."""
    journal = site.app.site.journal
    site.beat()
    line = next(iter(journal.spends().values()))
    journal.append([line.model_copy(update={"used": (line.used[0] + 1, line.used[1])})])
    assert "had used" in site.log.broken()


def test_what_is_owed_at_other_orders() -> None:
    line = _line((2000, 8000), (5, 9))
    assert owed(line, (2000, 8000)).nano == (5, 9)
    assert owed(line, (8000, 3000)).nano == (9, 9)  # bounded by what a higher order says
    assert owed(line, (1500, 9000)).nano == (5, MAX_NANO)  # and by nothing above the highest
    assert owed(_line((2000, 8000), (0, 0)), (9000, 9500)).nano == (0, 0)


def _line(orders: tuple[int, int], used: tuple[int, int]) -> Spend:
    return Spend.model_validate_json(
        json.dumps(
            {
                "number": 1,
                "previous": "",
                "at": now().isoformat(),
                "key_id": "k",
                "account_id": "acc",
                "population_id": "pop",
                "population": "people",
                "user_id": None,
                "user": None,
                "entries": 2,
                "head": "h",
                "orders": orders,
                "used": used,
                "delta": 0,
            }
        )
    )
