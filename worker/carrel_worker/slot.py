"""Holding a worker's slot until a public time, so that its freedom tells nothing."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Slot:
    """One claimed run's place in this worker; time starts when the claim was answered.

    The slot is free at claim + D·2^j for the smallest j that has not passed yet: D is public
    (worked out from plan and declared size), so all that an overrun shows is its rung.
    """

    deadline_ms: int
    claimed_at: float = field(default_factory=time.monotonic)

    def free_at(self, now: float) -> float:
        """When the slot is free if its work ended at `now`; both in seconds of `monotonic`."""
        rung = self.deadline_ms / 1000
        while self.claimed_at + rung < now:
            rung *= 2
        return self.claimed_at + rung

    def hold(self) -> None:
        """Sleep until the slot is free."""
        time.sleep(max(0.0, self.free_at(time.monotonic()) - time.monotonic()))
