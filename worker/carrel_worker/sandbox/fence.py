"""The Landlock tier's directory of the host's, and what may be read beside it."""

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from carrel_worker.sandbox import bubblewrap, drop, seccomp, system
from carrel_worker.sandbox.program import EnvironmentDir, Program

FAILED = 98
_OWN_NUMBER = 0x7F0F0F0F
"""Stands in the filter for the number of a process that does not exist yet."""


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A directory with `data` (links), `job` and `tmp`, removed at the end with all in it."""
    root = Path(tempfile.mkdtemp(prefix="carrel-sandbox-"))
    try:
        root.chmod(0o755)
        for name in ("data", "job", "tmp"):
            (root / name).mkdir(mode=0o755)
        if (who := drop.identity()) is not None:
            os.chown(root / "tmp", who.uid, who.gid)
        _copy_runner(root / "job" / "carrel_runner")
        yield root
    finally:
        shutil.rmtree(root, onerror=_open_up)


def _copy_runner(target: Path) -> None:
    """The few files that begin a program: where ours lie, the other user may not come."""
    target.mkdir()
    for source in bubblewrap.RUNNER.glob("*.py"):
        shutil.copyfile(source, target / source.name)
        (target / source.name).chmod(0o644)
    target.chmod(0o755)


def _open_up(function: Any, path: str, _: object) -> None:
    """A directory that was left without rights: give them and remove it after all."""
    for each in (os.path.dirname(path), path):
        if not os.path.islink(each) and os.path.isdir(each):
            os.chmod(each, stat.S_IRWXU)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        function(path)


def rules(
    root: Path, program: Program, mounts: Sequence[tuple[str, int]], *, quiet: bool = False
) -> dict[str, Any]:
    """Link the data into the directory; what may be read and written, and the filter."""
    environment = program.environment
    readable = ["/lib", "/lib64", "/etc/ld.so.cache"]
    readable = [path for path in readable if not os.path.islink(path)]
    own = system.own(environment).values()
    places = (*system.shown(environment), *system.loaders(), *own, *environment.packages)
    readable += map(str, places)
    readable.append(str(root / "job"))
    for name, descriptor in mounts:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        link = root / "data" / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(path)
        readable.append(path)
    readable.append(str(root / "data"))
    return {
        "readable": [path for path in readable if os.path.exists(path)],
        "devices": [f"/dev/{name}" for name in bubblewrap.DEVICES],
        "scratch": str(root / "tmp"),
        "filter": seccomp.compile_filter(
            alone=_OWN_NUMBER, quiet=quiet, closing=program.closes
        ).hex(),
        "number": _OWN_NUMBER,
        "failed": FAILED,
    }


def command(root: Path, environment: EnvironmentDir, inherited: Sequence[int]) -> dict[str, Any]:
    boot = bubblewrap.BOOT.replace("/job", str(root / "job")).format(inherited[0])
    return {
        "command": [str(environment.interpreter), *bubblewrap.PYTHON, "-c", boot],
        "environment": {
            **bubblewrap.WORDS,
            **dict.fromkeys(("HOME", "TMPDIR"), str(root / "tmp")),
            "MPLCONFIGDIR": str(root / "tmp" / ".matplotlib"),
        },
        "inherited": list(inherited),
    }


def tasks() -> int:
    """How many tasks the user that code runs as has already: without a user namespace they count.

    Another run of the same user counts too; the watchdog counts each tree for itself.
    """
    who = drop.identity()
    uid = who.uid if who is not None else os.geteuid()
    found = 0
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            if os.stat(f"/proc/{name}").st_uid == uid:
                found += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue
    return found + 1


assert sys.platform == "linux"
