"""A site for a benchmark: `carrel up` in a directory of its own, with a small dataset."""

import os
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

ROWS = 1_000
_START_SECONDS = 120.0


@dataclass(frozen=True)
class BenchSite:
    """A running site, its owner's key, and a way to make researchers who may ask."""

    url: str
    owner_key: str
    data: Path
    """Its data directory."""
    pid: int
    """Of `carrel up`, above all its processes."""

    def owner(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {self.owner_key}"},
            timeout=30.0,
        )

    def researcher(self, client: httpx.Client, dataset: str) -> str:
        """A new researcher with access to `dataset`; returns their key."""
        email = f"{secrets.token_hex(6)}@bench.example"
        user = _ok(
            client.post(
                "/users",
                json={
                    "name": "Bench",
                    "email": email,
                    "role": "researcher",
                    "password": secrets.token_urlsafe(16),
                },
            )
        )
        _ok(client.put(f"/datasets/{dataset}/access", json={"user": email}))
        key = {"label": "bench", "scopes": ["read", "ask"]}
        return str(_ok(client.post(f"/users/{user['id']}/keys", json=key))["secret"])

    def dataset(self, client: httpx.Client, name: str, epsilon: float) -> None:
        """A dataset of `ROWS` people of its own population, everything auto-approved."""
        limits = {"epsilon": epsilon}
        _ok(client.post("/populations", json={"name": name, "together": limits, "each": limits}))
        table = {
            "unit_column": "person",
            "columns": [
                {"type": "integer", "name": "age", "lower": 0, "upper": 100, "nullable": False},
                {"type": "integer", "name": "spend", "lower": 0, "upper": 10000},
            ],
            "size": {"rows": ROWS, "units": ROWS},
        }
        policy = {"auto_approve": True, "auto_approve_share": 1.0}
        created = {"name": name, "population": name, "table": table, "policy": policy}
        _ok(client.post("/datasets", json=created))
        rows = "".join(f"{i},{i * 7 % 101},{i * 13 % 9000}\n" for i in range(ROWS))
        _ok(
            client.post(
                f"/datasets/{name}/versions?format=csv", content=f"person,age,spend\n{rows}"
            )
        )
        for _ in range(300):
            if _ok(client.get(f"/datasets/{name}"))["version_id"]:
                return
            time.sleep(0.1)
        raise RuntimeError("the dataset was not ready within 30 s")


@contextmanager
def bench_site(
    settings: Mapping[str, str] = MappingProxyType({}), file_limit: int | None = None
) -> Iterator[BenchSite]:
    """`carrel up` on a free port, with its owner; stopped and removed afterwards.

    settings: more of its environment. file_limit: the most bytes that any of its processes can
    have in one file (RLIMIT_FSIZE); beyond them it is as if the disk were full.
    """
    directory = Path(tempfile.mkdtemp(prefix="carrel-bench-"))
    log = (directory / "up.log").open("wb")
    data = directory / "site"
    command = [sys.executable, "-P", "-m", "carrel_site.cli"]
    up = subprocess.Popen(
        [*command, "up", "--data-dir", str(data), "--port", str(_free_port())],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **settings, "PYTHONUNBUFFERED": "1"},
    )
    if file_limit is not None:
        # Before it starts anything: what it starts has the same limit.
        resource.prlimit(up.pid, resource.RLIMIT_FSIZE, (file_limit, file_limit))
    try:
        url = _address(up, data, directory / "up.log")
        token = (data / "secrets" / "setup_token").read_text().strip()
        owner = _ok(
            httpx.post(
                f"{url}/api/v1/setup",
                json={
                    "token": token,
                    "name": "Owner",
                    "email": "owner@bench.example",
                    "password": secrets.token_urlsafe(16),
                },
                timeout=30.0,
            )
        )
        yield BenchSite(url, owner["key"]["secret"], data, up.pid)
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)
        log.close()
        shutil.rmtree(directory, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _address(up: subprocess.Popen[bytes], data: Path, log: Path) -> str:
    from carrel_site.embedded.layout import DataDir  # noqa: PLC0415 (needs carrel[site])

    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if up.poll() is not None:
            raise RuntimeError(f"carrel up ended:\n{log.read_text()}")
        try:
            url = str(DataDir(data).read_site_file()["site_url"])
            if httpx.get(f"{url}/api/v1/setup", timeout=1.0).status_code == httpx.codes.OK:
                return url
        except (OSError, KeyError, ValueError, httpx.TransportError):
            pass
        time.sleep(0.1)
    raise RuntimeError(f"carrel up did not answer:\n{log.read_text()}")


def _ok(response: httpx.Response) -> Any:
    if not response.is_success:
        raise RuntimeError(f"{response.request.url}: {response.status_code} {response.text}")
    return response.json() if response.content else None
