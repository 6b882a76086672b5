"""Sessions: cookies, other sites' pages, planted secrets, and every way in which one ends."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy.exc import ProgrammingError
from starlette.requests import Request
from starlette.testclient import TestClient

from carrel_protocol.api.common import Role
from carrel_site.accounts import sign_in
from carrel_site.accounts.errors import SignInRefused
from carrel_site.app import create_app
from carrel_site.core.http import SessionEnded, require
from carrel_site.core.permissions import Permission
from carrel_site.settings import Settings
from carrel_site.site import Site
from tests.fixtures.site import AppSite
from tests.site.accounts.browsing import (
    PASSWORD,
    Browser,
    act,
    person,
    signed_in,
    stored,
)

GROUP = {"name": "board"}


def code(reply: httpx.Response) -> str:
    return str(reply.json()["code"])


def test_signing_in_and_out(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    browser = Browser(app_site)
    assert browser.call("GET", "/session").status_code == httpx.codes.UNAUTHORIZED
    made = browser.sign_in(email.upper())
    assert made.status_code == httpx.codes.CREATED
    info = browser.ok("GET", "/session")
    assert info["user"]["id"] == user_id
    assert info["user"]["last_seen_at"] is not None
    assert info["scopes"] == ["read", "ask", "review", "admin"]
    assert info["csrf_token"] == made.json()["csrf_token"]
    assert browser.ok("GET", "/me")["email"] == email
    out = browser.call("DELETE", "/session")
    assert out.status_code == httpx.codes.NO_CONTENT
    assert 'carrel_session=""' in out.headers["set-cookie"]
    assert not browser.signed_in


def test_signing_out_ends_the_session_and_not_the_cookie_alone(app_site: AppSite) -> None:
    _, email = person(app_site)
    browser = signed_in(app_site, email)
    secret = browser.cookie("carrel_session")
    browser.ok("DELETE", "/session")
    browser.http.cookies.set("carrel_session", secret)
    assert not browser.signed_in


def test_the_cookies_are_for_no_script_and_no_other_site(app_site: AppSite) -> None:
    _, email = person(app_site)
    cookies = Browser(app_site).sign_in(email).headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/"} <= parts
        assert not any(part.startswith("domain") for part in parts)


def test_over_https_no_neighbour_can_plant_a_session(site_settings: Settings) -> None:
    """A subdomain may set cookies for its parent, but none whose name begins with __Host-."""
    origin = "https://carrel.example.org"
    site = Site.open(site_settings.model_copy(update={"site_url": origin}))
    app = create_app(site)
    with TestClient(app, origin, raise_server_exceptions=False) as http:
        app_site = AppSite(app, site, http, None)  # type: ignore[arg-type]
        _, email = person(app_site)
        browser = Browser(app_site, origin)
        for cookie in browser.sign_in(email).headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-carrel_")
            assert "; Secure" in cookie
        assert browser.signed_in
        planted = Browser(app_site, origin)
        planted.http.cookies.set("carrel_session", browser.cookie("__Host-carrel_session"))
        assert not planted.signed_in
        plain = browser.call("DELETE", "/session", headers={"Origin": "http://carrel.example.org"})
        assert code(plain) == "csrf_failed"
    site.close()


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
def test_a_write_by_cookie_needs_its_sessions_token(app_site: AppSite, token: str) -> None:
    _, email = person(app_site, Role.OWNER)
    browser = signed_in(app_site, email)
    headers = {"X-CSRF-Token": token.encode()}
    refused = browser.call("POST", "/groups", json=GROUP, headers=headers)
    assert (refused.status_code, code(refused)) == (403, "csrf_failed")
    assert browser.call("DELETE", "/session", headers=headers).status_code == 403
    browser.ok("POST", "/groups", json=GROUP)


def test_another_sessions_token_is_of_no_use(app_site: AppSite) -> None:
    _, email = person(app_site, Role.OWNER)
    first, second = signed_in(app_site, email), signed_in(app_site, email)
    assert first.token != second.token
    second.token = first.token
    assert code(second.call("POST", "/groups", json=GROUP)) == "csrf_failed"


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "http://[evil"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
    ],
)
def test_another_sites_page_is_refused_even_with_the_token(
    app_site: AppSite, header: dict[str, str]
) -> None:
    _, email = person(app_site, Role.OWNER)
    browser = signed_in(app_site, email)
    assert code(browser.call("POST", "/groups", json=GROUP, headers=header)) == "csrf_failed"


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://127.0.0.1:8750"},
        {},
    ],
)
def test_this_sites_page_is_let_through(app_site: AppSite, header: dict[str, str]) -> None:
    _, email = person(app_site, Role.OWNER)
    signed_in(app_site, email).ok("POST", "/groups", json=GROUP, headers=header)


def test_nobody_is_signed_in_unawares(app_site: AppSite) -> None:
    """Another site's page could sign a visitor in as somebody else, to read what they then do."""
    _, email = person(app_site)
    header = {"Origin": "https://evil.example"}
    for path, body in (
        ("/session", {"email": email, "password": PASSWORD}),
        ("/setup", {"token": "t", "name": "n", "email": email, "password": PASSWORD}),
        ("/invitation/accept", {"token": "t", "name": "n", "password": PASSWORD}),
        ("/password_resets/accept", {"token": "t", "password": PASSWORD}),
    ):
        reply = Browser(app_site).call("POST", path, json=body, headers=header)
        assert code(reply) == "csrf_failed", path
        assert "set-cookie" not in reply.headers
    # A form, which needs no leave to be sent from elsewhere, is no JSON.
    form = '{"email": "ada@example.org", "password": "correct horse battery"}'
    headers = {"Content-Type": "text/plain"}
    reply = Browser(app_site).call("POST", "/session", content=form, headers=headers)
    assert reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY


