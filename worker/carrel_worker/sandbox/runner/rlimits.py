"""Limits that the kernel holds for each process. The supervisor watches the tree as a whole."""

import resource
from typing import Any

_ROOM = 64 * 2**20
"""Beside the memory that code may take: the interpreter and its packages."""
_MAPPED = 2 * 2**30
"""Of address space beside it: libraries, which are mapped and hardly touched."""


def apply(limits: dict[str, Any], mapped_bytes: int, *, gpu: bool = False) -> None:
    """Set them for this process and what it starts; none can be raised again.

    `mapped_bytes` is the size of the data, which may be mapped whole without being memory used.
    With a `gpu` the driver reserves addresses for all memory of the machine and the card: there,
    and only there, a control group alone counts memory. The number of processes is counted within
    the user namespace, so it has to be set in here.
    """
    memory = int(limits["memory_bytes"])
    addresses = (
        (resource.RLIMIT_DATA, memory + _ROOM),
        (resource.RLIMIT_AS, memory + _MAPPED + 2 * mapped_bytes),
    )
    for what, limit in (
        *(() if gpu else addresses),
        (
            resource.RLIMIT_FSIZE,
            max(int(limits["scratch_bytes"]), int(limits["output_bytes"])) + 2**20,
        ),
        (resource.RLIMIT_CPU, int(limits["cpu_seconds"]) + 2),
        (resource.RLIMIT_NPROC, int(limits["processes"])),
        (resource.RLIMIT_NOFILE, 512),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _lower(what, limit)


def _lower(what: int, limit: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(what, (limit, limit))
