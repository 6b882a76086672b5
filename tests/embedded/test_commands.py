"""`carrel db upgrade | serve | beat | worker` against services that somebody else runs."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from carrel_site.core.db import Database
from carrel_site.embedded.bootstrap import create_database
from carrel_site.embedded.secrets import ensure_secrets, write_secret
from carrel_site.runs.workers import ensure_worker
from tests.embedded.procs import alive, descendants, eventually
from tests.embedded.running import CARREL
from tests.fixtures.services import DatabaseUrls, PostgresService

pytestmark = pytest.mark.timeout(600)

TOKEN = "cw_worker-of-the-commands-test"


def environment(
    urls: DatabaseUrls, postgres: PostgresService, broker: str, data: Path
) -> dict[str, str]:
    """CARREL_* as an operator sets them: URLs without passwords, passwords in files."""
    (data / "secrets").mkdir(parents=True, mode=0o700)
    write_secret(data / "secrets" / "app_database_password", postgres.app_password)
    write_secret(data / "secrets" / "owner_database_password", postgres.owner_password)
    ensure_secrets(data / "secrets")
    return {
        **{name: value for name, value in os.environ.items() if "CARREL" not in name},
        "CARREL_DATA_DIR": str(data),
        "CARREL_DATABASE_URL": urls.app.replace(f":{postgres.app_password}@", "@"),
        "CARREL_OWNER_DATABASE_URL": urls.owner.replace(f":{postgres.owner_password}@", "@"),
        "CARREL_BROKER_URL": broker,
    }


@contextmanager
def running(
    *command: str, environ: dict[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """The command; ended with SIGTERM, which must make it leave with 0 and nothing behind."""
    with log.open("wb") as file:
        popen = subprocess.Popen([*CARREL, *command], env=environ, stdout=file, stderr=file)
    everything: set[int] = set()
    try:
        yield popen
        everything = {popen.pid, *descendants(popen.pid)}
        popen.send_signal(signal.SIGTERM)
        # uvicorn ends by the signal itself once it has shut down, which shells show as 143.
        assert popen.wait(timeout=60) in (0, -signal.SIGTERM), log.read_text()
        assert eventually(lambda: not alive(everything)), alive(everything)
    finally:
        for pid in alive(everything | {popen.pid}):
            os.kill(pid, signal.SIGKILL)
        popen.wait()


def test_the_parts_run_on_external_services(
    postgres: PostgresService, broker_url: str, tmp_path: Path
) -> None:
    create_database(postgres.superuser_dsn, "external")
    urls = postgres.urls("external")
    environ = environment(urls, postgres, broker_url, tmp_path / "data")
    try:
        for _ in range(2):
            done = subprocess.run(
                [*CARREL, "db", "upgrade"], env=environ, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            assert "up to date" in done.stdout
        with psycopg.connect(urls.superuser_dsn) as connection:
            owners = connection.execute(
                "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
            )
            assert owners.fetchall() == [("carrel_owner",)]
        _serve_beat_and_work(environ, urls, broker_url, tmp_path)
    finally:
        postgres.drop(urls)


def _serve_beat_and_work(
    environ: dict[str, str], urls: DatabaseUrls, broker_url: str, directory: Path
) -> None:
    uds = directory / "api.sock"
    with (
        running("serve", "--uds", str(uds), environ=environ, log=directory / "api.log"),
        running("beat", environ=environ, log=directory / "beat.log") as beat,
        httpx.Client(transport=httpx.HTTPTransport(uds=str(uds)), base_url="http://site") as http,
    ):
        assert eventually(uds.exists, 60.0), (directory / "api.log").read_text()
        assert http.get("/api/v1/setup").json() == {"done": False}
        _work(environ, urls, broker_url, directory)
        assert beat.poll() is None, (directory / "beat.log").read_text()


def _work(environ: dict[str, str], urls: DatabaseUrls, broker_url: str, directory: Path) -> None:
    database = Database(urls.app)
    database.transact(lambda session: ensure_worker(session, "outside", TOKEN, ["query"]))
    database.dispose()
    write_secret(directory / "token", TOKEN)
    theirs = {name: value for name, value in environ.items() if "CARREL" not in name} | {
        "CARREL_WORKER_SITE_URL": "http://127.0.0.1:1",  # nothing is queued, so nothing is asked
        "CARREL_WORKER_TOKEN_FILE": str(directory / "token"),
        "CARREL_WORKER_BROKER_URL": broker_url,
        "CARREL_WORKER_STORAGE_DIR": str(directory),
    }
    log = directory / "worker.log"
    arguments = ("worker", "--queues", "query", "--concurrency", "1")
    with running(*arguments, environ=theirs, log=log):
        assert eventually(lambda: "ready" in log.read_text(), 90.0), log.read_text()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if "CARREL" not in name}
    for command, advice in (
        (("db", "upgrade"), "CARREL_OWNER_DATABASE_URL"),
        (("worker",), "CARREL_WORKER_TOKEN_FILE"),
    ):
        done = subprocess.run(
            [*CARREL, *command], env=environ, cwd=tmp_path, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert advice in done.stderr