def test_a_planted_secret_is_worth_nothing(app_site: AppSite) -> None:
    """Session fixation: whoever knew the cookie before the sign-in knows nothing after it."""
    _, email = person(app_site)
    planted = "cs_" + "A" * 43
    browser = Browser(app_site)
    browser.http.cookies.set("carrel_session", planted)
    browser.sign_in(email)
    attacker = Browser(app_site)
    attacker.http.cookies.set("carrel_session", planted)
    assert not attacker.signed_in


def test_signing_in_again_ends_the_session_before(app_site: AppSite) -> None:
    """Also when the attacker's own live session was planted: theirs ends, hers is new."""
    person(app_site, email="mallory@example.org")
    _, email = person(app_site)
    attacker = signed_in(app_site, "mallory@example.org")
    victim = Browser(app_site)
    planted = attacker.cookie("carrel_session")
    victim.http.cookies.set("carrel_session", planted, "testserver.local")
    assert victim.ok("GET", "/me")["email"] == "mallory@example.org"
    victim.token = attacker.token
    victim.sign_in(email)
    assert not attacker.signed_in
    assert victim.ok("GET", "/me")["email"] == email


def test_secrets_are_stored_as_digests_alone(app_site: AppSite) -> None:
    _, email = person(app_site)
    browser = signed_in(app_site, email)
    kept = stored(app_site)
    for secret in (browser.cookie("carrel_session"), browser.cookie("carrel_device")):
        assert len(secret) > 40
        assert secret not in kept
    assert browser.token not in kept


def test_a_key_is_used_before_a_cookie_and_takes_no_token(app_site: AppSite) -> None:
    _, email = person(app_site)
    browser = signed_in(app_site, email)
    headers = {"Authorization": f"Bearer {app_site.owner.secret}", "X-CSRF-Token": ""}
    assert browser.ok("GET", "/me", headers=headers)["id"] == app_site.owner.id
    browser.ok("POST", "/groups", json=GROUP, headers=headers)
    bad = browser.call("GET", "/me", headers={"Authorization": "Bearer ck_wrong"})
    assert bad.status_code == httpx.codes.UNAUTHORIZED  # and not whoever the cookie says
    # A proxy's own password, which a browser sends too, hides no cookie.
    assert browser.ok("GET", "/me", headers={"Authorization": "Basic eDp5"})["email"] == email


