"""Runs attacks in a sandbox, and looks at what they won: printed, left behind, or hurt outside.

As a program: `python suite.py MODE…` prints one JSON line an attack, for another user's run.
"""

import atexit
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from carrel_protocol.code import RunLimits
from carrel_worker import environments
from carrel_worker.sandbox import (
    EnvironmentDir,
    Mount,
    Outcome,
    Program,
    Sandbox,
    SandboxError,
    Tier,
    drop,
    limits,
)

ATTACKS = Path(__file__).parent / "attacks"
NAMES = sorted(path.stem for path in ATTACKS.glob("*.py") if path.stem != "got")
LIMITS = {
    "wall_seconds": 30,
    "cpu_seconds": 20,
    "memory_bytes": 256 * 2**20,
    "processes": 32,
    "scratch_bytes": 16 * 2**20,
    "output_bytes": 4 * 2**20,
    "log_bytes": 64 * 1024,
}
OTHERWISE: dict[str, dict[str, float]] = {
    "loop": {"cpu_seconds": 1},
    "deaf_sleep": {"wall_seconds": 1},
    "children_burn": {"cpu_seconds": 1},
    "cpu_successors": {"cpu_seconds": 1},
    "cpu_unreaped": {"cpu_seconds": 1},
    "fork_bomb": {"wall_seconds": 2},
    "thread_bomb": {"wall_seconds": 2},
}
_STOPPED = {"wall_time", "cpu_time", "processes", "memory"}
ENDINGS: dict[str, set[str]] = {
    "loop": {"cpu_time"},
    "deaf_sleep": {"wall_time"},
    "children_burn": {"cpu_time"},
    "cpu_successors": {"cpu_time"},
    "cpu_unreaped": {"cpu_time"},
    "in_flight": {"exited"},
    "count_processes": {"returned", "processes"},
    "fork_bomb": _STOPPED,
    "thread_bomb": _STOPPED | {"raised"},
    "memory_one": {"memory"},
    "memory_eight": {"memory"},
    "memory_caught": {"returned", "memory"},
    "tmpfs_fill": {"returned", "memory", "output_size"},
    "inode_bomb": {"returned", "memory", "output_size"},
    "result_overflow": {"output_size"},
    "forged_report": {"exited"},
    "claims_a_limit": {"exited"},
    "unstart": {"exited"},
    "exit_early": {"exited"},
    "crash": {"killed"},
    "int80": {"killed", "exited"},
    "x32": {"killed", "exited"},
}
"""How an attack may end; all others return."""
KNOWN = {"landlock": {"host_names", "count_processes"}}
"""What a tier is known to let through, as its documentation says."""


@dataclass(frozen=True)
class Mode:
    tier: Tier
    warm: bool = False
    cgroup: bool = True
    gpu: bool = False

    @property
    def word(self) -> str:
        extra = (" warm" if self.warm else "") + ("" if self.cgroup else ", no cgroup")
        return self.tier.word + extra + (", gpu" if self.gpu else "")

    @classmethod
    def named(cls, word: str) -> "Mode":
        return next(mode for mode in MODES if mode.word == word)


MODES = (
    Mode(Tier.BUBBLEWRAP),
    Mode(Tier.BUBBLEWRAP, warm=True),
    Mode(Tier.BUBBLEWRAP, cgroup=False),
    Mode(Tier.BUBBLEWRAP, warm=True, cgroup=False),
    Mode(Tier.LANDLOCK, cgroup=False),
)


@dataclass
class Result:
    attack: str
    mode: str
    tier: str = ""
    ending: str = ""
    won: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    detail: str = ""

    @property
    def held(self) -> bool:
        return not self.won


class Unavailable(Exception):
    """This machine or user cannot offer the mode: the message names what is missing."""


@cache
def _root() -> Path:
    """For a user who may not write to what is installed: by uid, so this is no fixture's."""
    made = Path(tempfile.mkdtemp(prefix="carrel-environments-"))
    made.chmod(0o755)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def environment(tier: Tier) -> EnvironmentDir:
    """The running one; with the system's interpreter where the own lies out of others' reach."""
    running = environments.default(_root()).directory
    if tier is not Tier.LANDLOCK or drop.identity() is None:
        return running
    system = Path(f"/usr/bin/python3.{sys.version_info[1]}")
    if not system.exists():
        raise Unavailable(f"{running.interpreter} is root's alone, and there is no {system}")
    packages = tuple(map(_reachable, running.packages))
    return EnvironmentDir(running.name, system, packages, running.preload)


@cache
def _reachable(packages: Path) -> Path:
    """Without mounts another user comes by the path: a copy, where that is closed to others."""
    if all(parent.stat().st_mode & 0o001 for parent in packages.parents):
        return packages
    copy = _root() / "packages"
    shutil.copytree(packages, copy, copy_function=_link)
    return copy


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


@dataclass
class World:
    """What there is to be won outside: listeners, files, a process."""

    base: Path
    parameters: dict[str, Any]
    victim: "subprocess.Popen[bytes]"

    @property
    def data(self) -> Path:
        return self.base / "storage"


