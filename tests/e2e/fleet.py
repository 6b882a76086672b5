"""A whole site as separate processes that a test may kill: APIs, beat, workers.

All are started, and started again when they end, from the thread that tests run in: the kernel
ties a child's life to the thread that made it.
"""

import os
import signal
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import httpx

from carrel_site.core.db import Database
from carrel_site.core.security import new_secret
from carrel_site.datasets.storage import Storage
from carrel_site.embedded.process import Child, Program, clean_environment, spawn
from carrel_site.embedded.programs import api_program, site_program, worker_program
from carrel_site.embedded.valkey import Valkey
from carrel_site.runs.workers import ensure_worker
from carrel_site.settings import Settings
from tests.embedded.procs import children, descendants, eventually


@dataclass(frozen=True)
class Crew:
    """One worker: what it serves, with how many children, and whether it is given data."""

    name: str
    queues: tuple[str, ...] = ("query", "ingest")
    concurrency: int = 2
    storage: bool = True


@dataclass
class Fleet:
    """Processes of one site. APIs share one listening socket, so that losing one refuses none."""

    settings: Settings
    valkey: Valkey
    logs: Path
    apis: int = 2
    crews: tuple[Crew, ...] = (Crew("worker-0"), Crew("worker-1"))
    environment: Mapping[str, str] = field(default_factory=dict)
    """What every process finds in its environment besides."""
    _listener: socket.socket = field(default_factory=socket.socket)
    _running: dict[str, Child] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start everything, and wait until the site answers and every worker's child is warm."""
        self.logs.mkdir(exist_ok=True)
        Storage(self.settings.storage_dir).prepare()
        self._admit_workers()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(2048)
        for program in self._programs():
            self._running[program.name] = spawn(program)
        assert eventually(self._answers, 60), self.tail()
        ready = sum(crew.concurrency for crew in self.crews)
        assert eventually(lambda: self._warm() >= ready, 60), self.tail()

    def stop(self) -> None:
        """Stop everything, workers first."""
        for name in sorted(self._running, reverse=True):
            self._running[name].stop()
        self._listener.close()

    def revive(self) -> None:
        """Start again whatever has ended."""
        for program in self._programs():
            if self._running[program.name].exit_code() is not None:
                self._running[program.name] = spawn(program)

    def kill(self, name: str) -> None:
        """SIGKILL one process: an API, or a worker's main process, whose children then follow."""
        child = self._running[name]
        if child.exit_code() is None:
            _kill(_first_below(child.pid) if name.startswith("worker") else child.pid)

    def kill_worker_child(self, name: str) -> None:
        """SIGKILL one of a worker's children, whatever it is doing."""
        main = _first_below(self._running[name].pid)
        _kill(max(descendants(main), default=None) if main else None)

    def pids(self) -> dict[str, int]:
        """The first process of each program by the program's name."""
        return {name: child.pid for name, child in self._running.items()}

    def hold_workers(self) -> None:
        """Stop all workers where they are: what is queued now waits. `let_go` ends it."""
        self._tell_workers(signal.SIGSTOP)

    def let_go(self) -> None:
        self._tell_workers(signal.SIGCONT)

    def _tell_workers(self, number: signal.Signals) -> None:
        for crew in self.crews:
            main = _first_below(self._running[crew.name].pid)
            if main is not None:
                for pid in (main, *children(main)):
                    os.kill(pid, number)

    def wipe_broker(self) -> None:
        """FLUSHALL: every message is lost."""
        self.valkey.flush()

    def tail(self) -> str:
        """The end of every log, for a failing test."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}"
            for log in sorted(self.logs.glob("*.log"))
        )

    def _admit_workers(self) -> None:
        """Give each worker a credential of its own."""
        database = Database(self.settings.database_url)
        for crew in self.crews:
            token = new_secret("cw")
            (self.settings.secrets_dir / crew.name).write_text(token)
            database.transact(
                partial(ensure_worker, name=crew.name, token=token, queues=crew.queues)
            )
        database.dispose()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/setup", timeout=5).is_success
        except httpx.TransportError:
            return False

    def _warm(self) -> int:
        logs = self.logs.glob("worker*.log")
        return sum(log.read_text(errors="replace").count("child ready") for log in logs)

    def _programs(self) -> Iterable[Program]:
        settings = self.settings
        environment = clean_environment(
            CARREL_DATA_DIR=str(settings.data_dir),
            CARREL_DATABASE_URL=settings.database_url,
            CARREL_BROKER_URL=settings.broker_url,
            CARREL_SITE_URL=self.url,
            CARREL_WORKER_LEASE_SECONDS=str(settings.worker_lease_seconds),
            CARREL_STORAGE_DIR=str(settings.storage_dir),
            CARREL_MOCK_RUNS_AT_ONCE=str(settings.mock_runs_at_once),
            CARREL_MOCK_RUNS_AN_HOUR=str(settings.mock_runs_an_hour),
            **self.environment,
        )
        for number in range(self.apis):
            api = api_program(
                f"api-{number}", settings.data_dir, self.logs, self._listener.fileno()
            )
            yield replace(api, environment=environment)
        beat = site_program(
            "beat", "carrel_site.cli", "beat", data_dir=settings.data_dir, logs=self.logs
        )
        yield replace(beat, environment=environment)
        for crew in self.crews:
            worker = worker_program(
                crew.name,
                ",".join(crew.queues),
                crew.concurrency,
                site_url=self.url,
                token_file=settings.secrets_dir / crew.name,
                broker_url=settings.broker_url,
                storage=settings.storage_dir if crew.storage else None,
                logs=self.logs,
            )
            yield replace(worker, environment={**worker.environment, **self.environment})

    def faults(self) -> dict[str, Callable[[], None]]:
        """Every fault there is, by name."""
        found: dict[str, Callable[[], None]] = {"broker wiped": self.wipe_broker}
        for number in range(self.apis):
            found[f"api-{number} killed"] = lambda name=f"api-{number}": self.kill(name)
        for crew in self.crews:
            worker = crew.name
            found[f"{worker} killed"] = lambda name=worker: self.kill(name)
            found[f"{worker}'s child killed"] = lambda name=worker: self.kill_worker_child(name)
        return found


def _first_below(guard: int) -> int | None:
    """The pid of the program that a guard runs: its oldest direct child."""
    below = descendants(guard)
    direct = below - {lower for pid in below for lower in descendants(pid)}
    return min(direct, default=None)


def _kill(pid: int | None) -> None:
    if pid is not None:
        with suppress(ProcessLookupError):  # it ended by itself just now
            os.kill(pid, signal.SIGKILL)
