"""PostgreSQL as a child process: a private unix socket, SCRAM passwords, no TCP.

The binaries are used as they are; initdb and postgres are run here, because the package's own
starter trusts every local account, and opens parent directories to them.

Both programs run with the data directory as their working directory and know it as
/proc/self/cwd, so that no directory above it has to be open to whom they run as.
"""

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo

from carrel_site.embedded.binaries import postgres_bin
from carrel_site.embedded.identity import Identity, initdb_identity
from carrel_site.embedded.process import Program, clean_environment, spawn
from carrel_site.embedded.survivors import end_survivors

SUPERUSER = "postgres"
_HERE = "/proc/self/cwd"
_INITDB_SECONDS = 120.0
_HBA = """\
# The only way in: this site's unix socket, in a directory of its owner's, with a password.
local all all scram-sha-256
"""


class PostgresFailed(RuntimeError):
    """initdb failed, or what an earlier start left behind cannot be used."""


@dataclass(frozen=True)
class Postgres:
    """One cluster. `data` lies in a directory of ours; `sockets` is short and private (0700).

    durable False is for tests: nothing is flushed to disk, and a power cut loses the cluster.
    """

    data: Path
    sockets: Path
    log: Path
    password: str
    identity: Identity
    durable: bool = True

    def initialise(self) -> None:
        """Make the cluster if there is none; one that was half made is made again."""
        if (self.data / "PG_VERSION").is_file():
            return
        partial = self.data.with_name(f"{self.data.name}.partial")
        if partial.exists():
            shutil.rmtree(partial)
        identity = initdb_identity(self.identity)
        partial.mkdir(mode=0o700)
        (partial / "password").touch(mode=0o600)
        (partial / "password").write_text(self.password)
        cluster = partial / "data"
        cluster.mkdir(mode=0o700)
        for path in (partial / "password", cluster, partial):
            identity.own(path)
        self._run_initdb(cluster, identity)
        (cluster / "pg_hba.conf").write_text(_HBA)
        for path in (cluster, *cluster.rglob("*")):
            if not path.is_symlink():
                self.identity.own(path)
        if self.data.exists():
            self.data.rmdir()
        cluster.rename(self.data)
        shutil.rmtree(partial)

    def _run_initdb(self, cluster: Path, identity: Identity) -> None:
        program = Program(
            name="initdb",
            arguments=(
                str(postgres_bin(identity) / "initdb"),
                f"--pgdata={_HERE}",
                f"--username={SUPERUSER}",
                "--pwfile=../password",
                "--auth=scram-sha-256",
                "--locale=C.UTF-8",
                "--encoding=UTF8",
                *(() if self.durable else ("--no-sync",)),
            ),
            environment=clean_environment(),
            log=self.log,
            cwd=cluster,
            identity=identity,
        )
        child = spawn(program)
        try:
            code = child.wait(_INITDB_SECONDS)
        finally:
            child.kill()
        if code != 0:
            raise PostgresFailed(f"initdb ended with {code}; its output is in {self.log}")

    def clear_stale_lock(self, grace_seconds: float = 10.0) -> None:
        """Make way after a SIGKILL: wait for what still shuts down, then drop its pid file.

        PostgreSQL itself refuses to start while some process, anybody's, has the pid in the
        file. Nobody else uses this directory (layout.Lock), so the file alone means nothing.
        """
        end_survivors(self.data, "postgres", grace_seconds)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def program(self) -> Program:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.sockets}"',
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "work_mem": "8MB",
            "max_wal_size": "256MB",
            "wal_recycle": "on",
            "jit": "off",
            "io_method": "sync",
            "max_logical_replication_workers": "0",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_destination": "stderr",
            "logging_collector": "off",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        return Program(
            name="postgres",
            arguments=(str(postgres_bin(self.identity) / "postgres"), "-D", _HERE, *options),
            environment=clean_environment(),
            log=self.log,
            cwd=self.data,
            identity=self.identity,
            death_signal=signal.SIGQUIT,  # backends end too; the log makes the data whole again
            stop_signal=signal.SIGINT,  # "fast": roll back, checkpoint, leave
            stop_seconds=30.0,
        )

    def ready(self) -> bool:
        """Whether it answers; False while it starts or recovers."""
        try:
            with psycopg.connect(self.conninfo(), connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def conninfo(self, database: str = "postgres") -> str:
        """libpq's connection string, as superuser."""
        return make_conninfo(
            host=str(self.sockets), user=SUPERUSER, password=self.password, dbname=database
        )

    def url(self, user: str, password: str | None = None, database: str = "carrel") -> str:
        """SQLAlchemy's URL."""
        secret = "" if password is None else f":{quote(password, safe='')}"
        place = quote(str(self.sockets), safe="/")
        return f"postgresql+psycopg://{user}{secret}@/{database}?host={place}"


def prepare_sockets(directory: Path, identity: Identity) -> None:
    """Make the private directory that PostgreSQL's socket goes into, and give it away."""
    directory.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        identity.own(directory)