@contextlib.contextmanager
def world() -> Iterator[World]:
    base = Path(tempfile.mkdtemp(prefix="carrel-host-"))
    base.chmod(0o755)
    (base / "secret").write_text("the host's secret")
    for name, text in (("df", "the granted dataset"), ("other", "another dataset")):
        (base / "storage" / name).mkdir(parents=True)
        (base / "storage" / name / "rows").write_text(text)
    who = drop.identity()
    if who is not None:
        for path in (base / "storage").rglob("*"):
            os.chown(path, who.uid, who.gid)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = f"carrel-attack-{os.getpid()}"
        for kind, address in (
            (socket.SOCK_STREAM, f"{base}/socket"),
            (socket.SOCK_STREAM, "\0" + abstract),
            (socket.SOCK_DGRAM, "\0" + abstract + "-datagram"),
        ):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            listener.bind(address)
            if kind == socket.SOCK_STREAM:
                listener.listen()
        (base / "socket").chmod(0o777)
        victim = subprocess.Popen(
            ["/usr/bin/sleep", "100000"], env={}, user=who.uid if who else None
        )
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        os.environ["CARREL_ATTACK_VARIABLE"] = "a secret of the worker's"
        stack.callback(os.environ.pop, "CARREL_ATTACK_VARIABLE", None)
        yield World(
            base,
            {
                "port": tcp.getsockname()[1],
                "socket": f"{base}/socket",
                "abstract": abstract,
                "host": str(base),
                "other": f"{base}/storage/other",
                "victim": victim.pid,
                "supervisor": os.getpid(),
                "variable": "CARREL_ATTACK_VARIABLE",
                "processes": LIMITS["processes"],
            },
            victim,
        )


@contextlib.contextmanager
def sandbox(mode: Mode, staging: Path) -> Iterator[tuple[Sandbox, EnvironmentDir]]:
    """Raises `Unavailable`."""
    packages = environment(mode.tier)
    try:
        made = Sandbox(
            minimum=Tier.LANDLOCK,
            tier=mode.tier,
            warm=1 if mode.warm else 0,
            staging=[staging],
            cgroup=mode.cgroup,
            gpu=0 if mode.gpu else None,
        )
    except SandboxError as error:
        raise Unavailable(str(error)) from error
    with made:
        if mode.cgroup and "cgroup" not in made.words():
            raise Unavailable("no cgroup of memory and pids can be made by this user here")
        made.warm_up(packages)
        yield made, packages


def outcome(
    name: str, made: Sandbox, packages: EnvironmentDir, mode: Mode, outside: World
) -> Outcome:
    """Run one attack. Raises `SandboxError`, which no code should be able to bring about."""
    program = Program(
        files={"got.py": _text("got"), "attack.py": _text(name)},
        entry={"kind": "script", "path": "attack.py"},
        environment=packages,
        limits=RunLimits.model_validate({**LIMITS, **OTHERWISE.get(name, {})}),
        parameters={**outside.parameters, "namespaces": mode.tier is Tier.BUBBLEWRAP},
        gpu=mode.gpu,
    )
    return made.run(program, [Mount(outside.data / "df", "df")])


def attack(
    name: str, made: Sandbox, packages: EnvironmentDir, mode: Mode, outside: World
) -> Result:
    """Run one attack, and look at what it won."""
    before = set(limits.tree(os.getpid()))
    try:
        ended = outcome(name, made, packages, mode, outside)
    except SandboxError as error:
        # That a run never began is for the machine to bring about, and never for the code.
        return Result(name, mode.word, won=[f"it looks as if it never began: {error}"])
    result = Result(name, mode.word, ended.tier, ended.ending)
    result.won = [line for line in ended.stdout.splitlines() if line.startswith("GOT")]
    result.detail = (ended.message + ended.traceback + ended.stderr)[-1500:]
    allowed = ENDINGS.get(name, {"returned"})
    if name in KNOWN.get(mode.tier.word, ()):
        result.known, result.won = result.won, []
    if ended.ending not in allowed:
        result.won.append(f"it ended as {ended.ending}, not {sorted(allowed)}")
    if ended.warm != mode.warm:
        result.won.append(f"warm: {ended.warm}")
    if name == "own_dataset" and "read it" not in ended.stdout:
        result.won.append("the granted dataset could not be read")
    result.won += _hurt(before, outside, ended.stdout, ended.payload)
    return result


def _hurt(before: set[int], outside: World, stdout: str, payload: bytes | None) -> list[str]:
    found = []
    if outside.victim.poll() is not None or _state(outside.victim.pid) in "TZ":
        found.append("the host's process was hurt")
    if Path("/tmp/carrel-was-here").exists():
        found.append("a pickle was loaded")
    rows = (outside.data / "df" / "rows").read_text()
    if rows != "the granted dataset" or set(os.listdir(outside.data / "df")) != {"rows"}:
        found.append("the data was changed")
    if (outside.base / "planted").exists() or Path("/planted").exists():
        found.append("a file was planted")
    if len(stdout) > LIMITS["log_bytes"] + 100:
        found.append("more output than the limit")
    if payload is not None and len(payload) > LIMITS["output_bytes"] + 2**16:
        found.append("a larger result than the limit")
    until = time.monotonic() + 5
    while (left := set(limits.tree(os.getpid())) - before) and time.monotonic() < until:
        time.sleep(0.02)
    if left:
        found.append(f"processes are left: {left}")
    return found


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _text(name: str) -> str:
    return (ATTACKS / f"{name}.py").read_text()


def main(words: list[str]) -> None:
    """Every attack in each of the modes, as JSON lines."""
    for word in words:
        mode = Mode.named(word)
        with world() as outside:
            try:
                with sandbox(mode, outside.data) as (made, packages):
                    for name in NAMES:
                        result = attack(name, made, packages, mode, outside)
                        print(json.dumps(asdict(result)), flush=True)
            except Unavailable as error:
                print(json.dumps({"mode": word, "unavailable": str(error)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
