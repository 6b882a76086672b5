"""Asking a site again and again, at its own pace, until something is over."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from carrel._progress import ProgressLine

LONGEST_POLL = 25
"""Seconds that one call may wait at the site."""
_DRAWN_POLL = 1
"""The same while a progress line is drawn, which moves with each call."""


def poll(
    ask: Callable[[float], bool],
    until: float | None,
    line: ProgressLine,
    too_late: Callable[[], Exception],
) -> None:
    """Call `ask` until it gives True: whether it is over, of a call that may wait so many seconds.

    until: a moment of `time.monotonic()` after which `too_late()` is raised; None for never.
    """
    quick = 0
    longest = _DRAWN_POLL if line.enabled else LONGEST_POLL
    while True:
        left = math.inf if until is None else max(0.0, until - time.monotonic())
        seconds = round(min(longest, left), 3)
        asked = time.monotonic()
        if ask(seconds):
            return
        if left <= seconds:
            raise too_late()
        # A site that does not hold the call must not be asked in a tight loop.
        quick = quick + 1 if time.monotonic() - asked < 0.2 else 0
        if quick > 3:
            time.sleep(min(2.0, 0.05 * 2.0 ** min(quick - 3, 6), left))
