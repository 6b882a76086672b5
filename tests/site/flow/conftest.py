"""A site with people, one dataset that answers at once, one that people review, and a worker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import BudgetLimits, DatasetPolicy
from carrel_site.runs.beat import duties
from tests.factories import (
    Member,
    make_access,
    make_dataset,
    make_member,
    make_population,
    make_version,
)
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.site import AppSite

LIMIT = 10.0
MOST = {"kind": "epsilon", "epsilon": 4.0}
"""A target that a researcher's account can pay once, and not twice."""


@dataclass
class Flow:
    app: AppSite
    worker: HandWorker
    open: str
    """A dataset whose questions are approved at once."""
    reviewed: str
    """One whose questions need two people."""
    population: str

    def call(self, who: Member, method: str, path: str, **options: Any) -> httpx.Response:
        return self.app.call(who, method, path, **options)

    def ok(self, who: Member, method: str, path: str, **options: Any) -> Any:
        reply = self.call(who, method, path, **options)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    def ask(self, dataset: str, where: str = "age > 3", **changes: Any) -> httpx.Response:
        body = {
            "dataset": dataset,
            "sql": f"SELECT COUNT(*) AS n FROM {dataset} WHERE {where}",
            "target": {"kind": "epsilon", "epsilon": 0.1},
        }
        return self.call(self.app.researcher, "POST", "/requests", json=body | changes)

    def asked(self, dataset: str, where: str = "age > 3", **changes: Any) -> Any:
        reply = self.ask(dataset, where, **changes)
        assert reply.status_code == httpx.codes.CREATED, reply.text
        return reply.json()

    def run(self, run_id: str, wait: float = 0) -> Any:
        return self.ok(self.app.researcher, "GET", f"/runs/{run_id}", params={"wait": wait})

    def ended(self, run_id: str) -> Any:
        run = self.run(run_id, wait=20)
        assert run["finished_at"] is not None
        return run

    def decide(self, who: Member, request: Any, decision: str, reason: str = "") -> httpx.Response:
        body = {"content_hash": request["content_hash"], "reason": reason}
        return self.call(who, "POST", f"/requests/{request['id']}/{decision}", json=body)

    def budget(self) -> Any:
        return self.ok(self.app.researcher, "GET", f"/datasets/{self.open}/budget")["mine"]

    def spent(self) -> tuple[int, int]:
        """Spent and reserved at the first order."""
        order = self.budget()["orders"][0]
        return order["spent"], order["reserved"]

    def execute(self, sql: str, **parameters: Any) -> None:
        self.app.site.db.transact(lambda session: session.execute(text(sql), parameters))


@pytest.fixture
def flow(app_site: AppSite) -> Flow:
    owner, researcher = app_site.owner, app_site.researcher

    def work(session: Any) -> tuple[str, str, str]:
        limits = BudgetLimits(epsilon=LIMIT)
        people = make_population(session, owner.id, each=limits, together=BudgetLimits(epsilon=90))
        names = []
        for policy in (
            DatasetPolicy(auto_approve=True, auto_approve_share=1.0),
            DatasetPolicy(reviewers=2),
        ):
            dataset = make_dataset(session, owner.id, people.id, policy=policy)
            make_version(session, app_site.site, dataset)
            make_access(session, owner.id, dataset.id, researcher.id)
            names.append(dataset.name)
        return names[0], names[1], people.id

    opened, reviewed, population = app_site.site.db.transact(work)
    return Flow(app_site, HandWorker.admitted(app_site), opened, reviewed, population)


@pytest.fixture
def another_reviewer(flow: Flow) -> Member:
    return flow.app.site.db.transact(lambda session: make_member(session, Role.REVIEWER))


@pytest.fixture
def beat(flow: Flow) -> Callable[[], None]:
    """One round of every duty of the scheduler."""

    def act() -> None:
        for duty in duties():
            duty.act(flow.app.site)

    return act
