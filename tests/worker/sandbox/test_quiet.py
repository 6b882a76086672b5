"""Programs that nobody reads, one after another: none may leave the next a mark."""

from collections.abc import Iterator

import pytest

from carrel_worker.sandbox import Sandbox, SandboxError, system
from tests.worker.packages import here
from tests.worker.sandbox.programs import LIMITS, function, values

TRIES = """
import ctypes, os, threading
def tried(action, *arguments):
    try:
        return repr(action(*arguments))
    except OSError as error:
        return error.errno
def work():
    libc = ctypes.CDLL(None, use_errno=True)
    number = 202 if os.uname().machine == "x86_64" else 98
    word = ctypes.c_uint(0)
    woken = libc.syscall(number, ctypes.byref(word), 1, 1, None)
    thread = threading.Thread(target=len, args=("",))
    thread.start()
    thread.join()
    os.write(1, b"said")
    return {
        "pipe": tried(os.pipe), "eventfd": tried(os.eventfd, 0) if hasattr(os, "eventfd") else 1,
        "wake": ctypes.get_errno() if woken < 0 else 0,
        "stdout": str(os.fstat(1).st_rdev), "stderr": str(os.fstat(2).st_rdev),
        "null": str(os.stat(os.devnull).st_rdev),
    }
"""
PANDAS = """
import numpy, pandas
def work():
    rows = pandas.DataFrame({"group": ["a", "b"] * 500, "amount": numpy.arange(1000.0)})
    many = rows.merge(rows, on="amount").sort_values("amount").groupby("group_x").agg("mean",
        numeric_only=True)
    return [float(many["amount"].sum()), float(numpy.linalg.inv(numpy.eye(50)).sum())]
"""
BOMB = """
import os, time
def work():
    count = 0
    try:
        while os.fork(): count += 1
    except OSError:
        return count
    time.sleep(100)
"""


@pytest.fixture(scope="module")
def quiet() -> Iterator[Sandbox]:
    try:
        made = Sandbox(warm=1, quiet=True)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def test_it_has_no_pipes_wakes_nobody_and_prints_to_nowhere(quiet: Sandbox) -> None:
    outcome = quiet.run(function(TRIES))
    found = values(outcome)["result"]
    assert (found["pipe"], found["eventfd"], found["wake"]) == (1, 1, 1)
    assert found["stdout"] == found["stderr"] == found["null"]
    assert outcome.stdout == outcome.stderr == ""


def test_pandas_works_in_it_and_nothing_waits_warm(quiet: Sandbox) -> None:
    quiet.warm_up(here())
    outcome = quiet.run(function(PANDAS))
    assert values(outcome)["result"] == [999.0, 50.0]
    assert not outcome.warm


def test_it_has_few_processes_whatever_its_limits_say(quiet: Sandbox) -> None:
    outcome = quiet.run(function(BOMB, LIMITS.model_copy(update={"processes": 64})))
    # All of them fork, until one is told that there are enough; or the supervisor sees them first.
    assert outcome.ending in ("returned", "processes")
    if outcome.ending == "returned":
        assert values(outcome)["result"] <= 16


def test_what_it_may_read_can_be_read_before(quiet: Sandbox) -> None:
    environment = here()
    assert not system.read_whole(environment, 0.0)
    places = [*system.shown(environment), *system.own(environment).values()]
    listed = (
        "import os\ndef work(): return sorted(os.path.realpath(p) for p in ('/usr', '/usr/lib'))"
    )
    assert values(quiet.run(function(listed)))["result"] == ["/usr", "/usr/lib"]
    assert all(place.exists() for place in places)
    assert not any(place in other.parents for place in places for other in places)
