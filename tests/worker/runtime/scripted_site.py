"""A small HTTP server that keeps the internal API's contract and does what a test tells it to.

It holds runs in memory: a claim hands out a job under the next epoch and a fresh token, and only
that epoch and token may report. `Script` says which answers to give before the regular ones.
"""

import secrets
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

TOKEN = "cw_" + "t" * 40


@dataclass(frozen=True)
class Event:
    """One request: its action, run, body, the status answered, and when (monotonic seconds)."""

    action: str
    run_id: str
    body: dict[str, Any]
    status: int
    at: float


@dataclass
class Script:
    """A run. `job` is what a claim answers, without run_id, epoch and claim_token.

    claim, result: statuses to answer first, in order; 0 cuts the connection instead.
    beats: what heartbeats answer, in order ("ok", "cancelled" or a status); "ok" afterwards.
    """

    job: dict[str, Any]
    claim: list[int] = field(default_factory=list)
    result: list[int] = field(default_factory=list)
    beats: list[str | int] = field(default_factory=list)
    epoch: int = 0
    token: str = ""
    final: dict[str, Any] | None = None


class ScriptedSite:
    """Served on 127.0.0.1 from a thread between `start` and `stop`."""

    def __init__(self) -> None:
        self.runs: dict[str, Script] = {}
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._server = uvicorn.Server(
            uvicorn.Config(self._app(), log_level="warning", access_log=False)
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def add(self, job: dict[str, Any], **script: Any) -> str:
        run_id = "run_" + secrets.token_hex(8)
        self.runs[run_id] = Script(job, **script)
        return run_id

    def of(self, run_id: str, *actions: str) -> list[Event]:
        """The run's requests so far, of these actions (all if none is named)."""
        return [
            e for e in self.events if e.run_id == run_id and (not actions or e.action in actions)
        ]

    def wait_for(self, run_id: str, action: str, status: int, seconds: float = 30.0) -> Event:
        """The first such request; waits for it."""

        def found() -> Event | None:
            return next((e for e in self.of(run_id, action) if e.status == status), None)

        with self._changed:
            if not self._changed.wait_for(lambda: found() is not None, seconds):
                raise AssertionError(f"no {action} {status} among {self.of(run_id)}")
        event = found()
        assert event is not None
        return event

    def _note(self, action: str, run_id: str, body: dict[str, Any], status: int) -> None:
        with self._changed:
            self.events.append(Event(action, run_id, body, status, time.monotonic()))
            self._changed.notify_all()

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/internal/v1/report", status_code=204)
        async def report(request: Request) -> None:
            self._note("report", "", await request.json(), 204)

        @app.post("/internal/v1/runs/{run_id}/{action}")
        async def act(run_id: str, action: str, request: Request) -> Response:
            body = await request.json()
            status, content = self._answer(run_id, action, body, request)
            self._note(action, run_id, body, status)
            if status == 0:
                # An answer of the wrong length: the connection breaks off in the middle of it.
                return Response(b"", headers={"content-length": "10"})
            if status >= 400:
                code = {409: "claim_lost", 403: "forbidden", 404: "not_found"}.get(status, "other")
                problem = {"title": code, "status": status, "code": code, "detail": code}
                return JSONResponse(problem, status, media_type="application/problem+json")
            return Response(status_code=status) if content is None else JSONResponse(content)

        return app

    def _answer(
        self, run_id: str, action: str, body: dict[str, Any], request: Request
    ) -> tuple[int, dict[str, Any] | None]:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, None
        run = self.runs.get(run_id)
        if run is None:
            return 404, None
        if action == "claim":
            if run.claim and (status := run.claim.pop(0)) != 200:
                return status, None
            run.epoch += 1
            run.token = secrets.token_hex(8)
            return 200, run.job | {
                "run_id": run_id, "epoch": run.epoch, "claim_token": run.token,
            }  # fmt: skip
        held = (body["epoch"], body["claim_token"]) == (run.epoch, run.token)
        if not held or run.final is not None:
            return 409, None
        if action == "heartbeat":
            beat = run.beats.pop(0) if run.beats else "ok"
            return (beat, None) if isinstance(beat, int) else (200, {"cancelled": beat != "ok"})
        if run.result and (status := run.result.pop(0)) != 204:
            return status, None
        run.final = body
        return 204, None
