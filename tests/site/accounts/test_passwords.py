"""New passwords: changing one's own, and links, which work once and tell nobody anything."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.common import Role
from carrel_site.accounts import sign_in
from carrel_site.accounts.errors import SignInRefused
from tests.factories import make_key
from tests.fixtures.site import AppSite
from tests.site.accounts.browsing import (
    OTHER,
    PASSWORD,
    Browser,
    act,
    person,
    signed_in,
    stored,
)


def link_for(app_site: AppSite, user_id: str, maker: Any = None) -> str:
    """A link's token."""
    path = f"/users/{user_id}/password_reset"
    made = app_site.call(maker or app_site.owner, "POST", path)
    assert made.status_code == httpx.codes.CREATED, made.text
    page, _, token = made.json()["link"].partition("#")
    assert page == "http://127.0.0.1:8750/reset"
    return str(token)


def use(app_site: AppSite, token: str, password: str = OTHER) -> httpx.Response:
    body = {"token": token, "password": password}
    return Browser(app_site).call("POST", "/password_resets/accept", json=body)


def refused(reply: httpx.Response) -> bool:
    return (reply.status_code, reply.json()["code"]) == (404, "link_invalid")


def test_changing_ones_password_ends_ones_other_sessions(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    here, there = signed_in(app_site, email), signed_in(app_site, email)
    token = link_for(app_site, user_id)
    wrong = here.call("PUT", "/me/password", json={"current": OTHER, "new": OTHER})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    short = here.call("PUT", "/me/password", json={"current": PASSWORD, "new": "short"})
    assert short.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert there.signed_in
    here.ok("PUT", "/me/password", json={"current": PASSWORD, "new": OTHER})
    assert here.signed_in
    assert not there.signed_in
    assert refused(use(app_site, token))  # open links end too
    assert Browser(app_site).sign_in(email).status_code == httpx.codes.UNAUTHORIZED
    assert Browser(app_site).sign_in(email, OTHER).status_code == httpx.codes.CREATED


def test_with_a_key_every_session_ends(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    browser = signed_in(app_site, email)
    key = app_site.site.db.transact(lambda session: make_key(session, user_id))
    body = {"current": PASSWORD, "new": OTHER}
    assert app_site.call(key, "PUT", "/me/password", json=body).status_code == 204
    assert not browser.signed_in
    assert app_site.call(key, "GET", "/me").status_code == httpx.codes.OK


@pytest.mark.parametrize("how", ["change", "link"])
def test_the_old_password_lets_nobody_in_who_had_just_sent_it(app_site: AppSite, how: str) -> None:
    """It was found right a moment before it was changed and all sessions ended."""
    user_id, email = person(app_site)
    browser = signed_in(app_site, email)
    proven = sign_in.prove(app_site.site.db, email, PASSWORD, device=None)
    if how == "change":
        browser.ok("PUT", "/me/password", json={"current": PASSWORD, "new": OTHER})
    else:
        assert use(app_site, link_for(app_site, user_id)).status_code == 204
    with pytest.raises(SignInRefused):
        app_site.site.db.transact(lambda session: sign_in.admitted(session, proven))


def test_a_link_sets_a_password_once_and_ends_sessions(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    browser = signed_in(app_site, email)
    first, second = link_for(app_site, user_id), link_for(app_site, user_id)
    assert browser.signed_in  # making a link changes nothing
    assert first not in stored(app_site)
    assert use(app_site, first).status_code == httpx.codes.NO_CONTENT
    assert not browser.signed_in
    assert refused(use(app_site, first, PASSWORD))
    assert refused(use(app_site, second, PASSWORD))
    signed_in(app_site, email, OTHER)


def test_a_link_used_twice_at_once_is_used_once(app_site: AppSite) -> None:
    user_id, _ = person(app_site)
    tokens = [link_for(app_site, user_id) for _ in range(2)] * 2
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda token: use(app_site, token), tokens))
    assert sorted(reply.status_code for reply in replies) == [204, 404, 404, 404]


def test_a_link_runs_out(app_site: AppSite) -> None:
    user_id, _ = person(app_site)
    token = link_for(app_site, user_id)
    act(app_site, "UPDATE password_resets SET expires_at = now()")
    assert refused(use(app_site, token))


@pytest.mark.parametrize("token", ["cr_" + "A" * 43, "x", "' OR 1=1 --"])
def test_a_made_up_link_is_refused_alike(app_site: AppSite, token: str) -> None:
    assert refused(use(app_site, token))


def test_no_secret_of_another_kind_is_a_link(app_site: AppSite) -> None:
    _, email = person(app_site)
    browser = signed_in(app_site, email)
    for secret in (app_site.owner.secret, browser.cookie("carrel_session")):
        assert refused(use(app_site, secret))


def test_a_link_lifts_the_pause_and_its_browser_stays_out_of_it(app_site: AppSite) -> None:
    """However long somebody goes on sending wrong passwords, its holder gets in."""
    user_id, email = person(app_site)
    attacker, victim = Browser(app_site), Browser(app_site)
    for _ in range(10):
        attacker.sign_in(email, "wrong")
    body = {"token": link_for(app_site, user_id), "password": OTHER}
    victim.ok("POST", "/password_resets/accept", json=body)
    for _ in range(10):
        attacker.sign_in(email, "wrong")
    assert Browser(app_site).sign_in(email, OTHER).status_code == httpx.codes.UNAUTHORIZED
    assert victim.sign_in(email, OTHER).status_code == httpx.codes.CREATED


def test_deactivation_ends_links(app_site: AppSite) -> None:
    user_id, _ = person(app_site)
    token = link_for(app_site, user_id)
    path = f"/users/{user_id}"
    app_site.call(app_site.owner, "PATCH", path, json={"active": False})
    assert refused(use(app_site, token))
    none = app_site.call(app_site.owner, "POST", f"{path}/password_reset")
    assert none.status_code == httpx.codes.CONFLICT
    app_site.call(app_site.owner, "PATCH", path, json={"active": True})
    assert refused(use(app_site, token))


@pytest.mark.parametrize("change", [{"active": False}, {"role": "researcher"}])
def test_who_is_no_owner_any_more_keeps_no_way_in(
    app_site: AppSite, change: dict[str, object]
) -> None:
    """Links that an owner made for others, to use them once they had to go."""
    victim, _ = person(app_site)
    leaving, email = person(app_site, Role.OWNER, "mallory@example.org")
    browser = signed_in(app_site, email)
    made = browser.ok("POST", f"/users/{victim}/password_reset")["link"].partition("#")[2]
    app_site.call(app_site.owner, "PATCH", f"/users/{leaving}", json=change)
    assert refused(use(app_site, made))
    # Nor one that was being made meanwhile, and that the change did not see.
    act(app_site, "UPDATE password_resets SET ended_at = NULL")
    assert refused(use(app_site, made))


def test_a_key_makes_no_link_that_opens_more_than_it_does(app_site: AppSite) -> None:
    user_id, _ = person(app_site)
    scopes = (Scope.READ, Scope.ADMIN)
    limited = app_site.site.db.transact(
        lambda session: make_key(session, app_site.owner.id, scopes=scopes)
    )
    reply = app_site.call(limited, "POST", f"/users/{user_id}/password_reset")
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


def test_asking_for_a_link_tells_nobody_who_has_an_account(app_site: AppSite) -> None:
    _, email = person(app_site)
    replies = [
        Browser(app_site).call("POST", "/password_resets", json={"email": address})
        for address in (email, "nobody@example.org", email)
    ]
    assert {reply.status_code for reply in replies} == {httpx.codes.ACCEPTED}
    assert len({reply.content for reply in replies}) == 1
    kept = {(*reply.headers.keys(),) for reply in replies}
    assert len(kept) == 1


def test_asking_is_noted_once_in_a_while(app_site: AppSite) -> None:
    """Whoever asks in somebody's name over and over fills nobody's mailbox, nor the log."""
    user_id, email = person(app_site)

    def ask() -> int:
        Browser(app_site).ok("POST", "/password_resets", json={"email": email.upper()})
        with app_site.site.db.engine.begin() as connection:
            waits = "UPDATE users SET reset_waits = false WHERE id = %(id)s AND reset_waits"
            return connection.exec_driver_sql(waits, {"id": user_id}).rowcount

    assert [ask() for _ in range(4)] == [1, 0, 0, 0]
    act(app_site, "UPDATE users SET reset_asked_at = now() - interval '15 minutes'")
    assert ask() == 1


def test_asking_ends_no_link_that_an_owner_made(app_site: AppSite) -> None:
    user_id, email = person(app_site)
    token = link_for(app_site, user_id)
    Browser(app_site).ok("POST", "/password_resets", json={"email": email})
    assert use(app_site, token).status_code == httpx.codes.NO_CONTENT


def test_the_log_says_who_made_and_who_used_a_link(app_site: AppSite) -> None:
    user_id, _ = person(app_site)
    token = link_for(app_site, user_id)
    use(app_site, token)
    events = app_site.call(app_site.owner, "GET", "/audit/events?limit=200").json()["items"]
    by_action = {event["action"]: event for event in events}
    made, used = by_action["user.password_link_made"], by_action["user.password_reset"]
    assert (made["actor"], made["subject"]) == (app_site.owner.id, user_id)
    assert (used["actor"], used["detail"]["made_by"]) == (user_id, app_site.owner.id)
    assert used["detail"]["link"] == made["detail"]["link"]
    assert not any(secret in str(events) for secret in (token, OTHER, PASSWORD, "argon2"))
