"""A GPU, passed to a program only where the owner granted one: which, and what it takes.

CUDA needs more than other programs: the driver's devices, memfd_create, a /proc and a /sys. That
is more of the kernel, so it is given to programs that people have approved, and to no other. Memory
that no process has mapped is then the code's to take, which only a control group of memory bounds:
no group, no GPU. A card's own memory has no limit but the card's.
"""

import json
import stat
from collections.abc import Callable
from pathlib import Path

from carrel_protocol.code import RunLimits
from carrel_worker.sandbox.errors import SandboxError
from carrel_worker.sandbox.program import EnvironmentDir, Outcome, Program

DEVICES = Path("/dev")
_SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")
"""Of the driver, whichever the card."""
TRY = """
import ctypes


def work():
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return f"the driver's library is not there: {error}"
    if (status := cuda.cuInit(0)) != 0:
        return f"cuInit answers {status}"
    count = ctypes.c_int()
    if (status := cuda.cuDeviceGetCount(ctypes.byref(count))) != 0:
        return f"cuDeviceGetCount answers {status}"
    return "" if count.value == 1 else f"{count.value} cards are seen, and not 1"
"""
"""Shows that a card works inside; nvidia-smi, which asks the driver alone, would show nothing."""


class GpuUnavailable(SandboxError):
    """A program was to have a GPU, and cannot be given one: so it is not run."""

    def __init__(self, why: str) -> None:
        super().__init__(f"code is not run, since it was to have a GPU: {why}")


_tried: dict[tuple[str, ...], str] = {}
"""By a card's devices, what kept it from working inside when it was tried; '' for nothing."""


def check(
    index: int | None, too_weak: str, *, grouped: bool, run: Callable[[Program], Outcome]
) -> None:
    """Raise `GpuUnavailable` unless the card was granted, can be held, and works inside.

    `too_weak`: why this sandbox holds none. `run` runs a program with it: once a process.
    """
    if index is None:
        raise GpuUnavailable("none was granted (CARREL_WORKER_SANDBOX_GPU)")
    if too_weak:
        raise GpuUnavailable(too_weak)
    if not grouped:
        raise GpuUnavailable(
            "its memory has to be bounded by a control group, and this worker can make none: "
            "start it as root, or in a delegated group with memory and pids"
        )
    names = nodes(index)
    if names not in _tried:
        _tried[names] = _try(run)
    if _tried[names]:
        raise GpuUnavailable(_tried[names])


def _try(run: Callable[[Program], Outcome]) -> str:
    program = Program(
        files={"work.py": TRY},
        entry={"kind": "function", "path": "work.py", "name": "work"},
        environment=EnvironmentDir.bare(),
        limits=RunLimits(wall_seconds=60, output_bytes=4096),
        gpu=True,
    )
    try:
        outcome = run(program)
    except SandboxError as error:
        return f"the sandbox does not come up with it: {error}"
    if outcome.ending != "returned" or outcome.payload is None:
        return f"trying it {outcome.ending}: {outcome.message}"
    # The program is ours, and its answer the one item: a text, as JSON behind the header.
    begin = 16 + int.from_bytes(outcome.payload[8:16], "little")
    return str(json.loads(outcome.payload[begin:]))[:500]


def nodes(index: int) -> tuple[str, ...]:
    """The names below /dev of what card `index` takes. Raises `GpuUnavailable`."""
    names = (*_SHARED, f"nvidia{index}")
    missing = [name for name in names if not _is_device(DEVICES / name)]
    if missing:
        where = ", ".join(f"{DEVICES}/{name}" for name in missing)
        raise GpuUnavailable(f"there is no GPU {index} on this machine (no device {where})")
    return names


def _is_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        return False


def devices(names: tuple[str, ...]) -> list[str]:
    """bubblewrap's options, to stand where /dev can still be written to."""
    found = []
    for name in names:
        found += ["--dev-bind", str(DEVICES / name), f"/dev/{name}"]
    return found


def system() -> list[str]:
    """bubblewrap's options for what the driver's library reads beside its devices."""
    return ["--ro-bind", "/sys", "/sys", "--proc", "/proc"]
