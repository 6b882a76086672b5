"""Asking and editing.

One way through: quote → memo → policy or people → reserve → queue. A request that policy
approves does all of it in one transaction and leaves nothing when it cannot be paid.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from carrel_protocol.api.requests import (
    QueryAsk,
    RequestCreate,
    RequestEdit,
    RequestState,
)
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.events import changes, notices
from carrel_site.requests.editing import Rules, replace, to_edit
from carrel_site.requests.models import Comment, Request
from carrel_site.requests.moves import move, note, visible
from carrel_site.requests.quote import Quote, asked_before, quote
from carrel_site.requests.reserving import reserve_and_queue
from carrel_site.runs.models import Run
from carrel_site.site import Site


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
    request = to_edit(session, caller, request_id, etag, "query")
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
    policy = quoted.dataset.policy

    def take(edited: Request) -> None:
        _take_content(edited, asked, quoted)
        edited.purpose = purpose

    rules = Rules(policy.reviewers, policy.reviewer_groups, policy.request_days)
    replace(session, caller, request, rules, quoted.memo_key, take)
    return request


def comment(session: Session, caller: Caller, request_id: str, text: str) -> Comment:
    """Add to a request's thread."""
    request = visible(session, caller, request_id)
    record(session, caller.user_id, "request.commented", request.id, dataset=request.dataset_id)
    notices.commented(session, request, caller.user_id, text)
    changes.request_changed(session, request)
    return note(session, request, caller.user_id, text, kind="comment")


def _take_content(request: Request, asked: QueryAsk, quoted: Quote) -> None:
    request.sql = asked.sql
    request.target = asked.target.model_dump(mode="json")
    request.bounds = asked.bounds.model_dump(mode="json") if asked.bounds else None
    request.content = quoted.content.model_dump(mode="json")
    request.content_hash = quoted.content.content_hash()
    request.price = quoted.price.model_dump(mode="json")
    request.memo_key = quoted.memo_key