def test_a_key_is_no_session(app_site: AppSite) -> None:
    for method in ("GET", "DELETE"):
        reply = app_site.call(app_site.owner, method, "/session")
        assert (reply.status_code, code(reply)) == (404, "not_found")


def test_a_sessions_secret_is_no_key_nor_a_key_a_session(app_site: AppSite) -> None:
    _, email = person(app_site)
    browser = signed_in(app_site, email)
    assert app_site.call(browser.cookie("carrel_session"), "GET", "/me").status_code == 401
    forged = Browser(app_site)
    forged.http.cookies.set("carrel_session", app_site.owner.secret)
    assert not forged.signed_in
    forged.http.cookies.set("carrel_session", browser.cookie("carrel_device"))
    assert not forged.signed_in


@pytest.mark.parametrize("column", ["last_seen_at", "expires_at"])
def test_a_session_ends_unused_and_in_any_case(app_site: AppSite, column: str) -> None:
    _, email = person(app_site)
    browser = signed_in(app_site, email)
    ago = timedelta(hours=12, seconds=1) if column == "last_seen_at" else timedelta(0)
    act(app_site, f"UPDATE sessions SET {column} = now() - %s::interval", ago)
    ended = browser.call("GET", "/me")
    assert ended.status_code == httpx.codes.UNAUTHORIZED
    assert "Sign in again" in ended.json()["advice"]


def test_use_keeps_a_session_alive_up_to_its_longest(app_site: AppSite) -> None:
    _, email = person(app_site)
    browser = signed_in(app_site, email)
    at = datetime.fromisoformat(browser.ok("GET", "/session")["expires_at"])
    act(app_site, "UPDATE sessions SET last_seen_at = now() - interval '11 hours'")
    moved = datetime.fromisoformat(browser.ok("GET", "/session")["expires_at"])
    assert abs(moved - at) < timedelta(minutes=5)
    act(app_site, "UPDATE sessions SET expires_at = now() + interval '1 hour'")
    last = datetime.fromisoformat(browser.ok("GET", "/session")["expires_at"])
    assert last < moved - timedelta(hours=10)


def test_a_stream_that_looks_again_is_no_use(app_site: AppSite) -> None:
    """Otherwise a forgotten page, which listens for events, would never be signed out."""
    _, email = person(app_site)
    browser = signed_in(app_site, email)
    cookie = f"carrel_session={browser.cookie('carrel_session')}"
    scope = {"type": "http", "method": "GET", "headers": [(b"cookie", cookie.encode())]}
    request = Request(scope | {"app": app_site.app, "state": {}})
    authenticate = require(Permission.SELF_READ).dependency
    assert authenticate(request).email == email
    act(app_site, "UPDATE sessions SET last_seen_at = now() - interval '11 hours'")
    assert authenticate(request).email == email
    act(app_site, "UPDATE sessions SET last_seen_at = last_seen_at - interval '1 hour'")
    with pytest.raises(SessionEnded):
        authenticate(request)


def test_the_site_changes_no_more_of_a_session_than_its_use(app_site: AppSite) -> None:
    """Not even somebody who makes the site run an SQL statement of theirs."""
    _, email = person(app_site)
    signed_in(app_site, email)
    for statement in (
        "UPDATE sessions SET user_id = user_id",
        "UPDATE sessions SET expires_at = now()",
        "UPDATE invitations SET role = 'owner'",
        "DELETE FROM invitations",
        "UPDATE password_resets SET user_id = user_id",
        "UPDATE group_members SET user_id = user_id",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            app_site.site.db.engine.begin() as connection,
        ):
            connection.exec_driver_sql(statement)


