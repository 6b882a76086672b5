"""Private black boxes of a `CodeSite`, and the worker that runs them, played by hand."""

from dataclasses import dataclass
from typing import Any

import httpx

from carrel_protocol.api.datasets import DatasetPolicy
from carrel_protocol.jobs import BlackBoxJob
from tests.factories import Member, make_access, make_dataset, make_version
from tests.fixtures.hand_worker import HandWorker
from tests.site.code.code_site import SOURCE, CodeSite

VECTOR = {"lower": [0, -1], "upper": [100, 1], "steps": 1000}


@dataclass
class Boxes:
    code: CodeSite
    worker: HandWorker

    def body(self, **changes: Any) -> dict[str, Any]:
        return {
            "dataset": self.code.data,
            "entry": {"kind": "function", "path": "analysis.py", "name": "work"},
            "files": [{"path": "analysis.py", "text": SOURCE}],
            "parameters": {"age_from": 18},
            "blocks": 5,
            "output": VECTOR,
            "target": {"kind": "epsilon", "epsilon": 1.0},
            "wall_seconds": 0.1,
            "cpu_seconds": 0.1,
        } | changes

    def price(self, **changes: Any) -> Any:
        body = self.body(**changes)
        return self.code.ok(self.code.app.researcher, "POST", "/black_box_prices", json=body)

    def ask(self, who: Member | None = None, **changes: Any) -> httpx.Response:
        body = self.body(**changes)
        who = who or self.code.app.researcher
        return self.code.call(who, "POST", "/black_box_requests", json=body)

    def queued(self, **changes: Any) -> Any:
        reply = self.ask(**changes)
        assert reply.status_code == httpx.codes.CREATED, reply.text
        approved = self.code.vote(self.code.app.reviewer, reply.json())
        assert approved.is_success, approved.text
        assert approved.json()["state"] == "queued"
        return approved.json()

    def claim(self, request: Any) -> BlackBoxJob:
        reply = self.worker.try_claim(request["run"]["id"])
        assert reply.status_code == httpx.codes.OK, reply.text
        return BlackBoxJob.model_validate_json(reply.content)

    def answer(self, job: BlackBoxJob) -> httpx.Response:
        body = {
            "kind": "black_box",
            "claim_token": job.claim_token,
            "epoch": job.epoch,
            "answer": ANSWER | {"noise": [n.model_dump() for n in job.content.noise]},
            "cpu_ms": 10.0,
            "wall_ms": 20.0,
        }
        return self.worker.post(f"{job.run_id}/succeeded", body)

    def due(self, run_id: str) -> None:
        """Let a run's public time be now."""
        self.code.execute("UPDATE runs SET visible_at = now() WHERE id = :id", id=run_id)

    def spent(self) -> list[tuple[str, int]]:
        """Kind of each of the ledger's entries, and how many of it there are."""
        found = self.code.execute(
            "SELECT json_agg(x) FROM (SELECT kind, count(*) FROM ledger_entries"
            " WHERE kind <> 'open' GROUP BY kind ORDER BY kind) x"
        )
        return [(row["kind"], row["count"]) for row in found or []]


ANSWER = {
    "blocks": 5,
    "values": [41.5, 0.25],
    "low": [30.0, -0.5],
    "high": [50.0, 1.0],
    "confidence": 0.95,
    "released": [2075, "-9007199254740999"],
}


def automatic(boxes: Boxes, *, exclusive: bool) -> Any:
    code = boxes.code
    site = code.app.site
    site.settings = site.settings.model_copy(update={"black_box_exclusive": exclusive})

    def work(session: Any) -> str:
        people = code.execute("SELECT id FROM populations LIMIT 1")
        owner = code.app.owner.id
        policy = DatasetPolicy(auto_approve=True, auto_approve_share=1.0)
        dataset = make_dataset(session, owner, people, policy=policy)
        make_version(session, site, dataset)
        make_access(session, owner, dataset.id, code.app.researcher.id)
        return dataset.name

    reply = boxes.ask(dataset=site.db.transact(work))
    assert reply.is_success, reply.text
    return reply.json()


def refused(boxes: Boxes, request: Any) -> None:
    code, run_id = boxes.code, request["run"]["id"]
    assert boxes.worker.try_claim(run_id).status_code == httpx.codes.CONFLICT
    assert code.execute("SELECT state FROM runs WHERE id = :id", id=run_id) == "failed"
    (event,) = code.events("run.refused")
    assert event["subject"] == run_id
