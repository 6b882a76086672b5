"""A worker that is killed at once takes its sandboxes with it, and the next one cleans up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carrel_worker.sandbox import Sandbox, SandboxError, cgroups, limits

DRIVER = """
import sys
from carrel_worker.sandbox import Sandbox
from tests.worker.packages import here
from tests.worker.sandbox.programs import script
with Sandbox(warm=int(sys.argv[1])) as sandbox:
    sandbox.warm_up(here())
    print("ready", flush=True)
    sandbox.run(script("import os, time\\nos.fork()\\ntime.sleep(1000)"))
"""


def _sleeping(pids: list[int]) -> bool:
    """Whether the program runs: two processes that are forks of each other do nothing."""
    return sum(_name(pid).startswith(("python", "sandbox")) for pid in pids[1:]) >= 2


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("warm", ["0", "1"])
def test_a_killed_worker_leaves_no_sandbox(warm: str) -> None:
    try:
        Sandbox().close()
    except SandboxError as error:
        pytest.skip(str(error))
    driver = subprocess.Popen(
        [sys.executable, "-P", "-c", DRIVER, warm],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    try:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"ready\n"
        until = time.monotonic() + 60
        wanted = 5 if warm == "1" else 3
        while not (_sleeping(tree := limits.tree(driver.pid)) and len(tree) > wanted):
            assert time.monotonic() < until, tree
            time.sleep(0.05)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    until = time.monotonic() + 30
    while any(map(_lives, tree)):
        assert time.monotonic() < until, [pid for pid in tree if _lives(pid)]
        time.sleep(0.05)
    if (found := cgroups.places()) is not None:
        cgroups.collect(found)
        prefix = f"carrel-sandbox-{driver.pid}-"
        assert not [p for p in found.memory.iterdir() if p.name.startswith(prefix)]
        assert not [p for p in found.pids.iterdir() if p.name.startswith(prefix)]
