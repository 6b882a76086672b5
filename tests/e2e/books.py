"""What the database holds about one researcher's questions, to the nano-unit."""

from collections import Counter
from dataclasses import dataclass

import psycopg

_ACCOUNTS = """
SELECT id, limit1, limit2, spent1, spent2, reserved1, reserved2, spent_delta, reserved_delta
FROM ledger_accounts WHERE population_id = %s AND user_id IS NOT DISTINCT FROM %s
"""
_ENTRIES = """
SELECT kind, count(*), count(DISTINCT run_id), min(cost1), max(cost1), min(cost2), max(cost2)
FROM ledger_entries WHERE account_id = %s GROUP BY kind
"""
_RUNS = """
SELECT r.state, count(*), count(o.run_id), count(DISTINCT r.request_id)
FROM runs r JOIN requests q ON q.id = r.request_id LEFT JOIN outputs o ON o.run_id = r.id
WHERE q.requester_id = %s GROUP BY r.state
"""

_EPOCHS = """
SELECT r.epoch, count(*) FROM runs r JOIN requests q ON q.id = r.request_id
WHERE q.requester_id = %s GROUP BY r.epoch
"""


@dataclass(frozen=True)
class Entries:
    """Entries of one kind: how many, of how many runs, and the one cost that all of them have."""

    count: int
    runs: int
    costs: tuple[int, int]


@dataclass(frozen=True)
class Account:
    limits: tuple[int, int]
    spent: tuple[int, int]
    reserved: tuple[int, int]
    deltas: tuple[int, int]
    entries: dict[str, Entries]


def account(dsn: str, population: str, user: str | None) -> Account:
    """An account with its entries; asserts that all entries of a kind cost the same."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_ACCOUNTS, (population, user)).fetchone()
        assert row is not None
        entries = {}
        for kind, count, runs, low1, high1, low2, high2 in connection.execute(
            _ENTRIES, (row[0],)
        ).fetchall():
            assert (low1, low2) == (high1, high2)
            entries[kind] = Entries(count, runs, (low1, low2))
    return Account((row[1], row[2]), (row[3], row[4]), (row[5], row[6]), (row[7], row[8]), entries)


def runs(dsn: str, user: str) -> dict[str, tuple[int, int]]:
    """How many runs of a researcher's are in each state, and how many outputs those have."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(_RUNS, (user,)).fetchall()
    assert all(count == requests for _, count, _, requests in rows)
    return {state: (count, outputs) for state, count, outputs, _ in rows}


def epochs(dsn: str, user: str) -> "Counter[int]":
    """How many of a researcher's runs were claimed so many times."""
    with psycopg.connect(dsn) as connection:
        return Counter(dict(connection.execute(_EPOCHS, (user,)).fetchall()))
