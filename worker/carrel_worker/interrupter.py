"""Stopping work in a process's main thread from another of its threads."""

import signal
import threading
from types import FrameType, TracebackType

_SIGNAL = signal.SIGUSR2


class Interrupted(Exception):
    """The work in the block was stopped from outside."""


class Interrupter:
    """`with interrupter:` marks work that `interrupt()` may end by raising Interrupted in it.

    Only the main thread enters the block, and Python runs signal handlers there alone, so a late
    signal finds the block closed and does nothing. NumPy's calls are not cut short: the exception
    is raised when the one in progress returns.
    """

    def __init__(self) -> None:
        self._open = False
        signal.signal(_SIGNAL, self._handle)

    def __enter__(self) -> None:
        self._open = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False

    def interrupt(self) -> None:
        """Raise Interrupted in the block if it is still running. Any thread may call it."""
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, _SIGNAL)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._open:
            self._open = False
            raise Interrupted
