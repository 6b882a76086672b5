"""Runs of code queued at once at a whole site: all end, and nothing of them is left.

Beside those that return, some raise, exit, take too much memory or time, return too much, leave
processes behind or are cancelled. What the site's processes hold is counted before and after.
"""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carrel_protocol.api.common import Role
from carrel_site.code.jobs import GRANT_SECONDS
from carrel_site.datasets.storage import Storage
from carrel_site.embedded.valkey import Valkey
from carrel_site.settings import Settings
from carrel_site.site import Site
from carrel_worker.sandbox import probe
from tests.e2e import remains
from tests.e2e.fleet import Crew, Fleet
from tests.e2e.remains import Remains
from tests.e2e.waves import Queue, Wave, counted
from tests.e2e.world import build
from tests.embedded.procs import alive, eventually
from tests.factories import make_member
from tests.fixtures.services import DatabaseUrls

CREWS = (
    Crew("worker", ("query", "ingest"), 1),
    # Each place is held until its run's public time, whatever the run took: so there are many.
    Crew("worker-code", ("code",), 8),
    Crew("worker-mock", ("mock",), 1, storage=False),
)
WARM_UP = Wave(
    ends={"table": 14, "raise": 1, "memory": 1, "orphan": 1},
    out_of_time=1,
    cancelled_waiting=1,
    cancelled_running=1,
    made_up={"table": 10, "raise": 1},
)
THIRTY = Wave(
    ends={"table": 6, "raise": 1, "exit": 1, "memory": 1, "output": 1, "orphan": 1, "files": 1},
    out_of_time=1,
    cancelled_waiting=4,
    cancelled_running=3,
    made_up={"table": 5, "raise": 1, "memory": 1, "exit": 1, "orphan": 1, "output": 1},
)
TWO_HUNDRED = Wave(
    ends={"table": 78, "raise": 12, "exit": 8, "memory": 8, "output": 8, "orphan": 8, "files": 8},
    out_of_time=8,
    cancelled_waiting=12,
    cancelled_running=10,
    made_up={"table": 20, "raise": 6, "memory": 4, "exit": 4, "orphan": 4, "output": 2},
)
_SECONDS = 900.0
_STILL = 2.0


@pytest.fixture(autouse=True)
def held() -> None:
    if (found := probe()).tier < 2:
        words = f"bubblewrap does not work here: {found.why}; apt-get install bubblewrap"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the sandbox's user may pass through, as it may where a site is set up."""
    directory = Path(tempfile.mkdtemp(prefix="carrel-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def queue(
    site_settings: Settings,
    database_urls: DatabaseUrls,
    valkey: Valkey,
    tmp_path: Path,
    place: Path,
) -> Iterator[Queue]:
    settings = site_settings.model_copy(
        update={
            "storage_dir": place / "storage",
            "mock_runs_at_once": 200,
            "mock_runs_an_hour": 1000,
        }
    )
    (place / "tmp").mkdir(mode=0o711)
    fleet = Fleet(
        settings,
        valkey,
        tmp_path / "logs",
        crews=CREWS,
        # One thread an API, so that each keeps one connection open, from its first request on.
        environment={"TMPDIR": str(place / "tmp"), "CARREL_API_THREADS": "1"},
    )
    site = Site.open(settings)
    try:
        fleet.start()
        world = build(fleet, site, pays_for=10)
        reviewer = site.db.transact(lambda session: make_member(session, Role.REVIEWER))
        yield Queue(world, database_urls.superuser_dsn, reviewer, world.researcher())
    finally:
        site.close()
        fleet.stop()


def _carry_out(queue: Queue, wave: Wave, *, lost: bool = False) -> tuple[set[str], float]:
    """Queue all while no worker takes any, then let them go on until every end is public.

    lost: the broker forgets all that it was told, so that the beat has to tell it again.
    """
    fleet = queue.world.fleet
    fleet.hold_workers()
    try:
        runs = queue.ask(wave)
        waiting = [state for state, _ in queue.states(runs).values()]
        assert waiting == ["queued"] * wave.runs
        if lost:
            fleet.wipe_broker()
        queue.cancel(queue.waiting)
    finally:
        fleet.let_go()
    began = time.monotonic()
    queue.cancel_running()
    assert eventually(lambda: queue.all_ended(runs), _SECONDS), fleet.tail()
    return runs, time.monotonic() - began


def _at_rest(queue: Queue, place: Path) -> Remains:
    """What there is once nothing is under way: every child of a worker of code has one process
    that waits, nobody is connected, and no message is left; and so for a while, since what an API
    opens to connect to its database is there for a moment longer."""
    fleet = queue.world.fleet
    children = sum(crew.concurrency for crew in CREWS if "query" not in crew.queues)
    kept = 2 * sum(crew.concurrency for crew in CREWS)
    found: list[Remains] = []
    since = time.monotonic()

    def rests() -> bool:
        nonlocal since
        # The beat takes grants away when their time has come, which is some minutes after.
        Storage(fleet.settings.storage_dir).purge(time.time() + GRANT_SECONDS + 1)
        before, found[:] = found[-1:], [remains.count(fleet, place / "tmp")]
        quiet = found[0].connections["api"] == found[0].zombies == queue.messages() == 0
        warm = found[0].waiting == children and found[0].connections["worker"] <= kept
        if not (quiet and warm and found == before):
            since = time.monotonic()
        return time.monotonic() - since > _STILL

    assert eventually(rests, 90), (found[0].rows(), queue.messages())
    return found[0]


def _check(queue: Queue, wave: Wave, place: Path) -> None:
    fleet = queue.world.fleet
    _carry_out(queue, WARM_UP, lost=True)
    before = _at_rest(queue, place)
    runs, seconds = _carry_out(queue, wave)
    ended = queue.endings(runs)
    after = _at_rest(queue, place)
    print(f"\n{len(ended)} of {wave.runs} runs ended in {seconds:.0f} s: {counted(ended)}")
    print(f"  {'':28} {'before':>7} {'after':>7}")
    rows = after.rows()
    for name, number in before.rows().items():
        print(f"  {name:28} {number:7} {rows[name]:7}")

    expected = {run: queue.wanted.get(run, "cancelled") for run in runs}
    assert {run: how for run, how in ended.items() if how != expected[run]} == {}
    assert len(ended) == wave.runs
    assert after.descriptors - before.descriptors == Counter()
    # Of three that the broker's client opens for an API's first message, one goes only when Python
    # collects its garbage, whenever that is.
    apis = sum(name.startswith("api") for name in before.processes)
    collected = Counter({"api: anon_inode:[eventpoll]": apis})
    assert before.descriptors - after.descriptors <= collected
    assert replace(after, descriptors=before.descriptors) == before
    # Of what lies beside the data, all is named by an output that is held.
    assert set(Storage(fleet.settings.storage_dir).returned()) == queue.held()

    below = remains.tree_of(fleet)
    fleet.stop()
    assert eventually(lambda: not alive(below.every), 30), alive(below.every)
    assert remains.groups_of(below.children) == []
    assert list((place / "tmp").iterdir()) == []


@pytest.mark.timeout(600)
def test_thirty_runs_queued_at_once_end_and_leave_nothing(queue: Queue, place: Path) -> None:
    assert THIRTY.runs == 30
    _check(queue, THIRTY, place)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_hundred_runs_queued_at_once_end_and_leave_nothing(queue: Queue, place: Path) -> None:
    assert TWO_HUNDRED.runs == 200
    _check(queue, TWO_HUNDRED, place)
