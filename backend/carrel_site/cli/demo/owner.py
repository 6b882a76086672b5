"""The owner's part of the demo: two people, two datasets with budgets, and access.

Every step looks first whether it is done, so that a demo that was interrupted goes on.
"""

import json
import secrets
import time
from pathlib import Path
from typing import Any

import httpx

from carrel_protocol.api.accounts import KeyCreate, Scope
from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import (
    BudgetLimits,
    DatasetCreate,
    DatasetPolicy,
    PopulationCreate,
)
from carrel_site.cli.demo.data import TABLES, DemoTable
from carrel_site.cli.demo.people import OWNER, RESEARCHER
from carrel_site.embedded.secrets import read_secret, write_secret
from carrel_site.settings import get_settings

_KEY_DAYS = 30
_INGEST_SECONDS = 60.0


class DemoFailed(RuntimeError):
    """The site did not do what the demo asked of it."""


class OwnerPart:
    """Sets the site up over its REST API, as an owner's own script would."""

    def __init__(self, url: str, secrets_dir: Path) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=30.0)
        self._secrets = secrets_dir

    def play(self) -> None:
        passwords, new = self._passwords()
        self._sign_in(passwords[OWNER])
        self._people(passwords)
        for table in TABLES:
            self._dataset(table)
        key = self._token(RESEARCHER, passwords[RESEARCHER], (Scope.READ, Scope.ASK))
        _replace_secret(self._secrets / "demo_researcher_key", key)
        if new:
            print("Two people, whose passwords are shown this once:")
            for email, password in passwords.items():
                print(f"  {email:24} {password}")

    def _passwords(self) -> tuple[dict[str, str], bool]:
        """E-mail → password, and whether they were made just now."""
        path = self._secrets / "demo_passwords.json"
        if path.exists():
            return dict(json.loads(path.read_text())), False
        made = {email: secrets.token_urlsafe(12) for email in (OWNER, RESEARCHER)}
        write_secret(path, json.dumps(made))
        return made, True

    def _sign_in(self, password: str) -> None:
        if self._get("setup")["done"]:
            key = self._token(OWNER, password, tuple(Scope))
        else:
            owner = self._post(
                "setup",
                {
                    "token": read_secret(self._secrets, "setup_token"),
                    "name": "Olive Owner",
                    "email": OWNER,
                    "password": password,
                },
            )
            key = owner["key"]["secret"]
        self._http.headers["Authorization"] = f"Bearer {key}"

    def _token(self, email: str, password: str, scopes: tuple[Scope, ...]) -> str:
        key = KeyCreate(label="demo", scopes=scopes, expires_in_days=_KEY_DAYS)
        body = {"email": email, "password": password, "key": key.model_dump(mode="json")}
        return str(self._post("tokens", body)["secret"])

    def _people(self, passwords: dict[str, str]) -> None:
        if RESEARCHER not in {user["email"] for user in self._get("users")["items"]}:
            self._post(
                "users",
                {
                    "name": "Rita Researcher",
                    "email": RESEARCHER,
                    "role": Role.RESEARCHER,
                    "password": passwords[RESEARCHER],
                },
            )

    def _dataset(self, table: DemoTable) -> None:
        """Population, dataset, rows and access."""
        if table.name not in self._names("populations"):
            limits = BudgetLimits(epsilon=8.0)
            population = PopulationCreate(
                name=table.name, together=limits, each=BudgetLimits(epsilon=3.0)
            )
            self._post("populations", population.model_dump(mode="json"))
        if table.name not in self._names("datasets"):
            dataset = DatasetCreate(
                name=table.name,
                title=table.title,
                description=table.description,
                population=table.name,
                table=table.table,
                policy=DatasetPolicy(auto_approve=True, auto_approve_share=0.25),
            )
            self._post("datasets", dataset.model_dump(mode="json"))
        self._upload(table)
        self._checked(self._http.put(f"datasets/{table.name}/access", json={"user": RESEARCHER}))

    def _upload(self, table: DemoTable) -> None:
        versions = f"datasets/{table.name}/versions"
        if not any(version["state"] == "ready" for version in self._get(versions)["items"]):
            response = self._http.post(versions, params={"format": "csv"}, content=table.csv())
            self._checked(response)
            self._await_ready(versions)

    def _await_ready(self, versions: str) -> None:
        deadline = time.monotonic() + _INGEST_SECONDS
        while (newest := self._get(versions)["items"][0])["state"] != "ready":
            if newest["state"] == "failed" or time.monotonic() > deadline:
                raise DemoFailed(f"{versions}: {newest['state']}: {newest['error']}")
            time.sleep(0.05)

    def _names(self, collection: str) -> set[str]:
        return {item["name"] for item in self._get(collection)["items"]}

    def _get(self, path: str) -> Any:
        return self._checked(self._http.get(path))

    def _post(self, path: str, body: Any) -> Any:
        return self._checked(self._http.post(path, json=body))

    def _checked(self, response: httpx.Response) -> Any:
        if response.is_error:
            raise DemoFailed(f"{response.request.url}: {response.status_code} {response.text}")
        return response.json() if response.content else None


def _replace_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    write_secret(path, text)


def main() -> None:
    settings = get_settings()
    OwnerPart(settings.site_url, settings.secrets_dir).play()


if __name__ == "__main__":
    main()
