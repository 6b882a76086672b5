"""What a site in use holds: requests that wait, one that was returned, a group, an invitation.

The demo has one answered question; most pages have more to show on a site where people work.
"""

from typing import Any

import httpx

OWNER, RESEARCHER, REVIEWER = "owner@demo.example", "researcher@demo.example", "board@demo.example"
_SCOPES = {
    OWNER: ["read", "ask", "review", "admin"],
    REVIEWER: ["read", "ask", "review"],
    RESEARCHER: ["read", "ask"],
}


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
        self._questions()
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

    def _send(self, who: str, method: str, path: str, body: object = None) -> dict[str, Any]:
        reply = httpx.request(
            method,
            f"{self._url}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self._key(who)}"},
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