def test_ones_sessions_are_listed_and_ended(app_site: AppSite) -> None:
    _, email = person(app_site)
    person(app_site, email="mallory@example.org")
    here, there = signed_in(app_site, email), Browser(app_site)
    there.http.headers["user-agent"] = "Lynx\x7f/2 " + "x" * 900
    there.sign_in(email)
    sessions = here.ok("GET", "/sessions")
    assert [session["current"] for session in sessions] == [False, True]
    assert sessions[0]["user_agent"].startswith("Lynx/2 xx")
    assert len(sessions[0]["user_agent"]) == 300
    stranger = signed_in(app_site, "mallory@example.org")
    assert stranger.call("DELETE", f"/sessions/{sessions[0]['id']}").status_code == 404
    assert there.signed_in
    here.ok("DELETE", f"/sessions/{sessions[0]['id']}")
    assert not there.signed_in
    assert here.signed_in


def test_an_owner_signs_somebody_out_everywhere(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    browsers = [signed_in(app_site, email) for _ in range(2)]
    path = f"/users/{user_id}/sessions"
    assert app_site.call(app_site.reviewer, "DELETE", path).status_code == 403
    assert app_site.call(app_site.owner, "DELETE", path).status_code == 204
    assert not any(browser.signed_in for browser in browsers)
    assert signed_in(app_site, email).signed_in


def test_an_owner_sees_and_ends_one_session_of_somebodys(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    other_id, _ = person(app_site, email="mallory@example.org")
    here, there = signed_in(app_site, email), Browser(app_site)
    there.http.headers["user-agent"] = "Lynx/2"
    there.sign_in(email)
    signed_in(app_site, "mallory@example.org")
    path = f"/users/{user_id}/sessions"
    shown = app_site.call(app_site.owner, "GET", path).json()
    mine = here.ok("GET", "/sessions")
    assert [row["id"] for row in shown] == [row["id"] for row in mine]
    assert shown[0]["user_agent"] == "Lynx/2"
    assert not any(row["current"] for row in shown)
    for secret in (here.cookie("carrel_session"), there.cookie("carrel_session")):
        assert secret not in str(shown)
    lynx = f"{path}/{shown[0]['id']}"
    # Nobody else may look or end, not by another person's id, nor by that person themselves.
    for member in (app_site.reviewer, app_site.auditor, app_site.researcher):
        for method, where in (("GET", path), ("DELETE", lynx)):
            assert code(app_site.call(member, method, where)) == "forbidden"
    assert here.call("GET", path).status_code == httpx.codes.FORBIDDEN
    elsewhere = f"/users/{other_id}/sessions/{shown[0]['id']}"
    assert app_site.call(app_site.owner, "DELETE", elsewhere).status_code == httpx.codes.NOT_FOUND
    assert there.signed_in
    assert app_site.call(app_site.owner, "DELETE", lynx).status_code == httpx.codes.NO_CONTENT
    assert not there.signed_in
    assert here.signed_in
    assert app_site.call(app_site.owner, "DELETE", lynx).status_code == httpx.codes.NOT_FOUND
    assert app_site.call(app_site.owner, "GET", "/users/nobody/sessions").status_code == 404
    events = app_site.call(app_site.owner, "GET", "/audit/events?action=session.").json()["items"]
    (ended,) = events
    assert (ended["actor"], ended["subject"]) == (app_site.owner.id, shown[0]["id"])
    assert ended["detail"] == {"user": user_id}


def test_an_owners_own_session_is_known_among_theirs(app_site: AppSite) -> None:
    user_id, email = person(app_site, Role.OWNER)
    here, there = signed_in(app_site, email), signed_in(app_site, email)
    shown = here.ok("GET", f"/users/{user_id}/sessions")
    assert [row["current"] for row in shown] == [False, True]
    here.ok("DELETE", f"/users/{user_id}/sessions/{shown[0]['id']}")
    assert here.signed_in
    assert not there.signed_in


def test_deactivation_ends_sessions_for_good(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    browser = signed_in(app_site, email)
    for active in (False, True):
        path = f"/users/{user_id}"
        assert app_site.call(app_site.owner, "PATCH", path, json={"active": active}).is_success
        assert not browser.signed_in
    kept = app_site.call(app_site.owner, "GET", "/audit/events?limit=200").json()["items"]
    assert "session.ended" in {event["action"] for event in kept}


def test_a_change_of_role_is_felt_by_the_next_request(app_site: AppSite) -> None:
    user_id, email = person(app_site, Role.OWNER)
    browser = signed_in(app_site, email)
    browser.ok("POST", "/groups", json=GROUP)
    app_site.call(app_site.owner, "PATCH", f"/users/{user_id}", json={"role": "researcher"})
    assert code(browser.call("POST", "/groups", json={"name": "other"})) == "forbidden"
    assert browser.ok("GET", "/session")["user"]["role"] == "researcher"


def test_who_is_deactivated_while_signing_in_stays_out(app_site: AppSite) -> None:
    """The password was found right; what follows has to look again."""
    user_id, email = person(app_site)
    proven = sign_in.prove(app_site.site.db, email, PASSWORD, device=None)
    app_site.call(app_site.owner, "PATCH", f"/users/{user_id}", json={"active": False})
    with pytest.raises(SignInRefused):
        app_site.site.db.transact(lambda session: sign_in.admitted(session, proven))


def test_what_ran_out_is_swept(app_site: AppSite) -> None:
    from carrel_site.accounts.sweep import sweep  # noqa: PLC0415

    _, email = person(app_site)
    for _ in range(2):
        signed_in(app_site, email)
    act(
        app_site,
        "UPDATE sessions SET expires_at = now() WHERE id = (SELECT min(id) FROM sessions)",
    )
    app_site.site.db.transact(lambda session: sweep(session, app_site.site.settings))
    with app_site.site.db.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM devices").scalar() == 2


def test_many_sign_in_at_once(app_site: AppSite) -> None:
    _, email = person(app_site)
    start = threading.Barrier(3)

    def go(_: int) -> bool:
        browser = Browser(app_site)
        start.wait()
        browser.sign_in(email)
        return browser.signed_in

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(go, range(3)))


def test_who_was_deactivated_is_told_so_and_nobody_else(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    browser = signed_in(app_site, email)
    other = signed_in(app_site, person(app_site, email="bob@example.org")[1])
    app_site.call(app_site.owner, "PATCH", f"/users/{user_id}", json={"active": False})
    refused = browser.call("GET", "/me")
    assert refused.status_code == httpx.codes.UNAUTHORIZED
    assert code(refused) == "account_deactivated"
    assert "deactivated" in refused.json()["detail"]
    # A session that was merely ended, a stranger's cookie, a sign-in: none says it.
    assert other.signed_in
    app_site.call(app_site.owner, "DELETE", f"/users/{other.ok('GET', '/me')['id']}/sessions")
    assert code(other.call("GET", "/me")) == "unauthenticated"
    stranger = Browser(app_site)
    stranger.http.cookies.set("carrel_session", browser.cookie("carrel_session"))
    assert code(stranger.call("GET", "/me")) == "unauthenticated"
    assert code(stranger.sign_in(email)) == "unauthenticated"
    # The browser's next person signs in as if nothing had been.
    assert browser.sign_in("bob@example.org").status_code == httpx.codes.CREATED
    assert browser.signed_in


def test_a_name_is_ones_own_to_change(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    browser = signed_in(app_site, email)
    assert browser.ok("PATCH", "/me", json={"name": " Ada L. "})["name"] == "Ada L."
    for wrong in ("", "   ", "x" * 201, "a\u202eb"):
        assert browser.call("PATCH", "/me", json={"name": wrong}).status_code == 422, wrong
    events = app_site.call(
        app_site.owner, "GET", f"/audit/events?subject={user_id}&action=user.changed"
    ).json()["items"]
    assert [(event["actor"], event["detail"]) for event in events] == [
        (user_id, {"name": "Ada L."})
    ]
