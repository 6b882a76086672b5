"""Runs: waiting for one, cancelling it, and what the owner may know about it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Page
from carrel_protocol.api.requests import Run, RunDiagnostics, RunState, RunSummary
from carrel_site.core.clock import now
from carrel_site.core.errors import Forbidden, NotFound
from carrel_site.core.http import Caller, SiteDep, recheck, require
from carrel_site.core.pagination import Cursor, Limit, paged, position
from carrel_site.core.permissions import Permission
from carrel_site.requests import repository as request_rows
from carrel_site.requests.background import standing_of
from carrel_site.requests.moves import may_see
from carrel_site.runs import clock, ends, listing, repository, views
from carrel_site.site import Site

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])

Look = Callable[[Site, Caller, str], tuple[Run, datetime | None]]

_LOOK_AGAIN_SECONDS = 5.0
"""A lost wake-up costs this much at most."""


@router.get("", operation_id="list_runs")
def list_runs(
    site: SiteDep,
    caller: Annotated[Caller, require(Permission.REQUESTS_READ)],
    cursor: Cursor = None,
    limit: Limit = 50,
    mine: Annotated[bool, Query(description="Your own alone.")] = False,
    state: Annotated[list[RunState] | None, Query(max_length=8)] = None,
    failed: bool | None = None,
    overran: Annotated[
        bool | None, Query(description="Went on past its deadline: for owners and auditors.")
    ] = None,
    kind: Literal["query", "code", "black_box", "ingest"] | None = None,
) -> Page[RunSummary]:
    """Runs, queued last first: one's own on the public clock; owners and auditors see all, as
    they are, those that lay out uploads too."""
    as_they_are = caller.may(Permission.RUNS_DIAGNOSE)
    if overran is not None and not as_they_are:
        raise Forbidden("Which runs overran is for owners and auditors to know.")
    wanted = listing.Wanted(
        as_they_are=as_they_are,
        asked_by=caller.user_id if mine or not may_see(caller, "") else None,
        states=tuple(state or ()),
        failed=failed,
        overran=overran,
        kind=kind,
    )
    after = position(cursor)

    def work(session: Session) -> Page[RunSummary]:
        at = now()
        return paged(
            listing.page(session, wanted, after, limit + 1),
            limit,
            show=lambda row: views.summary(row, at, as_it_is=as_they_are),
            key=lambda row: (row.run.queued_at, row.run.id),
        )

    return site.db.read(work)


@router.get("/{run_id}", operation_id="get_run")
async def get_run(
    run_id: str,
    site: SiteDep,
    caller: Annotated[Caller, require(Permission.REQUESTS_READ)],
    wait: Annotated[float, Query(ge=0, le=30, allow_inf_nan=False)] = 0,
) -> Run:
    """A run. With `wait`, answers once it has publicly ended or after so many seconds."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + wait
    with site.wakeups.subscribe(run_id) as waiter:
        run, next_change = await run_in_threadpool(_look, site, caller, run_id)
        while run.finished_at is None and loop.time() < give_up:
            told = await waiter.wait(_pause(next_change, give_up - loop.time()))
            if told is not None:
                # A worker took it: there is nothing to read before its public deadline.
                next_change = told
                continue
            due = next_change is not None and next_change <= now()
            look = _close if due else _look
            run, next_change = await run_in_threadpool(_look_again, look, site, caller, run_id)
        return run


def _pause(next_change: datetime | None, left: float) -> float:
    """Seconds until something can have changed, at most `left` and at most a few."""
    if next_change is None:
        return min(left, _LOOK_AGAIN_SECONDS)
    until = (next_change - now()).total_seconds() + 0.0005
    return min(left, _LOOK_AGAIN_SECONDS, max(until, 0.0))


@router.post("/{run_id}/cancel", operation_id="cancel_run")
def cancel_run(
    run_id: str, site: SiteDep, caller: Annotated[Caller, require(Permission.REQUESTS_ASK)]
) -> Run:
    """Cancel a run that has not ended. Once a worker has taken it, it stays charged."""

    def work(session: Session) -> Run:
        asked = repository.asked_by(session, run_id)
        if asked is None or asked[1] != caller.user_id:
            raise NotFound("There is no such run of yours.")
        request_rows.lock(session, asked[0])
        run = repository.lock(session, run_id)
        assert run is not None
        ends.cancel(session, run, caller.user_id)
        return views.public(run, None, now())

    return site.db.transact(work)


@router.get(
    "/{run_id}/diagnostics",
    operation_id="get_run_diagnostics",
    dependencies=[require(Permission.RUNS_DIAGNOSE)],
)
def get_run_diagnostics(run_id: str, site: SiteDep) -> RunDiagnostics:
    """Why a run failed and what it took: private facts, for the owner and the auditor."""

    def work(session: Session) -> RunDiagnostics:
        run = repository.get(session, run_id)
        if run is None:
            raise NotFound("There is no such run.")
        kind = "black_box" if run.kind == "black_box" else "query"
        known = standing_of(session, run.account_id, kind) if run.account_id else None
        return views.diagnostics(run).model_copy(update={"standing": known})

    return site.db.read(work)


def _look(site: Site, caller: Caller, run_id: str) -> tuple[Run, datetime | None]:
    """The run as the caller may see it, and when it can next change by the clock alone."""

    def read(session: Session) -> tuple[Run, datetime | None] | None:
        found = repository.with_requester(session, run_id)
        if found is None or found[1] is None or not may_see(caller, found[1]):
            raise NotFound("There is no such run.")
        run, _, output = found
        at = now()
        if run.closed_at is None and clock.is_due(run, at):
            return None
        receipt = views.receipt(session, site.signer, run, output)
        return views.public(run, output, at, receipt), clock.next_change(run, at)

    return site.db.read(read) or _close(site, caller, run_id)


def _look_again(look: Look, site: Site, caller: Caller, run_id: str) -> tuple[Run, datetime | None]:
    """Look, if whoever waits still may: their key or role may have gone meanwhile."""
    recheck(site, caller, Permission.REQUESTS_READ)
    return look(site, caller, run_id)


def _close(site: Site, _caller: Caller, run_id: str) -> tuple[Run, datetime | None]:
    """Close a run that the caller was let see, now that its rung has come, and show it.

    Its receipt is in the log once this has committed: reading the run again brings it.
    """

    def close(session: Session) -> tuple[Run, datetime | None]:
        run = repository.lock(session, run_id)
        assert run is not None
        output = ends.close(session, site, run)
        return views.public(run, output, now()), clock.next_change(run, now())

    return site.db.transact(close)
