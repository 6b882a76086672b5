"""People, budgets and data of a site whose processes a test may kill."""

import time
from dataclasses import dataclass
from typing import Any

import httpx

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import BudgetLimits
from carrel_site.ledger import accounting
from tests.e2e.fleet import Fleet
from tests.factories import Member, make_access, make_member, make_population

ROWS = 500
EPSILON = 0.1
"""What every question costs; see `crowd`."""
_READY_SECONDS = 60.0


@dataclass
class World:
    """A dataset "tiny" of 500 people, whose questions are approved at once."""

    fleet: Fleet
    site: Any
    owner: Member
    population: str
    dataset: str

    def researcher(self) -> Member:
        """Somebody new, who may ask and has asked nothing yet."""

        def make(session: Any) -> Member:
            member = make_member(session, Role.RESEARCHER)
            make_access(session, self.owner.id, self.dataset, member.email)
            return member

        found: Member = self.site.db.transact(make)
        return found


def build(fleet: Fleet, site: Any, *, pays_for: int) -> World:
    """A world in which each researcher's account can pay for exactly `pays_for` questions."""
    each = _limits(pays_for)

    def people(session: Any) -> tuple[Member, str]:
        owner = make_member(session, Role.OWNER)
        together = BudgetLimits(epsilon=1000)
        population = make_population(session, owner.id, name="p", together=together, each=each)
        return owner, population.id

    owner, population = site.db.transact(people)
    with httpx.Client(
        base_url=f"{fleet.url}/api/v1", headers=owner.headers, timeout=30, trust_env=False
    ) as http:
        table = {
            "unit_column": "person",
            "columns": [
                {"type": "integer", "name": "age", "lower": 0, "upper": 100, "nullable": False},
                {"type": "integer", "name": "spend", "lower": 0, "upper": 10000},
            ],
            "size": {"rows": ROWS, "units": ROWS},
        }
        policy = {"auto_approve": True, "auto_approve_share": 1.0}
        asked = {"name": "tiny", "population": "p", "table": table, "policy": policy}
        dataset = http.post("/datasets", json=asked).raise_for_status().json()
        rows = "".join(f"{i},{i % 100},{i}\n" for i in range(ROWS))
        http.post("/datasets/tiny/versions?format=csv", content="person,age,spend\n" + rows)
        deadline = time.monotonic() + _READY_SECONDS
        while not http.get("/datasets/tiny").raise_for_status().json()["version_id"]:
            assert time.monotonic() < deadline, fleet.tail()
            time.sleep(0.1)
    return World(fleet, site, owner, population, dataset["id"])


def _limits(questions: int) -> BudgetLimits:
    """The smallest limits, to about 1e-9, that hold so many questions, found by halving."""
    low, high = 0.0, 100.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if _holds(middle) >= questions else (middle, high)
    assert _holds(high) == questions
    return BudgetLimits(epsilon=high)


def _holds(epsilon: float) -> int:
    asked = BudgetLimits(epsilon=epsilon) if epsilon else None
    try:
        assert asked is not None
        limits = accounting.preset(asked.epsilon, asked.delta_conv, asked.delta_add)
    except accounting.ImpossibleLimits:
        return 0
    return accounting.queries_at_epsilon(limits, EPSILON)
