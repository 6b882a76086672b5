"""Runs on made-up rows: at once, for whoever asks, by a worker that holds no data.

Nothing about them is private: the rows are made of public metadata, or are the mock that the
dataset's owner uploaded. What is limited is how many there may be.
"""

from datetime import timedelta

from pydantic import ValidationError
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from carrel_protocol.api.black_boxes import BlackBoxRequestEdit
from carrel_protocol.api.code import (
    CodeAsk,
    CodeRequestEdit,
    MockRun,
    MockRunCreate,
    MockRunItem,
)
from carrel_protocol.api.requests import RunState
from carrel_protocol.code import (
    CodeEnvironment,
    MockCode,
    MockTable,
    RunLimits,
    check_program,
)
from carrel_protocol.jobs import MockCodeEnded, MockCodeJob
from carrel_protocol.outputs import RunReport
from carrel_protocol.schema import TableSchema
from carrel_site.audit.log import record
from carrel_site.code import environments, models, programs
from carrel_site.code.errors import TooManyMockRuns
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from carrel_site.core.http import Caller
from carrel_site.datasets import catalogue, mocks, uploaded_mocks
from carrel_site.datasets.models import Dataset
from carrel_site.requests.models import Request
from carrel_site.runs import repository
from carrel_site.runs.errors import Tampered
from carrel_site.runs.models import Run
from carrel_site.runs.queueing import queue_mock_code
from carrel_site.site import Site

KEPT = timedelta(days=7)
"""How long a result is there, unless a request shows it."""
_HOUR = timedelta(hours=1)


def ask(session: Session, site: Site, caller: Caller, asked: MockRunCreate) -> MockRun:
    """Try a program on made-up rows of each of its datasets."""
    environment = environments.usable(session, asked.environment, now_there=True)
    limits = environments.limits(environment, asked.limits)
    found = {alias: catalogue.visible(session, caller, ref) for alias, ref in asked.data.items()}
    cells = sum(asked.rows * (1 + len(each.table_schema["columns"])) for each in found.values())
    if cells > mocks.MAX_CELLS:
        raise InvalidInput(
            f"These tables would hold {cells} made-up values; a run gets {mocks.MAX_CELLS} at "
            "most. Ask for fewer rows."
        )
    ids = {alias: dataset.id for alias, dataset in found.items()}
    locked = CodeEnvironment(name=environment.name, lock_hash=environment.lock_hash)
    _check(asked, locked, limits, found)
    _refuse_many(session, site, caller.user_id)
    run = queue_mock_code(session, site)
    at = now()
    mock = models.MockRun(
        run_id=run.id,
        user_id=caller.user_id,
        content={
            "entry": asked.entry.model_dump(mode="json"),
            "files": [file.model_dump(mode="json") for file in asked.files],
            "parameters": asked.model_dump(mode="json")["parameters"],
            "environment": locked.model_dump(mode="json"),
            "limits": limits.model_dump(mode="json"),
            "data": ids,
        },
        program_hash=programs.program_hash(asked.entry, asked.files, asked.parameters, locked, ids),
        rows=asked.rows,
        created_at=at,
        expires_at=at + KEPT,
    )
    session.add(mock)
    record(
        session,
        caller.user_id,
        "mock_run.asked",
        run.id,
        datasets=sorted(set(ids.values())),
        program=mock.program_hash,
    )
    return _view(mock, run)


def _check(
    asked: CodeAsk, locked: CodeEnvironment, limits: RunLimits, found: dict[str, Dataset]
) -> None:
    """Raise `InvalidInput` unless what was asked is a program, as its worker will be given it."""
    if both := set(found) & set(asked.parameters):
        raise InvalidInput(f"'{min(both)}' names a dataset and a parameter.")
    try:
        check_program(asked.entry, asked.files)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    try:
        MockCode(
            entry=asked.entry,
            files=asked.files,
            parameters=asked.parameters,
            environment=locked,
            limits=limits,
            data=tuple(
                MockTable(alias=alias, table=TableSchema.model_validate(each.table_schema), rows=())
                for alias, each in found.items()
            ),
        )
    except ValidationError as error:
        raise programs.invalid(error) from None


