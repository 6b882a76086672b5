"""A site that runs, and the people in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from carrel_protocol.api.common import Role
from carrel_site.embedded.secrets import read_secret
from tests.embedded.running import Up, running_up

PASSWORD = "a desk beside the window"


@dataclass
class ConsoleSite:
    """A whole site as `carrel up` starts it, with people whose passwords are all `PASSWORD`."""

    up: Up
    _clients: dict[Role, httpx.Client] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.up.url

    @property
    def data(self) -> Path:
        return self.up.data

    @property
    def setup_link(self) -> str:
        return f"{self.url}/setup#token={read_secret(self.data / 'secrets', 'setup_token')}"

    @staticmethod
    def email(role: Role) -> str:
        return f"{role.value}@site.example"

    @staticmethod
    def name(role: Role) -> str:
        return {
            Role.OWNER: "Olive Owner",
            Role.REVIEWER: "Rita Reviewer",
            Role.RESEARCHER: "Remy Researcher",
            Role.AUDITOR: "Aude Auditor",
        }[role]

    def api(self, role: Role) -> httpx.Client:
        """The API as the person of `role`, by a key: for what a test needs and does not show."""
        if role not in self._clients:
            scopes = {
                Role.OWNER: ["read", "ask", "review", "admin"],
                Role.REVIEWER: ["read", "ask", "review"],
                Role.RESEARCHER: ["read", "ask"],
                Role.AUDITOR: ["read"],
            }[role]
            key = {"label": "tests", "scopes": scopes}
            body = {"email": self.email(role), "password": PASSWORD, "key": key}
            reply = httpx.post(f"{self.url}/api/v1/tokens", json=body, timeout=30)
            assert reply.status_code == 201, reply.text
            self._clients[role] = httpx.Client(
                base_url=f"{self.url}/api/v1",
                headers={"Authorization": f"Bearer {reply.json()['secret']}"},
                timeout=60,
            )
        return self._clients[role]

    def set_up(self) -> None:
        """The first owner, then one person of each other role."""
        token = read_secret(self.data / "secrets", "setup_token")
        owner = {
            "token": token,
            "name": self.name(Role.OWNER),
            "email": self.email(Role.OWNER),
            "password": PASSWORD,
        }
        made = httpx.post(f"{self.url}/api/v1/setup", json=owner, timeout=30)
        assert made.status_code == 201, made.text
        for role in (Role.REVIEWER, Role.RESEARCHER, Role.AUDITOR):
            person = {
                "name": self.name(role),
                "email": self.email(role),
                "role": role.value,
                "password": PASSWORD,
            }
            added = self.api(Role.OWNER).post("/users", json=person)
            assert added.status_code == 201, added.text

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@contextmanager
def console_site(folder: Path, **settings: str) -> Iterator[ConsoleSite]:
    """A site that has no owner yet, with settings such as CARREL_SMTP_URL."""
    with running_up(folder / "site", "--concurrency", "2", settings=settings) as up:
        site = ConsoleSite(up)
        try:
            yield site
        finally:
            site.close()
