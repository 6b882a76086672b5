"""One bit that the worker's main process shares with its children: stop soon."""

import mmap


class ShutdownFlag:
    """Set once by the parent, read by every child, also by those forked after it was made."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, 1)  # anonymous and shared: it survives the fork as one page

    def set(self) -> None:
        self._page[0] = 1

    def is_set(self) -> bool:
        return self._page[0] == 1
