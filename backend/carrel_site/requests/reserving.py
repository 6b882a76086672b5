"""Paying for an approved request: both accounts are charged and the run queued, or neither."""

from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RequestState
from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.jobs import QueryContent
from carrel_site.audit.log import SITE, record
from carrel_site.code.environments import still_the_same
from carrel_site.code.queueing import queue_code
from carrel_site.core.db import insert_rows
from carrel_site.datasets.models import Dataset
from carrel_site.ledger import service as ledger
from carrel_site.pricing import price
from carrel_site.requests import allowed
from carrel_site.requests.models import Request
from carrel_site.requests.moves import move
from carrel_site.requests.standing import standing
from carrel_site.runs.models import Run
from carrel_site.runs.queueing import queue_private
from carrel_site.site import Site

Private = QueryContent | BlackBoxContent
"""What is answered with noise and paid for."""


def queue_approved(session: Session, site: Site, request: Request) -> None:
    """Pay for a request (locked) that was approved, and queue it. Code has no price.

    Raises `BudgetExceeded` when it cannot be paid, `Conflict` when it may not be asked any more.
    """
    if request.kind == "code":
        queue_code(session, site, request)
        return
    content = private_content(request)
    if isinstance(content, BlackBoxContent):
        still_the_same(session, content.environment)
    allowed.check(session, request)
    population = session.get_one(Dataset, request.dataset_id).population_id
    mine = ledger.purse(session, population, request.requester_id).mine
    known = standing(session, mine.id, request.kind)
    if request.kind == "black_box":
        known.refuse_paused()  # people have decided; those that wait take turns at their worker
    else:
        known.refuse(int(request.price["deadline_ms"]))
    reserve_and_queue(session, site, request, content, population)


def private_content(request: Request) -> Private:
    """What a request for a query or a black box covers."""
    if request.kind == "black_box":
        return BlackBoxContent.model_validate(request.content)
    return QueryContent.model_validate(request.content)


def reserve_and_queue(
    session: Session, site: Site, request: Request, content: Private, population_id: str
) -> Run:
    """Reserve at both accounts and queue the run, or raise `BudgetExceeded` and do neither."""
    accounts = ledger.purse(session, population_id, request.requester_id, lock=True)
    costs = {
        account.id: price.cost_of(content, ledger.limits_of(account).orders_milli)
        for account in accounts
    }
    charges = ledger.charges(accounts, costs)
    deadline_ms = int(request.price["deadline_ms"])
    move(request, RequestState.QUEUED)
    request.expires_at = None
    if request not in session:
        insert_rows(session, [request])
    run = queue_private(session, site, request, accounts.mine.id, deadline_ms)
    entries = ledger.reserve(
        session,
        accounts,
        charges,
        run_id=run.id,
        request_id=request.id,
        mechanism={
            "noise": [noise.model_dump() for noise in content.noise],
            "claimed": [claimed.model_dump() for claimed in content.claimed],
            "mechanism_version": content.mechanism_version,
        },
    )
    record(session, SITE, "run.queued", run.id, request=request.id, entries=entries)
    return run
