"""Requests: questions that were asked, from the first vote to the answer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from carrel._display import html_table, moment, printable, text_fields
from carrel._errors import (
    BudgetExceeded,
    CarrelError,
    ChangesRequested,
    Conflict,
    InvalidInput,
    InvalidTransition,
    QueryNotAllowed,
    RequestExpired,
    RequestRejected,
    RequestWithdrawn,
    WaitTimeout,
)
from carrel._expressions import described, explain
from carrel._made import made
from carrel._pages import fetch_all
from carrel._price import Price
from carrel._privacy import Bounds, privacy_target, unit_bounds
from carrel._progress import ProgressLine
from carrel._result import Result
from carrel._run import Run
from carrel_protocol.api import requests as wire
from carrel_protocol.api.common import Person
from carrel_protocol.api.datasets import CommentText
from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.code import CodeContent
from carrel_protocol.jobs import QueryContent

if TYPE_CHECKING:
    from pydantic import BaseModel

    from carrel._query import Query
    from carrel._site import Site

_FIRST_LOOK, _LAST_LOOK = 1.0, 10.0
"""Seconds between looks at a request that waits for a person."""


class RequestData(wire.Request):
    """A request as the site sends it, with a price that prints well."""

    price: Price | None


class Request:
    """One request. Attributes are as of the last call to the site; `refresh()` asks again."""

    def __init__(
        self, site: Site, data: RequestData | None, summary: wire.RequestSummary | None = None
    ) -> None:
        self._site = site
        self._data = data
        self._summary = summary
        self._run: Run | None = None

    @property
    def data(self) -> RequestData:
        """Everything the site says about it; read now, if it came from a list."""
        if self._data is None:
            self.refresh()
        assert self._data is not None
        return self._data

    @property
    def id(self) -> str:
        return self._brief.id

    @property
    def kind(self) -> str:
        return self._brief.kind

    @property
    def state(self) -> str:
        """submitted, changes_requested, approved, over_budget, queued, rejected, withdrawn or
        expired; perhaps others to come. Once it is queued, its run has states of its own."""
        return str(self._brief.state)

    @property
    def dataset(self) -> str:
        return self._brief.dataset

    @property
    def requester(self) -> Person:
        return self._brief.requester

    @property
    def purpose(self) -> str:
        return self._brief.purpose

    @property
    def created_at(self) -> datetime:
        return self._brief.created_at

    @property
    def sql(self) -> str | None:
        """As it was written; what counts, and runs, is `content.plan`."""
        return self.data.sql

    @property
    def content(self) -> QueryContent | CodeContent | BlackBoxContent:
        """All that an approval covers."""
        return self.data.content

    @property
    def content_hash(self) -> str:
        """Of `content`. Votes are bound to it."""
        return self.data.content_hash

    @property
    def price(self) -> Price:
        if self.data.price is None:
            raise AttributeError("code has no price: people look at what it returns")
        return self.data.price

    @property
    def reused(self) -> bool:
        """Whether it was asked before: the stored answer, at no further cost."""
        return self.data.reused

    @property
    def votes(self) -> tuple[wire.Vote, ...]:
        return self.data.votes

    @property
    def run(self) -> Run | None:
        """Its run; None until it is approved and paid."""
        latest = self.data.run
        if latest is not None and self._run is None:
            self._run = Run(self._site, latest, self)
        return self._run

    @property
    def comments(self) -> list[wire.Comment]:
        """What was said about it, oldest first; read now."""
        return fetch_all(self._site._http, f"{self._path}/comments", wire.Comment)

    def refresh(self) -> Request:
        return self._take(self._site._http.get(self._path, RequestData))

    def wait(self, timeout: float | None = None, *, progress: bool | None = None) -> Result:
        """The answer, waiting at most `timeout` seconds (None: as long as it takes, which is as
        long as people take while it is in review).

        Raises `ChangesRequested`, `RequestRejected`, `RequestWithdrawn`, `RequestExpired`,
        `BudgetExceeded` (approved, but what is left cannot pay for it), `RunFailed`,
        `RunCancelled` or, when the time is over, `WaitTimeout`.
        """
        until = None if timeout is None else time.monotonic() + timeout
        with ProgressLine(progress) as line:
            return self._until_run(until, line)._wait(until, line)

    def _until_run(self, until: float | None, line: ProgressLine) -> Run:
        """Its run, once people have approved it."""
        pause = _FIRST_LOOK
        while True:
            if self.run is None:
                self.refresh()
            if self.run is not None:
                return self.run
            self._raise_if_stopped()
            left = math.inf if until is None else until - time.monotonic()
            if left <= 0:
                raise self._about(
                    WaitTimeout(
                        f"Request {self.id} is still {self.state}: it needs a person.",
                        advice="It stays there; wait again later.",
                    )
                )
            line.show("waiting for approval")
            time.sleep(min(pause, left))
            pause = min(_LAST_LOOK, pause * 1.5)

    def withdraw(self) -> Request:
        """Take it back. What was approved and paid can only be cancelled."""
        return self._post("withdraw", done=lambda: self.state == wire.RequestState.WITHDRAWN)

    def cancel(self) -> Request:
        """Stop its run. Once a worker has begun, it is charged all the same."""
        run = self.run
        if run is None:
            raise InvalidTransition(
                f"Request {self.id} has no run yet.", advice="withdraw() takes it back."
            )
        run.cancel()
        return self.refresh()

    def queue(self) -> Request:
        """Ask again for budget, once there is some, for a request that is over budget."""
        return self._post("queue", done=lambda: self.run is not None)

    def comment(self, text: str) -> wire.Comment:
        """Write to everybody who can read the request."""
        return self._site._http.write(
            "POST", f"{self._path}/comments", made(CommentText, text=text), wire.Comment
        )

    def edit(
        self,
        query: Query | None = None,
        *,
        sql: str | None = None,
        purpose: str | None = None,
        epsilon: float | None = None,
        rho: float | None = None,
        within: float | None = None,
        confidence: float | None = None,
        bounds: Bounds | None = None,
    ) -> Request:
        """Put another question in its place, after changes were requested: a `query`, or `sql`,
        or only another privacy or purpose. It is submitted again and earlier votes end.

        Raises `ContentChanged` if it was changed since you read it.
        """
        if query is not None and sql is not None:
            raise InvalidInput("Give edit() a query or sql, not both.")
        target = privacy_target(epsilon, rho, within, confidence)
        written = sql if query is None else query.sql
        body = made(
            wire.RequestEdit,
            sql=written,
            plan=None if query is None else query.plan,
            target=target or (None if query is None else query.target),
            bounds=unit_bounds(bounds) or (None if query is None else query.bounds),
            purpose=purpose,
        )
        try:
            data = self._site._http.write("PUT", self._path, body, RequestData, etag=self.data.etag)
        except QueryNotAllowed as error:
            explain(error, sql=written, asked=body.plan)
            raise
        return self._take(data)

    def approve(self, reason: str = "") -> Request:
        """Vote for it, as a reviewer: for exactly the content that you were shown."""
        return self._decide(
            "approve", made(wire.Decision, content_hash=self._shown_hash(), reason=reason)
        )

    def reject(self, reason: str) -> Request:
        """Vote against it, as a reviewer; the researcher reads the reason. It ends."""
        return self._decide(
            "reject", made(wire.ReasonedDecision, content_hash=self._shown_hash(), reason=reason)
        )

    def return_(self, reason: str) -> Request:
        """Hand it back for changes, as a reviewer; the researcher reads the reason."""
        return self._decide(
            "return", made(wire.ReasonedDecision, content_hash=self._shown_hash(), reason=reason)
        )

    request_changes = return_

    def _take(self, data: RequestData) -> Request:
        """Show `data` from now on, also through the run that was handed out."""
        self._data = data
        if self._run is not None and data.run is not None:
            self._run._data = data.run
        return self

    @property
    def _path(self) -> str:
        return f"requests/{self.id}"

    @property
    def _brief(self) -> RequestData | wire.RequestSummary:
        brief = self._data or self._summary
        assert brief is not None
        return brief

    def _shown_hash(self) -> str:
        if self._data is None:
            raise InvalidInput(
                f"You have not looked at request {self.id} yet, and a vote is for what was shown.",
                advice=f"Look at it first: print(site.requests[{self.id!r}]).",
            )
        return self._data.content_hash

    def _decide(self, decision: str, body: wire.Decision | wire.ReasonedDecision) -> Request:
        def counted() -> bool:
            me = self._site.me.id
            return any(
                vote.reviewer.id == me
                and vote.decision == decision
                and vote.content_hash == body.content_hash
                for vote in self.votes
            )

        return self._post(decision, body, done=counted)

    def _post(
        self, action: str, body: BaseModel | None = None, *, done: Callable[[], bool]
    ) -> Request:
        try:
            self._take(self._site._http.write("POST", f"{self._path}/{action}", body, RequestData))
        except Conflict as error:
            # When the answer to a first try was lost, the second finds its work done already.
            if not error.unsure or not (self.refresh() and done()):
                raise
        return self

    def _raise_if_stopped(self) -> None:
        match self.state:
            case wire.RequestState.CHANGES_REQUESTED:
                raise self._about(ChangesRequested(self._told("return", "was returned")))
            case wire.RequestState.REJECTED:
                raise self._about(RequestRejected(self._told("reject", "was rejected")))
            case wire.RequestState.WITHDRAWN:
                raise self._about(RequestWithdrawn(f"Request {self.id} was withdrawn."))
            case wire.RequestState.EXPIRED:
                raise self._about(
                    RequestExpired(f"Request {self.id} expired.", advice="Submit it again.")
                )
            case wire.RequestState.OVER_BUDGET:
                raise self._about(
                    BudgetExceeded(
                        f"Request {self.id} was approved, and what is left cannot pay for it.",
                        advice="Ask the owner for more budget, then call queue() and wait().",
                    )
                )

    def _told(self, decision: str, what: str) -> str:
        said = [v for v in self.votes if v.decision == decision]
        if not said:
            return f"Request {self.id} {what}."
        vote = said[-1]
        return f"Request {self.id} {what} by {printable(vote.reviewer.name)}: " + printable(
            vote.reason
        )

    def _about(self, error: CarrelError) -> CarrelError:
        error.request = self  # type: ignore[attr-defined]
        return error

    def __repr__(self) -> str:
        brief = self._brief
        run: str | None
        if isinstance(brief, wire.RequestSummary):
            run = brief.run_state
        else:
            run = None if self.run is None else self.run.state
        return f"Request({self.id}, {self.dataset!r}, {self.state}{f', run {run}' if run else ''})"

    def __str__(self) -> str:
        return text_fields([("request", self.id), *self._rows()])

    def _repr_html_(self) -> str:
        return html_table(("", ""), self._rows(), caption=f"Request {self.id}")

    def _rows(self) -> list[tuple[str, object]]:
        data = self.data
        rows: list[tuple[str, object]] = [
            ("state", self.state if self.run is None else f"{self.state}, run {self.run.state}"),
            ("dataset", data.dataset),
            ("asked by", f"{data.requester.name} <{data.requester.email}>"),
            ("asked on", moment(data.created_at)),
        ]
        if data.purpose:
            rows.append(("purpose", data.purpose))
        if data.sql is not None:
            rows.append(("SQL", data.sql))
        if isinstance(data.content, QueryContent):
            rows.append(("runs as", described(data.content.plan)))
        if isinstance(data.price, Price):
            rows.append(("price", data.price._headline()))
        rows.append(("content hash", data.content_hash))
        rows += [
            (
                vote.decision + ("" if vote.counts else " (void)"),
                f"{vote.reviewer.name}{': ' if vote.reason else ''}{vote.reason}",
            )
            for vote in data.votes
        ]
        return rows
