"""Nothing that was started outlives its supervisor, however that ends, and nothing else ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from carrel_site.embedded.process import Program, SpawnedOffMainThread, clean_environment, spawn
from tests.embedded.procs import alive, descendants, eventually

# plain, stubborn, the guard, the forking one, its two children and their two children
_PROCESSES = 8


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    script = Path(__file__).with_name("supervised.py")
    popen = subprocess.Popen([sys.executable, str(script), str(tmp_path)])
    children: set[int] = set()
    try:
        assert eventually(lambda: len(descendants(popen.pid)) == _PROCESSES)
        children = descendants(popen.pid)
        yield popen
    finally:
        for pid in alive(children):
            os.kill(pid, signal.SIGKILL)
        popen.kill()
        popen.wait()


def _named(pids: set[int], name: str) -> int:
    """The pid of the outermost process with that name as its last argument."""
    return min(pid for pid, command in alive(pids).items() if command.split()[-1] == name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_every_end_leaves_nothing(
    supervisor: "subprocess.Popen[bytes]", tmp_path: Path, number: signal.Signals
) -> None:
    children = descendants(supervisor.pid)
    stranger = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    try:
        supervisor.send_signal(number)
        supervisor.wait(timeout=60)
        assert eventually(lambda: not alive(children)), alive(children)
        assert stranger.poll() is None
        assert (tmp_path / "stopped").exists() == (number != signal.SIGKILL)
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("victim", ["plain", "stubborn", "forking"])
def test_a_killed_program_starts_again_without_leftovers(
    supervisor: "subprocess.Popen[bytes]", tmp_path: Path, victim: str
) -> None:
    before = descendants(supervisor.pid)
    killed = _named(before, victim)
    theirs = {killed} | descendants(killed)
    if victim == "forking":  # not the guard but what it guards, as a crash would
        os.kill(min(descendants(killed)), signal.SIGKILL)
    else:
        os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: not alive(theirs)), alive(theirs)
    assert eventually(lambda: len(alive(descendants(supervisor.pid))) == _PROCESSES)
    assert f"{victim} ended with" in (tmp_path / "said").read_text()
    assert before - theirs <= descendants(supervisor.pid)


def test_a_second_signal_does_not_wait(supervisor: "subprocess.Popen[bytes]") -> None:
    children = descendants(supervisor.pid)
    for _ in range(2):
        supervisor.send_signal(signal.SIGTERM)
    supervisor.wait(timeout=60)
    assert eventually(lambda: not alive(children)), alive(children)


def test_a_childs_signals_and_session_are_its_own(tmp_path: Path) -> None:
    code = (
        "import os, signal;"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []), os.getsid(0) == os.getpid(),"
        " sorted(os.environ), oct(os.umask(0)))"
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        child = spawn(
            Program(
                name="child",
                arguments=(sys.executable, "-S", "-c", code),
                environment=clean_environment(ONLY="this"),
                log=tmp_path / "child.log",
            )
        )
        assert child.wait(30.0) == 0
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    printed = (tmp_path / "child.log").read_text()
    assert printed.startswith("set() True ")
    assert "'ONLY'" in printed
    assert "PYTEST" not in printed
    assert printed.rstrip().endswith("0o77")
    assert (tmp_path / "child.log").stat().st_mode & 0o777 == 0o600


def test_only_the_main_thread_may_start_programs(tmp_path: Path) -> None:
    caught: list[BaseException] = []
    program = Program("child", ("/bin/true",), clean_environment(), tmp_path / "child.log")

    def attempt() -> None:
        try:
            spawn(program)
        except SpawnedOffMainThread as error:
            caught.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert len(caught) == 1
