"""The composition of bubblewrap's options. Every line of it is there against a tested attack.

No /proc: nothing that numpy, pandas or torch on the CPU need is in it, and much that attacks do
(with a GPU there is one, of the sandbox's own processes).
No environment: `--clearenv` leaves the parent's readable, so bwrap itself is started with none.
Options go through a memfd and not through the command line, which every user of the host reads.
"""

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from carrel_worker.sandbox import drop, gpu
from carrel_worker.sandbox.program import EnvironmentDir

RUNNER = Path(__file__).parent / "runner"
UID = 65532
SHM_BYTES = 16 * 2**20
CODE_BYTES = 2**20
"""Of /tmp beside what code may write there: its own files."""
BOOT = "import sys; sys.path.insert(0, '/job'); from carrel_runner.main import main; main({})"
STAGE = "import sys; sys.path.insert(0, '/job'); from carrel_runner.stage import main; main({})"
PYTHON = ("-I", "-S", "-B")
"""Isolated, without `site` (no .pth file runs), writing no bytecode."""
WORDS = {
    "HOME": "/tmp",  # noqa: S108 (the sandbox's own)
    "PATH": "/usr/bin",
    "LANG": "C.UTF-8",
    "MPLCONFIGDIR": "/tmp/.matplotlib",  # noqa: S108
    # One thread each: threads count as processes, and a fork must not lose any.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}


@functools.cache
def program() -> str | None:
    """Where bwrap is."""
    return shutil.which("bwrap")


@functools.cache
def binds_by_descriptor() -> bool:
    """Whether this bwrap mounts what is open, whatever its path leads to by then."""
    bwrap = program()
    if bwrap is None:
        return False
    done = subprocess.run([bwrap, "--help"], capture_output=True, env={}, check=False)  # noqa: S603
    return b"--ro-bind-fd" in done.stdout


class Binds:
    """Read-only mounts, and the descriptors that have to stay open until bwrap has made them."""

    def __init__(self) -> None:
        self.options: list[str] = []
        self.descriptors: list[int] = []

    def add(self, source: Path | int, target: str) -> None:
        """Mount a path, or what is open at a descriptor, which becomes this object's to close."""
        if isinstance(source, Path):
            source = os.open(source, os.O_PATH | os.O_CLOEXEC)
        self.descriptors.append(source)
        if drop.identity() is not None:
            # Mounted there by the launcher, which is root, from the descriptor.
            self.options += ["--ro-bind", f"{drop.place()}/{source}", target]
        elif binds_by_descriptor():
            self.options += ["--ro-bind-fd", str(source), target]
        else:
            # The runner compares device and inode with those of the descriptor.
            path = os.readlink(f"/proc/self/fd/{source}")
            self.options += ["--ro-bind", path, target]

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()


def base(environment: EnvironmentDir, binds: Binds, card: tuple[str, ...] = ()) -> list[str]:
    """Namespaces and the read-only system, the same for every run but one with a GPU (`card`)."""
    options = ["--unshare-user", "--unshare-all", "--die-with-parent", "--as-pid-1"]
    options += ["--new-session", "--clearenv", "--hostname", "sandbox"]
    options += ["--uid", str(UID), "--gid", str(UID)]
    options += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            options += ["--symlink", f"usr/{name}", f"/{name}"]
        elif Path("/", name).is_dir():
            options += ["--ro-bind", f"/{name}", f"/{name}"]
    if Path("/etc/ld.so.cache").exists():
        options += ["--ro-bind", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    if not environment.prefix.is_relative_to("/usr"):
        # Under another name, which tells nothing of the host's directories.
        binds.add(environment.prefix, "/python")
        options += ["--setenv", "LD_LIBRARY_PATH", "/python/lib"]
    for place, packages in enumerate(environment.packages):
        binds.add(packages, f"/environment/{place}")
    binds.add(RUNNER, "/job/carrel_runner")
    options += ["--dev", "/dev", *gpu.devices(card)]
    options += ["--size", str(SHM_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108
    options += ["--remount-ro", "/dev"]
    for name, value in WORDS.items():
        options += ["--setenv", name, value]
    return options


def once(
    environment: EnvironmentDir,
    scratch_bytes: int,
    binds: Binds,
    filter_fd: int,
    card: tuple[str, ...] = (),
) -> list[str]:
    """For one program, started anew. The caller has added its data to `binds` before. `card`: the
    devices of a GPU that it is given."""
    options = base(environment, binds, card)
    options += gpu.system() if card else []
    options += ["--disable-userns", "--cap-drop", "ALL"]
    options += ["--size", str(scratch_bytes + CODE_BYTES), "--tmpfs", "/tmp"]  # noqa: S108
    options += ["--dir", "/data", *binds.options]
    options += ["--chdir", "/tmp", "--remount-ro", "/", "--seccomp", str(filter_fd)]  # noqa: S108
    return options


def stage(environment: EnvironmentDir, staging: Sequence[Path], binds: Binds) -> list[str]:
    """For a process that waits, with packages imported, to be forked into a sandbox of its own.

    It keeps the rights over its own namespaces (and none beyond them) that the last mounts take.
    """
    options = base(environment, binds)
    for place, root in enumerate(staging):
        binds.add(root, f"/staging/{place}")
    options += ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP"]
    options += ["--dir", "/data", "--dir", "/tmp", "--dir", "/staging", *binds.options]  # noqa: S108
    options += ["--chdir", "/", "--remount-ro", "/"]
    return options


def interpreter(environment: EnvironmentDir) -> str:
    """Where the interpreter lies inside."""
    if environment.prefix.is_relative_to("/usr"):
        return str(environment.interpreter)
    return f"/python/bin/{environment.interpreter.name}"


def packages(environment: EnvironmentDir) -> list[str]:
    """Where the environment's packages lie inside."""
    return [f"/environment/{place}" for place in range(len(environment.packages))]
