"""The site's internal API, as a worker sees it: claim, heartbeat, succeeded, failed, alive,
report."""

from typing import Any

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from carrel_protocol import PROTOCOL_VERSION
from carrel_protocol.errors import ErrorCode
from carrel_protocol.jobs import (
    ClaimRequest,
    Failed,
    Heartbeat,
    HeartbeatReply,
    Job,
    Succeeded,
    WorkerReport,
)
from carrel_protocol.privacy import MECHANISM_VERSION

_JOB: TypeAdapter[Job] = TypeAdapter(Job)
_TIMEOUT = httpx.Timeout(10.0, connect=2.0)
_LIMITS = httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=60.0)
_TEMPORARY = frozenset({408, 425, 429})


class SiteError(Exception):
    """The site did not do what it was asked."""


class ClaimLost(SiteError):
    """The run is no longer this worker's: claimed again, finished or cancelled. Drop it."""


class Refused(SiteError):
    """A final answer that is not yes: an unknown run, a queue not allowed, a malformed body."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"the site answered {status} {code}")
        self.status = status
        self.code = code


class Unreachable(SiteError):
    """No final answer: the site is down, restarting or overloaded. Asking again may help."""


class SiteClient:
    """One keep-alive connection to the site. Safe to use from several threads."""

    def __init__(
        self, url: str, token: str, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        internal = f"{url.rstrip('/')}/internal/v1"
        self._runs, self._alive = f"{internal}/runs", f"{internal}/alive"
        self._report = f"{internal}/report"
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=_TIMEOUT,
            limits=_LIMITS,
            transport=transport,
            trust_env=False,  # no proxy may stand between a worker and its site
        )
        self._claim = ClaimRequest(
            protocol_version=PROTOCOL_VERSION, mechanism_version=MECHANISM_VERSION
        )

    def claim(self, run_id: str) -> Job:
        """Make the run this worker's. Raises ClaimLost, Refused, Unreachable."""
        reply = self._post(run_id, "claim", self._claim)
        try:
            return _JOB.validate_json(reply.content)
        except ValidationError as error:
            raise Refused(reply.status_code, "malformed_job") from error

    def heartbeat(self, run_id: str, beat: Heartbeat) -> bool:
        """Keep the lease; True if the run was cancelled. Raises ClaimLost, Refused, Unreachable."""
        reply = self._post(run_id, "heartbeat", beat)
        return HeartbeatReply.model_validate_json(reply.content).cancelled

    def succeeded(self, run_id: str, result: Succeeded) -> None:
        """Hand over a result. Raises ClaimLost, Refused, Unreachable."""
        self._post(run_id, "succeeded", result)

    def failed(self, run_id: str, failure: Failed) -> None:
        """Report a failure. Raises ClaimLost, Refused, Unreachable."""
        self._post(run_id, "failed", failure)

    def alive(self) -> None:
        """Say that this worker is there. Raises Unreachable when the site did not hear it."""
        try:
            reply = self._http.post(self._alive)
        except httpx.TransportError as error:
            raise Unreachable(f"alive: {type(error).__name__}") from error
        if not reply.is_success:
            raise Unreachable(f"alive: the site answered {reply.status_code}")

    def report(self, said: WorkerReport) -> None:
        """Say what this worker can run. Raises Unreachable when the site did not hear it."""
        try:
            reply = self._http.post(self._report, content=said.model_dump_json())
        except httpx.TransportError as error:
            raise Unreachable(f"report: {type(error).__name__}") from error
        if not reply.is_success:
            raise Unreachable(f"report: the site answered {reply.status_code}")

    def close(self) -> None:
        self._http.close()

    def _post(self, run_id: str, action: str, body: BaseModel) -> httpx.Response:
        try:
            reply = self._http.post(
                f"{self._runs}/{run_id}/{action}", content=body.model_dump_json()
            )
        except httpx.TransportError as error:
            raise Unreachable(f"{action}: {type(error).__name__}") from error
        if reply.is_success:
            return reply
        if reply.status_code >= 500 or reply.status_code in _TEMPORARY:
            raise Unreachable(f"{action}: the site answered {reply.status_code}")
        code = _code(reply)
        if reply.status_code == 409:
            raise ClaimLost(code)
        raise Refused(reply.status_code, code)


def _code(reply: httpx.Response) -> str:
    """The problem document's code; the site's texts are never logged."""
    try:
        problem: Any = reply.json()
    except ValueError:
        return ErrorCode.INTERNAL
    code = problem.get("code") if isinstance(problem, dict) else None
    return str(code)[:60] if code else ErrorCode.INTERNAL
