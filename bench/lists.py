"""Every list, on a large site: the first page, a page far down, and filtered ones.

10,000 datasets, 100,000 requests with their runs and ledger entries, 1,000,000 audit events, made
by SQL in a cluster of its own (bench/_seed.py). What is measured is the time inside the
application, from the request to the complete answer, and how many SQL statements that took (the
look-up of the API key is one of them). Each page is asked for `REPEATS` times after it was asked
for `WARM` times, which is beyond the five after which the driver prepares a statement for good.

    .venv/bin/python bench/lists.py [--check]
"""

import os
import secrets
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from _report import Figure, report
from _seed import DATASETS, EVENTS, REQUESTS, Template, seed
from _throwaway import Throwaway, throwaway_site

from carrel_site.core.pagination import encode_cursor

TARGET_MS = 150.0
MOST_STATEMENTS = 8
WARM, REPEATS = 6, 10
PASSWORD = secrets.token_urlsafe(16)
TABLE = {
    "unit_column": "person",
    "columns": [
        {"type": "integer", "name": "age", "lower": 0, "upper": 120, "nullable": False},
        {"type": "real", "name": "spend", "lower": "0", "upper": "10000", "resolution": "0.01"},
        {"type": "boolean", "name": "smoker"},
        *(
            {"type": "category", "name": name, "categories": [f"{name}_{i}" for i in range(12)]}
            for name in ("region", "ward", "diagnosis", "season")
        ),
    ],
    "size": {"rows": 1000, "units": 500},
}


@dataclass(frozen=True)
class Case:
    """A page to ask for. `deep`: SQL for the sort key of the row it begins behind."""

    name: str
    who: str
    path: str
    query: dict[str, Any] = field(default_factory=dict)
    deep: str | None = None


def newest(table: str, where: str, at: str = "created_at", share: float = 0.9) -> str:
    """SQL for a cursor: the time and id of the row that so much of a list comes before."""
    of = f"FROM {table} WHERE {where}"
    return (
        f"SELECT {at}, id {of} ORDER BY {at} DESC, id DESC "
        f"OFFSET (SELECT floor(count(*) * {share}) {of}) LIMIT 1"
    )


def cases(ids: Template, shared_account: str, own_account: str) -> Iterator[Case]:
    yield from _catalogue(ids)
    yield from _requests(ids)
    yield from _runs(ids)
    yield from _books(shared_account, own_account)
    yield from _log(ids)
    yield from _people(ids)


def _catalogue(ids: Template) -> Iterator[Case]:
    path = "/datasets"
    yield Case("datasets", "owner", path)
    yield Case("datasets, deep", "owner", path, deep=newest("datasets", "true"))
    yield Case("datasets of a researcher", "researcher", path)
    theirs = f"id IN (SELECT dataset_id FROM dataset_access WHERE user_id = '{ids.researcher}')"
    yield Case(
        "datasets of a researcher, deep", "researcher", path, deep=newest("datasets", theirs)
    )
    yield Case("populations", "owner", "/populations")
    yield Case("populations, deep", "owner", "/populations", deep=newest("populations", "true"))
    yield Case("populations of a researcher", "researcher", "/populations")
    versions = f"/datasets/{ids.dataset}/versions"
    where = f"dataset_id = '{ids.dataset}'"
    yield Case("versions", "owner", versions)
    yield Case("versions, deep", "owner", versions, deep=newest("dataset_versions", where))
    yield Case("access (1,000 people, whole)", "owner", f"/datasets/{ids.dataset}/access")


