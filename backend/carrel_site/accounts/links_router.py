"""Invitations and links to set a new password.

What carries a link's token is a body, never an address: addresses end up in logs.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy.orm import Session

from carrel_protocol.api.common import Page
from carrel_protocol.api.people import (
    Invitation,
    InvitationAccept,
    InvitationCreate,
    InvitationFacts,
    InvitationLookup,
    InvitationWithLink,
    PasswordResetAccept,
    PasswordResetAsk,
    PasswordResetLink,
    SessionInfo,
)
from carrel_site.accounts import devices, invitations, passwords, sessions
from carrel_site.accounts.sessions import Started
from carrel_site.accounts.sessions_router import browser_of, give_cookies
from carrel_site.core import cookies, csrf
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.pagination import Cursor, Limit
from carrel_site.core.permissions import Permission
from carrel_site.core.security import hash_password

router = APIRouter(prefix="/api/v1", tags=["accounts"])

Id = Annotated[str, Path(min_length=1, max_length=64)]
UserManager = Annotated[Caller, require(Permission.USERS_MANAGE)]


@router.get("/invitations", dependencies=[require(Permission.USERS_MANAGE)])
def list_invitations(site: SiteDep, cursor: Cursor = None, limit: Limit = 50) -> Page[Invitation]:
    """Everybody who was ever invited, newest first."""
    return site.db.read(lambda session: invitations.page(session, cursor, limit))


@router.post("/invitations", status_code=201)
def create_invitation(
    site: SiteDep, caller: UserManager, body: InvitationCreate
) -> InvitationWithLink:
    """Invite somebody. The link is in this answer alone, and mailed where mail is set up; a new
    invitation replaces the one that its address had.
    """
    return site.db.transact(
        lambda session: invitations.create(session, site.settings, body, caller.user_id)
    )


@router.delete("/invitations/{invitation_id}", status_code=204)
def delete_invitation(site: SiteDep, caller: UserManager, invitation_id: Id) -> None:
    """Take an invitation back: its link opens nothing any more."""
    site.db.transact(lambda session: invitations.revoke(session, invitation_id, caller.user_id))


@router.post("/invitation/lookup")
def look_up_invitation(site: SiteDep, body: InvitationLookup) -> InvitationFacts:
    """What an invitation says, for whoever holds its link."""
    token = body.token.get_secret_value()
    return site.db.read(lambda session: invitations.look_up(session, site.settings, token))


@router.post("/invitation/accept", status_code=201)
def accept_invitation(
    site: SiteDep, request: Request, response: Response, body: InvitationAccept
) -> SessionInfo:
    """Choose a name and a password, and be signed in. Works once."""
    csrf.refuse_other_sites(request, site.settings)
    token = body.token.get_secret_value()
    site.db.read(lambda session: invitations.look_up(session, site.settings, token))
    hashed = hash_password(body.password.get_secret_value())
    browser = browser_of(request, site)

    def work(session: Session) -> Started:
        user = invitations.accept(session, token, body.name, hashed)
        return sessions.start(session, site.settings, user, browser)

    return give_cookies(response, site, site.db.transact(work))


@router.post("/users/{user_id}/password_reset", status_code=201)
def create_password_reset(site: SiteDep, caller: UserManager, user_id: Id) -> PasswordResetLink:
    """A link for somebody to set a new password, good once and for a day. Nothing changes until
    it is used; the log says who made it.
    """
    return site.db.transact(
        lambda session: passwords.make_link_by(session, site.settings, user_id, caller)
    )


@router.post("/password_resets", status_code=202)
def ask_for_password_reset(site: SiteDep, body: PasswordResetAsk) -> None:
    """Ask for a link by mail, where mail is set up. The answer is always the same."""
    site.db.transact(lambda session: passwords.ask(session, body.email))


@router.post("/password_resets/accept", status_code=204)
def accept_password_reset(
    site: SiteDep, request: Request, response: Response, body: PasswordResetAccept
) -> None:
    """Set a new password. Ends all sessions of its person; keys stay. Works once."""
    csrf.refuse_other_sites(request, site.settings)
    token = body.token.get_secret_value()
    site.db.read(lambda session: passwords.check_link(session, token))
    hashed = hash_password(body.password.get_secret_value())
    known = cookies.read(request, site.settings, cookies.DEVICE)

    def work(session: Session) -> str:
        user = passwords.accept(session, site.settings, token, hashed)
        # Known from now on: nobody's wrong passwords keep this browser from signing in.
        return devices.remember(session, user.id, known)

    cookies.keep(response, site.settings, session=None, device=site.db.transact(work))
