"""What happened to a dataset: the log's events about it, its versions, access and requests.

Owners and auditors see the events as they are. Reviewers get the few kinds that tell neither a
private fact (sizes, digests, how a mock compares) nor how others voted, and only their words.
"""

from sqlalchemy import Select, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Page, Person
from carrel_protocol.api.datasets import Activity
from carrel_site.audit.models import AuditEvent
from carrel_site.core.http import Caller
from carrel_site.core.pagination import paged, position
from carrel_site.core.permissions import Permission
from carrel_site.datasets import repository
from carrel_site.datasets.models import Dataset, DatasetVersion, Upload
from carrel_site.datasets.service import missing
from carrel_site.requests.models import Request

_ALL_READERS = {
    "dataset.created": (),
    "dataset.updated": ("words", "revision", "policy_revision", "terms_revision"),
    "access.given": ("user",),
    "access.taken": ("user",),
    "version.uploaded": ("format",),
    "version.ready": ("current",),
    "version.failed": (),
    "version.cancelled": (),
    "request.submitted": ("approval",),
    "request.edited": (),
    "request.approved": (),
    "request.rejected": (),
    "request.changes_requested": (),
    "request.withdrawn": (),
    "request.expired": (),
}
"""The kinds that reviewers see, and what of their detail."""


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
    query = _about(dataset)
    if not everything:
        query = query.where(AuditEvent.action.in_(list(_ALL_READERS)))
    after = position(cursor)
    if after is not None:
        query = query.where(
            tuple_(AuditEvent.at, AuditEvent.hash)
            < tuple_(literal(after[0], AuditEvent.at.type), after[1])
        )
    newest = query.order_by(AuditEvent.at.desc(), AuditEvent.hash.desc()).limit(limit + 1)
    events = list(session.scalars(newest))
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


def _about(dataset: Dataset) -> Select[AuditEvent]:
    subjects = [
        select(model.id).where(model.dataset_id == dataset.id)
        for model in (DatasetVersion, Upload, Request)
    ]
    return select(AuditEvent).where(
        or_(AuditEvent.subject == dataset.id, *(AuditEvent.subject.in_(s) for s in subjects))
    )
