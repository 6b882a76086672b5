"""Programs that people ask to run on private data, for tests of the console."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from carrel_protocol.api.common import Role
from tests.browser.people import ConsoleSite

SECONDS = 120.0
COUNTS = """def work(df, age_from=18):
    return df[df.age >= age_from].groupby("region").size()
"""


def until(done: Callable[[], object]) -> Any:
    """What `done` gives once it gives something."""
    deadline = time.monotonic() + SECONDS
    while not (found := done()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def ready(site: ConsoleSite) -> dict[str, Any]:
    """The environment that code runs in, once a worker has told of it."""

    def look() -> Any:
        reply = site.api(Role.RESEARCHER).get("/environments/default")
        return reply.is_success and reply.json()["state"] == "ready" and reply.json()

    return dict(until(look))


def program(site: ConsoleSite, source: str = COUNTS, **changes: Any) -> dict[str, Any]:
    """A function of one file; its run ends publicly after a few seconds."""
    limits = {**ready(site)["limits"], "wall_seconds": 5.4}
    return {
        "data": {"df": "visits"},
        "entry": {"kind": "function", "path": "analysis.py", "name": "work"},
        "files": [{"path": "analysis.py", "text": source}],
        "limits": limits,
    } | changes


def ask_code(
    site: ConsoleSite,
    purpose: str,
    source: str = COUNTS,
    *,
    role: Role = Role.RESEARCHER,
    **changes: Any,
) -> dict[str, Any]:
    """A program, asked for by a program: the request it came to."""
    body = program(site, source, **changes) | {"purpose": purpose}
    return answered(site.api(role).post("/code_requests", json=body))


def approve(site: ConsoleSite, request: dict[str, Any], role: Role = Role.REVIEWER) -> str:
    """Its run's id, once the vote is in."""
    body = {"content_hash": request["content_hash"], "reason": ""}
    voted = answered(site.api(role).post(f"/requests/{request['id']}/approve", json=body))
    return str(voted["run"]["id"]) if voted["run"] else ""


def ended(site: ConsoleSite, run: str) -> dict[str, Any]:
    """What it returned, once its end is public."""
    owner = site.api(Role.OWNER)
    until(lambda: owner.get(f"/runs/{run}?wait=5").json()["finished_at"])
    return answered(site.api(Role.REVIEWER).get(f"/outputs/{run}"))


def release(site: ConsoleSite, run: str, role: Role = Role.REVIEWER, **changes: Any) -> None:
    reviewer = site.api(role)
    digest = answered(reviewer.get(f"/outputs/{run}"))["digest"]
    body = {"digest": digest, "decision": "release", **changes}
    answered(reviewer.post(f"/outputs/{run}/decision", json=body))


def answered(reply: httpx.Response) -> dict[str, Any]:
    assert reply.is_success, reply.text
    return dict(reply.json())
