"""The reviewer's part of the demo: the owner reads the code, approves it, and releases its output.

A real site has reviewers for this; what they look at is printed.
"""

import json
import time
from pathlib import Path
from typing import Any

import httpx

from carrel_site.cli.demo.owner import DemoFailed
from carrel_site.cli.demo.people import OWNER
from carrel_site.embedded.secrets import read_secret
from carrel_site.settings import get_settings

_HELD_SECONDS = 120.0


class ReviewerPart:
    """Votes and releases over the REST API."""

    def __init__(self, url: str, secrets_dir: Path) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=60.0)
        passwords = json.loads(read_secret(secrets_dir, "demo_passwords.json"))
        key = {"label": "demo review", "scopes": ["read", "review"], "expires_in_days": 1}
        body = {"email": OWNER, "password": passwords[OWNER], "key": key}
        secret = self._call("POST", "tokens", json=body)["secret"]
        self._http.headers["Authorization"] = f"Bearer {secret}"

    def play(self) -> None:
        """Approve all code that waits, then release what each run returned, counts rounded."""
        for request in self._code("submitted"):
            self._approve(request)
        for request in self._code("queued"):
            self._release(request)

    def _code(self, state: str) -> list[dict[str, Any]]:
        found = self._call("GET", "requests", params={"state": state})["items"]
        return [request for request in found if request["kind"] == "code"]

    def _approve(self, listed: dict[str, Any]) -> None:
        request = self._call("GET", f"requests/{listed['id']}")
        review = self._call("GET", f"requests/{listed['id']}/code_review")
        mock = review["mock_run"]
        print(f"\nThe reviewer reads “{request['purpose']}”:")
        for finding in review["findings"]:
            print(
                f"  {finding['path']}:{finding['line']}: {finding['level']}: {finding['message']}"
            )
        if not review["findings"]:
            print("  reading the program found nothing to point out")
        if mock is not None and mock["report"] is not None:
            print(f"  on made-up rows it {mock['report']['ending']} in the same sandbox")
        vote = {"content_hash": request["content_hash"], "reason": "Means of large groups."}
        self._call("POST", f"requests/{listed['id']}/approve", json=vote)
        print("  and approves it.")

    def _release(self, listed: dict[str, Any]) -> None:
        run = self._call("GET", f"requests/{listed['id']}")["run"]["id"]
        output = self._held(run)
        if output["state"] != "held":
            return
        print(f"It ran; its output is held. {output['report']['tier']} held the code.")
        for finding in output["findings"]:
            print(f"  {finding['item']}: {finding['level']}: {finding['message']}")
        names = [held["item"]["name"] for held in output["items"]]
        rounded = [{"item": name, "round_to": 10} for name in names]
        decision = {"digest": output["digest"], "decision": "release", "transforms": rounded}
        self._call("POST", f"outputs/{run}/decision", json=decision)
        print("The reviewer releases it, rounded to tens.")

    def _held(self, run: str) -> dict[str, Any]:
        deadline = time.monotonic() + _HELD_SECONDS
        while True:
            reply = self._http.get(f"outputs/{run}")
            if reply.is_success:
                return dict(reply.json())
            if time.monotonic() > deadline:
                raise DemoFailed(f"Nothing came of {run}: {reply.status_code} {reply.text}")
            time.sleep(0.2)

    def _call(self, method: str, path: str, **more: Any) -> Any:
        reply = self._http.request(method, path, **more)
        if reply.is_error:
            raise DemoFailed(f"{reply.request.url}: {reply.status_code} {reply.text}")
        return reply.json() if reply.content else None


def main() -> None:
    settings = get_settings()
    ReviewerPart(settings.site_url, settings.secrets_dir).play()


if __name__ == "__main__":
    main()
