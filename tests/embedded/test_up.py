"""`carrel up`: the whole site as a user starts it, and every way it can end."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.procs import alive, children, descendants, eventually
from tests.embedded.running import CARREL, START_SECONDS, Up, running_up, start_up, stop
from tests.embedded.test_postgres import as_nobody, as_root, tree_modes

pytestmark = pytest.mark.timeout(600)

PROGRAMS = ("postgres", "valkey", "api", "beat", "worker")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One site for the tests that leave it as they found it; its usual port is taken."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8750))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        with running_up(tmp_path_factory.mktemp("up") / "data", "--concurrency", "2") as site:
            yield site


def test_below_a_closed_directory_and_in_a_long_path(tmp_path: Path) -> None:
    """Private from top to bottom, on loopback alone, and it says how to become its owner."""
    parent = tmp_path / "closed" / ("long-" * 13 + "path")
    parent.mkdir(parents=True)
    parent.parent.chmod(0o700)
    before = tree_modes(parent)
    with running_up(parent / ("longer-" * 10 + "path")) as site:
        assert len(str(site.data)) > 120
        assert site.get("/api/v1/setup") == {"done": False}
        token = (site.data / "secrets" / "setup_token").read_text()
        # Printed once the site is up: what it says is read by another thread.
        assert eventually(lambda: f"/setup#token={token}" in site.said)
        assert "carrel setup" in site.said
        assert tree_modes(parent) == before
        assert stat.S_IMODE(site.data.stat().st_mode) == 0o700
        for place, _, names in os.walk(site.data):
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # services remove files of theirs
                    mode = os.lstat(os.path.join(place, name)).st_mode
                    assert not stat.S_ISREG(mode) or mode & 0o077 == 0, (place, name)
        host, port = site.url.removeprefix("http://").split(":")
        assert host == "127.0.0.1"
        listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = {
            local.split(":")[0]
            for _, local, _, state, *_ in listening
            if state == "0A" and local.endswith(f":{int(port):04X}")
        }
        assert ours == {"0100007F"}
        run_dir = Path(str(json.loads(site.data.joinpath("site.json").read_text())["run_dir"]))
        assert not run_dir.is_relative_to(site.data)
        assert stat.S_IMODE(run_dir.stat().st_mode) in (0o700, 0o711)
    assert tree_modes(parent) == before
    assert not run_dir.exists()


def test_every_end_leaves_no_process_and_the_next_start_finds_the_data(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    try:
        for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
            with running_up(tmp_path / "data", "--concurrency", "2") as site:
                if number == signal.SIGKILL:
                    make_owner(site)
                assert site.get("/api/v1/setup") == {"done": True}
                assert ("no owner" in site.said) == (number == signal.SIGKILL)
                assert eventually(lambda site=site: len(site.everything()) > 2 * len(PROGRAMS))
                everything = site.everything()
                site.popen.send_signal(number)
                code = site.popen.wait(timeout=60)
                assert eventually(lambda pids=everything: not alive(pids)), alive(everything)
                assert code == (0 if number != signal.SIGKILL else -signal.SIGKILL)
                assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def make_owner(site: Up) -> None:
    subprocess.run(
        [*CARREL, "setup", "owner@example.org", "--name", "Owner", "--data-dir", str(site.data)],
        env={**os.environ, "CARREL_OWNER_PASSWORD": "correct horse battery"},
        check=True,
        capture_output=True,
    )


def _find(up: Up, name: str) -> int:
    """The pid of one of the supervisor's own children, or 0."""
    return min(_find_all(up, name), default=0)


def _find_all(up: Up, name: str) -> set[int]:
    """The pids of the supervisor's own children of a kind."""
    marks = {
        "postgres": "bin/postgres -D",
        "valkey": "valkey-server",
        "api": "carrel_site.cli serve",
        "beat": "carrel_site.cli beat",
        "worker": "shim.py",
    }
    found = alive(children(up.popen.pid))  # PostgreSQL's own look like it until they are named
    return {pid for pid, command in found.items() if marks[name] in command}


def _workers(up: Up) -> dict[int, dict[bytes, bytes]]:
    """The guards that the workers run below, and the environment of each."""
    found = {}
    for pid in _find_all(up, "worker"):
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        told = dict(item.split(b"=", 1) for item in environment if b"=" in item)
        if b"CARREL_WORKER_TOKEN_FILE" in told:
            found[pid] = told
    return found


def test_two_on_one_directory_and_a_taken_port(up: Up) -> None:
    everything = up.everything()
    second = start_up(up.data, "--port", "1")
    assert second.popen.wait(timeout=60) == 1
    other = start_up(up.data.with_name("other"), "--port", up.url.rpartition(":")[2])
    assert other.popen.wait(timeout=60) == 1
    assert "is taken; choose another with --port" in other.said
    third = start_up(up.data)
    assert third.popen.wait(timeout=60) == 1
    assert f"is in use by another carrel (pid {up.popen.pid})" in third.said
    assert everything <= set(alive(everything))
    assert int(up.url.rpartition(":")[2]) in range(8751, 8800)  # 8750 was taken
    assert up.get("/api/v1/setup") == {"done": False}


