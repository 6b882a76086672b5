"""Whether what was asked is still allowed, by the rules and accesses of now.

An approval is of a moment. Before anything is queued, and once more when a worker claims it, its
datasets' rules, its asker's access to each of them and what they accepted are looked at again.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import DatasetPolicy
from carrel_protocol.api.requests import RequestState
from carrel_site.accounts.models import User
from carrel_site.core.errors import Conflict
from carrel_site.core.permissions import TABLE, Permission
from carrel_site.datasets.models import Dataset, DatasetAccess, TermsAccepted
from carrel_site.events import changes
from carrel_site.requests.models import Request
from carrel_site.requests.policies import ASKED
from carrel_site.runs.errors import Lapsed


class Obstacle(NamedTuple):
    """Why something may not go on, and what can be done about it; public facts alone."""

    said: str
    advice: str


def check(session: Session, request: Request) -> None:
    """Raise `Conflict` unless a request may still be queued."""
    found = _obstacle(session, request.kind, request.requester_id, _datasets(request))
    if found is not None:
        raise Conflict(found.said, advice=found.advice)


def check_claim(session: Session, kind: str, requester_id: str, dataset_ids: Iterable[str]) -> None:
    """Raise `Lapsed` unless a run may still be given its data. The ids are those of its content,
    which its hash covers."""
    found = _obstacle(session, kind, requester_id, dataset_ids)
    if found is not None:
        raise Lapsed(found.said)


class Rule(NamedTuple):
    """How many people an approval takes, and a member of which groups."""

    votes: int
    groups: frozenset[str]


def rule(session: Session, request: Request) -> Rule:
    """What an approval of a request takes: the strictest of its datasets, as they were when it was
    asked and as they are now."""
    policies = [
        DatasetPolicy.model_validate(policy)
        for policy in session.scalars(
            select(Dataset.policy).where(Dataset.id.in_(_datasets(request)))
        )
    ]
    return Rule(
        max([request.votes_needed, *(policy.reviewers for policy in policies)]),
        frozenset(request.reviewer_groups).union(*(policy.reviewer_groups for policy in policies)),
    )


def tighten(session: Session, dataset: Dataset) -> None:
    """Raise what those requests take that wait for people, to what a dataset's rules now ask.

    When the rules change, and not when somebody votes: that a vote was cast must not show. What is
    asked at that very moment, `rule` sees to.
    """
    policy = DatasetPolicy.model_validate(dataset.policy)
    waiting = session.scalars(
        select(Request)
        .where(
            Request.state == RequestState.SUBMITTED.value,
            (Request.dataset_id == dataset.id) | Request.also_datasets.contains([dataset.id]),
        )
        .order_by(Request.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    for request in list(waiting):
        groups = sorted({*request.reviewer_groups, *policy.reviewer_groups})
        if policy.reviewers > request.votes_needed or groups != sorted(request.reviewer_groups):
            request.votes_needed = max(request.votes_needed, policy.reviewers)
            request.reviewer_groups = groups
            changes.request_changed(session, request)


def _datasets(request: Request) -> list[str]:
    return [request.dataset_id, *request.also_datasets]


def _obstacle(
    session: Session, kind: str, requester_id: str, dataset_ids: Iterable[str]
) -> Obstacle | None:
    wanted = set(dataset_ids)
    accepted = (
        select(TermsAccepted.at)
        .where(
            TermsAccepted.dataset_id == Dataset.id,
            TermsAccepted.user_id == requester_id,
            TermsAccepted.revision == Dataset.terms_revision,
        )
        .exists()
    )
    rows = session.execute(
        select(
            Dataset.id,
            Dataset.name,
            Dataset.policy,
            Dataset.terms,
            accepted,
            User.active,
            User.role,
        )
        .join(DatasetAccess, DatasetAccess.dataset_id == Dataset.id)
        .join(User, User.id == DatasetAccess.user_id)
        .where(Dataset.id.in_(wanted), User.id == requester_id)
    ).all()
    for _, name, policy, terms, has_accepted, active, role in rows:
        if not active or Role(role) not in TABLE[Permission.REQUESTS_ASK][0]:
            return Obstacle(
                "Whoever asked this may not ask anything any more.",
                "Activate them or give them back their role, or reject the request.",
            )
        if kind not in DatasetPolicy.model_validate(policy).kinds:
            return Obstacle(
                f"{ASKED[kind]} may not be asked of the dataset {name!r} any more.",
                "Allow it again in the dataset's rules, or reject the request.",
            )
        if terms and not has_accepted:
            return Obstacle(
                f"Whoever asked this has not accepted the present terms of use of {name!r}.",
                "They are accepted on the dataset's page, by whoever asked. Until then, return the "
                "request, or leave it undecided.",
            )
    if {row[0] for row in rows} != wanted:
        return Obstacle(
            "Whoever asked this has no access to its data any more.",
            "Give them access again, or reject the request.",
        )
    return None
