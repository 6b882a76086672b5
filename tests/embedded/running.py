"""`carrel up` as a program of its own, for tests."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.embedded.procs import alive, descendants, eventually

CARREL = (sys.executable, "-P", "-m", "carrel_site.cli")
START_SECONDS = 120.0


@dataclass
class Up:
    """A running `carrel up`."""

    popen: "subprocess.Popen[bytes]"
    data: Path
    output: Path

    @property
    def url(self) -> str:
        return str(json.loads((self.data / "site.json").read_text())["site_url"])

    @property
    def said(self) -> str:
        return self.output.read_text()

    def everything(self) -> set[int]:
        """Pids of the supervisor and all below it."""
        return {self.popen.pid, *descendants(self.popen.pid)}

    def get(self, path: str) -> dict[str, object]:
        with urllib.request.urlopen(self.url + path, timeout=30) as response:
            return dict(json.load(response))

    def is_up(self) -> bool:
        return "The site is up at" in self.said


def start_up(
    data: Path,
    *arguments: str,
    command: tuple[str, ...] = CARREL,
    verb: str = "up",
    settings: Mapping[str, str] | None = None,
) -> Up:
    """Start it, without waiting for it. Its environment is ours, with no CARREL_* settings but
    those given."""
    output = data.parent / f"{data.name}.output"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CARREL_")}
    with output.open("wb") as file:
        popen = subprocess.Popen(
            [*command, verb, "--data-dir", str(data), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=data.parent,
            env=environment | dict(settings or {}) | {"PYTHONUNBUFFERED": "1"},
        )
    return Up(popen, data, output)


@contextmanager
def running_up(
    data: Path,
    *arguments: str,
    command: tuple[str, ...] = CARREL,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Up]:
    """`carrel up` that answers inside the block and is stopped after it."""
    site = start_up(data, *arguments, command=command, settings=settings)
    try:
        ended = lambda: site.popen.poll() is not None  # noqa: E731
        assert eventually(lambda: site.is_up() or ended(), START_SECONDS), site.said
        assert not ended(), site.said
        yield site
    finally:
        stop(site, signal.SIGTERM)


def stop(site: Up, number: signal.Signals) -> None:
    """Send the signal and wait; whatever is left is killed, so that no test leaves anything."""
    before = site.everything()
    if site.popen.poll() is None:
        site.popen.send_signal(number)
    try:
        site.popen.wait(timeout=60)
    except subprocess.TimeoutExpired:
        site.popen.kill()
        site.popen.wait()
    eventually(lambda: not alive(before))
    for pid in alive(before):
        os.kill(pid, signal.SIGKILL)
