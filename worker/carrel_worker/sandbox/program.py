"""What is given to the sandbox, and what comes back."""

import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carrel_protocol.code import RunLimits
from carrel_protocol.outputs import Ending
from carrel_worker.sandbox.errors import BadMount

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*(/[A-Za-z_][A-Za-z0-9_.-]*)?")


@dataclass(frozen=True)
class Mount:
    """A file or directory that appears, read-only, at /data/`name`.

    `name` has one part or two: 'df' for a directory, 'df/table.carrel' for a file in one. A
    `source` that is an open descriptor is the sandbox's to read from and the caller's to close.
    """

    source: Path | int
    name: str

    def open(self) -> int:
        """A descriptor (O_PATH) of the source that the caller closes. Raises `BadMount`."""
        if not _NAME.fullmatch(self.name):
            raise BadMount(self.name, "a name has one part or two, of letters, digits and _.-")
        try:
            if isinstance(self.source, int):
                descriptor = os.dup(self.source)
            else:
                descriptor = os.open(self.source, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise BadMount(self.name, error.strerror or "it cannot be opened") from error
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            os.close(descriptor)
            raise BadMount(self.name, "it is no file and no directory, but a link or a device")
        return descriptor


@dataclass(frozen=True)
class EnvironmentDir:
    """The packages that code may import: directories that are mounted read-only, and no more.

    The interpreter is started without its `site` module, so no .pth file is read.
    """

    name: str
    interpreter: Path
    packages: tuple[Path, ...]
    preload: tuple[str, ...] = ("numpy", "pandas", "PIL.PngImagePlugin")
    """What a warm sandbox has imported already; what is not there is left out."""

    @classmethod
    def bare(cls) -> "EnvironmentDir":
        """The interpreter that this process runs in, with the standard library alone."""
        base = getattr(sys, "_base_executable", None) or sys.executable
        return cls("bare", Path(base).resolve(), ())

    @property
    def prefix(self) -> Path:
        """Where the interpreter and its standard library are installed: …/bin/python's …."""
        return self.interpreter.parent.parent


@dataclass(frozen=True)
class Program:
    """Code with all that decides what it does, but for its data."""

    files: Mapping[str, str]
    entry: Mapping[str, Any]
    """`FunctionEntry` or `ScriptEntry` as JSON."""
    environment: EnvironmentDir
    limits: RunLimits
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    """By alias, the directory below /data that `runner/tables.py` reads the table from."""
    closes: bool = False
    """Whether it may put a narrower filter of system calls on itself."""
    gpu: bool = False
    """Whether it is given the GPU that the sandbox was granted; without one it is not run."""


@dataclass
class Outcome:
    """How a run ended. All but `payload` is for people who may see private data."""

    ending: Ending
    message: str = ""
    stdout: str = ""
    stderr: str = ""
    traceback: str = ""
    payload: bytes | None = None
    """The result channel as it was left: a stranger's bytes. None unless the code returned."""
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    peak_bytes: int = 0
    tier: str = ""
    warm: bool = False
