"""People: the first owner, the last owner, and signing in."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from carrel_protocol.api.common import Role
from carrel_site.accounts.sign_in import MOST_FAILURES
from carrel_site.core.security import hash_password
from tests.factories import make_member, make_user
from tests.fixtures.site import AppSite

PASSWORD = "correct horse battery"
KEY = {"label": "sign-in", "scopes": ["read"]}


def set_up(app_site: AppSite, email: str = "Olive@Example.org", token: str | None = None):  # type: ignore[no-untyped-def]
    token = token or app_site.site.settings.setup_token_file.read_text()
    body = {"token": token, "name": "Olive", "email": email, "password": PASSWORD}
    return app_site.call(None, "POST", "/setup", json=body)


def sign_in(app_site: AppSite, email: str, password: str):  # type: ignore[no-untyped-def]
    body = {"email": email, "password": password, "key": KEY}
    return app_site.call(None, "POST", "/tokens", json=body)


@pytest.fixture
def person(app_site: AppSite) -> str:
    """The e-mail address of somebody whose password is PASSWORD."""
    hashed = hash_password(PASSWORD)
    return app_site.site.db.transact(
        lambda session: make_user(session, email="ada@example.org", password_hash=hashed).email
    )


def test_setup_makes_one_owner_with_a_key_of_every_scope(app_site: AppSite) -> None:
    assert app_site.call(None, "GET", "/setup").json() == {"done": False}
    made = set_up(app_site)
    assert made.status_code == 201
    assert made.json()["user"]["role"] == "owner"
    assert made.json()["user"]["email"] == "olive@example.org"
    secret = made.json()["key"]["secret"]
    assert app_site.call(secret, "GET", "/workers").status_code == 200
    assert app_site.call(None, "GET", "/setup").json() == {"done": True}
    again = set_up(app_site, "mallory@example.org")
    assert (again.status_code, again.json()["code"]) == (409, "setup_done")


def test_setup_takes_its_token_and_no_other(app_site: AppSite) -> None:
    assert set_up(app_site, token="guess").status_code == 403
    app_site.site.settings.setup_token_file.unlink()
    assert set_up(app_site, token="guess").status_code == 403
    assert app_site.call(None, "GET", "/setup").json() == {"done": False}


def test_two_setups_at_once_make_one_owner(app_site: AppSite) -> None:
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda n: set_up(app_site, f"o{n}@example.org"), range(4)))
    assert sorted(reply.status_code for reply in replies) == [201, 409, 409, 409]


def test_one_account_an_address_whatever_its_case(app_site: AppSite) -> None:
    body = {"name": "Ada", "email": "Ada@Example.org", "role": "auditor", "password": PASSWORD}
    assert app_site.call(app_site.owner, "POST", "/users", json=body).status_code == 201
    again = {**body, "email": "ADA@example.org"}
    refused = app_site.call(app_site.owner, "POST", "/users", json=again)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize("change", [{"active": False}, {"role": "auditor"}])
def test_the_last_active_owner_stays(app_site: AppSite, change: dict[str, object]) -> None:
    path = f"/users/{app_site.owner.id}"
    refused = app_site.call(app_site.owner, "PATCH", path, json=change)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    app_site.site.db.transact(lambda session: make_user(session, Role.OWNER, active=False).id)
    assert app_site.call(app_site.owner, "PATCH", path, json=change).status_code == 409
    app_site.site.db.transact(lambda session: make_user(session, Role.OWNER).id)
    assert app_site.call(app_site.owner, "PATCH", path, json=change).status_code == 200


def test_an_owner_is_not_demoted_while_the_other_is_leaving(app_site: AppSite) -> None:
    """The second change waits for the first to end, and then sees that it was the last owner."""
    owner = app_site.owner
    other = app_site.site.db.transact(lambda session: make_user(session, Role.OWNER).id)
    path = f"/users/{owner.id}"
    with ThreadPoolExecutor(1) as pool:
        with psycopg.connect(app_site.urls.superuser_dsn) as leaving:
            leaving.execute("UPDATE users SET active = false WHERE id = %s", (other,))
            change = pool.submit(app_site.call, owner, "PATCH", path, json={"role": "auditor"})
            with psycopg.connect(app_site.urls.superuser_dsn, autocommit=True) as watching:
                waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                while watching.execute(waits).fetchone() == (0,) and not change.done():
                    time.sleep(0.01)
        assert (change.result().status_code, change.result().json()["code"]) == (409, "conflict")


def test_two_owners_who_send_each_other_away_at_once(app_site: AppSite) -> None:
    """One of them stays, whatever the order."""
    first = app_site.owner
    second = app_site.site.db.transact(lambda session: make_member(session, Role.OWNER))
    pairs = [(first, second.id), (second, first.id)]
    with ThreadPoolExecutor(2) as pool:
        replies = list(
            pool.map(
                lambda pair: app_site.call(
                    pair[0], "PATCH", f"/users/{pair[1]}", json={"active": False}
                ),
                pairs,
            )
        )
    # The other either was refused, or came too late to be anybody.
    done, other = sorted(reply.status_code for reply in replies)
    assert done == 200
    assert other in (401, 409)
    with psycopg.connect(app_site.urls.superuser_dsn) as connection:
        active = connection.execute("SELECT count(*) FROM users WHERE active").fetchone()
    assert active == (1,)


def test_signing_in_gives_a_key(app_site: AppSite, person: str) -> None:
    reply = sign_in(app_site, person.upper(), PASSWORD)
    assert reply.status_code == 201
    assert app_site.call(reply.json()["secret"], "GET", "/me").json()["email"] == person


def test_a_wrong_password_and_an_unknown_address_look_alike(app_site: AppSite, person: str) -> None:
    def seen(reply) -> dict[str, object]:  # type: ignore[no-untyped-def]
        return {**reply.json(), "status": reply.status_code, "request_id": None}

    wrong = seen(sign_in(app_site, person, "not the password"))
    assert wrong["status"] == 401
    assert seen(sign_in(app_site, "nobody@example.org", PASSWORD)) == wrong
    with psycopg.connect(app_site.urls.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE users SET active = false")
    assert seen(sign_in(app_site, person, PASSWORD)) == wrong


def test_ten_wrong_passwords_pause_sign_in_for_a_quarter_of_an_hour(
    app_site: AppSite, person: str
) -> None:
    for _ in range(MOST_FAILURES):
        assert sign_in(app_site, person, "wrong").status_code == 401
    assert sign_in(app_site, person, PASSWORD).status_code == 401
    with psycopg.connect(app_site.urls.superuser_dsn, autocommit=True) as connection:
        (pause,) = connection.execute("SELECT locked_until - now() FROM users").fetchone() or (0,)
        assert timedelta(minutes=14) < pause <= timedelta(minutes=15)
        connection.execute("UPDATE users SET locked_until = now() - interval '1 second'")
    assert sign_in(app_site, person, "wrong").status_code == 401
    assert sign_in(app_site, person, PASSWORD).status_code == 201


def test_guesses_made_at_once_are_all_counted(app_site: AppSite, person: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: sign_in(app_site, person, "wrong"), range(MOST_FAILURES + 2)))
    assert sign_in(app_site, person, PASSWORD).status_code == 401


def test_success_forgets_earlier_failures(app_site: AppSite, person: str) -> None:
    for _ in range(MOST_FAILURES - 1):
        sign_in(app_site, person, "wrong")
    assert sign_in(app_site, person, PASSWORD).status_code == 201
    for _ in range(MOST_FAILURES - 1):
        sign_in(app_site, person, "wrong")
    assert sign_in(app_site, person, PASSWORD).status_code == 201


def test_passwords_are_argon2id(app_site: AppSite) -> None:
    body = {"name": "Ada", "email": "a@example.org", "role": "auditor", "password": PASSWORD}
    app_site.call(app_site.owner, "POST", "/users", json=body)
    with psycopg.connect(app_site.urls.superuser_dsn) as connection:
        found = connection.execute("SELECT password_hash FROM users WHERE email = 'a@example.org'")
        assert str((found.fetchone() or ("",))[0]).startswith("$argon2id$")
