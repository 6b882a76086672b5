"""Two hundred runs queued at once leave no process, mount, cgroup, file or descriptor."""

import gc
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from carrel_worker.sandbox import Mount, Sandbox, SandboxError, cgroups, limits
from tests.worker.packages import here
from tests.worker.sandbox.programs import LIMITS, function

DAEMON = """
import os, time
def work():
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
    return 1
"""
MUCH = "open('/tmp/much', 'wb').write(b'x' * 2**20)\ndef work(): return 'x' * 2**21"
SLEEP = "import time\ndef work(): time.sleep(1000)"
PROGRAMS: list[tuple[str, dict[str, float] | None, str]] = [
    ("def work(): return 1", {}, "returned"),
    ("def work(): raise ValueError", {}, "raised"),
    (DAEMON, {}, "returned"),
    (SLEEP, {"wall_seconds": 0.2}, "wall_time"),
    ("def work():\n    while True: pass", {"cpu_seconds": 0.1}, "cpu_time"),
    (MUCH, {}, "output_size"),
    ("import os\ndef work(): os._exit(1)", {}, "exited"),
    (SLEEP, None, "killed"),  # cancelled
]
RUNS = 200


def _there() -> dict[str, set[str] | int]:
    """Of this process alone: others on the machine come and go."""
    gc.collect()  # what earlier tests left behind goes now, not midway
    found, own = cgroups.places(), f"carrel-sandbox-{os.getpid()}-"
    groups = {p for parent in (found.memory, found.pids) for p in parent.iterdir()} if found else ()
    return {
        "processes": {str(pid) for pid in limits.tree(os.getpid())},
        "descriptors": len(os.listdir("/proc/self/fd")),
        "mounts": set(Path("/proc/self/mountinfo").read_text().splitlines()),
        "groups": {str(group) for group in groups if group.name.startswith(own)},
        "files": {str(p) for p in Path(tempfile.gettempdir()).iterdir()},
        "threads": threading.active_count(),
    }


@pytest.mark.parametrize("warm", [0, 2])
def test_two_hundred_runs_leave_nothing_behind(
    warm: int, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    try:
        Sandbox().close()
    except SandboxError as error:
        pytest.skip(str(error))
    here()  # made, and held for good
    before = _there()
    with Sandbox(warm=warm, staging=[stored]) as sandbox:
        sandbox.warm_up(here())

        def run(number: int) -> tuple[str, str]:
            text, update, ending = PROGRAMS[number % len(PROGRAMS)]
            program = function(text, LIMITS.model_copy(update=update or {}))
            mounts = [Mount(stored / "df", "df")]
            outcome = sandbox.run(program, mounts, cancelled=lambda: update is None)
            return ending, outcome.ending

        with ThreadPoolExecutor(4) as threads:
            ended = list(threads.map(run, range(RUNS)))
    assert len(ended) == RUNS
    assert [pair for pair in ended if pair[0] != pair[1]] == []
    assert _there() == before
