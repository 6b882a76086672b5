"""The site's own programs: API, beat and workers, as `carrel up` and the commands run them."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from carrel_site.embedded.process import Program, clean_environment
from carrel_site.settings import Settings

PYTHON = (sys.executable, "-P")  # -P: whatever lies in the working directory is not imported
WORKER_QUEUES = ("query", "ingest")
"""What the embedded worker beside the data takes; its token is good for these."""
CODE_QUEUES = ("code", "black_box")
"""What the one for programs takes. Their runs hold its places until their public times, minutes
long: in another's they would be in the way of questions, and questions could tell of them."""
MOCK_QUEUES = ("mock",)
"""What the other takes, which is given no data: runs of code on made-up rows."""


def worker_arguments(queues: str, concurrency: int, name: str) -> tuple[str, ...]:
    """Celery's command line. JSON and no remote control come from its app; no gossip from here."""
    return (
        *PYTHON,
        *("-m", "celery", "-A", "carrel_worker.celery_app", "worker"),
        *("--queues", queues, "--concurrency", str(concurrency), "--hostname", f"{name}@%h"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--loglevel", "INFO"),
    )


_OURS = frozenset(
    {
        *("database_url", "owner_database_url", "broker_url", "host", "port"),
        *("data_dir", "storage_dir", "secrets_dir", "anchors_file", "spend_journal_file"),
    }
)
"""What `carrel up` decides itself."""
_TRUE = ("1", "true", "t", "yes", "y", "on")
_WORKERS = (
    *("ingest_memory_bytes", "result_patience_seconds", "log_level"),
    *("sandbox_minimum_tier", "sandbox_gpu"),
)


def chosen_settings() -> dict[str, str]:
    """The site's settings that stand in our environment, but for where its parts are, and whom
    it trusts when it sends e-mail."""
    certificates = {name: os.environ[name] for name in ("SSL_CERT_FILE",) if name in os.environ}
    return certificates | _from_environment("CARREL_", set(Settings.model_fields) - _OURS)


def black_boxes_alone() -> bool:
    """Whether the site is told that black boxes have workers of their own."""
    return chosen_settings().get("CARREL_BLACK_BOX_EXCLUSIVE", "").lower() in _TRUE


def _from_environment(prefix: str, names: Iterable[str]) -> dict[str, str]:
    variables = [prefix + name.upper() for name in names]
    return {name: os.environ[name] for name in variables if name in os.environ}


def api_programs(data_dir: Path, logs: Path, listener: int) -> list[Program]:
    """The API on an inherited listening socket: a process for each of two processors.

    Two, since one interpreter cannot keep two processors busy; no more, since the others are the
    database's and the workers'.
    """
    processes = min(2, len(os.sched_getaffinity(0)))
    return [api_program(f"api-{n + 1}", data_dir, logs, listener) for n in range(processes)]


def api_program(name: str, data_dir: Path, logs: Path, listener: int) -> Program:
    """One process of the API."""
    return Program(
        name=name,
        arguments=(*PYTHON, "-m", "carrel_site.cli", "serve", "--fd", str(listener)),
        environment=clean_environment(**chosen_settings(), CARREL_DATA_DIR=str(data_dir)),
        log=logs / f"{name}.log",
        cwd=data_dir,
        pass_fds=(listener,),
        stop_seconds=6.0,
    )


def site_program(name: str, module: str, *arguments: str, data_dir: Path, logs: Path) -> Program:
    """A module of the site's that finds its settings in the data directory."""
    return Program(
        name=name,
        arguments=(*PYTHON, "-m", module, *arguments),
        environment=clean_environment(**chosen_settings(), CARREL_DATA_DIR=str(data_dir)),
        log=logs / f"{name}.log",
        cwd=data_dir,
    )


def worker_program(
    name: str,
    queues: str,
    concurrency: int,
    *,
    site_url: str,
    token_file: Path,
    broker_url: str,
    storage: Path | None,
    environments: Path | None = None,
    logs: Path,
) -> Program:
    """A Celery worker. It gets what is named here and no other setting: no way to the database.

    storage: None for a worker that is given no data. environments: where those that were built for
    code lie.
    """
    chosen = _from_environment("CARREL_WORKER_", _WORKERS)
    if environments is not None:
        chosen["CARREL_WORKER_ENVIRONMENTS_DIR"] = str(environments)
    return Program(
        name=name,
        arguments=worker_arguments(queues, concurrency, name),
        environment=clean_environment(
            **chosen,
            CARREL_WORKER_SITE_URL=site_url,
            CARREL_WORKER_TOKEN_FILE=str(token_file),
            CARREL_WORKER_BROKER_URL=broker_url,
            CARREL_WORKER_STORAGE_DIR=str(storage or ""),
        ),
        log=logs / f"{name}.log",
        cwd=storage or logs,
        guard=True,  # Celery's children do not end with their parent
    )
