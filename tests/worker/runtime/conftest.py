"""A real Celery worker on a real broker, as `carrel up` starts it, against a scripted site."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from carrel_site.embedded.process import Child, spawn
from carrel_site.embedded.programs import worker_program
from carrel_site.embedded.valkey import Valkey
from carrel_site.runs.broker import Broker
from tests.embedded.procs import descendants, eventually
from tests.worker.runtime.scripted_site import TOKEN, ScriptedSite


@dataclass
class RunningWorker:
    """A worker with one child, what it talks to, and where it logs."""

    program: Child
    broker: Broker
    site: ScriptedSite
    storage: Path
    log: Path

    def send(self, run_id: str, queue: str = "query") -> str:
        self.broker.publish(queue, run_id)
        return run_id

    def main_and_children(self) -> tuple[int, set[int]]:
        """Pids of Celery's main process, which a guard stands above, and of its children."""
        (main,) = _of_celery(self.program.pid)
        return main, _of_celery(main)

    def stop(self) -> None:
        self.broker.close()
        self.program.stop()

    def ready_children(self) -> int:
        return self.log.read_text().count("child ready") if self.log.exists() else 0


def _of_celery(pid: int) -> set[int]:
    """Its children, without the sandboxes that it probes, and which their guard adopts."""
    below = descendants(pid)
    children = below - {lower for child in below for lower in descendants(child)}
    return {child for child in children if b"celery" in _command(child)}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def start_worker(
    site: ScriptedSite,
    broker_url: str,
    directory: Path,
    *,
    concurrency: int = 1,
    prepare: Callable[[Path], object] = lambda _: None,
    **settings: str,
) -> RunningWorker:
    """Start a worker and wait until its children are warm. `settings`: more of its environment;
    `prepare`: done to its storage before."""
    storage = directory / "storage"
    storage.mkdir(exist_ok=True)
    prepare(storage)
    token = directory / "token"
    token.write_text(TOKEN + "\n")
    program = worker_program(
        "worker",
        "query,ingest,code,mock,black_box",
        concurrency,
        site_url=site.url,
        token_file=token,
        broker_url=broker_url,
        storage=storage,
        logs=directory,
    )
    program = replace(program, environment={**program.environment, **settings})
    worker = RunningWorker(spawn(program), Broker(broker_url), site, storage, program.log)
    eventually(
        lambda: worker.ready_children() >= concurrency or worker.program.exit_code() is not None, 60
    )
    if worker.ready_children() < concurrency:
        worker.program.stop()
        raise AssertionError(program.log.read_text())
    return worker


@pytest.fixture
def site() -> Iterator[ScriptedSite]:
    scripted = ScriptedSite()
    scripted.start()
    yield scripted
    scripted.stop()


@pytest.fixture
def start(
    site: ScriptedSite, broker_url: str, tmp_path: Path
) -> Iterator[Callable[..., RunningWorker]]:
    """Starts workers that end with the test."""
    running: list[RunningWorker] = []

    def start_one(**options: Any) -> RunningWorker:
        directory = tmp_path / f"worker-{len(running)}"
        directory.mkdir()
        running.append(start_worker(site, broker_url, directory, **options))
        return running[-1]

    yield start_one
    for worker in running:
        worker.stop()


@pytest.fixture(scope="module")
def worker(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorker]:
    """One worker with one child, for all tests of a module that leave it as they found it."""
    scripted = ScriptedSite()
    scripted.start()
    running = start_worker(scripted, valkey.url(database=1), tmp_path_factory.mktemp("worker"))
    yield running
    running.stop()
    scripted.stop()
