"""How an account has behaved lately, and what that keeps it from.

Only what is public counts: a failure or an overrun from the moment its end was shown.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, func, literal, select
from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RunState
from carrel_protocol.errors import ErrorCode
from carrel_site.core.clock import now
from carrel_site.core.errors import SiteError
from carrel_site.core.models import Timestamp
from carrel_site.runs import repository as runs
from carrel_site.runs.errors import KindPaused
from carrel_site.runs.models import FailuresExcused, Run

WINDOW = timedelta(days=30)
FAILURES_ALLOWED = 3
OVERRUNS_ALLOWED = 3
EXTRA_RUNGS = 2
LIVE_MS = 120_000
"""The worker time, by public deadlines, that one account's unfinished runs may hold."""


_WHAT = {"query": "private queries", "black_box": "black boxes"}


class TooManyRuns(SiteError):
    status, code, title = 429, ErrorCode.RATE_LIMITED, "Too many unfinished runs"
    advice = "Wait until some of your runs have ended, or cancel some."


@dataclass(frozen=True, slots=True)
class Standing:
    failures: int
    overruns: int
    live: int
    """Unfinished runs, and the worker time that they may hold by their public deadlines."""
    live_ms: int
    what: str = "private queries"

    @property
    def extra_rungs(self) -> int:
        """By how many rungs the account's deadlines are raised."""
        return EXTRA_RUNGS if self.overruns >= OVERRUNS_ALLOWED else 0

    def refuse(self, deadline_ms: int) -> None:
        """Raise `KindPaused` or `TooManyRuns` if the account may not run this for now."""
        self.refuse_paused()
        if self.live and self.live_ms + deadline_ms > LIVE_MS:
            raise TooManyRuns(
                f"{self.live} of your runs are unfinished; together with this one they could hold "
                f"the workers for more than {LIVE_MS // 1000} seconds."
            )

    def refuse_paused(self) -> None:
        """Raise `KindPaused` if too many of the account's runs of this kind failed."""
        if self.failures >= FAILURES_ALLOWED:
            raise KindPaused(
                f"{FAILURES_ALLOWED} {self.what} of this account failed within {WINDOW.days} "
                "days, so new ones wait until the owner has looked."
            )


_KIND = Run.kind == bindparam("kind")
"""People have read the code that others are of: how it ends is theirs to judge."""
_FAILED = Run.state == RunState.FAILED.value
_EXCUSED = (
    select(func.max(FailuresExcused.at))
    .where(FailuresExcused.account_id == bindparam("account_id"))
    .scalar_subquery()
)
_LATELY = (
    select(
        func.count()
        .filter(
            _FAILED & (Run.closed_at > func.coalesce(_EXCUSED, bindparam("since", type_=Timestamp)))
        )
        .label("failures"),
        func.count().filter(Run.overran).label("overruns"),
    )
    .where(
        Run.account_id == bindparam("account_id"),
        _KIND,
        _FAILED | Run.overran,
        Run.closed_at >= bindparam("since", type_=Timestamp),
    )
    .subquery()
)
_LIVE = (
    select(
        func.count().label("live"),
        func.coalesce(func.sum(Run.deadline_ms), 0).label("live_ms"),
    )
    .where(Run.account_id == bindparam("account_id"), _KIND, Run.state.in_(runs.LIVE))
    .subquery()
)
_STANDING = select(
    _LATELY.c.failures, _LATELY.c.overruns, _LIVE.c.live, _LIVE.c.live_ms
).select_from(_LATELY.join(_LIVE, literal(True)))


def standing(session: Session, account_id: str, kind: str = "query") -> Standing:
    """How the account stands now with one kind of private run: queries, or black boxes.

    A pause is of a kind, and a black box that holds a worker for minutes keeps nobody from asking.
    """
    parameters = {"account_id": account_id, "since": now() - WINDOW, "kind": kind}
    found = session.connection().execute(_STANDING, parameters).one()
    return Standing(*found, what=_WHAT.get(kind, "runs"))
