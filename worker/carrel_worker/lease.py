"""Keeping a claim alive while its job runs, and learning that it ended."""

import math
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal

from carrel_protocol.jobs import Heartbeat, IngestJob, QueryJob
from carrel_worker.site_client import ClaimLost, Refused, SiteClient, Unreachable


class Lease:
    """A claimed run's lease, from `with` to the end of its block.

    Nothing is sent for a job that ends within a third of the lease (or `beat_seconds`, if that
    is less); then one heartbeat each such time. `on_end` is called once, in the heartbeat's
    thread, when the site says that the claim is over; afterwards `ended` says why.
    """

    def __init__(
        self,
        site: SiteClient,
        job: QueryJob | IngestJob,
        on_end: Callable[[], None] = lambda: None,
        *,
        beat_seconds: float = math.inf,
    ) -> None:
        self.progress: float | None = None
        self.ended: Literal["cancelled", "lost"] | None = None
        self._site = site
        self._run_id = job.run_id
        self._claim_token = job.claim_token
        self._epoch = job.epoch
        self._interval = min(job.lease_seconds / 3, beat_seconds)
        self._on_end = on_end
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than the claim lasts; True if it is over."""
        return self._over.wait(seconds)

    def confirm(self) -> bool:
        """Ask now whether the claim still holds; False if the site says no.

        An unreachable site says nothing: the answer is then what was last known.
        """
        if self.ended is None:
            self._beat()
        return self.ended is None

    def _keep(self) -> None:
        while not self._over.wait(self._interval):
            self._beat()

    def _beat(self) -> None:
        beat = Heartbeat(claim_token=self._claim_token, epoch=self._epoch, progress=self.progress)
        try:
            if self._site.heartbeat(self._run_id, beat):
                self._end("cancelled")
        except (ClaimLost, Refused):
            self._end("lost")
        except Unreachable:
            return  # the next beat, or the result's own retries, will tell

    def _end(self, why: Literal["cancelled", "lost"]) -> None:
        if self.ended is None and not self._over.is_set():
            self.ended = why
            self._over.set()
            self._on_end()
