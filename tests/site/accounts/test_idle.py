"""What keeps a session alive and what does not: a forgotten page is signed out in the end."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from carrel_protocol.api.common import Role
from carrel_site.core.http import PASSIVE
from tests.fixtures.site import AppSite
from tests.site.accounts.browsing import Browser, act, person, signed_in

BY_ITSELF = {PASSIVE: "1"}
STREAM = "/events/stream?seconds=0"


@pytest.fixture
def browser(app_site: AppSite) -> Browser:
    _, email = person(app_site, Role.OWNER)
    return signed_in(app_site, email)


def pass_time(app_site: AppSite, hours: float) -> None:
    moved = timedelta(hours=hours)
    act(app_site, "UPDATE sessions SET last_seen_at = last_seen_at - %s::interval", moved)


def stored(app_site: AppSite) -> list[Any]:
    """When sessions and people were last seen."""
    seen = "SELECT last_seen_at FROM sessions UNION ALL SELECT last_seen_at FROM users"
    with app_site.site.db.engine.connect() as connection:
        return [row[0] for row in connection.exec_driver_sql(seen)]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (STREAM, {}),
        (STREAM, {"Last-Event-ID": "ntf_1"}),
        ("/notifications?unread=true", BY_ITSELF),
        ("/home", BY_ITSELF),
        ("/session", BY_ITSELF),
    ],
)
def test_what_a_page_reads_by_itself_keeps_no_session(
    app_site: AppSite, browser: Browser, path: str, headers: dict[str, str]
) -> None:
    """Each is answered, and moves nothing; so the session ends when it would have without them."""
    pass_time(app_site, 11)
    before = stored(app_site)
    for _ in range(2):
        assert browser.call("GET", path, headers=headers).status_code == httpx.codes.OK
    assert stored(app_site) == before
    pass_time(app_site, 1)
    for again in (path, "/me"):
        ended = browser.call("GET", again, headers=headers)
        assert ended.status_code == httpx.codes.UNAUTHORIZED
    assert browser.sign_in("ada@example.org").status_code == httpx.codes.CREATED
    assert browser.signed_in


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/notifications", {}),
        ("GET", "/home", {}),
        ("POST", "/groups", {}),
        ("POST", "/groups", BY_ITSELF),  # a write is always somebody's doing
    ],
)
def test_what_somebody_does_keeps_theirs(
    app_site: AppSite, browser: Browser, method: str, path: str, headers: dict[str, str]
) -> None:
    pass_time(app_site, 11)
    body = {"json": {"name": "board"}} if method == "POST" else {}
    assert browser.call(method, path, headers=headers, **body).is_success
    pass_time(app_site, 11)
    assert browser.signed_in


def test_a_page_that_listens_only_is_told_when_it_would_end(
    app_site: AppSite, browser: Browser
) -> None:
    """The session's end, as it is shown, is moved by use alone."""
    pass_time(app_site, 11)
    at = browser.call("GET", "/session", headers=BY_ITSELF).json()["expires_at"]
    browser.call("GET", STREAM)
    assert browser.call("GET", "/session", headers=BY_ITSELF).json()["expires_at"] == at


def test_it_opens_nothing_that_is_shut(app_site: AppSite, browser: Browser) -> None:
    """Neither a session that has ended, nor a write without its token."""
    csrf = browser.call(
        "POST", "/groups", json={"name": "x"}, headers=BY_ITSELF | {"X-CSRF-Token": ""}
    )
    assert csrf.status_code == httpx.codes.FORBIDDEN
    stranger = Browser(app_site)
    reply = stranger.call("GET", "/me", headers=BY_ITSELF)
    assert reply.status_code == httpx.codes.UNAUTHORIZED


def test_a_key_is_used_by_listening(app_site: AppSite) -> None:
    """Keys know no idleness: when one was last used is for its owner to recognise it by."""
    member = app_site.member(Role.RESEARCHER)
    assert app_site.call(member, "GET", STREAM, headers=BY_ITSELF).status_code == httpx.codes.OK
    with app_site.site.db.engine.connect() as connection:
        used = connection.exec_driver_sql("SELECT last_used_at FROM api_keys").scalar_one()
    assert used is not None
