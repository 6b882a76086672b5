"""The one-command site: PostgreSQL, Valkey, API, beat and worker under one supervisor."""

import http.client
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from carrel_site.embedded import ports
from carrel_site.embedded.bootstrap import APP_ROLE, OWNER_ROLE, bootstrap_database
from carrel_site.embedded.identity import Identity, server_identity
from carrel_site.embedded.layout import DataDir
from carrel_site.embedded.postgres import Postgres, prepare_sockets
from carrel_site.embedded.programs import (
    CODE_QUEUES,
    MOCK_QUEUES,
    WORKER_QUEUES,
    api_programs,
    black_boxes_alone,
    site_program,
    worker_program,
)
from carrel_site.embedded.secrets import ensure_secrets, read_secret
from carrel_site.embedded.supervise import Say, Supervisor
from carrel_site.embedded.valkey import Valkey

HOST = "127.0.0.1"
_SERVICE_SECONDS = 120.0
"""PostgreSQL may have to recover from its log first."""
_API_SECONDS = 60.0
_MOCK_RUNS = 2
"""On made-up rows at once, at most: they are short."""


class NotAlone(RuntimeError):
    """Black boxes are to have a machine for themselves, and this command runs all on one."""

    def __init__(self) -> None:
        super().__init__(
            "CARREL_BLACK_BOX_EXCLUSIVE says that nothing else runs where black boxes do, and here "
            "the API, questions and runs on made-up rows do. Take it out, and people approve each "
            "black box; or run the parts by themselves (docs/black-boxes.md, 'For owners')."
        )


@dataclass(frozen=True)
class RunningSite:
    url: str
    data: DataDir
    supervisor: Supervisor

    def has_owner(self) -> bool:
        """Whether somebody has used the setup token."""
        return bool(_setup_state(self.url).get("done"))


@contextmanager
def running_site(
    directory: Path, port: int | None, say: Say, *, concurrency: int = 4
) -> Iterator[RunningSite]:
    """A site in `directory` that is up inside the block; afterwards nothing of it is left.

    Raises AlreadyRunning, PortTaken, StartFailed, StopRequested (told to stop while starting),
    BinariesMissing, NoIdentity, SecretsExposed, StillInUse, PostgresFailed, NotAlone.
    """
    if black_boxes_alone():
        raise NotAlone
    data = DataDir(directory.absolute())
    data.make()
    with data.lock(), ports.listen(HOST, port) as listener, Supervisor(say) as supervisor:
        data.rotate_logs()
        ensure_secrets(data.secrets)
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        identity = server_identity(data.postgres)
        run_dir = data.make_run_dir(identity)
        try:
            _start_services(supervisor, data, url, identity, run_dir)
            prepare = site_program(
                "prepare", "carrel_site.embedded.prepare", data_dir=data.root, logs=data.logs
            )
            supervisor.run(prepare, _SERVICE_SECONDS)
            first, *others = api_programs(data.root, data.logs, listener.fileno())
            supervisor.start(first)
            supervisor.wait_ready(first.name, lambda: bool(_setup_state(url)), _API_SECONDS)
            for program in others:
                supervisor.start(program)
            _start_background(supervisor, data, url, concurrency)
            yield RunningSite(url, data, supervisor)
        finally:
            supervisor.stop_all()
            shutil.rmtree(run_dir, ignore_errors=True)


def _start_services(
    supervisor: Supervisor, data: DataDir, url: str, identity: Identity, run_dir: Path
) -> None:
    """Start the database and the broker, and write down where they are."""
    prepare_sockets(run_dir / "pg", identity)
    postgres = Postgres(
        data.postgres,
        run_dir / "pg",
        data.logs / "postgres.log",
        read_secret(data.secrets, "superuser_database_password"),
        identity,
    )
    valkey = Valkey(data.valkey, run_dir / "valkey.sock", data.logs / "valkey.log")
    data.write_site_file(
        {
            "site_url": url,
            "run_dir": str(run_dir),
            "database_url": postgres.url(APP_ROLE),
            "owner_database_url": postgres.url(OWNER_ROLE),
            "broker_url": valkey.url(),
        }
    )
    postgres.initialise()
    supervisor.start(postgres.program(), before=postgres.clear_stale_lock)
    supervisor.start(valkey.program(), before=valkey.clear_stale_lock)
    supervisor.wait_ready("postgres", postgres.ready, _SERVICE_SECONDS)
    bootstrap_database(
        postgres.conninfo(),
        read_secret(data.secrets, "owner_database_password"),
        read_secret(data.secrets, "app_database_password"),
    )
    supervisor.wait_ready("valkey", valkey.ready, _SERVICE_SECONDS)


def _start_background(supervisor: Supervisor, data: DataDir, url: str, concurrency: int) -> None:
    """Beat and workers, last: they would only compete with the API for the processor."""
    supervisor.start(
        site_program("beat", "carrel_site.cli", "beat", data_dir=data.root, logs=data.logs)
    )
    broker_url = str(data.read_site_file()["broker_url"])
    mocks = min(_MOCK_RUNS, concurrency)
    for name, queues, token, at_once, storage in (
        ("worker", WORKER_QUEUES, "worker_token", concurrency, data.storage),
        ("code-worker", CODE_QUEUES, "code_worker_token", concurrency, data.storage),
        ("mock-worker", MOCK_QUEUES, "mock_worker_token", mocks, None),
    ):
        supervisor.start(
            worker_program(
                name,
                ",".join(queues),
                at_once,
                site_url=url,
                token_file=data.secrets / token,
                broker_url=broker_url,
                storage=storage,
                environments=data.environments,
                logs=data.logs,
            )
        )


def _setup_state(url: str) -> dict[str, object]:
    """GET /api/v1/setup; empty while the API does not answer."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=1.0)
    try:
        connection.request("GET", "/api/v1/setup")
        response = connection.getresponse()
        return dict(json.load(response)) if response.status == http.client.OK else {}
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
