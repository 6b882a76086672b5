"""Asking and editing.

One way through: quote → memo → policy or people → reserve → queue. A request that policy
approves does all of it in one transaction and leaves nothing when it cannot be paid.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from carrel_protocol.api.requests import (
    QueryAsk,
    RequestCreate,
    RequestEdit,
    RequestState,
    RunState,
)
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, PreconditionFailed
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.events import changes, notices
from carrel_site.events.kinds import Kind
from carrel_site.requests import ballot, repository, states
from carrel_site.requests.models import Comment, Request, Round
from carrel_site.requests.moves import etag_of, move, note, own, touch, visible
from carrel_site.requests.quote import FORGOTTEN, Quote, quote
from carrel_site.requests.reserving import reserve_and_queue
from carrel_site.runs import clock
from carrel_site.runs import repository as run_rows
from carrel_site.runs.models import Run
from carrel_site.site import Site

EDITED = "Edited the request; earlier votes no longer count."


@dataclass(frozen=True, slots=True)
class Asked:
    """What asking came to: a new request, or the earlier one that asked the same."""

    request: Request
    reused: bool
    dataset_name: str
    run: Run | None
    """A new request's run, when policy approved it at once."""


def submit(session: Session, site: Site, caller: Caller, asked: RequestCreate) -> Asked:
    """Ask. The same question by the same account gives the earlier request."""
    quoted = quote(session, caller, asked, purpose=asked.purpose, review=asked.review)
    quoted.dataset.check_terms()
    dataset = quoted.dataset.dataset
    earlier = asked_before(session, quoted.memo_key)
    if earlier is not None:
        record(session, caller.user_id, "request.reused", earlier.id)
        return Asked(earlier, reused=True, dataset_name=dataset.name, run=None)
    quoted.standing.refuse(quoted.price.deadline_ms)
    at = now()
    automatic = quoted.price.approval == "automatic"
    request = Request(
        id=new_id("req"),
        kind=asked.kind,
        dataset_id=dataset.id,
        requester_id=caller.user_id,
        state=RequestState.SUBMITTED.value,
        purpose=asked.purpose,
        votes_needed=0 if automatic else quoted.dataset.policy.reviewers,
        reviewer_groups=[] if automatic else list(quoted.dataset.policy.reviewer_groups),
        round=1,
        version=1,
        created_at=at,
        updated_at=at,
    )
    _take_content(request, asked, quoted)
    record(
        session,
        caller.user_id,
        "request.submitted",
        request.id,
        dataset=request.dataset_id,
        content=request.content_hash,
        approval=quoted.price.approval,
    )
    if automatic:
        record(
            session,
            SITE,
            "request.approved",
            request.id,
            dataset=request.dataset_id,
            content=request.content_hash,
        )
        move(request, RequestState.APPROVED)
        population = quoted.dataset.population_id
        run = reserve_and_queue(session, site, request, quoted.content, population)
    else:
        request.expires_at = at + timedelta(days=quoted.dataset.policy.request_days)
        session.add(request)
        session.flush()
        notices.submitted(session, request)
        changes.request_changed(session, request)
        run = None
    return Asked(request, reused=False, dataset_name=dataset.name, run=run)


def edit(
    session: Session, caller: Caller, request_id: str, etag: str, change: RequestEdit
) -> Request:
    """Ask something else in place of what was returned or not yet decided; voids its votes."""
    request = own(session, caller, request_id)
    if request.kind != "query":
        if request.kind == "black_box":
            raise Conflict(
                "A black box is not edited.", advice="Withdraw the request and ask anew."
            )
        raise Conflict(
            "This request is no question.", advice=f"PATCH /code_requests/{request.id} edits it."
        )
    if etag.removeprefix("W/") != etag_of(request):
        raise PreconditionFailed("The request has changed since you read it.")
    if request.state not in (RequestState.SUBMITTED, RequestState.CHANGES_REQUESTED):
        raise states.InvalidTransition(f"This request is {request.state}; it cannot be edited.")
    new_question = change.sql is not None or change.plan is not None
    asked = QueryAsk.model_validate(
        {
            "dataset": request.dataset_id,
            "sql": change.sql if new_question else request.sql,
            "plan": change.plan if new_question or request.sql else request.content["plan"],
            "target": change.target or request.target,
            "bounds": change.bounds or request.bounds,
        }
    )
    purpose = request.purpose if change.purpose is None else change.purpose
    quoted = quote(session, caller, asked, purpose=purpose, review=True)
    quoted.dataset.check_terms()
    earlier = asked_before(session, quoted.memo_key)
    if earlier is not None and earlier.id != request.id:
        raise Conflict(f"You asked exactly this before: see request {earlier.id}.")
    before, at = request.content_hash, now()
    session.add(as_it_was(request, at))
    ballot.open_votes(session, request)
    request.round += 1
    _take_content(request, asked, quoted)
    request.purpose = purpose
    request.expires_at = now() + timedelta(days=quoted.dataset.policy.request_days)
    request.votes_needed = max(request.votes_needed, quoted.dataset.policy.reviewers)
    request.reviewer_groups = sorted(
        {*request.reviewer_groups, *quoted.dataset.policy.reviewer_groups}
    )
    if request.state == RequestState.CHANGES_REQUESTED:
        move(request, RequestState.SUBMITTED)
    else:
        touch(request)
    note(session, request, caller.user_id, EDITED, at=at)
    record(
        session,
        caller.user_id,
        "request.edited",
        request.id,
        dataset=request.dataset_id,
        before=before,
        content=request.content_hash,
    )
    notices.resolve(session, request.id, Kind.REQUEST_SUBMITTED)
    notices.submitted(session, request, edited=True)
    changes.request_changed(session, request)
    return request


def comment(session: Session, caller: Caller, request_id: str, text: str) -> Comment:
    """Add to a request's thread."""
    request = visible(session, caller, request_id)
    record(session, caller.user_id, "request.commented", request.id, dataset=request.dataset_id)
    notices.commented(session, request, caller.user_id, text)
    changes.request_changed(session, request)
    return note(session, request, caller.user_id, text, kind="comment")


def asked_before(session: Session, memo_key: str) -> Request | None:
    """The live or answered request with this memo key.

    One whose run publicly ended without an answer is forgotten here, and not when it ended: when
    it ended is private until its deadline.
    """
    request = repository.by_memo(session, memo_key)
    if request is None:
        return None
    found = run_rows.of_request(session, request.id)
    if found is not None:
        run = found[0]
        if clock.is_public(run) and RunState(run.state) in FORGOTTEN:
            locked = repository.lock(session, request.id)
            assert locked is not None
            locked.memo_key = ""
            session.flush()
            return None
    return request


def _take_content(request: Request, asked: QueryAsk, quoted: Quote) -> None:
    request.sql = asked.sql
    request.target = asked.target.model_dump(mode="json")
    request.bounds = asked.bounds.model_dump(mode="json") if asked.bounds else None
    request.content = quoted.content.model_dump(mode="json")
    request.content_hash = quoted.content.content_hash()
    request.price = quoted.price.model_dump(mode="json")
    request.memo_key = quoted.memo_key


def as_it_was(request: Request, replaced_at: datetime) -> Round:
    """What the request (locked) asks, to be kept when an edit replaces it."""
    return Round(
        request_id=request.id,
        number=request.round,
        purpose=request.purpose,
        sql=request.sql,
        target=request.target,
        bounds=request.bounds,
        content=request.content,
        content_hash=request.content_hash,
        price=request.price,
        replaced_at=replaced_at,
    )
