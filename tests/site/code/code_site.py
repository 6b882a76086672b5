"""A site whose datasets take code, as its people and a worker played by hand call it."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from carrel_protocol.canonical import tagged_hash
from carrel_protocol.jobs import CodeJob, MockCodeJob
from carrel_site.core.security import new_secret
from carrel_site.runs.workers import ensure_worker
from tests.factories import (
    Member,
)
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.site import AppSite

SOURCE = (
    'def work(df, age_from=18):\n    return df[df["age"] >= age_from].groupby("region").size()\n'
)
LOCKED = ["numpy==2.1.0", "pandas==2.3.3"]
LIMITS = {"wall_seconds": 0.1, "cpu_seconds": 10}
"""The shortest public time there is: 1.6 seconds."""
TABLE = {"columns": ["region", "n"], "index": 1, "rows": [["north", 123], ["south", 7]]}


@dataclass
class CodeSite:
    app: AppSite
    worker: HandWorker
    mocker: HandWorker
    """Serves runs on made-up rows alone."""
    data: str
    """A dataset whose code needs one reviewer."""
    strict: str
    """One that takes two."""
    other: Member
    """A second reviewer."""
    sent: list[bytes] = field(default_factory=list)

    def call(self, who: Member, method: str, path: str, **options: Any) -> httpx.Response:
        return self.app.call(who, method, path, **options)

    def ok(self, who: Member, method: str, path: str, **options: Any) -> Any:
        reply = self.call(who, method, path, **options)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    def program(self, dataset: str | None = None, **changes: Any) -> dict[str, Any]:
        return {
            "data": {"df": dataset or self.data},
            "entry": {"kind": "function", "path": "analysis.py", "name": "work"},
            "files": [{"path": "analysis.py", "text": SOURCE}],
            "parameters": {"age_from": 18},
            "limits": self.limits(),
        } | changes

    def limits(self, **changes: Any) -> dict[str, Any]:
        found = self.ok(self.app.researcher, "GET", "/environments/default")["limits"]
        return {**found, **LIMITS, **changes}

    def ask(
        self, dataset: str | None = None, *, who: Member | None = None, **changes: Any
    ) -> httpx.Response:
        body = self.program(dataset, **changes)
        return self.call(who or self.app.researcher, "POST", "/code_requests", json=body)

    def asked(self, dataset: str | None = None, **changes: Any) -> Any:
        reply = self.ask(dataset, **changes)
        assert reply.status_code == httpx.codes.CREATED, reply.text
        return reply.json()

    def vote(self, who: Member, request: Any, decision: str = "approve") -> httpx.Response:
        body = {
            "content_hash": request["content_hash"],
            "reason": "" if decision == "approve" else "no",
        }
        return self.call(who, "POST", f"/requests/{request['id']}/{decision}", json=body)

    def approved(self, **changes: Any) -> Any:
        """A request that one reviewer approved, with its run queued."""
        reply = self.vote(self.app.reviewer, self.asked(**changes))
        assert reply.is_success, reply.text
        return reply.json()

    def claim(self, run_id: str) -> CodeJob:
        reply = self.worker.try_claim(run_id)
        assert reply.status_code == httpx.codes.OK, reply.text
        return CodeJob.model_validate_json(reply.content)

    def claim_mock(self, run_id: str) -> MockCodeJob:
        reply = self.mocker.try_claim(run_id)
        assert reply.status_code == httpx.codes.OK, reply.text
        return MockCodeJob.model_validate_json(reply.content)

    def end(self, job: CodeJob, **items: tuple[str, bytes]) -> httpx.Response:
        """End a run: kind and bytes of each item by its name."""
        folder = self.folder(job)
        folder.mkdir()
        listed = []
        for number, (name, (kind, content)) in enumerate(items.items()):
            (folder / str(number)).write_bytes(content)
            listed.append(item(name, kind, content))
        return self.post_end(job, listed)

    def post_end(self, job: CodeJob, items: list[Any], **report: Any) -> httpx.Response:
        body = {
            "kind": "code",
            "claim_token": job.claim_token,
            "epoch": job.epoch,
            "report": REPORT | report,
            "items": items,
            "findings": [
                {"check": "small_cells", "level": "alarm", "item": "counts", "message": "7 < 10"}
            ]
            if items
            else [],
        }
        return self.worker.post(f"{job.run_id}/succeeded", body)

    def folder(self, job: CodeJob) -> Path:
        return self.app.site.storage.root / job.target_path

    def held(self, **changes: Any) -> tuple[Any, CodeJob]:
        """A request whose run has ended with a table and an array, and its job."""
        request = self.approved(**changes)
        job = self.claim(request["run"]["id"])
        reply = self.end(
            job,
            counts=("table", json.dumps(TABLE).encode()),
            weights=("array", b"\x93NUMPY not read by the site"),
        )
        assert reply.is_success, reply.text
        return request, job

    def shown(self, run_id: str, who: Member | None = None) -> Any:
        return self.ok(who or self.app.reviewer, "GET", f"/outputs/{run_id}")

    def decide(
        self, who: Member, run_id: str, decision: str = "release", **changes: Any
    ) -> httpx.Response:
        digest = self.execute("SELECT digest FROM outputs WHERE run_id = :id", id=run_id)
        body = {"digest": digest, "decision": decision, **changes}
        return self.call(who, "POST", f"/outputs/{run_id}/decision", json=body)

    def run(self, run_id: str, wait: float = 0) -> Any:
        return self.ok(self.app.researcher, "GET", f"/runs/{run_id}", params={"wait": wait})

    def public(self, run_id: str) -> Any:
        """The run, once its end is public."""
        run = self.run(run_id, wait=20)
        assert run["finished_at"] is not None
        return run

    def result(self, run_id: str) -> Any:
        return self.ok(self.app.researcher, "GET", f"/runs/{run_id}/result")

    def execute(self, sql: str, **parameters: Any) -> Any:
        """The first value of what a statement gives, as the application's own role."""

        def work(session: Any) -> Any:
            found = session.execute(text(sql), parameters)
            return found.scalar() if found.returns_rows else None

        return self.app.site.db.transact(work)

    def events(self, action: str) -> list[Any]:
        return list(
            self.ok(self.app.owner, "GET", "/audit/events", params={"action": action})["items"]
        )


