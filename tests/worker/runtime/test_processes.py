"""The worker's processes: killed, stopped, forked; and what they know."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from carrel_site.embedded.process import clean_environment, spawn
from carrel_site.embedded.programs import worker_arguments
from carrel_site.embedded.valkey import Valkey
from carrel_worker.tasks import QUEUES
from tests.embedded.procs import alive, eventually
from tests.fixtures.services import await_ready
from tests.worker.runtime.conftest import RunningWorker, start_worker
from tests.worker.runtime.jobs import query_job
from tests.worker.runtime.scripted_site import ScriptedSite

Start = Callable[..., RunningWorker]


def test_a_killed_child_is_replaced(start: Start) -> None:
    worker = start()
    run = worker.send(worker.site.add(query_job(worker.storage, deadline_ms=120_000)))
    worker.site.wait_for(run, "succeeded", 204)  # and now it holds its slot
    main, (child,) = worker.main_and_children()
    os.kill(child, signal.SIGKILL)
    after = worker.send(worker.site.add(query_job(worker.storage)))
    worker.site.wait_for(after, "succeeded", 204)
    assert worker.main_and_children()[0] == main
    assert child not in worker.main_and_children()[1]


def test_children_end_with_a_killed_parent(start: Start) -> None:
    worker = start(concurrency=2)
    main, children = worker.main_and_children()
    assert len(children) == 2
    os.kill(main, signal.SIGKILL)
    assert eventually(lambda: not alive(children))


def test_a_stopping_worker_finishes_its_query(start: Start) -> None:
    worker = start()
    job = query_job(worker.storage, deadline_ms=500)
    run = worker.send(worker.site.add(job, result=[503, 503, 503]))
    worker.site.wait_for(run, "succeeded", 503)
    main, children = worker.main_and_children()
    os.kill(main, signal.SIGTERM)
    worker.site.wait_for(run, "succeeded", 204)
    assert eventually(lambda: not alive({main, *children}))
    assert worker.program.wait(10) == 0


def test_a_wiped_broker_is_nothing_to_a_worker(
    start: Start, valkey: Valkey, broker_url: str
) -> None:
    worker = start()
    for _ in range(3):
        valkey.flush()
        run = worker.send(worker.site.add(query_job(worker.storage)))
        worker.site.wait_for(run, "succeeded", 204)


def test_a_broker_that_was_killed_is_found_again(
    site: ScriptedSite, services_dir: Path, tmp_path: Path
) -> None:
    data = tmp_path / "valkey"
    data.mkdir()
    valkey = Valkey(data, services_dir / "own.sock", tmp_path / "valkey.log", durable=False)
    broker = spawn(valkey.program())
    worker = None
    try:
        await_ready(broker, valkey.ready)
        worker = start_worker(site, valkey.url(), tmp_path)
        broker.kill()
        broker.wait(10)
        broker = spawn(valkey.program())
        await_ready(broker, valkey.ready)
        run = worker.send(site.add(query_job(worker.storage)))
        site.wait_for(run, "succeeded", 204)
    finally:
        if worker is not None:
            worker.stop()
        broker.stop()


def test_nothing_can_be_told_to_a_worker_but_run_ids(worker: RunningWorker, valkey: Valkey) -> None:
    run = worker.send(worker.site.add(query_job(worker.storage)))
    worker.site.wait_for(run, "succeeded", 204)
    with redis.Redis(unix_socket_path=str(valkey.socket), db=1) as broker:
        keys = {key.decode() for key in broker.scan_iter()}
        # No mailbox for remote control, no results, and nothing to deliver a second time.
        bindings = {key for key in keys if key.startswith("_kombu.binding")}
        assert {key.rpartition(".")[2] for key in bindings} == set(QUEUES)
        assert keys == bindings
        assert broker.pubsub_channels() == []


def test_no_process_knows_a_database(worker: RunningWorker) -> None:
    main, children = worker.main_and_children()
    for pid in (main, *children):
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode()
        assert "CARREL_WORKER_SITE_URL" in environment
        assert "DATABASE" not in environment
        assert "postgres" not in environment
        assert (worker.storage.parent / "token").read_text().strip() not in environment


def test_the_process_that_forks_has_one_thread(worker: RunningWorker) -> None:
    main, _ = worker.main_and_children()
    assert len(os.listdir(f"/proc/{main}/task")) == 1


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"CARREL_DATABASE_URL": "postgresql://x"}, "CARREL_DATABASE_URL"),
        ({"CARREL_WORKER_TOKEN_FILE": "/none"}, "CARREL_WORKER_TOKEN_FILE"),
    ],
)
def test_a_worker_started_wrongly_says_so_and_ends(
    extra: dict[str, str], named: str, tmp_path: Path, broker_url: str
) -> None:
    token = tmp_path / "token"
    token.write_text("cw_x")
    settings = {
        "CARREL_WORKER_BROKER_URL": broker_url,
        "CARREL_WORKER_TOKEN_FILE": str(token),
        "CARREL_WORKER_STORAGE_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        worker_arguments("query", 1, "wrong"),
        env=clean_environment(**(settings | extra)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode not in (0, None)
    assert named in ended.stderr


_DRAW_IN_TWO_CHILDREN = """
import os
from carrel_protocol.privacy import Noise
from carrel_worker.mechanisms.noise import add_noise

noises = [Noise(mechanism=m, scale=1e6) for m in ("discrete_laplace", "discrete_gaussian")]
draw = lambda: [add_noise([0] * 8, noise) for noise in noises]
draw()  # whatever state the sampler keeps, it has by now
for _ in range(2):
    if os.fork() == 0:
        print(draw(), flush=True)
        os._exit(0)
    os.wait()
print(draw())
"""


def test_forked_children_draw_different_noise() -> None:
    drawn = subprocess.run(
        [sys.executable, "-c", _DRAW_IN_TWO_CHILDREN], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(drawn) == 3
    assert len(set(drawn)) == 3


_IMPORT_ALL = """
import pkgutil, sys, carrel_worker
for module in pkgutil.walk_packages(carrel_worker.__path__, "carrel_worker."):
    __import__(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_worker_imports_no_database() -> None:
    imported = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "carrel_worker" in imported
    assert {"sqlalchemy", "psycopg", "alembic", "carrel_site", "carrel"}.isdisjoint(imported)
