"""Whether a request needs people, and whether the people it needs have spoken. Pure."""

from collections.abc import Iterable, Mapping, Set
from typing import Literal

from carrel_protocol.api.datasets import AskKind, DatasetPolicy
from carrel_site.requests.errors import KindNotAllowed
from carrel_site.requests.models import Request, Vote

ASKED = {"query": "Questions", "code": "Code", "black_box": "Black boxes"}
"""What a request is called, by its kind."""


def approval(
    policy: DatasetPolicy, share: float, *, review: bool
) -> Literal["automatic", "review"]:
    """Who approves a private request that costs `share` of its researcher's limit."""
    if policy.auto_approve and not review and share <= policy.auto_approve_share:
        return "automatic"
    return "review"


def check_kind(policy: DatasetPolicy, dataset: str, kind: AskKind) -> None:
    """Raise `KindNotAllowed` unless this may be asked of the dataset."""
    if kind not in policy.kinds:
        raise KindNotAllowed(f"{ASKED[kind]} may not be asked of the dataset {dataset!r}.")


def counts(vote: Vote, request: Request) -> bool:
    """Whether a vote is about the request as it is: the same content, and no edit since."""
    return vote.round == request.round and vote.content_hash == request.content_hash


def approvers(votes: Iterable[Vote], request: Request) -> set[str]:
    """Who approved the request as it is."""
    return {v.reviewer_id for v in votes if v.decision == "approve" and counts(v, request)}


def enough(
    approved: Set[str],
    votes: int,
    groups: Iterable[str],
    *,
    reviewing: Set[str],
    members: Mapping[str, Set[str]],
) -> bool:
    """Whether as many different people as it takes approved, and one of each group it takes.

    approved: who did. reviewing: who may review now; the vote of somebody who no longer may does
    not count. members: by group, who is in it now; a group that is not there has nobody.
    """
    counted = approved & reviewing
    return len(counted) >= votes and all(
        counted & members.get(group, frozenset()) for group in groups
    )
