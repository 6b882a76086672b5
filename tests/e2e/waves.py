"""Runs of code, real and on made-up rows, asked for at once: how each is to end."""

import secrets
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg

from carrel_site.runs.broker import Broker
from tests.e2e.world import World
from tests.embedded.procs import eventually
from tests.factories import Member

PROGRAM = """
import os, time


def work(df, how, number):
    if how == "raise":
        raise ValueError(number)
    if how == "exit":
        os._exit(3)
    if how == "memory":
        return sum(bytearray(b"x" * 2**30)[:10])
    if how == "output":
        return "x" * 2**21
    if how == "orphan" and os.fork() == 0:
        os.setsid()
        time.sleep(1000)
    if how == "files":
        for each in range(200):
            open(f"/tmp/{each}", "wb").write(b"x" * 1000)
    if how == "sleep":
        time.sleep(1000)
    return int(df["age"].sum()) + number
"""
ENDS = {
    "table": "returned",
    "raise": "raised",
    "exit": "exited",
    "memory": "memory",
    "output": "output_size",
    "orphan": "returned",
    "files": "returned",
}
"""How a program that does this ends."""
WALL = 5.4
"""Seconds; an end is public 6.4 s after the claim."""
SHORT = 0.5
"""Of those that are to run out of time."""
LIMITS = {
    "wall_seconds": WALL,
    "cpu_seconds": 60,
    "memory_bytes": 400 * 2**20,
    "output_bytes": 2**20,
}
_AT_ONCE = 16


@dataclass(frozen=True)
class Wave:
    """How many of each there are to be."""

    ends: dict[str, int]
    out_of_time: int
    cancelled_waiting: int
    cancelled_running: int
    made_up: dict[str, int]

    @property
    def runs(self) -> int:
        cancelled = self.cancelled_waiting + self.cancelled_running
        code = sum(self.ends.values()) + self.out_of_time + cancelled
        return code + sum(self.made_up.values())


