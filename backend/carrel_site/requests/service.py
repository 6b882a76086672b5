"""Asking, deciding and withdrawing.

One way through: quote → memo → policy or people → reserve → queue. A request that policy
approves does all of it in one transaction and leaves nothing when it cannot be paid.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_protocol.api.requests import (
    QueryAsk,
    RequestCreate,
    RequestEdit,
    RequestState,
    RunState,
)
from carrel_protocol.jobs import QueryContent
from carrel_site.accounts import repository as people
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.db import insert_rows
from carrel_site.core.errors import Conflict, NotFound, PreconditionFailed
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.datasets import service as datasets
from carrel_site.events import changes, notices
from carrel_site.events.kinds import Kind
from carrel_site.ledger import service as ledger
from carrel_site.ledger.errors import BudgetExceeded
from carrel_site.pricing import price
from carrel_site.requests import policies, repository, states
from carrel_site.requests.errors import ContentChanged, NotReviewer
from carrel_site.requests.models import Comment, Request, Round, Vote
from carrel_site.requests.quote import FORGOTTEN, Quote, quote
from carrel_site.requests.standing import standing
from carrel_site.runs import clock
from carrel_site.runs import repository as run_rows
from carrel_site.runs.models import Run
from carrel_site.runs.queueing import queue_query
from carrel_site.site import Site

_EDITED = "Edited the request; earlier votes no longer count."

DecisionKind = Literal["approve", "reject", "return"]


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
    earlier = _asked_before(session, quoted.memo_key)
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
        _move(request, RequestState.APPROVED)
        population = quoted.dataset.population_id
        run = _reserve_and_queue(session, site, request, quoted.content, population)
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
    request = _own(session, caller, request_id)
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
    earlier = _asked_before(session, quoted.memo_key)
    if earlier is not None and earlier.id != request.id:
        raise Conflict(f"You asked exactly this before: see request {earlier.id}.")
    before, at = request.content_hash, now()
    session.add(_as_it_was(request, at))
    request.round += 1
    _take_content(request, asked, quoted)
    request.purpose = purpose
    request.expires_at = now() + timedelta(days=quoted.dataset.policy.request_days)
    request.votes_needed = max(request.votes_needed, quoted.dataset.policy.reviewers)
    request.reviewer_groups = sorted(
        {*request.reviewer_groups, *quoted.dataset.policy.reviewer_groups}
    )
    if request.state == RequestState.CHANGES_REQUESTED:
        _move(request, RequestState.SUBMITTED)
    else:
        _touch(request)
    _note(session, request, caller.user_id, _EDITED, at=at)
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


def decide(
    session: Session,
    site: Site,
    caller: Caller,
    request_id: str,
    decision: DecisionKind,
    content_hash: str,
    reason: str,
) -> Request:
    """A reviewer's vote, bound to the content they were shown."""
    request = repository.lock(session, request_id)
    if request is None:
        raise NotFound("There is no such request.")
    if request.requester_id == caller.user_id:
        raise NotReviewer("Nobody reviews their own request.")
    if request.state != RequestState.SUBMITTED:
        raise states.InvalidTransition(f"This request is {request.state}; it waits for no vote.")
    # Looked at once more, now that nothing else moves: this may have waited for the request while
    # its sender was deactivated or lost their role.
    people.user_still(session, caller.user_id)
    if not people.reviewers_among(session, [caller.user_id]):
        raise NotReviewer("You may not review any more.")
    if content_hash != request.content_hash:
        raise ContentChanged("Your decision names another content than this request's.")
    cast = [vote for vote, _ in repository.votes(session, request.id)]
    if any(v.reviewer_id == caller.user_id and v.round == request.round for v in cast):
        raise Conflict("You have voted on this version already.")
    vote = Vote(
        id=new_id("vot"),
        request_id=request.id,
        reviewer_id=caller.user_id,
        round=request.round,
        decision=decision,
        content_hash=content_hash,
        reason=reason,
        at=now(),
    )
    session.add(vote)
    record(
        session,
        caller.user_id,
        "request.voted",
        request.id,
        dataset=request.dataset_id,
        decision=decision,
        content=content_hash,
        reason=reason,
    )
    if reason:
        _note(session, request, caller.user_id, reason, kind="vote")
    if decision == "reject":
        _end(session, request, RequestState.REJECTED, caller.user_id)
    elif decision == "return":
        _move(request, RequestState.CHANGES_REQUESTED)
        request.expires_at = None
        record(
            session,
            caller.user_id,
            "request.changes_requested",
            request.id,
            dataset=request.dataset_id,
        )
    elif _approved(session, request, [*cast, vote]):
        _move(request, RequestState.APPROVED)
        record(
            session,
            SITE,
            "request.approved",
            request.id,
            dataset=request.dataset_id,
            content=content_hash,
        )
        _queue_or_wait(session, site, request)
    if request.state == RequestState.SUBMITTED:
        changes.vote_cast(session, request, caller.user_id)
    else:
        # Why it was approved is in the thread; why not is what its requester has to know.
        notices.decided(session, request, reason if decision != "approve" else "")
        changes.request_changed(session, request)
    return request


