"""What a site in use holds: requests that wait, one that was returned, a group, an invitation.

The demo has one answered question; most pages have more to show on a site where people work.
"""

import time
from collections.abc import Callable
from typing import Any

import httpx

OWNER, RESEARCHER, REVIEWER = "owner@demo.example", "researcher@demo.example", "board@demo.example"
_SCOPES = {
    OWNER: ["read", "ask", "review", "admin"],
    REVIEWER: ["read", "ask", "review"],
    RESEARCHER: ["read", "ask"],
}


_BY_SEX = """def work(df, age_from=65):
    old = df[df.age >= age_from]
    return old.groupby("female")["drugexp"].mean()
"""
_BY_SEX_AGAIN = """import os

import pandas as pd


def work(df, age_from=65):
    \"\"\"Mean spending by sex, and how many people that is.\"\"\"
    old = df[df.age >= age_from]
    groups = old.groupby("female")
    table = groups["drugexp"].mean().to_frame("spending")
    table["people"] = groups.size()
    table["largest"] = groups["drugexp"].max()
    if os.environ.get("DEBUG"):
        print(old.head())
    return table
"""
_BOX = """def work(df, age_from=65):
    old = df[df.age >= age_from]
    return [old.age.mean(), (old.totchr >= 3).mean()]
"""
_CELLS = """def work(df):
    counts = df.groupby(["totchr", "female"]).size().unstack(fill_value=0)
    spending = df["drugexp"].to_numpy()
    return {"people": counts, "spending": spending[:500], "mean": float(spending.mean())}
"""


