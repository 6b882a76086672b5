"""Holding a worker's slot until a public time, so that its freedom tells nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

_LOOK_SECONDS = 0.25
"""How often a hold looks whether the worker is to stop."""


@dataclass(frozen=True)
class Slot:
    """One claimed run's place in this worker; time starts when the claim was answered.

    The slot is free at claim + D·2^j for the smallest j that has not passed yet: D is public
    (worked out from plan and declared size, or from a limit of time that people approved), so all
    that an overrun shows is its rung.
    """

    deadline_ms: int
    claimed_at: float = field(default_factory=time.monotonic)

    def free_at(self, now: float) -> float:
        """When the slot is free if its work ended at `now`; both in seconds of `monotonic`."""
        rung = self.deadline_ms / 1000
        while self.claimed_at + rung < now:
            rung *= 2
        return self.claimed_at + rung

    def hold(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Sleep until the slot is free, or the worker is `stopping`: then nothing follows here."""
        free = self.free_at(time.monotonic())
        while not stopping() and (left := free - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