def _requests(ids: Template) -> Iterator[Case]:
    path = "/requests"
    yield Case("requests", "owner", path)
    yield Case("requests, deep", "owner", path, deep=newest("requests", "true"))
    yield Case("requests, oldest first", "owner", path, {"sort": "oldest"})
    for state in ("queued", "submitted", "expired"):
        where = f"state = '{state}'"
        yield Case(f"requests {state}", "owner", path, {"state": state})
        yield Case(
            f"requests {state}, deep", "owner", path, {"state": state}, newest("requests", where)
        )
    yield Case(
        "requests in either of 3 states, deep",
        "owner",
        path,
        {"state": ["rejected", "withdrawn", "over_budget"]},
        newest("requests", "state IN ('rejected', 'withdrawn', 'over_budget')"),
    )
    review = {"to_review": True, "sort": "oldest"}
    yield Case("requests to review", "reviewer", path, review)
    yield Case("requests of a researcher", "researcher", path)
    own = newest("requests", f"requester_id = '{ids.researcher}'")
    yield Case("requests of a researcher, deep", "researcher", path, deep=own)
    yield Case("requests of a person", "owner", path, {"requester": ids.researcher}, own)
    yield Case(
        "requests about a dataset, deep",
        "owner",
        path,
        {"dataset": "visits"},
        newest("requests", f"dataset_id = '{ids.dataset}'"),
    )
    yield Case("requests by a rare word", "owner", path, {"q": "study 73"})
    yield Case("requests by a common word", "owner", path, {"q": "waiting"})
    common = newest("requests", "purpose <> ''")
    yield Case("requests by a common word, deep", "owner", path, {"q": "waiting"}, common)
    yield Case("requests of a researcher by a word", "researcher", path, {"q": "diagnosis"})
    yield Case("requests by an id's beginning", "owner", path, {"q": ids.request[:9]})
    yield Case("comments (100, whole)", "reviewer", f"/requests/{ids.request}/comments")
    yield Case("saved queries", "researcher", "/saved_queries")
    where = f"user_id = '{ids.researcher}'"
    saved = newest("saved_queries", where)
    yield Case("saved queries, deep", "researcher", "/saved_queries", deep=saved)


def _runs(ids: Template) -> Iterator[Case]:
    path = "/runs"
    yield Case("runs", "owner", path)
    yield Case("runs, deep", "owner", path, deep=newest("runs", "true", "queued_at"))
    for name, query, where in (
        ("failed", {"failed": True}, "state = 'failed'"),
        ("overran", {"overran": True}, "overran"),
        ("running", {"state": "running"}, "state = 'running'"),
        ("expired", {"state": "expired"}, "state = 'expired'"),
        ("ingest", {"kind": "ingest"}, "kind = 'ingest'"),
    ):
        deep = newest("runs", where, "queued_at", 0.5)
        yield Case(f"runs {name}, deep", "owner", path, query, deep)
    yield Case("runs to a reviewer", "reviewer", path)
    yield Case("runs of a researcher", "researcher", path)
    of = f"request_id IN (SELECT id FROM requests WHERE requester_id = '{ids.researcher}')"
    deep = newest("runs", of, "queued_at")
    yield Case("runs of a researcher, deep", "researcher", path, deep=deep)
    deep = newest("runs", f"{of} AND state = 'failed'", "queued_at", 0.5)
    yield Case("runs of a researcher, failed", "researcher", path, {"failed": True}, deep)


def _books(shared: str, own: str) -> Iterator[Case]:
    yield Case("budgets", "researcher", "/budgets")
    yield Case("accounts of a population", "owner", "/populations/people/accounts")
    yield Case(
        "accounts of a population, deep",
        "owner",
        "/populations/people/accounts",
        deep="SELECT 1, id FROM ledger_accounts account WHERE user_id IS NOT NULL "
        "AND population_id = (SELECT id FROM populations WHERE name = 'people') "
        "ORDER BY id OFFSET 900 LIMIT 1",
    )
    for name, who, account in (("everyone's", "owner", shared), ("one's own", "researcher", own)):
        path = f"/accounts/{account}/entries"
        middle = f"SELECT entries / 2 FROM ledger_accounts WHERE id = '{account}'"
        yield Case(f"ledger entries, {name}", who, path)
        yield Case(f"ledger entries, {name}, deep", who, path, deep=middle)
        yield Case(f"account history, {name}", who, f"/accounts/{account}/history")


