"""Whose vote a request waits for: who is told of it, and on whose lists it stands.

A request asks those whose approval can bring it nearer by its rule. It never depends on the votes
that were cast, which are blind: somebody else's vote must change nobody's list. Anybody who reviews
may still vote on any request, and return or reject it.
"""

from sqlalchemy import ColumnElement, Select, and_, any_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from carrel_protocol.api.common import Role
from carrel_protocol.api.requests import RequestState
from carrel_site.accounts.models import GroupMember, User
from carrel_site.core.db import inline
from carrel_site.core.permissions import TABLE, Permission
from carrel_site.requests.models import Request, Vote

_REVIEWING = [role.value for role in TABLE[Permission.REQUESTS_REVIEW][0]]


def waits_for(voter: str) -> list[ColumnElement[bool]]:
    """Undecided, somebody else's, asking this person, and without their vote on it as it is now."""
    voted = select(Vote.id).where(
        Vote.request_id == Request.id, Vote.reviewer_id == voter, Vote.round == Request.round
    )
    return [
        Request.state == inline(RequestState.SUBMITTED.value),
        Request.requester_id != voter,
        ~voted.exists(),
        _can_count(voter),
    ]


def asked(session: Session, request: Request) -> list[str]:
    """Ids of the people whose vote a request asks for.

    Owners, when nobody has one to give: they can put somebody into the group that lacks people.
    """
    people = _people(request)
    found = list(session.scalars(people.where(_can_count(User.id))))
    return found or list(session.scalars(people.where(User.role == Role.OWNER.value)))


def can_count(session: Session, request: Request, voter: str) -> bool:
    """Whether an approval of this person's can be one of those that the request takes."""
    found = select(Request.id).where(
        Request.id == request.id, Request.requester_id != voter, _can_count(voter)
    )
    return session.scalars(found).one_or_none() is not None


def _people(request: Request) -> Select[str]:
    """Who may review, with the request beside each."""
    return select(User.id).where(
        Request.id == request.id,
        User.active,
        User.role.in_(_REVIEWING),
        User.id != Request.requester_id,
    )


def _can_count(user_id: str | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Whether an approval of this person's can be one of those that a request takes.

    Everybody's can where the rule names no group, and where it takes more people than groups. Else
    theirs who are in one of its groups; and a further person's where so many of its groups have the
    same people that not all of the approvals are taken up by them.
    """
    groups = Request.reviewer_groups
    named = func.cardinality(groups)
    member = aliased(GroupMember)
    one_of_them = select(member.user_id).where(
        member.user_id == user_id, member.group_id == any_(groups)
    )
    other, person = aliased(GroupMember), aliased(User)
    # All groups can be spoken for by one person fewer than it takes only if somebody speaks for as
    # many of them as this.
    stands_for_many = (
        select(other.user_id)
        .join(person, person.id == other.user_id)
        .where(
            other.group_id == any_(groups),
            person.active,
            person.role.in_(_REVIEWING),
            person.id != Request.requester_id,
        )
        .group_by(other.user_id)
        .having(func.count() * (Request.votes_needed - 1) >= named)
    )
    return or_(
        named == 0,
        Request.votes_needed > named,
        one_of_them.exists(),
        and_(Request.votes_needed > 1, stands_for_many.exists()),
    )
