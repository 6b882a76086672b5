"""Researchers who ask at once, and who ask again with the same key when the site breaks off."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

_RETRY_SECONDS = 0.25
_FINAL_CONFLICTS = {"budget_exceeded", "kind_paused"}


@dataclass
class Asked:
    """How one question ended, when (monotonic seconds), and after how many seconds.

    outcome: a run's final state, or the code that the question was refused with.
    """

    number: int
    outcome: str
    run_id: str | None
    answer: dict[str, Any] | None
    at: float
    took: float


@dataclass
class Crowd:
    """Questions of one researcher about one dataset. No two of them mean the same."""

    url: str
    dataset: str
    secret: str
    ended: list[Asked] = field(default_factory=list)
    retried: int = 0
    server_errors: list[str] = field(default_factory=list)
    """Every 5xx answer; being killed is no reason for one."""

    async def ask_all(self, questions: int, at_once: int) -> None:
        """Ask so many, `at_once` of them side by side; returns when every one has ended."""
        turns = asyncio.Semaphore(at_once)

        async def one(number: int) -> None:
            async with turns:
                await self._ask(http, number)

        async with self._client() as http:
            await asyncio.gather(*(one(number) for number in range(questions)))

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {self.secret}"},
            timeout=httpx.Timeout(30.0, pool=None),
            limits=httpx.Limits(max_connections=64),
            trust_env=False,
        )

    async def _ask(self, http: httpx.AsyncClient, number: int) -> None:
        age, spend = 1 + number // 5000, number % 5000
        body = {
            "dataset": self.dataset,
            "sql": f"SELECT COUNT(*) AS n FROM tiny WHERE age < {age} AND spend <> {spend}",
            "target": {"kind": "epsilon", "epsilon": 0.1},
        }
        key, began = secrets.token_hex(16), time.monotonic()
        created = await self._until_final(
            lambda: http.post("/requests", json=body, headers={"Idempotency-Key": key})
        )
        reply = created.json()
        if created.status_code == httpx.codes.CONFLICT and reply["code"] in _FINAL_CONFLICTS:
            self._note(began, number, reply["code"])
            return
        assert created.status_code == httpx.codes.CREATED, created.text
        run = await self._ended(http, reply["run"])
        self._note(began, number, run["state"], run["id"], run["answer"])

    def _note(
        self,
        began: float,
        number: int,
        outcome: str,
        run_id: str | None = None,
        answer: dict[str, Any] | None = None,
    ) -> None:
        now = time.monotonic()
        self.ended.append(Asked(number, outcome, run_id, answer, now, now - began))

    async def _ended(self, http: httpx.AsyncClient, run: dict[str, Any]) -> dict[str, Any]:
        """The run once it has ended, by long polls."""
        path = f"/runs/{run['id']}"
        while run["finished_at"] is None:
            waited = await self._until_final(lambda: http.get(path, params={"wait": 20}))
            assert waited.is_success, waited.text
            run = waited.json()
        return run

    async def _until_final(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Send until there is an answer of the site's own: nothing cut off, no 5xx, no 429."""
        while True:
            try:
                reply = await send()
                if reply.is_server_error:
                    self.server_errors.append(f"{reply.status_code} {reply.text[:500]}")
                elif reply.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    return reply
            except httpx.TransportError:
                pass
            self.retried += 1
            await asyncio.sleep(_RETRY_SECONDS)
