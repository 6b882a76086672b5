"""Asking for code to be run on private data, and editing what was asked.

One way through: what it is → asked before? → covered by an earlier approval, or people → queue.
"""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from carrel_protocol.api.code import CodeAsk, CodeRequestCreate, CodeRequestEdit
from carrel_protocol.api.requests import RequestState
from carrel_protocol.code import CodeContent, CodeData, CodeEnvironment, Reach
from carrel_site.audit.log import SITE, record
from carrel_site.code import environments, mocking, programs, reach
from carrel_site.code.earlier import lineage
from carrel_site.code.errors import TooManyUndecided
from carrel_site.code.queueing import queue_code
from carrel_site.core.clock import now
from carrel_site.core.http import Caller
from carrel_site.core.ids import new_id
from carrel_site.datasets import service as datasets
from carrel_site.datasets.service import AnswerableDataset
from carrel_site.events import changes, notices
from carrel_site.requests import policies
from carrel_site.requests.editing import Rules, replace, to_edit
from carrel_site.requests.models import OPEN_STATES, Request
from carrel_site.requests.moves import move
from carrel_site.requests.quote import asked_before
from carrel_site.requests.service import Asked
from carrel_site.site import Site

MOST_UNDECIDED = 200
"""Requests of one person that somebody still has to do something about."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What was asked, with the datasets that it is asked of."""

    content: CodeContent
    datasets: tuple[AnswerableDataset, ...]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(each.dataset.name for each in self.datasets))

    @property
    def reviewers(self) -> int:
        return max(each.policy.reviewers for each in self.datasets)

    @property
    def groups(self) -> set[str]:
        return {group for each in self.datasets for group in each.policy.reviewer_groups}

    @property
    def days(self) -> int:
        return min(each.policy.request_days for each in self.datasets)


def submit(session: Session, site: Site, caller: Caller, asked: CodeRequestCreate) -> Asked:
    """Ask. Just the same by the same person gives the earlier request."""
    wanted = _wanted(session, caller, asked, asked.purpose, asked.reach)
    content = wanted.content
    name = wanted.datasets[0].dataset.name
    earlier = asked_before(session, _memo_key(content))
    if earlier is not None:
        record(session, caller.user_id, "request.reused", earlier.id)
        return Asked(earlier, reused=True, dataset_name=name, run=None)
    covering = reach.covering(session, content)
    if covering is None:
        _refuse_many(session, caller)
    at = now()
    request = Request(
        id=new_id("req"),
        kind="code",
        requester_id=caller.user_id,
        state=RequestState.SUBMITTED.value,
        target={},
        votes_needed=0 if covering else wanted.reviewers,
        reviewer_groups=[] if covering else sorted(wanted.groups),
        covered_by=covering.id if covering else None,
        round=1,
        version=1,
        created_at=at,
        updated_at=at,
    )
    _take(request, wanted, asked.purpose)
    mocking.show_beside(session, caller, request, content, asked.mock_run_id)
    session.add(request)
    session.flush()
    record(
        session,
        caller.user_id,
        "request.submitted",
        request.id,
        dataset=request.dataset_id,
        content=request.content_hash,
        approval="covered" if covering else "review",
        kind="code",
    )
    if covering is None:
        request.expires_at = at + timedelta(days=wanted.days)
        session.flush()
        notices.submitted(session, request)
        changes.request_changed(session, request)
        return Asked(request, reused=False, dataset_name=name, run=None)
    record(
        session,
        SITE,
        "request.approved",
        request.id,
        dataset=request.dataset_id,
        content=request.content_hash,
        covered_by=covering.id,
    )
    move(request, RequestState.APPROVED)
    run = queue_code(session, site, request)
    return Asked(request, reused=False, dataset_name=name, run=run)


def edit(
    session: Session, caller: Caller, request_id: str, etag: str, change: CodeRequestEdit
) -> Request:
    """Ask something else in place of what was returned or not yet decided; voids its votes."""
    request = to_edit(session, caller, request_id, etag, "code")
    now_asked = CodeContent.model_validate(request.content)
    sent = change.model_fields_set
    asked = CodeAsk(
        data={one.alias: one.dataset_id for one in now_asked.data},
        entry=change.entry or now_asked.entry,
        files=change.files or now_asked.files,
        parameters=now_asked.parameters if change.parameters is None else change.parameters,
        environment=change.environment or now_asked.environment.name,
        limits=change.limits if "limits" in sent else now_asked.limits,
    )
    purpose = request.purpose if change.purpose is None else change.purpose
    wanted = _wanted(
        session, caller, asked, purpose, change.reach if "reach" in sent else now_asked.reach
    )

    def take(edited: Request) -> None:
        _take(edited, wanted, purpose)
        mocking.show_after_edit(session, caller, edited, change, now_asked, wanted.content)

    rules = Rules(wanted.reviewers, wanted.groups, wanted.days)
    replace(session, caller, request, rules, _memo_key(wanted.content), take)
    return request


def _wanted(
    session: Session, caller: Caller, ask: CodeAsk, purpose: str, covers: Reach | None
) -> _Wanted:
    """Work out what an approval would cover; the caller may ask it of each of its datasets."""
    found = {
        alias: datasets.get_answerable(session, caller, ref) for alias, ref in ask.data.items()
    }
    for each in found.values():
        policies.check_kind(each.policy, each.dataset.name, "code")
        each.check_terms()
    environment = environments.usable(session, ask.environment)
    limits = environments.limits(environment, ask.limits)
    try:
        content = CodeContent(
            requester=caller.user_id,
            data=tuple(
                CodeData(
                    alias=alias,
                    dataset_id=each.dataset.id,
                    version_id=each.version_id,
                    data_commitment=each.commitment,
                    metadata_revision=each.revision,
                    policy_revision=each.policy_revision,
                    table=each.table,
                )
                for alias, each in found.items()
            ),
            entry=ask.entry,
            files=ask.files,
            parameters=ask.parameters,
            environment=CodeEnvironment(name=environment.name, lock_hash=environment.lock_hash),
            limits=limits,
            reach=covers,
            purpose=purpose,
        )
    except ValidationError as error:
        raise programs.invalid(error) from None
    return _Wanted(content, tuple(found.values()))


def _take(request: Request, wanted: _Wanted, purpose: str) -> None:
    content = wanted.content
    first, *others = (one.dataset_id for one in content.data)
    request.dataset_id = first
    request.also_datasets = [other for other in dict.fromkeys(others) if other != first]
    request.purpose = purpose
    request.content = content.model_dump(mode="json")
    request.content_hash = content.content_hash()
    request.reach_hash = content.reach_hash()
    request.lineage = lineage(content)
    request.price = {"in_words": programs.in_words(content, wanted.names), "share": 0.0}
    request.memo_key = _memo_key(content)


def _memo_key(content: CodeContent) -> str:
    """Who asked is part of the content, as is everything else that was asked."""
    return f"code/{content.content_hash()}"


def _refuse_many(session: Session, caller: Caller) -> None:
    waiting = select(func.count()).where(
        Request.requester_id == caller.user_id,
        Request.kind == "code",
        Request.state.in_(OPEN_STATES),
    )
    if session.scalars(waiting).one() >= MOST_UNDECIDED:
        raise TooManyUndecided(f"{MOST_UNDECIDED} of your requests to run code are undecided.")
