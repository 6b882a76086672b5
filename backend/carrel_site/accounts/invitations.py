"""Invitations: an owner names an address, a role, groups and datasets; a link does the rest.

The link's token is random, shown once, stored as a digest, good once and for a few days, and only
while whoever made it is still an owner.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.api.accounts import GroupRef
from carrel_protocol.api.common import Page, Role
from carrel_protocol.api.datasets import AccessUpdate
from carrel_protocol.api.people import (
    DatasetRef,
    InvitationCreate,
    InvitationFacts,
    InvitationWithLink,
)
from carrel_protocol.api.people import Invitation as InvitationView
from carrel_site.accounts import groups, people, repository
from carrel_site.accounts.errors import EmailTaken, LinkInvalid
from carrel_site.accounts.links import link_to
from carrel_site.accounts.models import Invitation, User
from carrel_site.accounts.views import person
from carrel_site.audit.log import record
from carrel_site.core.clock import now
from carrel_site.core.errors import Conflict, NotFound
from carrel_site.core.ids import new_id
from carrel_site.core.pagination import newest_first
from carrel_site.core.permissions import TABLE, Permission
from carrel_site.core.security import digest_secret, new_secret
from carrel_site.datasets import access
from carrel_site.datasets import repository as dataset_rows
from carrel_site.datasets import service as datasets
from carrel_site.datasets.models import Dataset
from carrel_site.events import mail
from carrel_site.settings import Settings


def create(
    session: Session, settings: Settings, asked: InvitationCreate, actor: str
) -> InvitationWithLink:
    """Invite somebody, in place of whatever invitation their address had. Raises `EmailTaken`."""
    if dataset_rows.user(session, asked.email) is not None:
        raise EmailTaken(f"Somebody has the e-mail address {asked.email}.")
    if asked.datasets and asked.role not in TABLE[Permission.REQUESTS_ASK][0]:
        raise Conflict(
            f"A person with the role '{asked.role}' asks nothing, so datasets would be no use."
        )
    wanted = groups.held(session, asked.groups)
    tables = [_dataset(session, ref) for ref in asked.datasets]
    for earlier in session.scalars(
        select(Invitation).where(Invitation.email == asked.email, *_OPEN).with_for_update()
    ):
        _revoke(session, earlier, actor)
    session.flush()
    token = new_secret("ci")
    at = now()
    row = Invitation(
        id=new_id("inv"),
        email=asked.email,
        name=asked.name,
        role=asked.role.value,
        groups=[group.id for group in wanted],
        datasets=[table.id for table in tables],
        token_hash=digest_secret(token),
        invited_by=actor,
        created_at=at,
        expires_at=at + timedelta(days=asked.expires_in_days),
    )
    session.add(row)
    session.flush()
    record(
        session,
        actor,
        "invitation.created",
        row.id,
        email=row.email,
        role=row.role,
        groups=row.groups,
        datasets=row.datasets,
        expires_at=row.expires_at.isoformat(),
    )
    link = link_to(settings, "invitation", token)
    if mail.possible(settings):
        mail.send(
            session,
            row.email,
            "An invitation to a Carrel site",
            f"You are invited to {settings.site_url}, as {row.role}.\n\n"
            f"To accept, until {row.expires_at:%d %B %Y}:\n\n{link}\n",
            lives=row.expires_at - at,
        )
    return InvitationWithLink(**_views(session, [row])[0].model_dump(), link=link)


def page(session: Session, cursor: str | None, limit: int) -> Page[InvitationView]:
    """All invitations, also those that are over, newest first."""
    rows = newest_first(
        session,
        select(Invitation),
        Invitation.created_at,
        Invitation.id,
        cursor,
        limit,
        lambda row: row,
    )
    return Page(items=_views(session, rows.items), next_cursor=rows.next_cursor)


def revoke(session: Session, invitation_id: str, actor: str) -> None:
    """Have an invitation's link open nothing any more; once more changes nothing."""
    row = session.get(Invitation, invitation_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("There is no such invitation.")
    if row.accepted_at is not None:
        raise Conflict(
            "This invitation was accepted.", advice="Deactivate the person it let in instead."
        )
    if row.revoked_at is None:
        _revoke(session, row, actor)


def revoke_made_by(session: Session, user_id: str, actor: str) -> None:
    """Revoke what somebody who is no owner any more had made."""
    for row in session.scalars(
        select(Invitation)
        .where(Invitation.invited_by == user_id, *_OPEN)
        .order_by(Invitation.id)
        .with_for_update()
    ):
        _revoke(session, row, actor)


def look_up(session: Session, settings: Settings, token: str) -> InvitationFacts:
    """What an invitation says. Raises `LinkInvalid`."""
    row = session.scalars(
        select(Invitation)
        .join(User, User.id == Invitation.invited_by)
        .where(Invitation.token_hash == digest_secret(token), Invitation.expires_at > now(), *_OPEN)
        .where(User.active, User.role == Role.OWNER.value)
    ).one_or_none()
    if row is None:
        raise _invalid()
    return InvitationFacts(
        email=row.email, name=row.name, role=Role(row.role), site_url=settings.site_url
    )


def accept(session: Session, token: str, name: str, password_hash: str) -> User:
    """Use an invitation: its person, with their groups and access.

    Raises `LinkInvalid`, alike for one that never was, was used, was revoked or ran out; and
    `EmailTaken` when somebody was given the address meanwhile.
    """
    invited_by = session.scalar(
        select(Invitation.invited_by).where(Invitation.token_hash == digest_secret(token))
    )
    # The inviter first, as when they are deactivated: that and this wait for each other.
    inviter = repository.user_still(session, invited_by) if invited_by else None
    row = session.scalars(
        select(Invitation)
        .where(Invitation.token_hash == digest_secret(token), Invitation.expires_at > now(), *_OPEN)
        .with_for_update()
    ).one_or_none()
    if row is None or inviter is None or not inviter.active or inviter.role != Role.OWNER:
        raise _invalid()
    user = people.add(session, name, row.email, Role(row.role), password_hash)
    row.accepted_at = now()
    row.accepted_by = user.id
    session.flush()
    record(session, user.id, "invitation.accepted", row.id, email=user.email, invited_by=inviter.id)
    record(session, inviter.id, "user.created", user.id, email=user.email, role=user.role)
    for group_id in row.groups:
        group = groups.find(session, group_id, share=True)
        if group is not None:  # it may have been deleted meanwhile
            groups.join(session, group, user.id, inviter.id)
    for dataset_id in row.datasets:
        access.give(session, dataset_id, AccessUpdate(user=user.id), inviter.id)
    return user


_OPEN = (Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))


