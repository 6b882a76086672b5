"""What happened to a dataset: the log's events about it, its versions, access and requests.

Owners and auditors see the events as they are. Reviewers get the few kinds that tell neither a
private fact (sizes, digests, how long a version took, how a mock compares) nor how others voted.
"""

from sqlalchemy import ColumnElement, Select, literal, select, tuple_
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Page, Person
from carrel_protocol.api.datasets import Activity
from carrel_site.audit.models import AuditEvent
from carrel_site.core.http import Caller
from carrel_site.core.pagination import paged, position
from carrel_site.core.permissions import Permission
from carrel_site.datasets import repository
from carrel_site.datasets.service import missing

_ALL_READERS = {
    "dataset.created": (),
    "dataset.updated": ("words", "revision", "policy_revision", "terms_revision"),
    "access.given": ("user",),
    "access.taken": ("user",),
    "version.ready": ("current",),
    "request.submitted": ("approval",),
    "request.edited": (),
    "request.approved": (),
    "request.rejected": (),
    "request.changes_requested": (),
    "request.withdrawn": (),
    "request.expired": (),
    "output.released": (),
    "output.withheld": (),
}
"""The kinds that reviewers see, and what of their detail."""
_NEWEST = (AuditEvent.at.desc(), AuditEvent.hash.desc())


def page(
    session: Session, caller: Caller, ref: str, cursor: str | None, limit: int
) -> Page[Activity]:
    """A dataset's events, newest first.

    The cursor is a time and a hash: how the log's sequence grows from event to event would tell
    when private runs ended (SOUNDNESS 13).
    """
    dataset = repository.dataset(session, ref)
    if dataset is None:
        raise missing(ref)
    everything = caller.may(Permission.AUDIT_READ)
    after = position(cursor)

    def newest(about: ColumnElement[bool]) -> Select[AuditEvent]:
        query = select(AuditEvent).where(about)
        if not everything:
            query = query.where(AuditEvent.action.in_(list(_ALL_READERS)))
        if after is not None:
            query = query.where(
                tuple_(AuditEvent.at, AuditEvent.hash)
                < tuple_(literal(after[0], AuditEvent.at.type), after[1])
            )
        return query.order_by(*_NEWEST).limit(limit + 1)

    # Two index scans, joined; an OR of the two would read the whole log.
    found = [
        *session.scalars(newest(AuditEvent.subject == dataset.id)),
        *session.scalars(newest(AuditEvent.detail["dataset"].astext == dataset.id)),
    ]
    events = sorted(found, key=lambda event: (event.at, event.hash), reverse=True)[: limit + 1]
    people = repository.people(session, {event.actor for event in events})

    def view(event: AuditEvent) -> Activity:
        who = people.get(event.actor)
        detail = event.detail
        if not everything:
            detail = {key: detail[key] for key in _ALL_READERS[event.action] if key in detail}
        return Activity(
            at=event.at,
            actor=None if who is None else Person(id=who.id, name=who.name, email=who.email),
            action=event.action,
            subject=event.subject,
            detail=detail,
        )

    return paged(events, limit, view, lambda event: (event.at, event.hash))
