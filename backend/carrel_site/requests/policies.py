"""Whether a request needs people, and whether the people it needs have spoken. Pure."""

from collections.abc import Iterable
from typing import Literal

from carrel_protocol.api.datasets import DatasetPolicy
from carrel_site.requests.models import Request, Vote


def approval(
    policy: DatasetPolicy, share: float, *, review: bool
) -> Literal["automatic", "review"]:
    """Who approves a private request that costs `share` of its researcher's limit."""
    if policy.auto_approve and not review and share <= policy.auto_approve_share:
        return "automatic"
    return "review"


def counts(vote: Vote, request: Request) -> bool:
    """Whether a vote is about the request as it is: the same content, and no edit since."""
    return vote.round == request.round and vote.content_hash == request.content_hash


def enough(votes: Iterable[Vote], request: Request) -> bool:
    """Whether as many different people as it takes approved the request as it is."""
    approved = {v.reviewer_id for v in votes if v.decision == "approve" and counts(v, request)}
    return len(approved) >= request.votes_needed
