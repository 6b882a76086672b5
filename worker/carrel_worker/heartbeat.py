"""A process's heartbeat: a parked thread that a timer of the kernel's wakes."""

import signal
import threading
from collections.abc import Callable

_SIGNAL = signal.SIGALRM


class Heartbeat:
    """Calls one function every so often, from a thread of its own, whatever the main thread does.

    Setting it costs a system call or two: no thread is started or woken for a job that is over
    before its first beat. There can be one to a process, made in its main thread.
    """

    def __init__(self) -> None:
        self._beat: Callable[[], None] | None = None
        # Blocked here and so in every later thread: the signal is the waiting thread's alone.
        signal.pthread_sigmask(signal.SIG_BLOCK, {_SIGNAL})
        threading.Thread(target=self._wait, name="heartbeat", daemon=True).start()

    def start(self, beat: Callable[[], None], seconds: float) -> None:
        """Call `beat` after each `seconds` from now on."""
        self._beat = beat
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)

    def stop(self) -> None:
        """Start no further beat; one that has begun may still be under way afterwards."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._beat = None

    def _wait(self) -> None:
        while True:
            signal.sigwait({_SIGNAL})
            beat = self._beat
            if beat is not None:
                beat()
