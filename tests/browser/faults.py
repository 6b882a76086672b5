"""What goes wrong on a site, brought about on the site's own machine."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from carrel_protocol import PROTOCOL_VERSION
from carrel_protocol.api.common import Role
from carrel_protocol.privacy import MECHANISM_VERSION
from tests.browser.people import ConsoleSite
from tests.embedded.procs import alive


@contextmanager
def without_data(site: ConsoleSite, dataset: str) -> Iterator[None]:
    """The file of the version that answers is away: every run on it fails."""
    version = site.api(Role.OWNER).get(f"/datasets/{dataset}").json()["version_id"]
    (file,) = site.data.rglob(f"{version}.table")
    away = file.with_suffix(".away")
    file.rename(away)
    try:
        yield
    finally:
        away.rename(file)


@contextmanager
def without_workers(site: ConsoleSite) -> Iterator[None]:
    """The site's workers stand still: what is queued waits."""
    workers = [pid for pid, line in alive(site.up.everything()).items() if " worker " in line]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in alive(workers):
            os.kill(pid, signal.SIGCONT)


def claim(site: ConsoleSite, run_id: str) -> None:
    """Take a run as a worker of one's own would, and leave it at that."""
    body = {"name": f"takes {run_id}", "queues": ["query"]}
    made = site.api(Role.OWNER).post("/workers", json=body)
    assert made.status_code == httpx.codes.CREATED, made.text
    taken = httpx.post(
        f"{site.url}/internal/v1/runs/{run_id}/claim",
        json={"protocol_version": PROTOCOL_VERSION, "mechanism_version": MECHANISM_VERSION},
        headers={"Authorization": f"Bearer {made.json()['secret']}"},
        timeout=30,
    )
    assert taken.status_code == httpx.codes.OK, taken.text
