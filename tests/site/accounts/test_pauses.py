"""Wrong passwords pause sign-in; nobody else's wrong passwords keep a person out for ever."""

from datetime import timedelta

import httpx
import pytest

from carrel_site.accounts.sign_in import MOST_FAILURES
from tests.fixtures.site import AppSite
from tests.site.accounts.browsing import OTHER, PASSWORD, Browser, act, person, signed_in


def guess(browser: Browser, email: str, times: int = MOST_FAILURES) -> httpx.Response:
    for _ in range(times):
        reply = browser.sign_in(email, "wrong")
        assert reply.status_code == httpx.codes.UNAUTHORIZED
    return reply


def seen(reply: httpx.Response) -> dict[str, object]:
    return {**reply.json(), "status": reply.status_code, "request_id": None}


def test_sessions_and_keys_share_one_count(app_site: AppSite) -> None:
    _, email = person(app_site)
    stranger = Browser(app_site)
    guess(stranger, email, MOST_FAILURES - 1)
    body = {"email": email, "password": "wrong", "key": {"label": "x"}}
    app_site.call(None, "POST", "/tokens", json=body)
    paused = stranger.sign_in(email)
    assert paused.status_code == httpx.codes.UNAUTHORIZED
    assert "15 minutes" in paused.json()["advice"]
    body["password"] = PASSWORD
    assert app_site.call(None, "POST", "/tokens", json=body).status_code == 401
    act(app_site, "UPDATE users SET locked_until = now()")
    assert stranger.sign_in(email).status_code == httpx.codes.CREATED


def test_a_pause_tells_nobody_that_an_address_exists(app_site: AppSite) -> None:
    _, email = person(app_site)
    guess(Browser(app_site), email)
    known, unknown = (Browser(app_site).sign_in(e) for e in (email, "nobody@example.org"))
    assert seen(known) == seen(unknown)


def test_nobody_keeps_a_person_out_of_their_own_browser(app_site: AppSite) -> None:
    _, email = person(app_site)
    own = signed_in(app_site, email)
    own.ok("DELETE", "/session")
    attacker = Browser(app_site)
    guess(attacker, email)
    assert attacker.sign_in(email).status_code == httpx.codes.UNAUTHORIZED
    assert own.sign_in(email).status_code == httpx.codes.CREATED
    # And that does not give the attacker more guesses.
    assert attacker.sign_in(email).status_code == httpx.codes.UNAUTHORIZED


def test_a_known_browser_has_a_pause_of_its_own_and_is_told_how_long(app_site: AppSite) -> None:
    _, email = person(app_site)
    stolen = signed_in(app_site, email)
    guess(stolen, email)
    paused = stolen.sign_in(email)
    assert paused.status_code == httpx.codes.TOO_MANY_REQUESTS
    assert "15 minutes" in paused.json()["detail"]
    assert 840 < int(paused.headers["retry-after"]) <= 900
    assert Browser(app_site).sign_in(email).status_code == httpx.codes.CREATED
    act(app_site, "UPDATE devices SET locked_until = now() - %s::interval", timedelta(seconds=1))
    assert stolen.sign_in(email).status_code == httpx.codes.CREATED


def test_a_known_browser_is_known_for_its_own_person_alone(app_site: AppSite) -> None:
    _, email = person(app_site)
    person(app_site, email="mallory@example.org")
    attacker = signed_in(app_site, "mallory@example.org")
    guess(attacker, email)
    # It counted as everybody else's.
    assert Browser(app_site).sign_in(email).status_code == httpx.codes.UNAUTHORIZED
    assert attacker.sign_in("mallory@example.org").status_code == httpx.codes.CREATED


@pytest.mark.parametrize("secret", ["", "cd_" + "A" * 43])
def test_a_made_up_browser_is_a_stranger(app_site: AppSite, secret: str) -> None:
    _, email = person(app_site)
    forged = Browser(app_site)
    forged.http.cookies.set("carrel_device", secret)
    guess(forged, email)
    assert Browser(app_site).sign_in(email).status_code == httpx.codes.UNAUTHORIZED


def test_only_so_many_browsers_are_remembered(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    first = signed_in(app_site, email)
    act(
        app_site,
        "INSERT INTO devices (id, user_id, secret_hash, created_at, last_used_at)"
        " SELECT 'd' || i, %s, 'h' || i, now(), now() FROM generate_series(1, 30) i",
        user_id,
    )
    signed_in(app_site, email)
    with app_site.site.db.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM devices").scalar() == 20
    first.sign_in(email)  # forgotten, and known again
    assert first.signed_in


def test_guesses_at_the_present_password_count(app_site: AppSite) -> None:
    """Whoever sits at an open browser must not try passwords there without end."""
    _, email = person(app_site)
    browser = signed_in(app_site, email)
    body = {"current": "wrong", "new": OTHER}
    for _ in range(MOST_FAILURES):
        wrong = browser.call("PUT", "/me/password", json=body)
        assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    body["current"] = PASSWORD
    paused = browser.call("PUT", "/me/password", json=body)
    assert (paused.status_code, paused.json()["code"]) == (429, "rate_limited")


def test_nobody_keeps_a_person_from_changing_their_password(app_site: AppSite) -> None:
    _, email = person(app_site)
    browser = signed_in(app_site, email)
    guess(Browser(app_site), email)
    browser.ok("PUT", "/me/password", json={"current": PASSWORD, "new": OTHER})
