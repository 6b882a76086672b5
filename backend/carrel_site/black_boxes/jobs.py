"""What a worker is given to run a black box: all of it checked against what was approved."""

from pydantic import ValidationError
from sqlalchemy.orm import Session

from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.jobs import BlackBoxJob
from carrel_site.code.environments import still_approved
from carrel_site.code.jobs import GRANT_SECONDS, version_of
from carrel_site.code.reach import approved_on
from carrel_site.pricing.deadlines import black_box_deadline_ms
from carrel_site.requests import allowed, policies
from carrel_site.requests import repository as request_rows
from carrel_site.requests.models import Request
from carrel_site.requests.standing import EXTRA_RUNGS
from carrel_site.runs import repository
from carrel_site.runs.errors import Lapsed, Tampered
from carrel_site.runs.grants import grant_version
from carrel_site.runs.models import Run
from carrel_site.site import Site

CHARGED_ACCOUNTS = 2
"""The researcher's and the population's own."""


def black_box_job(session: Session, site: Site, run: Run, token: str) -> BlackBoxJob:
    """The job of a run (locked).

    Raises `Tampered` when what is stored is not what was approved, `Lapsed` when it is not allowed
    any more.
    """
    assert run.request_id is not None
    request = request_rows.get(session, run.request_id)
    if request is None or request.kind != "black_box":
        raise Tampered("The run's request is none for a black box.")
    content = content_of(request)
    if approved_on(session, request) is None:
        raise Tampered("The log names no approval of the request's content.")
    if repository.held_for(session, request.id, run.id) != CHARGED_ACCOUNTS:
        raise Tampered("The run's charge is not reserved at both accounts.")
    rows = content.data.table.size.rows
    public_times = [
        black_box_deadline_ms(content, rows, extra_rungs=extra) for extra in (0, EXTRA_RUNGS)
    ]
    if run.deadline_ms not in public_times:
        raise Tampered("The run's public time is not that of what was approved.")
    still_approved(session, content.environment)
    if not site.settings.black_box_exclusive and not _read_by_people(session, request):
        raise Lapsed("Nobody has read it, and black boxes have no workers of their own any more.")
    allowed.check_claim(session, "black_box", content.requester, [content.data.dataset_id])
    version = version_of(session, site, content.data)
    return BlackBoxJob(
        run_id=run.id,
        epoch=run.epoch,
        claim_token=token,
        lease_seconds=site.settings.worker_lease_seconds,
        deadline_ms=run.deadline_ms,
        content=content,
        content_hash=request.content_hash,
        data=grant_version(site, version, GRANT_SECONDS),
    )


def _read_by_people(session: Session, request: Request) -> bool:
    votes = [vote for vote, _ in request_rows.votes(session, request.id)]
    return bool(policies.approvers(votes, request))


def content_of(request: Request) -> BlackBoxContent:
    """A request's content. Raises `Tampered` unless it is the one that its hash is of."""
    try:
        content = BlackBoxContent.model_validate(request.content)
    except ValidationError as error:
        raise Tampered("The stored content is none.") from error
    if content.content_hash() != request.content_hash:
        raise Tampered("The request's content does not match the hash that was approved.")
    if content.requester != request.requester_id:
        raise Tampered("The stored content is somebody else's.")
    return content
