"""Votes and the log: when one enters the other.

While a request waits for people its votes are blind, and a vote that did not decide it approved of
it: that there is one says all. So the log, which owners read before they vote, holds none. They
stand in `votes`, which nobody can change or delete, and enter the log together when they stop being
blind: when the request is decided, edited, withdrawn or expires (docs/adr/0008).
"""

from sqlalchemy.orm import Session

from carrel_protocol.api.requests import RequestState
from carrel_site.audit.log import record
from carrel_site.requests import repository
from carrel_site.requests.models import Request


def open_votes(session: Session, request: Request) -> None:
    """Log the votes of the present round, in the order in which they were cast.

    To be called before the request (locked) leaves its state or its round; does nothing when it
    waits for no votes.
    """
    if request.state != RequestState.SUBMITTED:
        return
    for vote, _ in repository.votes(session, request.id):
        if vote.round == request.round:
            record(
                session,
                vote.reviewer_id,
                "request.voted",
                request.id,
                dataset=request.dataset_id,
                decision=vote.decision,
                content=vote.content_hash,
                reason=vote.reason,
                vote=vote.id,
                voted_at=vote.at.isoformat(timespec="microseconds"),
            )
