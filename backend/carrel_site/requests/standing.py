"""How an account has behaved lately, and what that keeps it from.

Only what is public counts: a failure or an overrun from the moment its end was shown.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from carrel_protocol.errors import ErrorCode
from carrel_site.core.clock import now
from carrel_site.core.errors import SiteError
from carrel_site.runs import repository as runs
from carrel_site.runs.errors import KindPaused
from carrel_site.runs.models import Run

WINDOW = timedelta(days=30)
FAILURES_ALLOWED = 3
OVERRUNS_ALLOWED = 3
EXTRA_RUNGS = 2
LIVE_MS = 120_000
"""The worker time, by public deadlines, that one account's unfinished runs may hold."""


class TooManyRuns(SiteError):
    status, code, title = 429, ErrorCode.RATE_LIMITED, "Too many unfinished runs"
    advice = "Wait until some of your runs have ended, or cancel some."


@dataclass(frozen=True, slots=True)
class Standing:
    failures: int
    overruns: int

    @property
    def extra_rungs(self) -> int:
        """By how many rungs the account's deadlines are raised."""
        return EXTRA_RUNGS if self.overruns >= OVERRUNS_ALLOWED else 0

    def refuse_if_paused(self) -> None:
        """Raise `KindPaused` when too many of the account's private runs failed lately."""
        if self.failures >= FAILURES_ALLOWED:
            raise KindPaused(
                f"{FAILURES_ALLOWED} private queries of this account failed within {WINDOW.days} "
                "days, so new ones wait until the owner has looked."
            )


def standing(session: Session, account_id: str) -> Standing:
    at = now()
    return Standing(*runs.misbehaviour(session, account_id, at - WINDOW, at))


_LIVE = select(func.count(), func.coalesce(func.sum(Run.deadline_ms), 0)).where(
    Run.account_id == bindparam("account_id"), Run.state.in_(runs.LIVE)
)


def refuse_if_busy(session: Session, account_id: str, deadline_ms: int) -> None:
    """Raise `TooManyRuns` when this account's runs would hold the workers for too long."""
    count, held = session.connection().execute(_LIVE, {"account_id": account_id}).one()
    if count and held + deadline_ms > LIVE_MS:
        raise TooManyRuns(
            f"{count} of your runs are unfinished; together with this one they could hold the "
            f"workers for more than {LIVE_MS // 1000} seconds."
        )
