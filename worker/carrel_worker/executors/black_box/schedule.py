"""Fixed slots: a block's run begins at a time that was public before anything was read."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Schedule:
    """Slot i lasts from `origin` + i·`seconds` to the next one's start, whoever fills it.

    A slot is longer than a block may take, so that each finds the one before it over. Where a
    machine is too busy for that, slots are let pass, and what follows begins whole slots later.
    """

    origin: float
    """When slot 0 begins, by `clock`."""
    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    begun: list[int] = field(default_factory=list)
    """The slots that were begun."""

    def begin(self) -> None:
        """Come back when the next slot begins that is not over yet."""
        slot = self.begun[-1] + 1 if self.begun else 0
        late = self.clock() - self._start(slot)
        if late > 0:
            slot += math.ceil(late / self.seconds)
        self._until(self._start(slot))
        self.begun.append(slot)

    def end(self) -> None:
        """Come back when the slot that was begun last is over."""
        self._until(self._start(self.begun[-1] + 1 if self.begun else 0))

    def _start(self, slot: int) -> float:
        return self.origin + slot * self.seconds

    def _until(self, when: float) -> None:
        while (left := when - self.clock()) > 0:
            self.sleep(left)