class Furnisher:
    """Uses the demo's site as its people's own scripts would."""

    def __init__(self, url: str, passwords: dict[str, str]) -> None:
        self._url, self._passwords = url, {**passwords, REVIEWER: "a board beside the window"}
        self._keys: dict[str, str] = {}

    def furnish(self) -> None:
        person = {
            "name": "Bo Board",
            "email": REVIEWER,
            "role": "reviewer",
            "password": self._passwords[REVIEWER],
        }
        reviewer = self._post(OWNER, "users", person)
        about = "Meets on Mondays; reads every question about earnings."
        board = self._post(OWNER, "groups", {"name": "Data board", "description": about})
        self._send(OWNER, "PUT", f"groups/{board['id']}/members/{reviewer['id']}")
        invitation = {"email": "ida@demo.example", "name": "Ida Invited", "role": "researcher"}
        self._post(OWNER, "invitations", invitation)
        self._programs()
        self._black_boxes()
        self._questions()  # last: the newest of a list are the ones that are shown
        saved = {
            "name": "Spending by sex",
            "dataset": "meps",
            "sql": "SELECT female, AVG(drugexp) AS spending\nFROM meps\nGROUP BY female",
            "target": {"kind": "epsilon", "epsilon": 0.3},
        }
        self._post(RESEARCHER, "saved_queries", saved)

    def _questions(self) -> None:
        low = self._ask(
            "wage_panel",
            "SELECT year, AVG(lwage) AS wage\nFROM wage_panel\nGROUP BY year",
            1.6,
            "How wages grew through the eighties, year by year",
        )
        self._decide(low, "approve")
        self._ask(
            "meps",
            "SELECT totchr, COUNT(*) AS people, AVG(drugexp) AS spending\n"
            "FROM meps\nWHERE age >= 75\nGROUP BY totchr",
            0.9,
            "Whether spending grows with the number of chronic conditions, for the ageing report",
        )
        again = self._ask(
            "meps",
            "SELECT AVG(income) AS income\nFROM meps\nWHERE female = true",
            0.7,
            "Income of women over 65",
        )
        self._decide(again, "return", "Which table of the report needs this? A tenth would do.")

    def _programs(self) -> None:
        """Code that was released, a later version of it that waits, and an output to decide on."""
        first = self._code("Spending by sex, for a report on the elderly", _BY_SEX, age_from=65)
        self._decide(first, "approve")
        held = self._held(first)
        rounded = [{"item": each["item"]["name"], "round_to": 10} for each in held["items"]]
        decision = {"digest": held["digest"], "decision": "release", "transforms": rounded}
        self._post(REVIEWER, f"outputs/{self._run(first)}/decision", decision)
        chronic = self._code(
            "How many people there are by chronic conditions", _CELLS, path="counts.py"
        )
        self._decide(chronic, "approve")
        self._held(chronic)
        bounds = {"age_from": {"kind": "number", "lower": 65, "upper": 90, "whole": True}}
        reach = {"bounds": bounds, "runs": 10, "days": 30}
        waits = self._code(
            "Spending by sex again, from any age on, with the people counted",
            _BY_SEX_AGAIN,
            reach=reach,
            age_from=70,
        )
        said = {
            "content_hash": waits["content_hash"],
            "path": "analysis.py",
            "line": 12,
            "text": "Does the report need the largest single value? It is one person's.",
        }
        self._post(REVIEWER, f"requests/{waits['id']}/line_comments", said)

    def _black_boxes(self) -> None:
        """One that was answered, and one that was returned, edited and waits."""
        waits = self._black_box("Age and illness of those over 70, for the ageing report")
        self._decide(waits, "return", "Fewer blocks would do, and say from which age.")
        tag = self._send(RESEARCHER, "GET", f"requests/{waits['id']}")["etag"]
        change = {"blocks": 50, "parameters": {"age_from": 70}}
        path = f"black_box_requests/{waits['id']}"
        self._send(RESEARCHER, "PATCH", path, change, {"If-Match": tag})
        # After it: a run that is not over keeps its asker from asking for long ones.
        answered = self._black_box("Age and illness, privately", blocks=12, wall_seconds=2)
        self._decide(answered, "approve")
        run = self._run(answered)
        self._until(lambda: self._send(OWNER, "GET", f"runs/{run}?wait=5")["finished_at"])

    def _black_box(self, purpose: str, **changes: object) -> dict[str, Any]:
        asked = {
            "dataset": "meps",
            "entry": {"kind": "function", "path": "analysis.py", "name": "work"},
            "files": [{"path": "analysis.py", "text": _BOX}],
            "parameters": {"age_from": 65},
            "output": {"lower": [65, 0], "upper": [90, 1]},
            "target": {"kind": "epsilon", "epsilon": 0.5},
            "purpose": purpose,
        } | changes
        return self._post(RESEARCHER, "black_box_requests", asked)

    def _code(
        self,
        purpose: str,
        source: str,
        reach: object = None,
        path: str = "analysis.py",
        **parameters: int,
    ) -> dict[str, Any]:
        program = {
            "data": {"df": "meps"},
            "entry": {"kind": "function", "path": path, "name": "work"},
            "files": [{"path": path, "text": source}],
            "parameters": parameters,
        }
        limits = self._send(RESEARCHER, "GET", "environments/default")["limits"]
        program["limits"] = {**limits, "wall_seconds": 12}
        mock = self._post(RESEARCHER, "mock_runs", program)
        self._until(
            lambda: self._send(RESEARCHER, "GET", f"mock_runs/{mock['id']}?wait=5")["report"]
        )
        asked = {**program, "purpose": purpose, "reach": reach, "mock_run_id": mock["id"]}
        return self._post(RESEARCHER, "code_requests", asked)

    def _run(self, request: dict[str, Any]) -> str:
        return str(self._send(OWNER, "GET", f"requests/{request['id']}")["run"]["id"])

    def _held(self, request: dict[str, Any]) -> dict[str, Any]:
        """Its output, once its run has publicly ended."""
        run = self._run(request)
        self._until(lambda: self._send(OWNER, "GET", f"runs/{run}?wait=5")["finished_at"])
        return self._send(OWNER, "GET", f"outputs/{run}")

    @staticmethod
    def _until(done: Callable[[], object]) -> None:
        deadline = time.monotonic() + 120
        while not done():
            assert time.monotonic() < deadline

    def _ask(self, dataset: str, sql: str, epsilon: float, purpose: str) -> dict[str, Any]:
        question = {
            "dataset": dataset,
            "sql": sql,
            "target": {"kind": "epsilon", "epsilon": epsilon},
            "purpose": purpose,
        }
        return self._post(RESEARCHER, "requests", question)

    def _decide(self, request: dict[str, Any], decision: str, reason: str = "") -> None:
        body = {"content_hash": request["content_hash"], "reason": reason}
        self._post(REVIEWER, f"requests/{request['id']}/{decision}", body)

    def _post(self, who: str, path: str, body: object) -> dict[str, Any]:
        return self._send(who, "POST", path, body)

    def _send(
        self,
        who: str,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        reply = httpx.request(
            method,
            f"{self._url}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self._key(who)}", **(headers or {})},
            timeout=60,
        )
        assert reply.is_success, f"{method} {path}: {reply.status_code} {reply.text}"
        return dict(reply.json()) if reply.content else {}

    def _key(self, who: str) -> str:
        if who not in self._keys:
            key = {"label": "pictures", "scopes": _SCOPES[who]}
            body = {"email": who, "password": self._passwords[who], "key": key}
            reply = httpx.post(f"{self._url}/api/v1/tokens", json=body, timeout=60)
            assert reply.is_success, reply.text
            self._keys[who] = reply.json()["secret"]
        return self._keys[who]