def _log(ids: Template) -> Iterator[Case]:
    path = "/audit/events"
    deep = f"SELECT sequence FROM audit_events ORDER BY sequence OFFSET {EVENTS // 10} LIMIT 1"
    yield Case("audit events", "owner", path)
    yield Case("audit events, deep", "owner", path, deep=deep)
    old = f"(SELECT at FROM audit_events ORDER BY sequence OFFSET {EVENTS // 2} LIMIT 1)"
    for name, query in (
        ("by a busy actor", {"actor": "site"}),
        ("by a person", {"actor": ids.researcher}),
        ("by a common action", {"action": "run.queued"}),
        ("by an action of long ago", {"action": "ledger.raised"}),
        ("by a domain", {"action": "request."}),
        ("by actor and rare action", {"actor": ids.researcher, "action": "user."}),
        ("about a request", {"subject": ids.request}),
    ):
        yield Case(f"audit events {name}", "auditor", path, query)
        if "subject" not in query:
            yield Case(f"audit events {name}, deep", "auditor", path, query, deep)
    yield Case("audit events until a time", "auditor", path, {"until": old})
    yield Case(
        "audit events by actor until a time", "auditor", path, {"actor": "site", "until": old}
    )
    yield Case(
        "audit events by domain since a time", "auditor", path, {"action": "run.", "since": old}
    )


def _people(ids: Template) -> Iterator[Case]:
    yield Case("users", "owner", "/users")
    yield Case("users, deep", "owner", "/users", deep=newest("users", "true"))
    yield Case("keys", "researcher", "/keys")
    keys = newest("api_keys", f"user_id = '{ids.researcher}'")
    yield Case("keys, deep", "researcher", "/keys", deep=keys)
    yield Case("keys of a person", "owner", f"/users/{ids.researcher}/keys")
    yield Case("workers (whole)", "owner", "/workers")
    yield Case("notifications", "owner", "/notifications")
    notifications = newest("notifications", f"user_id = '{ids.owner}'", "at")
    yield Case("notifications, deep", "owner", "/notifications", deep=notifications)
    yield Case("notifications unread", "owner", "/notifications", {"unread": True})


@dataclass(frozen=True)
class Timing:
    case: Case
    items: int
    median_ms: float
    worst_ms: float
    statements: int


class Bench:
    """The site, the people who ask, and how a page is measured."""

    def __init__(self, site: Throwaway) -> None:
        self._site = site
        self._keys: dict[str, str] = {}

    def call(self, who: str | None, method: str, path: str, **options: Any) -> Any:
        headers = {} if who is None else {"Authorization": f"Bearer {self._keys[who]}"}
        reply = self._site.http.request(method, f"/api/v1{path}", headers=headers, **options)
        if not reply.is_success:
            raise RuntimeError(f"{method} {path}: {reply.status_code} {reply.text}")
        return reply.json() if reply.content else None

    def template(self) -> Template:
        """One of everything, made by the API; its version alone is put there by hand."""
        made = {"token": self._site.setup_token, "name": "Owner", "email": "owner@example.org"}
        owner = self.call(None, "POST", "/setup", json=made | {"password": PASSWORD})
        self._keys["owner"] = owner["key"]["secret"]
        people = {role: self._person(role) for role in ("reviewer", "researcher", "auditor")}
        limits = {"epsilon": 20}
        population = {"name": "people", "together": limits, "each": limits}
        population_id = self.call("owner", "POST", "/populations", json=population)["id"]
        created = {"name": "visits", "population": "people", "table": TABLE}
        dataset_id = self.call("owner", "POST", "/datasets", json=created)["id"]
        access = {"user": people["researcher"]}
        self.call("owner", "PUT", "/datasets/visits/access", json=access)
        self._execute(
            "INSERT INTO dataset_versions (id, dataset_id, state, source_format, revision,"
            " commitment, created_at) VALUES ('ver_first', %s, 'ready', 'csv', 1, 'x', now())",
            dataset_id,
        )
        self._execute("UPDATE datasets SET version_id = 'ver_first' WHERE id = %s", dataset_id)
        asked = {
            "dataset": "visits",
            "sql": "SELECT region, COUNT(*) AS n, SUM(spend) AS total FROM visits "
            "WHERE age > 40 AND smoker = TRUE GROUP BY region",
            "target": {"kind": "rho", "rho": 0.001},
            "purpose": "How does spending differ between regions?",
            "review": True,
        }
        request_id = self.call("researcher", "POST", "/requests", json=asked)["id"]
        return Template(
            population=population_id,
            dataset=dataset_id,
            version="ver_first",
            request=request_id,
            owner=owner["user"]["id"],
            reviewer=people["reviewer"],
            researcher=people["researcher"],
        )

    def _person(self, role: str) -> str:
        """A person of `role` and a key of every scope; returns the person's id."""
        made = {"name": role, "email": f"{role}@example.org", "role": role, "password": PASSWORD}
        user_id = str(self.call("owner", "POST", "/users", json=made)["id"])
        key = {"label": "bench", "scopes": ["read", "ask", "review", "admin"]}
        asked = {"email": made["email"], "password": PASSWORD, "key": key}
        self._keys[role] = self.call(None, "POST", "/tokens", json=asked)["secret"]
        return user_id

    def one(self, query: str, *parameters: Any) -> tuple[Any, ...]:
        with psycopg.connect(self._site.superuser_dsn) as connection:
            row = connection.execute(query.encode(), parameters or None).fetchone()
        if row is None:
            raise RuntimeError(f"no row: {query}")
        return row

    def _execute(self, statement: str, *parameters: Any) -> None:
        with psycopg.connect(self._site.superuser_dsn) as connection:
            connection.execute(statement.encode(), parameters)

    def measure(self, case: Case) -> Timing:
        query = {
            name: self.one(f"SELECT {value}")[0].isoformat()
            if isinstance(value, str) and value.startswith("(SELECT")
            else value
            for name, value in case.query.items()
        }
        if case.deep is not None:
            key = self.one(case.deep)
            query["cursor"] = encode_cursor(
                *(part.isoformat() if hasattr(part, "isoformat") else part for part in key)
            )
        measured = self._site.measured
        times = []
        for turn in range(WARM + REPEATS):
            measured.statements.clear()
            shown = self.call(case.who, "GET", case.path, params=query)
            if turn >= WARM:
                times.append(measured.seconds * 1000)
        statements = len(measured.statements)
        items = _length(shown)
        if items == 0:
            raise RuntimeError(f"{case.name}: nothing was found, so nothing was measured")
        return Timing(case, items, statistics.median(times), max(times), statements)


