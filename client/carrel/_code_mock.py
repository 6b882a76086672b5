"""Runs of code on made-up rows: waiting for one, and what it left."""

from __future__ import annotations

import base64
import sys
import time
from typing import Any

from carrel._code_values import value_of
from carrel._display import printable
from carrel._errors import MockFailed, UnexpectedAnswer, WaitTimeout
from carrel._http import Http
from carrel._paths import quoted
from carrel._progress import ProgressLine
from carrel._waiting import poll
from carrel_protocol.api.code import MockRun
from carrel_protocol.api.requests import RunState

_GOING_ON = (RunState.QUEUED, RunState.CLAIMED, RunState.RUNNING)


def finished(http: Http, run: MockRun, timeout: float | None, progress: bool | None) -> MockRun:
    """The run once it is over. Raises `WaitTimeout`."""
    until = None if timeout is None else time.monotonic() + timeout
    with ProgressLine(progress) as line:

        def ask(seconds: float) -> bool:
            nonlocal run
            line.show(f"{run.state} on made-up rows")
            run = http.get(
                f"mock_runs/{quoted(run.id)}", MockRun, params={"wait": seconds}, patience=seconds
            )
            return run.state not in _GOING_ON

        if run.state in _GOING_ON:
            poll(ask, until, line, lambda: WaitTimeout(f"The run {run.id} is still {run.state}."))
    return run


def show(run: MockRun) -> dict[str, Any]:
    """Print what it printed, and give what it returned. Raises `MockFailed`."""
    report = run.report
    if report is None:
        raise MockFailed(
            f"The run on made-up rows {run.state}, and left nothing.",
            advice="Try again; if it does not run then either, the site has no worker for it.",
        )
    sys.stdout.write(printable(report.stdout))
    sys.stderr.write(printable(report.stderr))
    if report.ending != "returned":
        error = MockFailed(_ended(str(report.ending), printable(report.message)))
        error.report = report
        raise error
    values = {}
    for each in run.items:
        try:
            content = base64.b64decode(each.content, validate=True)
        except ValueError:
            raise UnexpectedAnswer(f"{each.item.name!r} did not arrive whole.") from None
        values[each.item.name] = value_of(each.item, content)
    return values


def _ended(ending: str, message: str) -> str:
    on = "on made-up rows"
    words = {
        "raised": f"The code raised {on}",
        "exited": f"The code ended itself {on}",
        "wall_time": f"The code took too long {on}",
        "cpu_time": f"The code took too much computing time {on}",
        "memory": f"The code took too much memory {on}",
        "processes": f"The code started too many processes {on}",
        "output_size": f"The code returned too much {on}",
        "output_form": f"The code returned what cannot leave {on}",
    }.get(ending, f"The code did not return {on} ({ending})")
    return f"{words}: {message}" if message else f"{words}."
