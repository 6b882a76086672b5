"""`carrel demo`, as `make demo` runs it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded.procs import alive, descendants, eventually
from tests.embedded.running import CARREL, START_SECONDS
from tests.fixtures.programs import require_program


@pytest.mark.timeout(600)
def test_it_answers_stays_up_and_goes_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Its parent, which stands for make, is killed: it must notice, and take all along."""
    output = tmp_path / "output"
    data = tmp_path / "demo"
    command = (*CARREL, "demo", "--data-dir", str(data), "--die-with-parent")
    parent = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"]
    with output.open("wb") as file:
        make = subprocess.Popen([*parent, *command], stdout=file, stderr=subprocess.STDOUT)
    everything: set[int] = set()
    try:
        done = eventually(
            lambda: "The site stays up" in output.read_text() or make.poll() is not None,
            2 * START_SECONDS,
        )
        printed = output.read_text()
        assert done, printed
        assert make.poll() is None, printed
        for part in ("owner@demo.example", "query.price()", "query.run()", "site.budget('meps')"):
            assert part in printed
        question = re.search(
            r"The question in the console: (http://\S+/requests/req_\w+)$", printed, re.MULTILINE
        )
        assert question, printed
        everything = descendants(make.pid)
        make.send_signal(signal.SIGKILL)
        make.wait()
        assert eventually(lambda: not alive(everything), 60.0), alive(everything)
        assert "Stopped." in output.read_text()
    finally:
        for pid in alive(everything | descendants(make.pid)):
            os.kill(pid, signal.SIGKILL)
        make.kill()
        make.wait()
    again = subprocess.run([*command, "--once"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "passwords" not in again.stdout
    assert "it was asked before" in again.stdout


@pytest.mark.timeout(600)
def test_code_is_tried_read_run_held_released_and_fetched(tmp_path: Path) -> None:
    require_program("bwrap", "bubblewrap")
    command = [*CARREL, "demo", "--data-dir", str(tmp_path / "demo"), "--once", "--code"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    said = shown.stdout
    steps = ("spending.mock()", "submitted", "approves it", "is held", "releases it", "released")
    places = [said.index(step) for step in steps]
    assert places == sorted(places)
    # Public data: the true means are 1,259.66 and 1,302.44 dollars, rounded by the reviewer.
    table = said[said.index("request.wait().value") :]
    assert re.search(r"False +1260\.0", table), table
    assert re.search(r"True +1300\.0", table), table
    assert "median.price()" in table
    assert "of your budget" in table
