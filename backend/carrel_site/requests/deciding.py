"""What becomes of a request that waits: votes, another try to pay, withdrawal, expiry."""

from typing import Literal

from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RequestState
from carrel_site.accounts import repository as people
from carrel_site.audit.log import SITE, record
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, NotFound
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.events import changes, notices
from carrel_site.ledger.errors import BudgetExceeded
from carrel_site.requests import allowed, ballot, policies, repository, states
from carrel_site.requests.errors import ContentChanged, NotReviewer
from carrel_site.requests.models import Request, Vote
from carrel_site.requests.moves import end, move, note, own
from carrel_site.requests.reserving import queue_approved
from carrel_site.site import Site

DecisionKind = Literal["approve", "reject", "return"]


def decide(
    session: Session,
    site: Site,
    caller: Caller,
    request_id: str,
    decision: DecisionKind,
    content_hash: str,
    reason: str,
) -> Request:
    """A reviewer's vote, bound to the content they were shown. The log has it once it is open."""
    request = repository.lock(session, request_id)
    if request is None:
        raise NotFound("There is no such request.")
    cast = [vote for vote, _ in repository.votes(session, request.id)]
    _check_vote(session, caller, request, cast, content_hash)
    if decision == "approve":
        allowed.check(session, request)
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
    session.flush()
    if reason:
        note(session, request, caller.user_id, reason, kind="vote")
    if decision == "reject":
        end(session, request, RequestState.REJECTED, caller.user_id)
    elif decision == "return":
        ballot.open_votes(session, request)
        move(request, RequestState.CHANGES_REQUESTED)
        request.expires_at = None
        record(
            session,
            caller.user_id,
            "request.changes_requested",
            request.id,
            dataset=request.dataset_id,
        )
    elif _approved(session, request, [*cast, vote]):
        ballot.open_votes(session, request)
        move(request, RequestState.APPROVED)
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


def _check_vote(
    session: Session, caller: Caller, request: Request, cast: list[Vote], content_hash: str
) -> None:
    """Raise unless the caller may vote on a request (locked), and on just this content of it."""
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
    if any(v.reviewer_id == caller.user_id and v.round == request.round for v in cast):
        raise Conflict("You have voted on this version already.")


def _approved(session: Session, request: Request, votes: list[Vote]) -> bool:
    approved = policies.approvers(votes, request)
    needed = allowed.rule(session, request)
    return policies.enough(
        approved,
        needed.votes,
        needed.groups,
        reviewing=people.reviewers_among(session, approved),
        members=people.members_among(session, needed.groups, approved),
    )


def _queue_or_wait(session: Session, site: Site, request: Request) -> None:
    try:
        queue_approved(session, site, request)
    except BudgetExceeded as refused:
        move(request, RequestState.OVER_BUDGET)
        record(session, SITE, "request.over_budget", request.id, dataset=request.dataset_id)
        note(session, request, request.requester_id, refused.detail)


def queue_again(session: Session, site: Site, caller: Caller, request_id: str) -> Request:
    """Try once more to pay for an approved request that was over budget."""
    request = own(session, caller, request_id)
    if request.state != RequestState.OVER_BUDGET:
        raise states.InvalidTransition(f"This request is {request.state}, not over budget.")
    needed = allowed.rule(session, request)
    stricter = needed != (request.votes_needed, frozenset(request.reviewer_groups))
    votes = [vote for vote, _ in repository.votes(session, request.id)]
    if stricter and not _approved(session, request, votes):
        raise Conflict(
            "The dataset's rules ask for more people now than approved this.",
            advice="Withdraw it and ask again: then as many are asked.",
        )
    queue_approved(session, site, request)
    changes.request_changed(session, request)
    return request


def withdraw(session: Session, caller: Caller, request_id: str) -> Request:
    """Take back a request that has not been queued."""
    request = own(session, caller, request_id)
    end(session, request, RequestState.WITHDRAWN, caller.user_id)
    notices.decided(session, request)
    changes.request_changed(session, request)
    return request


def expire(session: Session, request: Request) -> None:
    """End a request (locked) that nobody answered in time."""
    end(session, request, RequestState.EXPIRED, SITE)
    notices.decided(session, request)
    changes.request_changed(session, request)
