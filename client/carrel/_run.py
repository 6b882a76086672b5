"""Runs: what works on a request's answer."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from carrel._display import percent
from carrel._errors import (
    CarrelError,
    Conflict,
    RequestExpired,
    RunCancelled,
    RunFailed,
    UnexpectedAnswer,
    WaitTimeout,
)
from carrel._progress import ProgressLine
from carrel._result import Result
from carrel._waiting import poll
from carrel_protocol.api.requests import Run as RunData
from carrel_protocol.api.requests import RunState

if TYPE_CHECKING:
    from carrel._request import Request
    from carrel._site import Site

_FINAL = frozenset({*RunState} - {RunState.QUEUED, RunState.CLAIMED, RunState.RUNNING})


class Run:
    """A run on its public clock: nothing about it changes with private facts.

    Attributes are as of the last call to the site; `refresh()` asks again.
    """

    def __init__(self, site: Site, data: RunData, request: Request | None = None) -> None:
        self._site = site
        self._data = data
        self._request = request

    @property
    def id(self) -> str:
        return self._data.id

    @property
    def request(self) -> Request:
        """The request that it answers."""
        if self._request is None:
            self._request = self._site.requests[self._data.request_id]
        return self._request

    @property
    def state(self) -> str:
        """queued, running, succeeded, failed, cancelled or expired; perhaps others to come."""
        return str(self._data.state)

    @property
    def progress(self) -> float:
        """Between 0 and 1, by the clock: time elapsed of the public deadline."""
        return self._data.progress

    @property
    def queued_at(self) -> datetime:
        return self._data.queued_at

    @property
    def finished_at(self) -> datetime | None:
        """When its end became public; None until then."""
        return self._data.finished_at

    @property
    def deadline_ms(self) -> int:
        """The public time within which answers of this kind appear."""
        return self._data.deadline_ms

    @property
    def done(self) -> bool:
        """Whether its end is public. A state from a newer site counts once it has an end."""
        return self._data.state in _FINAL or self._data.finished_at is not None

    def refresh(self) -> Run:
        self._data = self._site._http.get(f"runs/{self.id}", RunData)
        return self

    def cancel(self) -> Run:
        """Stop it. Once a worker has begun, it is charged all the same."""
        try:
            self._data = self._site._http.write("POST", f"runs/{self.id}/cancel", None, RunData)
        except Conflict as error:
            # When the answer to a first try was lost, the second finds its work done already.
            if not error.unsure or self.refresh().state != RunState.CANCELLED:
                raise
        return self

    def wait(self, timeout: float | None = None, *, progress: bool | None = None) -> Result:
        """The answer, waiting at most `timeout` seconds (None: as long as it takes).

        Raises `RunFailed`, `RunCancelled` or `RequestExpired` if it ends without one, and
        `WaitTimeout` if the time is over; the run goes on then.
        """
        with ProgressLine(progress) as line:
            return self._wait(None if timeout is None else time.monotonic() + timeout, line)

    def result(self) -> Result:
        """The answer of a run that is done; raises as `wait` does for one that has none."""
        if self.state == RunState.SUCCEEDED:
            return Result(self.request, self._data)
        raise self._ended_without_answer()

    def _wait(self, until: float | None, line: ProgressLine) -> Result:
        self._until_done(until, line)
        return self.result()

    def _until_done(self, until: float | None, line: ProgressLine) -> None:
        def ask(seconds: float) -> bool:
            line.show(self.state, self.progress)
            self._data = self._site._http.get(
                f"runs/{self.id}", RunData, params={"wait": seconds}, patience=seconds
            )
            return self.done

        def too_late() -> CarrelError:
            return self._about(
                WaitTimeout(
                    f"Run {self.id} is still {self.state}.",
                    advice="It goes on; wait again, or cancel() it.",
                )
            )

        if not self.done:
            poll(ask, until, line, too_late)

    def _ended_without_answer(self) -> CarrelError:
        if not self.done:
            return UnexpectedAnswer(
                f"Run {self.id} is {self.state}.", advice="Wait for it with wait()."
            )
        match self.state:
            case RunState.FAILED:
                return self._about(
                    RunFailed(
                        f"Run {self.id} failed. It was charged, and why is for the site's owner "
                        "only: a reason could tell something about the data.",
                        advice="Asking again is charged again. If it fails again, tell the owner.",
                    )
                )
            case RunState.CANCELLED:
                return self._about(
                    RunCancelled(
                        f"Run {self.id} was cancelled.", advice="Ask again to start another."
                    )
                )
            case RunState.EXPIRED:
                return self._about(
                    RequestExpired(
                        f"Run {self.id} expired: no worker took it in time. Nothing was charged.",
                        advice="Ask again; if it expires again, the site has no worker for it.",
                    )
                )
            case other:
                return UnexpectedAnswer(
                    f"Run {self.id} ended as {other!r}, which this version of carrel does not "
                    "know.",
                    advice="A newer carrel may: pip install --upgrade carrel.",
                )

    def _about(self, error: CarrelError) -> CarrelError:
        error.request = self._request  # type: ignore[attr-defined]
        return error

    def __repr__(self) -> str:
        share = "" if self.done else f", {percent(self.progress)}"
        return f"Run({self.id}, {self.state}{share})"
