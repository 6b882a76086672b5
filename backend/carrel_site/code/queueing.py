"""Queueing approved code, once it is seen that it may still run."""

from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RequestState
from carrel_protocol.code import CodeContent
from carrel_site.audit.log import SITE, record
from carrel_site.code import environments
from carrel_site.core.errors import Conflict
from carrel_site.datasets import service as datasets
from carrel_site.ledger import service as ledger
from carrel_site.pricing.deadlines import code_deadline_ms
from carrel_site.requests.models import Request
from carrel_site.requests.moves import move
from carrel_site.runs import queueing
from carrel_site.runs.models import Run
from carrel_site.site import Site


def queue_code(session: Session, site: Site, request: Request) -> Run:
    """Queue the run of a request (locked) that was approved; nothing is charged.

    Raises `Conflict` when whoever asked may not any more, or its environment is another now.
    """
    content = CodeContent.model_validate(request.content)
    populations = [
        datasets.population_asked_of(session, one.dataset_id, content.requester)
        for one in content.data
    ]
    if populations[0] is None or None in populations:
        raise Conflict(
            "Whoever asked this has no access to its datasets any more.",
            advice="Give them access again, or reject the request.",
        )
    environments.still_the_same(session, content.environment)
    account = ledger.purse(session, populations[0], content.requester).mine
    move(request, RequestState.QUEUED)
    request.expires_at = None
    session.flush()
    deadline = code_deadline_ms(content.limits.wall_seconds)
    run = queueing.queue_code(session, site, request, account.id, deadline)
    record(session, SITE, "run.queued", run.id, request=request.id, dataset=request.dataset_id)
    return run
