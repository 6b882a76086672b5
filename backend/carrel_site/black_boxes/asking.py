"""Asking for a black box: quote → memo → people, or policy → reserve → queue."""

from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_protocol.api.black_boxes import BlackBoxRequestCreate
from carrel_protocol.api.requests import RequestState
from carrel_site.audit.log import SITE, record
from carrel_site.black_boxes.quote import quote
from carrel_site.code.earlier import lineage
from carrel_site.core.clock import now
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.events import changes, notices
from carrel_site.requests.models import Request
from carrel_site.requests.moves import move
from carrel_site.requests.reserving import reserve_and_queue
from carrel_site.requests.service import Asked, asked_before
from carrel_site.site import Site


def submit(session: Session, site: Site, caller: Caller, asked: BlackBoxRequestCreate) -> Asked:
    """Ask. The same function, data and bounds by the same account give the earlier request."""
    quoted = quote(session, site, caller, asked, purpose=asked.purpose, review=asked.review)
    quoted.dataset.check_terms()
    dataset, policy = quoted.dataset.dataset, quoted.dataset.policy
    earlier = asked_before(session, quoted.memo_key)
    if earlier is not None:
        record(session, caller.user_id, "request.reused", earlier.id)
        return Asked(earlier, reused=True, dataset_name=dataset.name, run=None)
    quoted.standing.refuse(quoted.price.deadline_ms)
    at = now()
    automatic = quoted.price.approval == "automatic"
    request = Request(
        id=new_id("req"),
        kind="black_box",
        dataset_id=dataset.id,
        requester_id=caller.user_id,
        state=RequestState.SUBMITTED.value,
        purpose=asked.purpose,
        target=asked.target.model_dump(mode="json"),
        content=quoted.content.model_dump(mode="json"),
        content_hash=quoted.content.content_hash(),
        lineage=lineage(quoted.content),
        price=quoted.price.model_dump(mode="json"),
        memo_key=quoted.memo_key,
        votes_needed=0 if automatic else max(policy.reviewers, 1),
        reviewer_groups=[] if automatic else list(policy.reviewer_groups),
        round=1,
        version=1,
        created_at=at,
        updated_at=at,
    )
    record(
        session,
        caller.user_id,
        "request.submitted",
        request.id,
        dataset=request.dataset_id,
        content=request.content_hash,
        approval=quoted.price.approval,
        kind="black_box",
    )
    if not automatic:
        request.expires_at = at + timedelta(days=policy.request_days)
        session.add(request)
        session.flush()
        notices.submitted(session, request)
        changes.request_changed(session, request)
        return Asked(request, reused=False, dataset_name=dataset.name, run=None)
    record(
        session,
        SITE,
        "request.approved",
        request.id,
        dataset=request.dataset_id,
        content=request.content_hash,
    )
    move(request, RequestState.APPROVED)
    run = reserve_and_queue(session, site, request, quoted.content, quoted.dataset.population_id)
    return Asked(request, reused=False, dataset_name=dataset.name, run=run)
