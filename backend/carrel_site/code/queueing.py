"""Queueing approved code, once it is seen that it may still run."""

from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RequestState
from carrel_protocol.code import CodeContent
from carrel_site.audit.log import SITE, record
from carrel_site.code import environments
from carrel_site.datasets.models import Dataset
from carrel_site.ledger import service as ledger
from carrel_site.pricing.deadlines import code_deadline_ms
from carrel_site.requests import allowed
from carrel_site.requests.models import Request
from carrel_site.requests.moves import move
from carrel_site.runs import queueing
from carrel_site.runs.models import Run
from carrel_site.site import Site


def queue_code(session: Session, site: Site, request: Request) -> Run:
    """Queue the run of a request (locked) that was approved; nothing is charged.

    Raises `Conflict` when it may not be asked any more, or its environment is another now.
    """
    content = CodeContent.model_validate(request.content)
    allowed.check(session, request)
    environments.still_the_same(session, content.environment)
    population = session.get_one(Dataset, request.dataset_id).population_id
    account = ledger.purse(session, population, content.requester).mine
    move(request, RequestState.QUEUED)
    request.expires_at = None
    session.flush()
    deadline = code_deadline_ms(content.limits.wall_seconds)
    run = queueing.queue_code(session, site, request, account.id, deadline)
    record(session, SITE, "run.queued", run.id, request=request.id, dataset=request.dataset_id)
    return run