def _length(shown: Any) -> int:
    if isinstance(shown, list):
        return len(shown)
    return len(shown.get("items", shown.get("points", ())))


def main() -> int:
    started = time.perf_counter()
    only = [word for word in sys.argv[1:] if not word.startswith("-")]
    with throwaway_site() as site:
        bench = Bench(site)
        ids = bench.template()
        seed(site.superuser_dsn, ids)
        print(
            f"Seeded {DATASETS:,} datasets, {REQUESTS:,} requests and {EVENTS:,} events in "
            f"{time.perf_counter() - started:.0f} s; load {os.getloadavg()[0]:.1f} on "
            f"{os.cpu_count()} processors."
        )
        account = "SELECT id FROM ledger_accounts WHERE population_id = %s AND "
        (shared,) = bench.one(account + "user_id IS NULL", ids.population)
        (own,) = bench.one(account + "user_id = %s", ids.population, ids.researcher)
        timings = []
        print(f"\n  {'list':42} {'rows':>5} {'median':>8} {'worst':>8}  statements")
        for case in cases(ids, shared, own):
            if only and not any(word in case.name for word in only):
                continue
            timing = bench.measure(case)
            timings.append(timing)
            print(
                f"  {case.name:42} {timing.items:5} {timing.median_ms:5.1f} ms "
                f"{timing.worst_ms:5.1f} ms  {timing.statements:6}",
                flush=True,
            )
    slowest = max(timings, key=lambda timing: timing.median_ms)
    busiest = max(timings, key=lambda timing: timing.statements)
    print()
    figures = [
        *(Figure(t.case.name, t.median_ms, "ms", at_most=TARGET_MS) for t in timings),
        Figure(f"slowest: {slowest.case.name}", slowest.median_ms, "ms", at_most=TARGET_MS),
        Figure(
            f"most statements: {busiest.case.name}",
            busiest.statements,
            at_most=MOST_STATEMENTS,
        ),
    ]
    return report("lists", figures, check="--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