def test_stopped_while_it_starts(tmp_path: Path) -> None:
    for delay in (0.3, 1.5, 3.0):
        site = start_up(tmp_path / "data")
        eventually(lambda site=site: site.popen.poll() is not None, delay)
        everything = site.everything()
        site.popen.send_signal(signal.SIGTERM)
        site.popen.wait(timeout=60)
        assert eventually(lambda everything=everything: not alive(everything)), alive(everything)
    with running_up(tmp_path / "data") as site:
        assert site.get("/api/v1/setup") == {"done": False}


def test_the_workers_know_neither_database_nor_password(up: Up) -> None:
    assert eventually(lambda: len(_workers(up)) == 3)
    worker = {pid for guard in _workers(up) for pid in (guard, *descendants(guard))}
    assert len(worker) >= 6
    password = (up.data / "secrets" / "app_database_password").read_bytes()
    for pid in worker:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        names = {item.split(b"=")[0].decode() for item in environment.split(b"\0") if item}
        assert {name for name in names if "CARREL" in name} <= {
            "CARREL_WORKER_SITE_URL",
            "CARREL_WORKER_TOKEN_FILE",
            "CARREL_WORKER_BROKER_URL",
            "CARREL_WORKER_STORAGE_DIR",
            "CARREL_WORKER_ENVIRONMENTS_DIR",
        }
        assert password not in environment
        assert b"pg" not in environment.replace(b"pytest", b"").split(b"/")


def test_the_worker_of_made_up_rows_is_not_told_where_the_data_is(up: Up) -> None:
    assert eventually(lambda: len(_workers(up)) == 3)
    told = list(_workers(up).values())
    storages = sorted(each[b"CARREL_WORKER_STORAGE_DIR"] for each in told)
    assert storages == [b"", bytes(up.data / "storage"), bytes(up.data / "storage")]
    assert len({each[b"CARREL_WORKER_TOKEN_FILE"] for each in told}) == 3


def test_no_secret_is_in_a_command_line_or_a_programs_environment(up: Up) -> None:
    secrets = [path.read_bytes().strip() for path in (up.data / "secrets").iterdir()]
    assert len(secrets) >= 7
    for pid in alive(up.everything()):
        shown = (
            Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        )
        assert not [secret for secret in secrets if secret in shown], pid


@as_root
def test_another_local_user_reaches_no_socket(up: Up) -> None:
    for path in [path for path in up.data.rglob("*") if path.is_socket()]:

        def attempt(path: Path = path) -> None:
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(str(path))

        assert "PermissionError" in str(as_nobody(attempt))


def test_doctor_finds_nothing_wrong_with_a_running_site(up: Up) -> None:
    done = subprocess.run(
        [*CARREL, "doctor", "--data-dir", str(up.data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail" not in done.stdout
    for line in ("carrel_app owns nothing", "this directory's site is running at", "Valkey"):
        assert line in done.stdout


def test_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "secrets").mkdir(parents=True)
    data.chmod(0o777)
    (data / "secrets" / "site_key").write_text("00")
    (data / "secrets" / "site_key").chmod(0o644)
    done = subprocess.run(
        [*CARREL, "doctor", "--data-dir", str(data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"chmod 700 {data}" in done.stdout
    assert "readable by others: site_key" in done.stdout
    refused = start_up(data)
    assert refused.popen.wait(timeout=START_SECONDS) == 1
    assert "chmod 600" in refused.said
    stop(refused, signal.SIGTERM)


def test_a_program_that_crashes_is_started_again(up: Up) -> None:
    for name in PROGRAMS:
        assert eventually(lambda: _all_serve(up)), name  # one that starts needs its database
        before = {program: _find_all(up, program) for program in PROGRAMS}
        victim = min(before[name])
        theirs = {victim, *descendants(victim)}
        os.kill(victim, signal.SIGKILL)
        said = re.compile(rf"\b{name}(-\d)? ended with")
        assert eventually(lambda said=said: said.search(up.said)), name
        assert eventually(lambda theirs=theirs: not alive(theirs)), name

        others = {**before, name: before[name] - {victim}}

        def restored(name: str = name, others: dict[str, set[int]] = others) -> bool:
            found = {program: _find_all(up, program) for program in PROGRAMS}
            new = found[name] - others[name]
            return len(new) == 1 and found == {**others, name: others[name] | new}

        assert eventually(restored), name
        assert eventually(lambda: _answers(up)), name


def test_two_processes_serve_the_api(up: Up) -> None:
    assert len(_find_all(up, "api")) == min(2, len(os.sched_getaffinity(0)))
    assert eventually(lambda: _all_serve(up))


def _all_serve(up: Up) -> bool:
    """Whether every API process there has come up, by what it wrote last."""
    logs = up.data.joinpath("logs").glob("api-?.log")
    return all(
        log.read_text().rfind("Application startup complete")
        > log.read_text().rfind("Started server process")
        for log in logs
    )


def _answers(up: Up) -> bool:
    try:
        return up.get("/api/v1/setup") == {"done": False}
    except urllib.error.HTTPError as error:
        if error.code != 503:  # which says: try again
            raise
        return False
