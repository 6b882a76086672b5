"""stdout and stderr of code: read to the end, kept up to a limit, made safe to show."""

import os
import select
import threading
import time

_LAST = 2.0
"""Seconds to read what is in a pipe when nobody is left to write to it."""


def clean(text: str) -> str:
    r"""Text that can be stored and shown: no half characters, and none that are not seen.

    Those are control characters but \n and \t, those that turn text's direction, and those of no
    width.
    """
    text = text.encode("utf-8", "replace").decode()
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


class CappedPipe:
    """A pipe whose other end is the code's. What is beyond the limit is read and dropped.

    Reading on matters: a full pipe would stop the code, and tell it how much was read.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._cut = False
        self._reader, self.writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reader, False)
        self._writer_open = True
        self._over = os.eventfd(0, os.EFD_CLOEXEC)
        self._until = float("inf")
        self._thread = threading.Thread(target=self._drain, name="sandbox-log", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        """To the end of the pipe; once it is over, for as long as there is something, and no more.

        Who holds the other end is not known: something may keep it open though the code is gone.
        """
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.register(self._over, select.POLLIN)
        while time.monotonic() < self._until:
            poll.poll()
            try:
                part = os.read(self._reader, 65536)
            except BlockingIOError:
                if self._until < float("inf"):
                    break
                continue
            if not part:
                break
            room = self._limit - len(self._kept)
            self._kept += part[: max(room, 0)]
            self._cut = self._cut or len(part) > room
        os.close(self._reader)

    def hand_over(self) -> None:
        """Close this process's copy of the writing end, once the code has its own."""
        if self._writer_open:
            self._writer_open = False
            os.close(self.writer)

    def close(self) -> None:
        """Read what is there, and be done with it; may be called again."""
        self.hand_over()
        if self._over >= 0:
            self._until = time.monotonic() + _LAST
            os.eventfd_write(self._over, 1)
            self._thread.join()
            os.close(self._over)
            self._over = -1

    def text(self) -> str:
        """What was kept. Call it when every process that could write is gone."""
        self.close()
        text = clean(self._kept.decode("utf-8", "replace"))
        return text + ("\n[cut off here]" if self._cut else "")
