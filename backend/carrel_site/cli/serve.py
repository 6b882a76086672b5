"""`carrel serve` and `carrel worker`: one process each, with settings from the environment."""

import gc
import os
import socket
from pathlib import Path

import typer
import uvicorn

from carrel_site.embedded.programs import worker_arguments
from carrel_site.settings import get_settings

_FACTORY = "carrel_site.app:create_app"
_GRACE_SECONDS = 3
"""How long a stopping server lets requests end: long polls would hold it for half a minute."""


def serve_api(*, host: str | None, port: int | None, uds: Path | None, fd: int | None) -> None:
    """Serve the API until SIGTERM: on an inherited socket, a unix socket, or a TCP port."""
    settings = get_settings()
    config = uvicorn.Config(
        _FACTORY,
        factory=True,
        host=host or settings.host,
        port=settings.port if port is None else port,
        uds=str(uds) if uds else None,
        loop="uvloop",
        http="httptools",
        log_level=settings.log_level.lower(),
        access_log=False,  # paths of requests and their times are nobody's but the audit log's
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    _collect_rarely()
    inherited = None if fd is None else [socket.socket(fileno=fd)]
    uvicorn.Server(config).run(sockets=inherited)


def _collect_rarely() -> None:
    """Collect garbage less often: that took about a tenth of a request's CPU, and what a request
    leaves behind is mostly freed by reference counts."""
    gc.set_threshold(50_000, 20, 100)


def run_worker(queues: str, concurrency: int, name: str) -> None:
    """Become a Celery worker: this process is replaced, so signals reach Celery itself."""
    if "CARREL_WORKER_TOKEN_FILE" not in os.environ:
        typer.echo(
            "Set CARREL_WORKER_SITE_URL, CARREL_WORKER_TOKEN_FILE, CARREL_WORKER_BROKER_URL and "
            "CARREL_WORKER_STORAGE_DIR; an owner makes a worker's token.",
            err=True,
        )
        raise typer.Exit(2)
    arguments = worker_arguments(queues, concurrency, name)
    os.execv(arguments[0], arguments)  # noqa: S606
