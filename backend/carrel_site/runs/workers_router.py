"""Workers' credentials, for owners."""

from typing import Annotated

from fastapi import APIRouter, Path

from carrel_protocol.api.accounts import Worker, WorkerCreate, WorkerWithSecret
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.permissions import Permission
from carrel_site.runs import workers

router = APIRouter(prefix="/api/v1", tags=["workers"])

WorkerManager = Annotated[Caller, require(Permission.WORKERS_MANAGE)]


@router.get("/workers", dependencies=[require(Permission.WORKERS_MANAGE)])
def list_workers(site: SiteDep) -> tuple[Worker, ...]:
    """Every worker, revoked ones too."""
    return site.db.read(workers.list_all)


@router.post("/workers", status_code=201)
def create_worker(site: SiteDep, caller: WorkerManager, body: WorkerCreate) -> WorkerWithSecret:
    """A credential for one more worker, good for its queues alone. Shown once."""
    return site.db.transact(lambda session: workers.create(session, body, caller.user_id))


@router.delete("/workers/{worker_id}", status_code=204)
def delete_worker(
    site: SiteDep,
    caller: WorkerManager,
    worker_id: Annotated[str, Path(min_length=1, max_length=64)],
) -> None:
    """Revoke a worker's credential at once."""
    site.db.transact(lambda session: workers.revoke(session, worker_id, caller.user_id))
