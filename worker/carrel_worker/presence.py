"""Calling the site now and then, so that its owners see that a worker without work is there, and
what it can run."""

import contextlib
import threading
from collections.abc import Callable

from carrel_protocol.jobs import WorkerReport
from carrel_worker.site_client import SiteClient, Unreachable

EVERY_SECONDS = 30.0


class Presence:
    """A thread that calls, at once and then every half minute, whatever the process is doing.

    When it calls depends on when the process started and on nothing that it reads.
    """

    def __init__(
        self,
        site: SiteClient,
        report: Callable[[], WorkerReport] | None = None,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._site = site
        self._report = report
        self._said: WorkerReport | None = None
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._call, name="presence", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def _tell(self) -> None:
        """Say what this worker can run, unless it was said: an environment may have been built."""
        report = self._report() if self._report is not None else None
        if report is not None and report != self._said:
            self._site.report(report)
            self._said = report

    def _call(self) -> None:
        while not self._stopped.is_set():
            for call in (self._site.alive, self._tell):
                with contextlib.suppress(Unreachable, OSError):  # the next call may be heard
                    call()
            self._stopped.wait(self._every)
