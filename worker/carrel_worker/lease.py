"""Keeping a claim alive while its job runs, and learning that it ended."""

import math
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal

import structlog

from carrel_protocol import jobs
from carrel_worker.heartbeat import Heartbeat
from carrel_worker.site_client import ClaimLost, Refused, SiteClient, Unreachable

_log = structlog.get_logger("carrel_worker")


class Lease:
    """A claimed run's lease, from `with` to the end of its block.

    Nothing is sent for a job that ends within a third of the lease (or `beat_seconds`, if that
    is less); then one heartbeat each such time. `on_end` is called once, in the heartbeat's
    thread, when the site says that the claim is over; afterwards `ended` says why.
    """

    def __init__(
        self,
        site: SiteClient,
        heartbeat: Heartbeat,
        job: jobs.Job,
        on_end: Callable[[], None] = lambda: None,
        *,
        beat_seconds: float = math.inf,
    ) -> None:
        self.progress: float | None = None
        self.ended: Literal["cancelled", "lost"] | None = None
        self._site = site
        self._heartbeat = heartbeat
        self._run_id = job.run_id
        self._claim_token = job.claim_token
        self._epoch = job.epoch
        self._interval = min(job.lease_seconds / 3, beat_seconds)
        self._on_end = on_end
        self._over = threading.Event()

    def __enter__(self) -> "Lease":
        self._heartbeat.start(self._beat, self._interval)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._heartbeat.stop()
        self._over.set()

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than the claim lasts."""
        self._over.wait(seconds)

    def confirm(self) -> bool:
        """Ask now whether the claim still holds; False if the site says no.

        An unreachable site says nothing: the answer is then what was last known.
        """
        self._beat()
        return self.ended is None

    def _beat(self) -> None:
        if self.ended is not None:
            return
        beat = jobs.Heartbeat(
            claim_token=self._claim_token, epoch=self._epoch, progress=self.progress
        )
        try:
            if self._site.heartbeat(self._run_id, beat):
                self._end("cancelled")
        except (ClaimLost, Refused):
            self._end("lost")
        except Unreachable:
            pass  # the next beat, or the result's own retries, will tell
        except Exception as error:  # noqa: BLE001 (the thread must live on for the next job)
            _log.error("heartbeat failed", run=self._run_id, error=type(error).__name__)

    def _end(self, why: Literal["cancelled", "lost"]) -> None:
        if self.ended is None and not self._over.is_set():
            self.ended = why
            self._over.set()
            self._on_end()
