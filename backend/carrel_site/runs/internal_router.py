"""The internal API: what workers, and nobody else, talk to.

A worker's credential is of another kind than a person's key, and neither opens the other's door.
"""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response
from sqlalchemy.orm import Session

from carrel_protocol.jobs import (
    BlackBoxSucceeded,
    ClaimRequest,
    CodeEnded,
    Failed,
    Heartbeat,
    HeartbeatReply,
    IngestSucceeded,
    MockCodeEnded,
    MockSucceeded,
    QuerySucceeded,
    Succeeded,
    WorkerReport,
)
from carrel_site.code import environments
from carrel_site.core.http import SiteDep, bearer, site_of
from carrel_site.runs import service
from carrel_site.runs.errors import ClaimLost
from carrel_site.runs.workers import WorkerIdentity, authenticate_worker

router = APIRouter(prefix="/internal/v1/runs", include_in_schema=False)
alive_router = APIRouter(prefix="/internal/v1/alive", include_in_schema=False)
report_router = APIRouter(prefix="/internal/v1/report", include_in_schema=False)


def _worker(request: Request) -> WorkerIdentity:
    return authenticate_worker(site_of(request).db, bearer(request))


WorkerDep = Annotated[WorkerIdentity, Depends(_worker)]


@alive_router.post("", status_code=204)
def alive(_worker: WorkerDep) -> None:
    """A worker that has nothing to do says that it is there: letting it in has noted it."""


@report_router.post("", status_code=204)
def report(said: WorkerReport, site: SiteDep, worker: WorkerDep) -> None:
    """What a worker can run, as it says when it starts: its environments, and what holds code."""
    site.db.transact(lambda session: environments.reported(session, worker, said))


@router.post("/{run_id}/claim", response_model=None)
def claim(run_id: str, asked: ClaimRequest, site: SiteDep, worker: WorkerDep) -> Response:
    """Take the run. The reply is the whole job."""
    job = site.db.transact(lambda session: service.claim(session, site, worker, run_id, asked))
    if job is None:
        raise ClaimLost("The run was refused: it is not what was approved, or no longer allowed.")
    return Response(job.model_dump_json(), media_type="application/json")


@router.post("/{run_id}/heartbeat")
def heartbeat(run_id: str, beat: Heartbeat, site: SiteDep, worker: WorkerDep) -> HeartbeatReply:
    return site.db.transact(lambda session: service.heartbeat(session, site, worker, run_id, beat))


@router.post("/{run_id}/succeeded", status_code=204)
def succeeded(
    run_id: str, result: Annotated[Succeeded, Body()], site: SiteDep, worker: WorkerDep
) -> None:
    def work(session: Session) -> None:
        match result:
            case QuerySucceeded():
                service.query_succeeded(session, worker, run_id, result)
            case MockSucceeded():
                service.mock_succeeded(session, site, worker, run_id, result)
            case IngestSucceeded():
                service.ingest_succeeded(session, site, worker, run_id, result)
            case CodeEnded():
                service.code_ended(session, site, worker, run_id, result)
            case BlackBoxSucceeded():
                service.black_box_succeeded(session, worker, run_id, result)
            case MockCodeEnded():
                service.mock_code_ended(session, worker, run_id, result)

    site.db.transact(work)


@router.post("/{run_id}/failed", status_code=204)
def failed(run_id: str, failure: Failed, site: SiteDep, worker: WorkerDep) -> None:
    site.db.transact(lambda session: service.failed(session, site, worker, run_id, failure))
