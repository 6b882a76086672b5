"""Requests as they are shown, and to whom votes show."""

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Person
from carrel_protocol.api.requests import (
    Comment,
    Content,
    Price,
    Request,
    RequestRound,
    RequestState,
    RequestSummary,
    Run,
    RunState,
    Vote,
)
from carrel_protocol.code import CodeContent
from carrel_protocol.jobs import QueryContent
from carrel_protocol.privacy import PrivacyTarget
from carrel_protocol.schema import UnitBounds
from carrel_site.accounts import groups as group_rows
from carrel_site.accounts.models import User
from carrel_site.core.clock import now
from carrel_site.core.http import Caller
from carrel_site.datasets.models import Dataset
from carrel_site.outputs.models import Output
from carrel_site.pricing.words import to_sql
from carrel_site.requests import models, policies, repository
from carrel_site.requests.listing import Listed
from carrel_site.requests.moves import etag_of
from carrel_site.requests.service import Asked
from carrel_site.runs import clock
from carrel_site.runs import models as run_models
from carrel_site.runs import repository as runs
from carrel_site.runs import views as run_views
from carrel_site.site import Site

_CONTENT: TypeAdapter[Content] = TypeAdapter(Content)
_TARGET: TypeAdapter[PrivacyTarget] = TypeAdapter(PrivacyTarget)


def person(user: User) -> Person:
    return Person(id=user.id, name=user.name, email=user.email)


def full(session: Session, site: Site, caller: Caller, request: models.Request) -> Request:
    """A request with its thread's votes and its run, as `caller` may see them."""
    requester = session.get_one(User, request.requester_id)
    found = runs.of_request(session, request.id) if request.state == "queued" else None
    return _assembled(
        request,
        dataset=session.get_one(Dataset, request.dataset_id).name,
        requester=person(requester),
        run=_run(session, site, *found) if found else None,
        votes=_votes(session, caller, request),
        groups=_groups(session, request),
    )


def answered(session: Session, site: Site, caller: Caller, asked: Asked) -> Request:
    """What asking came to. A new request needs no look-up: everything about it is known."""
    if asked.reused:
        return full(session, site, caller, asked.request).model_copy(update={"reused": True})
    run = asked.run
    return _assembled(
        asked.request,
        dataset=asked.dataset_name,
        requester=Person(id=caller.user_id, name=caller.name, email=caller.email),
        run=run_views.public(run, None, now()) if run else None,
        votes=(),
        groups=_groups(session, asked.request),
    )


def _groups(session: Session, request: models.Request) -> tuple[str, ...]:
    if not request.reviewer_groups:
        return ()
    named = group_rows.refs(session, request.reviewer_groups)
    return tuple(named[g].name if g in named else g for g in request.reviewer_groups)


def _run(session: Session, site: Site, run: run_models.Run, output: Output | None) -> Run:
    receipt = run_views.receipt(session, site.signer, run, output)
    return run_views.public(run, output, now(), receipt)


def _assembled(
    request: models.Request,
    *,
    dataset: str,
    requester: Person,
    run: Run | None,
    votes: tuple[Vote, ...],
    groups: tuple[str, ...],
) -> Request:
    content = _CONTENT.validate_python(request.content)
    question = content if isinstance(content, QueryContent) else None
    priced = not isinstance(content, CodeContent)
    return Request(
        id=request.id,
        kind=content.kind,
        dataset=dataset,
        dataset_id=request.dataset_id,
        requester=requester,
        purpose=request.purpose,
        state=RequestState(request.state),
        sql=request.sql,
        as_sql=request.sql or (to_sql(question.plan, dataset) if question else ""),
        target=_TARGET.validate_python(request.target) if priced else None,
        bounds=UnitBounds.model_validate(request.bounds) if request.bounds else None,
        content=content,
        content_hash=request.content_hash,
        price=Price.model_validate(request.price) if priced else None,
        run=run,
        votes=votes,
        votes_needed=request.votes_needed,
        groups_needed=groups,
        etag=etag_of(request),
        created_at=request.created_at,
        updated_at=request.updated_at,
        expires_at=request.expires_at,
        round=request.round,
    )


def rounds(session: Session, request: models.Request) -> tuple[RequestRound, ...]:
    """What the request asked in each round, oldest first; what it asks now comes last."""
    dataset = session.get_one(Dataset, request.dataset_id).name
    shown: list[RequestRound] = []
    asked_at = request.created_at
    for earlier in repository.rounds(session, request.id):
        shown.append(_round(dataset, earlier, earlier.number, asked_at, earlier.replaced_at))
        asked_at = earlier.replaced_at
    return (*shown, _round(dataset, request, request.round, asked_at, None))


def _round(
    dataset: str,
    row: models.Request | models.Round,
    number: int,
    asked_at: datetime,
    ended: datetime | None,
) -> RequestRound:
    content = _CONTENT.validate_python(row.content)
    question = content if isinstance(content, QueryContent) else None
    priced = not isinstance(content, CodeContent)
    return RequestRound(
        number=number,
        purpose=row.purpose,
        as_sql=row.sql or (to_sql(question.plan, dataset) if question else ""),
        target=_TARGET.validate_python(row.target) if priced else None,
        bounds=question.bounds if question else None,
        content=None if isinstance(content, QueryContent) else content,
        content_hash=row.content_hash,
        price=Price.model_validate(row.price) if priced else None,
        asked_at=asked_at,
        replaced_at=ended,
    )


def summary(row: Listed) -> RequestSummary:
    """A row of a list of requests."""
    run = row.run
    return RequestSummary(
        id=row.id,
        kind=row.kind,
        dataset=row.dataset,
        requester=Person(id=row.requester_id, name=row.requester_name, email=row.requester_email),
        purpose=row.purpose,
        state=RequestState(row.state),
        run_state=RunState(clock.public_state(run)) if run is not None else None,
        output_state=run_views.output_state_of(run, row.output) if run is not None else None,
        in_words=row.in_words,
        share=row.share,
        votes_needed=row.votes_needed,
        votes_cast=row.votes_cast,
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
    )


def comment(note: models.Comment, author: User) -> Comment:
    return Comment(
        id=note.id,
        author=person(author),
        text=note.text,
        kind=note.kind,
        at=note.at,
    )


def _votes(session: Session, caller: Caller, request: models.Request) -> tuple[Vote, ...]:
    """Votes, blind until the request is decided: till then each reviewer sees their own."""
    if request.votes_needed == 0:
        return ()
    return tuple(
        Vote(
            reviewer=person(reviewer),
            decision=vote.decision,
            content_hash=vote.content_hash,
            reason=vote.reason,
            counts=policies.counts(vote, request),
            at=vote.at,
            round=vote.round,
        )
        for vote, reviewer in repository.votes(session, request.id)
        if not _blind(caller, request, vote.reviewer_id, current=policies.counts(vote, request))
    )


def comments(session: Session, caller: Caller, request: models.Request) -> tuple[Comment, ...]:
    """The thread. What was said with a vote that is still blind is left out."""
    return tuple(
        comment(note, author)
        for note, author in repository.comments(session, request.id)
        # An edit, and nothing less, touches a request that is not decided.
        if note.kind != "vote"
        or not _blind(caller, request, author.id, current=note.at >= request.updated_at)
    )


def _blind(caller: Caller, request: models.Request, reviewer_id: str, *, current: bool) -> bool:
    """Whether a vote is hidden from `caller`: until the request is decided, everyone else's."""
    undecided = request.state == RequestState.SUBMITTED
    return undecided and current and reviewer_id != caller.user_id
