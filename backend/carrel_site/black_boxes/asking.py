"""Asking for a black box: quote → memo → people, or policy → reserve → queue; and editing what was
asked, which people decide about again."""

from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_protocol.api.black_boxes import (
    BlackBoxAsk,
    BlackBoxRequestCreate,
    BlackBoxRequestEdit,
)
from carrel_protocol.api.requests import RequestState
from carrel_protocol.black_box import BlackBoxContent, OutputVector
from carrel_site.audit.log import SITE, record
from carrel_site.black_boxes.quote import Quote, quote
from carrel_site.code import mocking
from carrel_site.code.earlier import lineage
from carrel_site.core.clock import now
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.events import changes, notices
from carrel_site.requests.editing import Rules, replace, to_edit
from carrel_site.requests.models import Request
from carrel_site.requests.moves import move
from carrel_site.requests.quote import asked_before
from carrel_site.requests.reserving import reserve_and_queue
from carrel_site.requests.service import Asked
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
        votes_needed=0 if automatic else max(policy.reviewers, 1),
        reviewer_groups=[] if automatic else list(policy.reviewer_groups),
        round=1,
        version=1,
        created_at=at,
        updated_at=at,
    )
    _take(request, asked, quoted, asked.purpose)
    mocking.show_beside(session, caller, request, quoted.content, asked.mock_run_id)
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


def edit(
    session: Session,
    site: Site,
    caller: Caller,
    request_id: str,
    etag: str,
    change: BlackBoxRequestEdit,
) -> Request:
    """Ask for something else in place of what was returned or not yet decided; voids its votes.

    It is priced anew, and people approve it whatever the policy says: they have begun to read it.
    """
    request = to_edit(session, caller, request_id, etag, "black_box")
    now_asked = BlackBoxContent.model_validate(request.content)
    asked = _changed(request, now_asked, change)
    purpose = request.purpose if change.purpose is None else change.purpose
    quoted = quote(session, site, caller, asked, purpose=purpose, review=True)
    quoted.dataset.check_terms()
    policy = quoted.dataset.policy

    def take(edited: Request) -> None:
        _take(edited, asked, quoted, purpose)
        mocking.show_after_edit(session, caller, edited, change, now_asked, quoted.content)

    rules = Rules(max(policy.reviewers, 1), policy.reviewer_groups, policy.request_days)
    replace(session, caller, request, rules, quoted.memo_key, take)
    return request


_AS_ASKED = (BlackBoxAsk.model_fields.keys() & BlackBoxContent.model_fields.keys()) - {
    "environment"  # a content's is the one that was there, to the lock
}
"""What a content holds as it was asked for."""


def _changed(
    request: Request, now_asked: BlackBoxContent, change: BlackBoxRequestEdit
) -> BlackBoxAsk:
    """What is asked now, with what is to change."""
    before = {name: getattr(now_asked, name) for name in _AS_ASKED} | {
        "dataset": request.dataset_id,
        "alias": now_asked.data.alias,
        "environment": now_asked.environment.name,
        "target": request.target,
        "cpu_seconds": now_asked.limits.cpu_seconds,
        "wall_seconds": now_asked.limits.wall_seconds,
    }
    sent = {name: value for name, value in change if value is not None}
    if sent.get("aggregate", now_asked.aggregate) != now_asked.aggregate:
        # A mean's grid is none for a median: the usual one, unless the edit brings its own.
        output = now_asked.output
        before["output"] = OutputVector(lower=output.lower, upper=output.upper)
    asked = {name: sent.get(name, value) for name, value in before.items()}
    return BlackBoxAsk.model_validate(asked)


def _take(request: Request, asked: BlackBoxAsk, quoted: Quote, purpose: str) -> None:
    request.purpose = purpose
    request.target = asked.target.model_dump(mode="json")
    request.content = quoted.content.model_dump(mode="json")
    request.content_hash = quoted.content.content_hash()
    request.lineage = lineage(quoted.content)
    request.price = quoted.price.model_dump(mode="json")
    request.memo_key = quoted.memo_key
