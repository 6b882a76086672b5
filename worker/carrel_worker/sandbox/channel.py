"""Memory that the sandbox writes and the supervisor reads: results, and how the code ended.

A memfd of fixed size: sealed so that it can neither grow (fill memory) nor shrink (crash whoever
has it mapped). Its pages count only once they are written. What is read back is a copy, taken when
nothing in the sandbox lives any more; to everybody outside it is a stranger's bytes.
"""

import fcntl
import json
import os
from dataclasses import dataclass
from typing import Any, Literal, get_args

from carrel_protocol.outputs import Ending
from carrel_worker.sandbox.logs import clean

REPORT_BYTES = 256 * 1024
HEADER_BYTES = 64 * 1024
"""Room for the result's header, beside the bytes that the limits allow."""
_LENGTH = 8
_CLAIMS: tuple[Ending, ...] = (
    *("returned", "raised", "exited", "memory", "output_size", "output_form"),
)
"""What the inside may say of itself; the rest is for the supervisor to find."""


class Channel:
    """One sealed memfd."""

    def __init__(self, name: Literal["result", "report"], size: int) -> None:
        self.size = size
        self.descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.descriptor, size)
        # The fcntl module has these from Python 3.13 on: F_ADD_SEALS; SEAL, SHRINK, GROW.
        fcntl.fcntl(self.descriptor, 1033, 0x1 | 0x2 | 0x4)

    def read(self, length: int) -> bytes:
        """A copy of the first bytes."""
        found = bytearray()
        while len(found) < length:
            part = os.pread(self.descriptor, min(length - len(found), 2**24), len(found))
            if not part:
                break
            found += part
        return bytes(found)

    def close(self) -> None:
        os.close(self.descriptor)


@dataclass(frozen=True)
class Report:
    """What the runner said of the code's end: checked for form, and believed in nothing else."""

    ending: Ending
    message: str = ""
    traceback: str = ""
    length: int = 0
    """How much of the result channel was written, at most its size."""


def job(content: dict[str, Any]) -> int:
    """A descriptor from which the runner reads its job. The caller closes it."""
    descriptor = os.memfd_create("job", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(json.dumps(content).encode())
    # SEAL, SHRINK, GROW, WRITE: the code cannot use it to keep anything.
    fcntl.fcntl(descriptor, 1033, 0x1 | 0x2 | 0x4 | 0x8)
    return descriptor


def read_report(channel: Channel) -> Report | None:
    """The report, or None if there is none in the right form."""
    raw = channel.read(channel.size)
    length = int.from_bytes(raw[:_LENGTH], "little")
    if not 0 < length <= channel.size - _LENGTH:
        return None
    try:
        found = json.loads(raw[_LENGTH : _LENGTH + length])
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("ending") not in _CLAIMS:
        return None
    message, traceback = found.get("message"), found.get("traceback")
    written = found.get("length")
    if not isinstance(message, str) or not isinstance(traceback, str):
        return None
    if not isinstance(written, int) or isinstance(written, bool) or written < 0:
        return None
    return Report(found["ending"], clean(message)[:2000], clean(traceback), written)


assert set(_CLAIMS) <= set(get_args(Ending))