def _refuse_many(session: Session, site: Site, user_id: str) -> None:
    """Raise `TooManyMockRuns` past the site's limits; one person's asking goes one by one."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('mock_runs/' || :user, 0))"),
        {"user": user_id},
    )
    mine = select(func.count()).select_from(models.MockRun).where(models.MockRun.user_id == user_id)
    unfinished = mine.join(Run, Run.id == models.MockRun.run_id).where(
        Run.state.in_(repository.LIVE)
    )
    most = site.settings.mock_runs_at_once
    if session.scalars(unfinished).one() >= most:
        raise TooManyMockRuns(f"{most} of your runs on made-up rows have not ended.")
    lately = mine.where(models.MockRun.created_at > now() - _HOUR)
    if session.scalars(lately).one() >= site.settings.mock_runs_an_hour:
        raise TooManyMockRuns(
            f"You have started {site.settings.mock_runs_an_hour} runs on made-up rows within an "
            "hour."
        )


def mock_job(session: Session, site: Site, run: Run, token: str) -> MockCodeJob:
    """The whole job, rows and all; its worker is granted nothing."""
    mock = session.get(models.MockRun, run.id)
    if mock is None or run.request_id is not None:
        raise Tampered("The run is none on made-up rows.")
    content = {key: value for key, value in mock.content.items() if key != "data"}
    tables = tuple(
        _table(session, site, alias, dataset_id, mock.rows)
        for alias, dataset_id in mock.content["data"].items()
    )
    try:
        code = MockCode.model_validate(content | {"data": tables})
    except ValidationError as error:
        raise Tampered("The stored program is none.") from error
    return MockCodeJob(
        run_id=run.id,
        epoch=run.epoch,
        claim_token=token,
        lease_seconds=site.settings.worker_lease_seconds,
        code=code,
    )


def _table(session: Session, site: Site, alias: str, dataset_id: str, rows: int) -> MockTable:
    dataset = session.get_one(Dataset, dataset_id)
    table = TableSchema.model_validate(dataset.table_schema)
    if dataset.mock_version_id is None:
        made = mocks.make_mock(table, rows, seed=0)
    else:
        try:
            made = uploaded_mocks.serve(site, dataset.mock_version_id, rows)
        except Unavailable as gone:
            raise Tampered(gone.detail) from None
    return MockTable(alias=alias, table=table, rows=made.rows)


def keep(session: Session, run_id: str, result: MockCodeEnded) -> None:
    """Keep what came of a run (locked)."""
    mock = session.get_one(models.MockRun, run_id)
    mock.result = {
        "report": result.report.model_dump(mode="json"),
        "items": [item.model_dump(mode="json") for item in result.items],
    }


def get(session: Session, caller: Caller, run_id: str) -> tuple[MockRun, bool]:
    """One of the caller's own, and whether it has ended."""
    # The run first: it may end in between, and one that has ended must not lack its result.
    run = repository.get(session, run_id)
    mock = session.get(models.MockRun, run_id, populate_existing=True)
    if mock is None or mock.user_id != caller.user_id:
        raise NotFound("There is no such run on made-up rows of yours.")
    assert run is not None
    return _view(mock, run), run.closed_at is not None


def attach(session: Session, caller: Caller, run_id: str, program: str) -> models.MockRun:
    """The run, to be shown beside a request of the same program: it then stays."""
    mock = session.get(models.MockRun, run_id, populate_existing=True)
    if mock is None or mock.user_id != caller.user_id:
        raise NotFound("There is no such run on made-up rows of yours.")
    if mock.program_hash != program:
        raise InvalidInput(
            "That run was of another program than this request's.",
            advice="Run just this one on made-up rows, and name that run.",
        )
    if mock.result is None:
        raise Conflict("That run has no result: it has not ended, or its result has expired.")
    mock.expires_at = None
    return mock


def show_beside(
    session: Session,
    caller: Caller,
    request: Request,
    content: programs.Program,
    run_id: str | None,
) -> None:
    """Show a run of just what a request asks beside it, or none."""
    program = programs.of_content(content)
    request.mock_run_id = (
        None if run_id is None else attach(session, caller, run_id, program).run_id
    )


def show_after_edit(
    session: Session,
    caller: Caller,
    request: Request,
    change: CodeRequestEdit | BlackBoxRequestEdit,
    before: programs.Program,
    content: programs.Program,
) -> None:
    """Show the run that an edit names; else the one that was shown, while it is of the program."""
    if "mock_run_id" in change.model_fields_set:
        show_beside(session, caller, request, content, change.mock_run_id)
    elif programs.of_content(content) != programs.of_content(before):
        request.mock_run_id = None


def shown(session: Session, run_id: str) -> MockRun | None:
    """A run that a request shows."""
    mock = session.get(models.MockRun, run_id)
    run = repository.get(session, run_id)
    return None if mock is None or run is None else _view(mock, run)


def forget_old(session: Session) -> int:
    """Drop results that have expired; that there was a run stays. Returns how many."""
    gone = (
        update(models.MockRun)
        .where(models.MockRun.result.is_not(None), models.MockRun.expires_at < now())
        .values(result=None)
        .returning(models.MockRun.run_id)
    )
    return len(session.scalars(gone).all())


def _view(mock: models.MockRun, run: Run) -> MockRun:
    result = mock.result or {}
    report = result.get("report")
    return MockRun(
        id=mock.run_id,
        state=RunState(run.state),
        content_hash=mock.program_hash,
        queued_at=run.queued_at,
        finished_at=run.closed_at,
        report=None if report is None else RunReport.model_validate(report),
        items=tuple(MockRunItem.model_validate(item) for item in result.get("items", ())),
    )
