"""Every list, on a large site: the first page, a page far down, and filtered ones.

10,000 datasets, 100,000 requests with their runs and ledger entries, 10,000 more for code with
their outputs, 10,000 runs on made-up rows, 1,000,000 audit events, made by SQL in a cluster of its
own (bench/_seed.py, bench/_code.py). What is measured is the time inside the
application, from the request to the complete answer; how much of a processor the application and
PostgreSQL used for it, which a busy machine hardly changes; and how many SQL statements it took
(the look-up of the API key is one of them). Each page is asked for `REPEATS` times after it was
asked for `WARM` times, which is beyond the five after which the driver prepares a statement for
good. It ends at once, and fails, where the API has a list or a filter that no page here uses.

    .venv/bin/python bench/lists.py [--check]
"""

import json
import os
import secrets
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

import psycopg
from _cases import Case, cases, uncovered
from _code import CODE
from _report import Figure, report
from _seed import seed
from _template import DATASETS, EVENTS, REQUESTS, Template
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
class Timing:
    case: Case
    items: int
    median_ms: float
    worst_ms: float
    cpu_ms: float
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
            code=self._code(),
            owner=owner["user"]["id"],
            reviewer=people["reviewer"],
            researcher=people["researcher"],
        )

    def _code(self) -> str:
        """A request for a program of some 300 lines; its environment alone is put there by hand."""
        limits = {"wall_seconds": 300, "cpu_seconds": 300}
        self._execute(
            "INSERT INTO code_environments (name, description, packages, locked, imports,"
            " lock_hash, limits, built_at) VALUES ('default', '', '[\"pandas\"]', '[]', '[]', %s,"
            " %s::jsonb, now())",
            "0" * 64,
            json.dumps(limits),
        )
        step = "    rows = rows[rows['age'] > {0}]  # step {0}\n"
        program = "def work(rows):\n" + "".join(step.format(n) for n in range(300))
        asked = {
            "data": {"rows": "visits"},
            "entry": {"kind": "function", "path": "analysis.py", "name": "work"},
            "files": [{"path": "analysis.py", "text": program + "    return len(rows)\n"}],
            "purpose": "How long do people wait?",
        }
        return str(self.call("researcher", "POST", "/code_requests", json=asked)["id"])

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
        times, used, statements = [], [], []
        for turn in range(WARM + REPEATS):
            measured.statements.clear()
            before = self._site.database_seconds()
            shown = self.call(case.who, "GET", case.path, params=query)
            if turn >= WARM:
                times.append(measured.seconds * 1000)
                database = self._site.database_seconds() - before
                used.append((measured.processor_seconds + database) * 1000)
                statements.append(len(measured.statements))
        items = _length(shown)
        if items == 0 and not case.empty:
            raise RuntimeError(f"{case.name}: nothing was found, so nothing was measured")
        return Timing(
            case,
            items,
            statistics.median(times),
            max(times),
            statistics.median(used),
            statistics.median_low(statements),  # now and then a key's last use is noted too
        )


def _length(shown: Any) -> int:
    """How many rows a list has, whatever it is called; of a page with several, all of them."""
    if isinstance(shown, list):
        return len(shown)
    return sum(len(part) for part in shown.values() if isinstance(part, list))


def main() -> int:
    started = time.perf_counter()
    only = [word for word in sys.argv[1:] if not word.startswith("-")]
    with throwaway_site() as site:
        bench = Bench(site)
        ids = bench.template()
        missing = uncovered(bench.call(None, "GET", "/openapi.json"), cases(ids, "any", "any"))
        if missing:
            print("In no case of this bench: " + ", ".join(missing))
            return 1
        seed(site.superuser_dsn, ids)
        print(
            f"Seeded {DATASETS:,} datasets, {REQUESTS:,} requests, {CODE:,} for "
            f"code and {EVENTS:,} events in "
            f"{time.perf_counter() - started:.0f} s; load {os.getloadavg()[0]:.1f} on "
            f"{os.cpu_count()} processors."
        )
        account = "SELECT id FROM ledger_accounts WHERE population_id = %s AND "
        (shared,) = bench.one(account + "user_id IS NULL", ids.population)
        (own,) = bench.one(account + "user_id = %s", ids.population, ids.researcher)
        timings = []
        print(f"\n  {'list':42} {'rows':>5} {'median':>8} {'worst':>8} {'CPU':>8}  statements")
        for case in cases(ids, shared, own):
            if only and not any(word in case.name for word in only):
                continue
            timing = bench.measure(case)
            timings.append(timing)
            print(
                f"  {case.name:42} {timing.items:5} {timing.median_ms:5.1f} ms "
                f"{timing.worst_ms:5.1f} ms {timing.cpu_ms:5.1f} ms  {timing.statements:6}",
                flush=True,
            )
    slowest = max(timings, key=lambda timing: timing.median_ms)
    dearest = max(timings, key=lambda timing: timing.cpu_ms)
    busiest = max(timings, key=lambda timing: timing.statements)
    print()
    figures = [
        *(Figure(t.case.name, t.median_ms, "ms", at_most=TARGET_MS) for t in timings),
        Figure(f"slowest: {slowest.case.name}", slowest.median_ms, "ms", at_most=TARGET_MS),
        Figure(f"most CPU: {dearest.case.name}", dearest.cpu_ms, "ms"),
        Figure(
            f"most statements: {busiest.case.name}",
            busiest.statements,
            at_most=MOST_STATEMENTS,
        ),
    ]
    return report("lists", figures, check="--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
