"""stdout and stderr of code: read to the end, kept up to a limit, made safe to show."""

import os
import re
import threading

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class CappedPipe:
    """A pipe whose other end is the code's. What is beyond the limit is read and dropped.

    Reading on matters: a full pipe would stop the code, and tell it how much was read.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._cut = False
        self._reader, self.writer = os.pipe2(os.O_CLOEXEC)
        self._writer_open = True
        self._thread = threading.Thread(target=self._drain, name="sandbox-log", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        while part := os.read(self._reader, 65536):
            room = self._limit - len(self._kept)
            self._kept += part[: max(room, 0)]
            self._cut = self._cut or len(part) > room
        os.close(self._reader)

    def hand_over(self) -> None:
        """Close this process's copy of the writing end, once the code has its own."""
        if self._writer_open:
            self._writer_open = False
            os.close(self.writer)

    def text(self) -> str:
        """What was kept. Call it when every process that could write is gone."""
        self.hand_over()
        self._thread.join()
        text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", self._kept.decode("utf-8", "replace"))
        return text + ("\n[cut off here]" if self._cut else "")
