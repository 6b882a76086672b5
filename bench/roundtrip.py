"""How long a tiny private question takes, and how many a site answers.

    .venv/bin/python bench/roundtrip.py [--check] [--asks 300] [--seconds 60] [--researchers 50]

Against `carrel up` on this machine, everything included: HTTP, pricing, ledger, audit, Celery,
worker, noise. "Without the grid" leaves out the time that a finished answer waited for its public
deadline, as the site recorded it.
"""

import argparse
import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

import httpx
from _report import Figure, report
from _site import BenchSite, bench_site

EPSILON = 0.01
LIMIT = 900.0
MS = 1000.0


@dataclass
class Ask:
    """One question's times, in ms since it was sent."""

    submitted: float
    answered: float
    run_id: str


def quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(q * len(ordered)), len(ordered) - 1)]


def question(number: int) -> dict[str, Any]:
    """A question that nobody asked before: asking the same twice would be answered from memory."""
    age, spend = 1 + number // 9_000, number % 9_000  # within the domains, or they mean the same
    return {
        "dataset": "tiny",
        "sql": f"SELECT COUNT(*) AS n FROM tiny WHERE age < {age} AND spend <> {spend}",
        "target": {"kind": "epsilon", "epsilon": EPSILON},
    }


async def ask(client: httpx.AsyncClient, number: int) -> Ask:
    began = time.perf_counter()
    created = await client.post("/requests", json=question(number))
    created.raise_for_status()
    run = created.json()["run"]
    submitted = time.perf_counter()
    while run["finished_at"] is None:
        waited = await client.get(f"/runs/{run['id']}", params={"wait": 20})
        waited.raise_for_status()
        run = waited.json()
    if run["state"] != "succeeded":
        raise RuntimeError(f"run {run['id']} {run['state']}")
    ended = time.perf_counter()
    return Ask((submitted - began) * MS, (ended - began) * MS, run["id"])


def client_for(site: BenchSite, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{site.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60.0
    )


async def one_by_one(site: BenchSite, key: str, asks: int) -> list[Ask]:
    async with client_for(site, key) as client:
        for number in range(20):  # warm: pools, statement caches, the workers' first queries
            await ask(client, 9_000 + number)
        return [await ask(client, number) for number in range(asks)]


def hops(site: BenchSite, asks: list[Ask]) -> dict[str, list[float]]:
    """Each question's time, in ms, by the hop it was spent in, from the site's own record."""
    shares: dict[str, list[float]] = {}
    with site.owner() as owner:
        for item in asks:
            found = owner.get(f"/runs/{item.run_id}/diagnostics").json()
            at = {
                name: datetime.fromisoformat(found[name])
                for name in ("queued_at", "claimed_at", "finished_at", "visible_at")
            }
            parts = {
                "submit (HTTP)": item.submitted,
                "queued → claimed": _ms(at["queued_at"], at["claimed_at"]),
                "of it: execution": found["wall_ms"],
                "claimed → recorded": _ms(at["claimed_at"], at["finished_at"]),
                "recorded → visible (grid)": _ms(at["finished_at"], at["visible_at"]),
            }
            for name, value in parts.items():
                shares.setdefault(name, []).append(value)
            shares.setdefault("total without grid", []).append(
                item.answered - parts["recorded → visible (grid)"]
            )
    return shares


def _ms(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * MS


@dataclass
class Load:
    answered: int
    refused_5xx: int
    seconds: float
    latencies: list[float]


async def crowd(site: BenchSite, keys: list[str], seconds: float) -> Load:
    """Every key's holder asks one question after another for so many seconds."""
    load = Load(0, 0, seconds, [])

    async def researcher(client: httpx.AsyncClient, stop: float) -> None:
        number = 0
        while time.perf_counter() < stop:
            number += 1
            try:
                done = await ask(client, number)
            except httpx.HTTPStatusError as error:
                if error.response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    raise
                load.refused_5xx += 1
                continue
            load.answered += 1
            load.latencies.append(done.answered)

    async with AsyncExitStack() as stack:
        # Made before the clock starts: each reads the machine's certificates, 20 ms of CPU.
        clients = [await stack.enter_async_context(client_for(site, key)) for key in keys]
        began = time.perf_counter()
        await asyncio.gather(*(researcher(client, began + seconds) for client in clients))
        load.seconds = time.perf_counter() - began
    return load


def overspent(site: BenchSite, asked: int) -> int:
    """Accounts over their limit, or whose sums are not what their charges add up to."""
    with site.owner() as owner:
        accounts = owner.get("/populations/tiny/accounts", params={"limit": 200}).json()["items"]
    wrong = 0
    for account in accounts:
        within = any(o["spent"] + o["reserved"] <= o["limit"] for o in account["orders"])
        settled = all(o["reserved"] == 0 for o in account["orders"])
        whole = account["person"] is not None or account["charges"] == asked
        wrong += not (within and settled and whole)
    return wrong


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    arguments.add_argument("--asks", type=int, default=300)
    arguments.add_argument("--seconds", type=float, default=60.0)
    arguments.add_argument("--researchers", type=int, default=50)
    options = arguments.parse_args()
    with bench_site() as site:
        with site.owner() as owner:
            site.dataset(owner, "tiny", LIMIT)
            keys = [site.researcher(owner, "tiny") for _ in range(options.researchers + 1)]
        asks = asyncio.run(one_by_one(site, keys[0], options.asks))
        shares = hops(site, asks)
        load = asyncio.run(crowd(site, keys[1:], options.seconds))
        wrong = overspent(site, 20 + len(asks) + load.answered)
    total = [item.answered for item in asks]
    bare = shares["total without grid"]
    figures = [
        Figure("median, with grid", median(total), "ms", at_most=50),
        Figure("p99, with grid", quantile(total, 0.99), "ms", at_most=150),
        Figure("median, without grid", median(bare), "ms", at_most=50),
        Figure("p99, without grid", quantile(bare, 0.99), "ms", at_most=150),
        *(
            Figure(f"median of: {name}", median(values), "ms")
            for name, values in shares.items()
            if name != "total without grid"
        ),
        Figure(
            f"{options.researchers} researchers", load.answered / load.seconds, "/s", at_least=30
        ),
        Figure("their median", median(load.latencies), "ms"),
        Figure("their p99", quantile(load.latencies, 0.99), "ms"),
        Figure("5xx answers", load.refused_5xx, "", at_most=0),
        Figure("accounts overspent or inexact", wrong, "", at_most=0),
    ]
    sys.exit(report("A tiny private question, round trip", figures, check=options.check))


if __name__ == "__main__":
    main()
