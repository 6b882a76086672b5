"""The version of a program that people approved before: what a reviewer compares this one with.

A comparison can mislead: whoever reads only what changed takes the rest for read. So an earlier
version counts only if it is the same person's, of the same kind and entry, and is given the same
datasets under the same names; if people voted for it, rather than a rule or another approval; and
if the log says that just this content was approved. It comes with who asked for it and who approved
it, on whom a reader of the changes then relies, and with what differs beside the files.
"""

import json

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from carrel_protocol.api.code import ApprovedBefore
from carrel_protocol.api.common import Person
from carrel_protocol.api.requests import RequestState
from carrel_protocol.black_box import BlackBoxContent
from carrel_protocol.canonical import tagged_hash
from carrel_protocol.code import CodeContent
from carrel_site.accounts.models import User
from carrel_site.audit.models import AuditEvent
from carrel_site.code import reach
from carrel_site.requests import policies, repository
from carrel_site.requests.models import Request

Program = CodeContent | BlackBoxContent

_APPROVED = (
    RequestState.APPROVED.value,
    RequestState.QUEUED.value,
    RequestState.OVER_BUDGET.value,
)
_SHOWN = frozenset({"files", "kind", "requester", "entry"})
"""Of a content: compared elsewhere, or the same in every version."""
_WORKED_OUT = frozenset({"claimed", "mechanism_version"})
"""By the site, from what else is there."""


def lineage(content: Program) -> str:
    """The same for all versions of a program: its kind, where it begins, and which dataset it is
    given under which name."""
    data = (content.data,) if isinstance(content, BlackBoxContent) else content.data
    return tagged_hash(
        "request-lineage/1",
        {
            "kind": content.kind,
            "entry": content.entry.model_dump(mode="json"),
            "data": {one.alias: one.dataset_id for one in data},
        },
    )


def content_of(request: Request) -> Program:
    model = BlackBoxContent if request.kind == "black_box" else CodeContent
    return model.model_validate(request.content)


def approved_before(session: Session, request: Request, content: Program) -> ApprovedBefore | None:
    """The version that was approved last, before this one was if it was."""
    found = _last(session, request, content)
    if found is None:
        return None
    before, event = found
    earlier = content_of(before)
    if (
        earlier.content_hash() != before.content_hash
        or earlier.requester != request.requester_id
        or lineage(earlier) != lineage(content)
    ):
        return None  # what is stored is not what was approved: it is nothing to go by
    votes = repository.votes(session, before.id)
    return ApprovedBefore(
        request_id=before.id,
        requester=_person(session.get_one(User, before.requester_id)),
        approved_by=tuple(
            _person(reviewer)
            for vote, reviewer in votes
            if vote.decision == "approve" and policies.counts(vote, before)
        ),
        approved_at=event.at,
        files=earlier.files,
        parameters=earlier.parameters,
        environment=earlier.environment.name,
        differs=_differs(earlier, content),
    )


def _last(
    session: Session, request: Request, content: Program
) -> tuple[Request, AuditEvent] | None:
    query = (
        select(Request, AuditEvent)
        .join(
            AuditEvent,
            and_(
                AuditEvent.subject == Request.id,
                AuditEvent.action == "request.approved",
                AuditEvent.detail["content"].astext == Request.content_hash,
            ),
        )
        .where(
            Request.lineage == lineage(content),
            Request.requester_id == request.requester_id,
            Request.kind == request.kind,
            Request.state.in_(_APPROVED),
            Request.covered_by.is_(None),
            Request.votes_needed > 0,
            Request.id != request.id,
        )
        .order_by(AuditEvent.sequence.desc())
        .limit(1)
    )
    own = reach.approved_on(session, request)
    if own is not None:
        query = query.where(AuditEvent.at < own)
    row = session.execute(query).one_or_none()
    return None if row is None else (row[0], row[1])


def _differs(earlier: Program, content: Program) -> tuple[str, ...]:
    """What else is asked otherwise than then, by its name in the content."""
    before, after = (_plain(each) for each in (earlier, content))
    return tuple(name for name, value in after.items() if value != before.get(name))


def _plain(content: Program) -> dict[str, str]:
    """Each part of a content as text, in which 1, 1.0 and true are three."""
    body = content.model_dump(mode="json", exclude=set(_SHOWN | _WORKED_OUT))
    return {name: json.dumps(value, sort_keys=True) for name, value in body.items()}


def _person(user: User) -> Person:
    return Person(id=user.id, name=user.name, email=user.email)