def _revoke(session: Session, row: Invitation, actor: str) -> None:
    row.revoked_at = now()
    record(session, actor, "invitation.revoked", row.id, email=row.email)


def _dataset(session: Session, ref: str) -> DatasetRef:
    dataset = dataset_rows.dataset(session, ref)
    if dataset is None:
        raise datasets.missing(ref)
    return DatasetRef(id=dataset.id, name=dataset.name)


def _views(session: Session, rows: Sequence[Invitation]) -> tuple[InvitationView, ...]:
    named = groups.refs(session, {group for row in rows for group in row.groups})
    tables = session.execute(
        select(Dataset.id, Dataset.name).where(
            Dataset.id.in_({dataset for row in rows for dataset in row.datasets})
        )
    )
    names = {row.id: row.name for row in tables}
    inviters = {
        user.id: user
        for user in session.scalars(
            select(User).where(User.id.in_({row.invited_by for row in rows}))
        )
    }
    return tuple(_view(row, named, names, inviters[row.invited_by]) for row in rows)


def _view(
    row: Invitation, named: dict[str, GroupRef], names: dict[str, str], inviter: User
) -> InvitationView:
    return InvitationView(
        id=row.id,
        email=row.email,
        name=row.name,
        role=Role(row.role),
        groups=tuple(named[group] for group in row.groups if group in named),
        datasets=tuple(
            DatasetRef(id=dataset, name=names[dataset])
            for dataset in row.datasets
            if dataset in names
        ),
        state=_state(row),
        invited_by=person(inviter),
        created_at=row.created_at,
        expires_at=row.expires_at,
        accepted_at=row.accepted_at,
    )


def _state(row: Invitation) -> str:
    if row.accepted_at is not None:
        return "accepted"
    if row.revoked_at is not None:
        return "revoked"
    return "pending" if row.expires_at > now() else "expired"


def _invalid() -> LinkInvalid:
    return LinkInvalid("This invitation is unknown, used, revoked or out of date.")
