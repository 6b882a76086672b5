"""Reviewed code: environments, runs on made-up rows, requests, and what reviewers see of them."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi import Request as HttpRequest
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from carrel_protocol.api.code import (
    CodeRequestCreate,
    CodeRequestEdit,
    Environment,
    EnvironmentUpdate,
    LineComment,
    LineCommentCreate,
    MockRun,
    MockRunCreate,
    Review,
)
from carrel_protocol.api.requests import Request
from carrel_site.code import asking, environments, mocking, review
from carrel_site.code.readings import Findings, Readings
from carrel_site.core.etags import IfMatch, needed
from carrel_site.core.http import Caller, SiteDep, recheck, require
from carrel_site.core.idempotency import IdempotencyKeyHeader, once
from carrel_site.core.permissions import Permission
from carrel_site.requests import views
from carrel_site.site import Site

router = APIRouter(prefix="/api/v1", tags=["code"])

Asker = Annotated[Caller, require(Permission.REQUESTS_ASK)]
Reader = Annotated[Caller, require(Permission.REQUESTS_READ)]
Commenter = Annotated[Caller, require(Permission.REQUESTS_COMMENT)]
Manager = Annotated[Caller, require(Permission.ENVIRONMENTS_MANAGE)]
Id = Annotated[str, Path(min_length=1, max_length=64)]
Wait = Annotated[float, Query(ge=0, le=30, allow_inf_nan=False)]

_LOOK_AGAIN_SECONDS = 5.0


@router.get("/environments", dependencies=[require(Permission.ENVIRONMENTS_READ)])
def list_environments(site: SiteDep) -> tuple[Environment, ...]:
    """The packages that code may use, by name."""
    return site.db.read(environments.page)


@router.get("/environments/{name}", dependencies=[require(Permission.ENVIRONMENTS_READ)])
def read_environment(site: SiteDep, name: Id) -> Environment:
    return site.db.read(lambda session: environments.get(session, name))


@router.patch("/environments/{name}")
def update_environment(
    site: SiteDep, caller: Manager, name: Id, body: EnvironmentUpdate
) -> Environment:
    """Describe an environment, set what a run in it may take, or retire it."""
    return site.db.transact(
        lambda session: environments.update(session, name, body, caller.user_id)
    )


@router.post("/mock_runs", status_code=201, operation_id="create_mock_run")
def create_mock_run(
    asked: MockRunCreate,
    site: SiteDep,
    caller: Asker,
    idempotency_key: IdempotencyKeyHeader = None,
) -> MockRun:
    """Try a program on made-up rows, at once and in the same sandbox."""

    def work(session: Session) -> tuple[int, MockRun]:
        return 201, mocking.ask(session, site, caller, asked)

    _, run = once(
        site.db,
        caller.user_id,
        idempotency_key,
        "POST /mock_runs",
        asked.model_dump(mode="json"),
        MockRun,
        work,
    )
    return run


@router.get("/mock_runs/{run_id}", operation_id="get_mock_run")
async def get_mock_run(run_id: Id, site: SiteDep, caller: Asker, wait: Wait = 0) -> MockRun:
    """A run on made-up rows of yours. With `wait`, once it has ended or after so many seconds."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + wait
    with site.wakeups.subscribe(run_id) as waiter:
        run, ended = await run_in_threadpool(_mock_run, site, caller, run_id)
        while not ended and loop.time() < give_up:
            await waiter.wait(min(give_up - loop.time(), _LOOK_AGAIN_SECONDS))
            run, ended = await run_in_threadpool(_mock_run_again, site, caller, run_id)
        return run


def _mock_run(site: Site, caller: Caller, run_id: str) -> tuple[MockRun, bool]:
    return site.db.read(lambda session: mocking.get(session, caller, run_id))


def _mock_run_again(site: Site, caller: Caller, run_id: str) -> tuple[MockRun, bool]:
    recheck(site, caller, Permission.REQUESTS_ASK)
    return _mock_run(site, caller, run_id)


@router.post("/code_requests", status_code=201, operation_id="create_code_request")
def create_code_request(
    asked: CodeRequestCreate,
    response: Response,
    site: SiteDep,
    caller: Asker,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Request:
    """Ask for a program to be run on private data. 200 and `reused` when just this was asked."""

    def work(session: Session) -> tuple[int, Request]:
        came_to = asking.submit(session, site, caller, asked)
        return (200 if came_to.reused else 201), views.answered(session, site, caller, came_to)

    response.status_code, view = once(
        site.db,
        caller.user_id,
        idempotency_key,
        "POST /code_requests",
        asked.model_dump(mode="json"),
        Request,
        work,
    )
    response.headers["ETag"] = view.etag
    return view


@router.patch("/code_requests/{request_id}", operation_id="edit_code_request")
def edit_code_request(
    request_id: Id,
    change: CodeRequestEdit,
    response: Response,
    site: SiteDep,
    caller: Asker,
    if_match: IfMatch = None,
) -> Request:
    """Ask for another program in place of what was returned. Votes on what was there are void."""
    etag = needed(if_match)

    def work(session: Session) -> Request:
        request = asking.edit(session, caller, request_id, etag, change)
        return views.full(session, site, caller, request)

    view = site.db.transact(work)
    response.headers["ETag"] = view.etag
    return view


async def _readings(request: HttpRequest) -> Readings:
    readings = request.app.state.readings
    assert isinstance(readings, Readings)
    return readings


@router.get("/requests/{request_id}/code_review", operation_id="get_code_review")
async def get_code_review(
    request_id: Id,
    site: SiteDep,
    caller: Reader,
    readings: Annotated[Readings, Depends(_readings)],
) -> Review:
    """Beside the program: what reading it found, its run on made-up rows, what was approved.

    Few programs are read at once: this may take some seconds, or be refused for a moment (503).
    """

    def review_of(found: Findings) -> Review:
        recheck(site, caller, Permission.REQUESTS_READ)
        return site.db.read(
            lambda session: review.review(session, caller, request_id, readable, found)
        )

    readable = await run_in_threadpool(
        site.db.read, lambda session: review.program(session, caller, request_id)
    )
    found = await readings.findings(readable, caller.user_id)
    return await run_in_threadpool(review_of, found)


@router.get("/requests/{request_id}/line_comments", operation_id="list_line_comments")
def line_comments(request_id: Id, site: SiteDep, caller: Reader) -> tuple[LineComment, ...]:
    """What was said of single lines, in all rounds, oldest first."""
    return site.db.read(lambda session: review.comments_of(session, caller, request_id))


@router.post(
    "/requests/{request_id}/line_comments", status_code=201, operation_id="create_line_comment"
)
def create_line_comment(
    request_id: Id,
    said: LineCommentCreate,
    site: SiteDep,
    caller: Commenter,
    idempotency_key: IdempotencyKeyHeader = None,
) -> LineComment:
    """Say something of a line."""

    def work(session: Session) -> tuple[int, LineComment]:
        return 201, review.comment(session, caller, request_id, said)

    _, view = once(
        site.db,
        caller.user_id,
        idempotency_key,
        f"POST /requests/{request_id}/line_comments",
        said.model_dump(mode="json"),
        LineComment,
        work,
    )
    return view
