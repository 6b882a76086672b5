"""The application in this process, on a PostgreSQL of its own that is gone afterwards."""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from carrel_site.app import create_app
from carrel_site.cli.db import upgrade
from carrel_site.embedded.bootstrap import APP_ROLE, DATABASE, OWNER_ROLE, bootstrap_database
from carrel_site.embedded.identity import server_identity
from carrel_site.embedded.postgres import Postgres, prepare_sockets
from carrel_site.embedded.process import spawn
from carrel_site.embedded.secrets import ensure_secrets
from carrel_site.settings import Settings
from carrel_site.site import Site

_START_SECONDS = 60.0


@dataclass
class Measured:
    """The application, with a clock around it and a counter on its database.

    The clock runs from the moment the request is handed to the application until its answer is
    complete: routing, authentication, statements, serialising; no network and no HTTP parsing.
    """

    app: ASGIApp
    site: Site
    seconds: float = 0.0
    processor_seconds: float = 0.0
    """Of this process, its threads together."""
    statements: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        event.listen(self.site.db.engine, "before_cursor_execute", self._count)

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.statements.append(statement)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, used = time.perf_counter(), time.process_time()
        try:
            await self.app(scope, receive, send)
        finally:
            if scope["type"] == "http":
                self.seconds = time.perf_counter() - started
                self.processor_seconds = time.process_time() - used


@dataclass(frozen=True)
class Throwaway:
    measured: Measured
    http: TestClient
    superuser_dsn: str
    setup_token: str
    postgres_pid: int

    def database_seconds(self) -> float:
        """Processor time of PostgreSQL's processes so far: those that are there now, so without
        what a parallel worker used that has ended."""
        children = Path(f"/proc/{self.postgres_pid}/task/{self.postgres_pid}/children")
        nanoseconds = 0
        for pid in children.read_text().split():
            with suppress(FileNotFoundError, ProcessLookupError):
                nanoseconds += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        return nanoseconds / 1e9


@contextmanager
def throwaway_site() -> Iterator[Throwaway]:
    """A migrated, empty site in a temporary directory; nothing of it is flushed to disk."""
    directory = Path(tempfile.mkdtemp(prefix="carrel-bench-"))
    sockets = Path(tempfile.mkdtemp(prefix="carrel-pg-"))
    identity = server_identity(directory / "postgres")
    prepare_sockets(sockets, identity)
    password = secrets.token_hex(8)
    server = Postgres(
        directory / "postgres", sockets, directory / "log", password, identity, durable=False
    )
    server.initialise()
    child = spawn(server.program())
    try:
        give_up = time.monotonic() + _START_SECONDS
        while not server.ready():
            if child.exit_code() is not None or time.monotonic() > give_up:
                raise RuntimeError((directory / "log").read_text()[-4000:])
            time.sleep(0.02)
        bootstrap_database(server.conninfo(), password, password)
        upgrade(server.url(OWNER_ROLE, password))
        ensure_secrets(directory / "secrets")
        settings = Settings(
            data_dir=directory,
            database_url=server.url(APP_ROLE, password),
            broker_url="redis://127.0.0.1:1/0",  # lists need none
        )
        site = Site.open(settings)
        measured = Measured(create_app(site), site)
        with TestClient(measured, raise_server_exceptions=False) as http:
            token = (directory / "secrets" / "setup_token").read_text().strip()
            yield Throwaway(measured, http, server.conninfo(DATABASE), token, child.pid)
        site.close()
    finally:
        child.stop()
        shutil.rmtree(directory, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)


def quiet() -> bool:
    """Whether the machine does little else: figures of a busy one say little."""
    return os.getloadavg()[0] < 0.5 * (os.cpu_count() or 1)
