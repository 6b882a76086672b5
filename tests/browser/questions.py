"""A dataset that people can ask about, and questions about it, for tests of the console."""

import time
from typing import Any

from carrel_protocol.api.common import Role
from tests.browser.people import ConsoleSite

ROWS = 400
_READY_SECONDS = 90.0


def make_dataset(site: ConsoleSite, name: str = "visits", **policy: Any) -> None:
    """A dataset with rows, which the researcher and the owner may ask about."""
    owner = site.api(Role.OWNER)
    limits = {"epsilon": 5.0}
    people = {"name": f"{name}_people", "together": {"epsilon": 20.0}, "each": limits}
    assert owner.post("/populations", json=people).is_success
    table = {
        "unit_column": "person",
        "columns": [
            {"type": "integer", "name": "age", "lower": 0, "upper": 100, "nullable": False},
            {"type": "category", "name": "region", "categories": ["north", "south"]},
        ],
        "size": {"rows": ROWS, "units": ROWS},
    }
    dataset = {"name": name, "population": people["name"], "table": table, "policy": policy}
    made = owner.post("/datasets", json=dataset)
    assert made.is_success, made.text
    rows = "".join(f"{i},{i % 100},{('north', 'south')[i % 2]}\n" for i in range(ROWS))
    sent = owner.post(f"/datasets/{name}/versions?format=csv", content=f"person,age,region\n{rows}")
    assert sent.is_success, sent.text
    deadline = time.monotonic() + _READY_SECONDS
    while not owner.get(f"/datasets/{name}").json()["version_id"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    for role in (Role.RESEARCHER, Role.OWNER):
        given = owner.put(f"/datasets/{name}/access", json={"user": site.email(role)})
        assert given.is_success, given.text


def set_terms(site: ConsoleSite, name: str, text: str) -> None:
    """Change a dataset's terms of use: everybody has to accept them anew."""
    owner = site.api(Role.OWNER)
    tag = owner.get(f"/datasets/{name}").headers["ETag"]
    changed = owner.patch(f"/datasets/{name}", json={"terms": text}, headers={"If-Match": tag})
    assert changed.is_success, changed.text


def ask(
    site: ConsoleSite,
    purpose: str,
    *,
    role: Role = Role.RESEARCHER,
    dataset: str = "visits",
    where: str = "age >= 18",
    epsilon: float = 0.2,
) -> dict[str, Any]:
    """A question, asked by a program: the request it came to."""
    question = {
        "dataset": dataset,
        "sql": f"SELECT COUNT(*) AS people\nFROM {dataset}\nWHERE {where}",
        "target": {"kind": "epsilon", "epsilon": epsilon},
        "purpose": purpose,
    }
    asked = site.api(role).post("/requests", json=question)
    assert asked.status_code == 201, asked.text
    return dict(asked.json())


def decide(
    site: ConsoleSite, request: dict[str, Any], decision: str, reason: str = ""
) -> dict[str, Any]:
    """The reviewer's vote, cast by a program."""
    body = {"content_hash": request["content_hash"], "reason": reason}
    voted = site.api(Role.REVIEWER).post(f"/requests/{request['id']}/{decision}", json=body)
    assert voted.is_success, voted.text
    return dict(voted.json())