@dataclass
class Queue:
    """One researcher's runs. `wanted`: the ending of each that is not cancelled, by its id."""

    world: World
    dsn: str
    reviewer: Member
    asker: Member
    wanted: dict[str, str] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    """To be cancelled before a worker takes them."""
    asleep: set[str] = field(default_factory=set)
    """To be cancelled while they run."""
    _asked: int = 0

    def ask(self, wave: Wave) -> set[str]:
        """Ask for all of them at once; the ids of their runs."""
        limits = {"table": LIMITS, "short": LIMITS | {"wall_seconds": SHORT}}
        code = [(how, limits["table"]) for how, count in wave.ends.items() for _ in range(count)]
        code += [("sleep", limits["short"])] * wave.out_of_time
        code += [("sleep", limits["table"])] * (wave.cancelled_waiting + wave.cancelled_running)
        # How a run goes must not depend on those that came just before.
        secrets.SystemRandom().shuffle(code)
        mocks = [how for how, count in wave.made_up.items() for _ in range(count)]
        with self.client(self.asker) as http, ThreadPoolExecutor(_AT_ONCE) as threads:
            self._approve(http, limits.values())
            asked = list(threads.map(lambda each: self._code(http, *each), code))
            made_up = list(threads.map(lambda how: self._mock(http, how), mocks))
        sleepers = [
            run for run, (how, given) in zip(asked, code, strict=True) if _is_sleeper(how, given)
        ]
        self.waiting = set(sleepers[: wave.cancelled_waiting])
        self.asleep = set(sleepers[wave.cancelled_waiting :])
        for run, (how, given) in zip(asked, code, strict=True):
            if not _is_sleeper(how, given):
                self.wanted[run] = ENDS.get(how, "wall_time")
        self.wanted |= {run: ENDS[how] for run, how in zip(made_up, mocks, strict=True)}
        return {*asked, *made_up}

    def client(self, who: Member) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.world.fleet.url}/api/v1",
            headers=who.headers,
            timeout=120,
            trust_env=False,
        )

    def cancel(self, runs: Iterable[str]) -> None:
        with self.client(self.asker) as http:
            for run in runs:
                http.post(f"/runs/{run}/cancel").raise_for_status()

    def cancel_running(self) -> None:
        """Cancel each of `asleep` once a worker has taken it."""
        left = set(self.asleep)

        def taken() -> set[str]:
            return {run for run, (state, _) in self.states(left).items() if state != "queued"}

        while left:
            assert eventually(lambda: bool(taken()), 300), self.world.fleet.tail()
            self.cancel(running := taken())
            left -= running

    def states(self, runs: Iterable[str]) -> dict[str, tuple[str, bool]]:
        """State as it is, and whether its end is public, by run."""
        query = "SELECT id, state, closed_at IS NOT NULL FROM runs WHERE id = ANY(%s)"
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute(query, (list(runs),)).fetchall()
        return {run: (state, public) for run, state, public in rows}

    def all_ended(self, runs: Iterable[str]) -> bool:
        return all(public for _, public in self.states(runs).values())

    def endings(self, runs: Iterable[str]) -> dict[str, str]:
        """How each ended: as its report says, or as its state does."""
        query = """
            SELECT r.id, r.state, coalesce(o.report, m.result -> 'report') ->> 'ending'
            FROM runs r LEFT JOIN outputs o ON o.run_id = r.id LEFT JOIN mock_runs m
            ON m.run_id = r.id WHERE r.id = ANY(%s)
        """
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute(query, (list(runs),)).fetchall()
        return {
            run: ending if state == "succeeded" and ending else state for run, state, ending in rows
        }

    def held(self) -> set[str]:
        """Where each output of code that returned something lies."""
        query = "SELECT run_id, epoch FROM outputs WHERE jsonb_array_length(items) > 0"
        with psycopg.connect(self.dsn) as connection:
            return {f"{run}_{epoch}" for run, epoch in connection.execute(query).fetchall()}

    def messages(self) -> int:
        """How many wait in the broker for a worker."""
        broker = Broker(self.world.fleet.settings.broker_url)
        waiting = sum(broker.depth(queue) for queue in ("code", "mock"))
        broker.close()
        return waiting

    def _approve(self, http: httpx.Client, limits: Iterable[dict[str, Any]]) -> None:
        """Have one request with each of these limits approved, for all that come after; their own
        runs are cancelled at once."""
        for given in limits:
            body = self._body("table", given)
            asked = http.post("/code_requests", json=body).raise_for_status().json()
            vote = {"content_hash": asked["content_hash"], "reason": ""}
            if asked["state"] != "submitted":
                self.cancel([asked["run"]["id"]])
                continue
            with self.client(self.reviewer) as reviewer:
                path = f"/requests/{asked['id']}/approve"
                approved = reviewer.post(path, json=vote).raise_for_status().json()
            self.cancel([approved["run"]["id"]])

    def _code(self, http: httpx.Client, how: str, limits: dict[str, Any]) -> str:
        asked = http.post("/code_requests", json=self._body(how, limits))
        assert asked.status_code == httpx.codes.CREATED, asked.text
        reply = asked.json()
        assert reply["run"] is not None, reply
        return str(reply["run"]["id"])

    def _mock(self, http: httpx.Client, how: str) -> str:
        body = self._body(how, LIMITS)
        del body["reach"], body["purpose"]
        asked = http.post("/mock_runs", json=body | {"rows": 100})
        assert asked.status_code == httpx.codes.CREATED, asked.text
        return str(asked.json()["id"])

    def _body(self, how: str, limits: dict[str, Any]) -> dict[str, Any]:
        self._asked += 1
        return {
            "data": {"df": self.world.dataset},
            "entry": {"kind": "function", "path": "analysis.py", "name": "work"},
            "files": [{"path": "analysis.py", "text": PROGRAM}],
            "parameters": {"how": how, "number": self._asked},
            "limits": limits,
            "reach": {
                "bounds": {
                    "how": {"kind": "choice", "values": [*ENDS, "sleep"]},
                    "number": {"kind": "number", "lower": 0, "upper": 10_000, "whole": True},
                },
                "runs": 1000,
                "days": 30,
            },
            "purpose": f"Wave, run {self._asked}",
        }


def _is_sleeper(how: str, limits: dict[str, Any]) -> bool:
    return how == "sleep" and limits["wall_seconds"] == WALL


def counted(endings: dict[str, str]) -> dict[str, int]:
    return dict(sorted(Counter(endings.values()).items()))