def _approved(session: Session, request: Request, votes: list[Vote]) -> bool:
    approved = policies.approvers(votes, request)
    return policies.enough(
        approved,
        request,
        reviewing=people.reviewers_among(session, approved),
        members=people.members_among(session, request.reviewer_groups, approved),
    )


def queue_again(session: Session, site: Site, caller: Caller, request_id: str) -> Request:
    """Try once more to pay for an approved request that was over budget."""
    request = _own(session, caller, request_id)
    if request.state != RequestState.OVER_BUDGET:
        raise states.InvalidTransition(f"This request is {request.state}, not over budget.")
    _queue_approved(session, site, request)
    changes.request_changed(session, request)
    return request


def withdraw(session: Session, caller: Caller, request_id: str) -> Request:
    """Take back a request that has not been queued."""
    request = _own(session, caller, request_id)
    _end(session, request, RequestState.WITHDRAWN, caller.user_id)
    notices.decided(session, request)
    changes.request_changed(session, request)
    return request


def expire(session: Session, request: Request) -> None:
    """End a request (locked) that nobody answered in time."""
    _end(session, request, RequestState.EXPIRED, SITE)
    notices.decided(session, request)
    changes.request_changed(session, request)


def comment(session: Session, caller: Caller, request_id: str, text: str) -> Comment:
    """Add to a request's thread."""
    request = visible(session, caller, request_id)
    record(session, caller.user_id, "request.commented", request.id, dataset=request.dataset_id)
    notices.commented(session, request, caller.user_id, text)
    changes.request_changed(session, request)
    return _note(session, request, caller.user_id, text, kind="comment")


def visible(session: Session, caller: Caller, request_id: str) -> Request:
    """The request, if the caller may see it: theirs, or anyone's for those who review or watch."""
    request = repository.get(session, request_id)
    if request is None or not may_see(caller, request.requester_id):
        raise NotFound("There is no such request.")
    return request


def may_see(caller: Caller, requester_id: str) -> bool:
    return requester_id == caller.user_id or caller.role in (
        Role.OWNER,
        Role.REVIEWER,
        Role.AUDITOR,
    )


def etag_of(request: Request) -> str:
    """Changes with the request itself, never with its run: a run's times are private."""
    return f'"{request.id}-{request.version}"'


def _own(session: Session, caller: Caller, request_id: str) -> Request:
    request = repository.lock(session, request_id)
    if request is None or not may_see(caller, request.requester_id):
        raise NotFound("There is no such request.")
    if request.requester_id != caller.user_id:
        raise NotReviewer("Only whoever made this request may do that.")
    return request


def _asked_before(session: Session, memo_key: str) -> Request | None:
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


def _as_it_was(request: Request, replaced_at: datetime) -> Round:
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


def _queue_or_wait(session: Session, site: Site, request: Request) -> None:
    try:
        _queue_approved(session, site, request)
    except BudgetExceeded as refused:
        _move(request, RequestState.OVER_BUDGET)
        record(session, SITE, "request.over_budget", request.id, dataset=request.dataset_id)
        _note(session, request, request.requester_id, refused.detail)


def _queue_approved(session: Session, site: Site, request: Request) -> None:
    content = QueryContent.model_validate(request.content)
    population = datasets.population_asked_of(session, request.dataset_id, request.requester_id)
    if population is None:
        raise Conflict(
            "Whoever asked this has no access to the dataset any more.",
            advice="Give them access again, or reject the request.",
        )
    mine = ledger.purse(session, population, request.requester_id).mine
    standing(session, mine.id).refuse(int(request.price["deadline_ms"]))
    _reserve_and_queue(session, site, request, content, population)


def _reserve_and_queue(
    session: Session, site: Site, request: Request, content: QueryContent, population_id: str
) -> Run:
    """Reserve at both accounts and queue the run, or raise `BudgetExceeded` and do neither."""
    accounts = ledger.purse(session, population_id, request.requester_id, lock=True)
    costs = {
        account.id: price.cost_of(content, ledger.limits_of(account).orders_milli)
        for account in accounts
    }
    charges = ledger.charges(accounts, costs)
    deadline_ms = int(request.price["deadline_ms"])
    _move(request, RequestState.QUEUED)
    request.expires_at = None
    if request not in session:
        insert_rows(session, [request])
    run = queue_query(session, site, request, accounts.mine.id, deadline_ms)
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


def _end(session: Session, request: Request, state: RequestState, actor: str) -> None:
    _move(request, state)
    request.memo_key = ""
    request.expires_at = None
    record(session, actor, f"request.{state.value}", request.id, dataset=request.dataset_id)


def _move(request: Request, state: RequestState) -> None:
    request.state = states.step(states.REQUEST, request.state, state, "request")
    _touch(request)


def _touch(request: Request) -> None:
    request.version += 1
    request.updated_at = now()


def _note(
    session: Session,
    request: Request,
    author_id: str,
    text: str,
    kind: str = "event",
    at: datetime | None = None,
) -> Comment:
    note = Comment(
        id=new_id("com"),
        request_id=request.id,
        author_id=author_id,
        kind=kind,
        text=text,
        at=at or now(),
    )
    session.add(note)
    return note
