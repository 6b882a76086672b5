"""Signing in and out in a browser, one's sessions, and one's password."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy.orm import Session

from carrel_protocol.api.people import PasswordChange, SessionCreate, SessionInfo
from carrel_protocol.api.people import Session as SessionView
from carrel_site.accounts import passwords, repository, sessions, sign_in
from carrel_site.accounts.errors import SignInRefused, WrongPassword
from carrel_site.accounts.sessions import Browser, Started
from carrel_site.accounts.views import missing
from carrel_site.core import cookies, csrf
from carrel_site.core.http import Caller, SiteDep, require
from carrel_site.core.permissions import Permission
from carrel_site.core.security import hash_password
from carrel_site.site import Site

router = APIRouter(prefix="/api/v1", tags=["sessions"])

Id = Annotated[str, Path(min_length=1, max_length=64)]
Me = Annotated[Caller, require(Permission.SELF_READ)]
SelfManager = Annotated[Caller, require(Permission.SELF_MANAGE)]
UserManager = Annotated[Caller, require(Permission.USERS_MANAGE)]


@router.post("/session", status_code=201)
def create_session(
    site: SiteDep, request: Request, response: Response, body: SessionCreate
) -> SessionInfo:
    """Sign in. The session's secret comes as a cookie, and nowhere else."""
    csrf.refuse_other_sites(request, site.settings)
    browser = browser_of(request, site)
    password = body.password.get_secret_value()
    proven = sign_in.prove(site.db, body.email, password, browser.device)

    def work(session: Session) -> Started:
        user = sign_in.admitted(session, proven)
        return sessions.start(session, site.settings, user, browser)

    return give_cookies(response, site, site.db.transact(work))


@router.get("/session")
def read_session(site: SiteDep, caller: Me) -> SessionInfo:
    """Who is signed in here, and the token that writes have to carry."""
    return site.db.read(lambda session: sessions.current(session, site.settings, caller))


@router.delete("/session", status_code=204)
def delete_session(site: SiteDep, response: Response, caller: Me) -> None:
    """Sign out."""
    if not caller.session_id:
        raise sessions.no_session()
    site.db.transact(
        lambda session: sessions.end(session, caller.user_id, caller.session_id, caller.user_id)
    )
    cookies.forget_session(response, site.settings)


@router.get("/sessions")
def list_sessions(site: SiteDep, caller: Me) -> tuple[SessionView, ...]:
    """Where you are signed in, newest first."""
    return site.db.read(lambda session: sessions.of(session, site.settings, caller, caller.user_id))


@router.delete("/sessions/{session_id}", status_code=204)
def delete_one_session(site: SiteDep, caller: SelfManager, session_id: Id) -> None:
    """Sign one of your browsers out, at once."""
    site.db.transact(
        lambda session: sessions.end(session, caller.user_id, session_id, caller.user_id)
    )


@router.get("/users/{user_id}/sessions")
def list_user_sessions(site: SiteDep, caller: UserManager, user_id: Id) -> tuple[SessionView, ...]:
    """Where a person is signed in, newest first."""

    def work(session: Session) -> tuple[SessionView, ...]:
        if repository.user(session, user_id) is None:
            raise missing()
        return sessions.of(session, site.settings, caller, user_id)

    return site.db.read(work)


@router.delete("/users/{user_id}/sessions/{session_id}", status_code=204)
def delete_user_session(site: SiteDep, caller: UserManager, user_id: Id, session_id: Id) -> None:
    """Sign a person out in one browser, at once."""
    site.db.transact(lambda session: sessions.end(session, user_id, session_id, caller.user_id))


@router.delete("/users/{user_id}/sessions", status_code=204)
def delete_user_sessions(site: SiteDep, caller: UserManager, user_id: Id) -> None:
    """Sign a person out everywhere, at once. Their keys stay."""

    def work(session: Session) -> None:
        if repository.user(session, user_id, lock=True) is None:
            raise missing()
        sessions.end_all(session, user_id, caller.user_id)

    site.db.transact(work)


@router.put("/me/password", status_code=204)
def change_password(
    site: SiteDep, request: Request, caller: SelfManager, body: PasswordChange
) -> None:
    """Change your password. Ends your other sessions; keys stay."""
    device = cookies.read(request, site.settings, cookies.DEVICE)
    try:
        proven = sign_in.prove(site.db, caller.email, body.current.get_secret_value(), device)
    except SignInRefused:
        raise WrongPassword(
            "This is not your present password, or wrong ones have paused it for 15 minutes."
        ) from None
    hashed = hash_password(body.new.get_secret_value())
    site.db.transact(
        lambda session: passwords.change(session, site.settings, caller, proven, hashed)
    )


def browser_of(request: Request, site: Site) -> Browser:
    return Browser(
        user_agent=request.headers.get("user-agent", ""),
        session=cookies.read(request, site.settings, cookies.SESSION),
        device=cookies.read(request, site.settings, cookies.DEVICE),
    )


def give_cookies(response: Response, site: Site, started: Started) -> SessionInfo:
    cookies.keep(response, site.settings, session=started.secret, device=started.device)
    return started.info
