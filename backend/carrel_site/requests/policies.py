"""Whether a request needs people, and whether the people it needs have spoken. Pure."""

from collections.abc import Iterable
from typing import Literal

from carrel_protocol.api.datasets import DatasetPolicy
from carrel_site.requests.models import Vote


def approval(
    policy: DatasetPolicy, share: float, *, review: bool
) -> Literal["automatic", "review"]:
    """Who approves a private request that costs `share` of its researcher's limit."""
    if policy.auto_approve and not review and share <= policy.auto_approve_share:
        return "automatic"
    return "review"


def enough(votes: Iterable[Vote], content_hash: str, needed: int) -> bool:
    """Whether `needed` different people approved exactly this content."""
    approved = {
        vote.reviewer_id
        for vote in votes
        if vote.decision == "approve" and vote.content_hash == content_hash
    }
    return len(approved) >= needed
