"""One line on a terminal while waiting. Needs nothing, and is silent anywhere else.

`progress=False` or CARREL_PROGRESS=0 silences it; `progress=True` or CARREL_PROGRESS=1 shows it
even where stderr is no terminal.
"""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TextIO

_SILENT_SECONDS = 0.4
"""Most answers are there sooner than this, and a line that flashes tells nothing."""
_WIDTH = 24


def wanted(progress: bool | None, stream: TextIO) -> bool:
    """The argument, then the environment, then whether `stream` is a terminal."""
    if progress is not None:
        return progress
    match os.environ.get("CARREL_PROGRESS", "").lower():
        case "0" | "no" | "false" | "off":
            return False
        case "1" | "yes" | "true" | "on":
            return True
        case _:
            return stream.isatty()


class ProgressLine:
    """A context manager that draws, and leaves nothing behind when it ends."""

    def __init__(self, progress: bool | None = None, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self.enabled = wanted(progress, self._stream)
        self._began = time.monotonic()
        self._drawn = 0

    def show(self, label: str, share: float | None = None) -> None:
        """Draw `label`, with a bar where `share` (0 to 1) is known."""
        elapsed = time.monotonic() - self._began
        if not self.enabled or elapsed < _SILENT_SECONDS:
            return
        bar = ""
        if share is not None:
            full = round(_WIDTH * min(1.0, max(0.0, share)))
            bar = f" {'█' * full}{'░' * (_WIDTH - full)} {share:4.0%}"
        line = f"carrel: {label}{bar} {int(elapsed) // 60}:{int(elapsed) % 60:02}"
        self._write(f"\r{line.ljust(self._drawn)}")
        self._drawn = len(line)

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn:
            self._write("\r" + " " * self._drawn + "\r")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except UnicodeEncodeError:  # a terminal that has no block characters
            self._stream.write(text.encode("ascii", "replace").decode())
            self._stream.flush()
