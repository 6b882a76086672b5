"""The public clock of a run: the only times a researcher can read from a private run.

A run's end, however it came, shows at the first rung at or after it: claim + D, claim + 2D,
claim + 4D, … with D worked out from public facts before anything was read. Then, and not before,
it is settled, logged and shown, all at once (`service.close`). Nothing here looks at a private
fact but `Run.visible_at`, which is a rung.
"""

from datetime import datetime, timedelta

from carrel_protocol.api.requests import RunState
from carrel_site.runs.models import Run

STEPS = 20
"""Progress moves in so many equal steps of the public deadline."""
LAST_MULTIPLE = 64
"""A query that has not ended by so many of its deadlines never will: six doublings."""
_LAST_MULTIPLES = {"query": LAST_MULTIPLE, "code": 8, "black_box": 4}
LEAST_LIMIT = timedelta(seconds=120)
"""For short deadlines: long enough that three workers may die in turn, a lease of 30 s each."""


def is_due(run: Run, at: datetime) -> bool:
    """Whether the rung has come at which the run's end is to be shown."""
    return run.visible_at is not None and run.visible_at <= at


def is_public(run: Run) -> bool:
    """Whether the run's end may be seen."""
    return run.closed_at is not None


def public_state(run: Run) -> RunState:
    """What a researcher sees: once claimed it runs, whatever happens to it, until it is closed."""
    if is_public(run):
        return RunState(run.state)
    return RunState.RUNNING if run.claimed_at is not None else RunState.QUEUED


def is_hung(run: Run, at: datetime) -> bool:
    """Whether a private run has gone on past all its public clock allows: it is to fail.

    Counted from its first claim: a rung that is 64 times its deadline, two minutes at least. For
    code it is eight times, as its worker ends it at its limits, and for a black box four.
    """
    if run.kind not in _LAST_MULTIPLES or run.claimed_at is None:
        return False
    rungs = _LAST_MULTIPLES[run.kind]
    limit = max(rungs * timedelta(milliseconds=run.deadline_ms), LEAST_LIMIT)
    return at > run.claimed_at + limit


def progress(run: Run, at: datetime) -> float:
    """Elapsed time as a share of the deadline, in steps; 1 when the end is public."""
    if is_public(run):
        return 1.0
    if run.claimed_at is None:
        return 0.0
    elapsed = (at - run.claimed_at).total_seconds() * 1000
    return min(int(STEPS * elapsed / max(run.deadline_ms, 1)), STEPS - 1) / STEPS


def next_change(run: Run, at: datetime) -> datetime | None:
    """When the public view can next change by the clock alone: the next rung."""
    if run.claimed_at is None or run.deadline_ms <= 0 or is_public(run):
        return None
    rung = timedelta(milliseconds=run.deadline_ms)
    while run.claimed_at + rung <= at:
        rung *= 2
    return run.claimed_at + rung