REPORT = {
    "ending": "returned",
    "stdout": "the secret row",
    "wall_ms": 12.0,
    "cpu_ms": 10.0,
    "peak_bytes": 1 << 20,
    "tier": "bubblewrap",
}


def item(name: str, kind: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"name": name, "kind": kind, "size": len(content), "digest": digest}


def report_of(
    worker: HandWorker, locked: list[str] = LOCKED, name: str = "default"
) -> httpx.Response:
    body = {
        "environments": [
            {
                "name": name,
                "packages": ["pandas>=2.2"],
                "locked": locked,
                "imports": ["numpy", "pandas"],
                "lock_hash": tagged_hash("environment/1", locked),
                "built_at": "2026-01-01T00:00:00Z",
            }
        ],
        "sandbox": "bubblewrap+seccomp",
    }
    reply: httpx.Response = worker.app.http.post(
        "/internal/v1/report", json=body, headers={"Authorization": f"Bearer {worker.secret}"}
    )
    return reply


def admit(app: AppSite, name: str, *queues: str) -> HandWorker:
    secret = new_secret("cw")
    app.site.db.transact(lambda session: ensure_worker(session, name, secret, queues))
    worker = HandWorker(app, secret)
    assert report_of(worker).is_success
    return worker


def problem(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["code"]


def set_policy(code: CodeSite, name: str, **changes: Any) -> None:
    dataset = code.call(code.app.owner, "GET", f"/datasets/{name}")
    reply = code.call(
        code.app.owner,
        "PATCH",
        f"/datasets/{name}",
        json={"policy": dataset.json()["policy"] | changes},
        headers={"If-Match": dataset.headers["etag"]},
    )
    assert reply.is_success, reply.text
