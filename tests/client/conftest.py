"""Sites to be a client of: one as `carrel up` starts it, and one whose worker never comes."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

import carrel
from carrel_protocol.api.accounts import User
from tests.fixtures.site import AppSite, served

_START_SECONDS = 120.0


@dataclass
class LiveSite:
    """A whole site with a worker, and people to be on it."""

    url: str
    owner: carrel.Site
    _stack: ExitStack
    _people: dict[str, tuple[User, carrel.Site]] = field(default_factory=dict)

    def person(self, name: str, role: str = "researcher") -> carrel.Site:
        """The site as the person of that name, who is made at first use."""
        if name not in self._people:
            email = f"{name}@example.org"
            password = "correct horse battery"
            user = self.owner.users.create(name.title(), email, role, password)
            scopes = ["read", "ask", "review"] if role == "reviewer" else ["read", "ask"]
            # Signed in as themselves: nobody makes a voting key for somebody else.
            asked = {"label": "test", "scopes": scopes}
            body = {"email": email, "password": password, "key": asked}
            key = httpx.post(f"{self.url}/api/v1/tokens", json=body, timeout=30.0)
            site = self._stack.enter_context(carrel.connect(self.url, key.json()["secret"]))
            self._people[name] = (user, site)
        return self._people[name][1]


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """A site that `carrel up` started, with its first owner."""
    directory = tmp_path_factory.mktemp("live")
    said = directory / "said"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["up", "--data-dir", str(directory / "data"), "--port", str(port)]
    with said.open("wb") as log:
        up = subprocess.Popen(
            [sys.executable, "-P", "-m", "carrel_site.cli", *command, "--concurrency", "2"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        token = _setup_token(up, said)
        with ExitStack() as stack:
            owner = stack.enter_context(carrel.connect(url, _first_owner(url, token)))
            yield LiveSite(url, owner, stack)
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)


def _setup_token(up: "subprocess.Popen[bytes]", said: Path) -> str:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and up.poll() is None:
        found = re.search(r"#token=(\S+)", said.read_text())
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"the site did not come up:\n{said.read_text()}")


def _first_owner(url: str, token: str) -> str:
    body = {
        "token": token,
        "name": "Olga Owner",
        "email": "owner@example.org",
        "password": "correct horse battery",
    }
    reply = httpx.post(f"{url}/api/v1/setup", json=body, trust_env=False, timeout=30)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["key"]["secret"])


@dataclass(frozen=True)
class IdleSite:
    """A site without a worker: what is queued stays queued."""

    app: AppSite
    url: str

    def connect(self, secret: str, transport: httpx.BaseTransport | None = None) -> carrel.Site:
        return carrel.connect(self.url, secret, transport=transport)


@pytest.fixture
def idle(app_site: AppSite) -> Iterator[IdleSite]:
    with served(app_site.app) as url:
        yield IdleSite(app_site, url)


class LossyTransport(httpx.BaseTransport):
    """Loses the answer to the first call that `loses` picks, after the site has dealt with it."""

    def __init__(self, loses: Callable[[httpx.Request], bool]) -> None:
        self._wire = httpx.HTTPTransport()
        self._loses = loses
        self.lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._wire.handle_request(request)
        if not self.lost and self._loses(request):
            self.lost += 1
            response.read()
            response.close()
            raise httpx.ReadTimeout("the answer was lost", request=request)
        return response

    def close(self) -> None:
        self._wire.close()
