"""Keys: scopes, and ending at once by revocation, expiry, deactivation or a change of role."""

from datetime import timedelta

import psycopg
import pytest

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.common import Role
from tests.factories import make_key, make_member
from tests.fixtures.site import AppSite

READ_KEY = {"label": "laptop", "scopes": ["read"], "expires_in_days": 30}


def test_a_keys_secret_is_shown_once_and_stored_as_a_digest(app_site: AppSite) -> None:
    made = app_site.call(app_site.researcher, "POST", "/keys", json=READ_KEY)
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith("ck_")
    assert app_site.call(secret, "GET", "/me").json()["id"] == app_site.researcher.id
    listed = app_site.call(app_site.researcher, "GET", "/keys").json()["items"]
    assert made.json()["id"] in {key["id"] for key in listed}
    assert all("secret" not in key for key in listed)
    with psycopg.connect(app_site.urls.superuser_dsn) as connection:
        for table in ("api_keys", "audit_events", "idempotency_keys"):
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
            assert secret not in str(rows)


def test_a_revoked_key_ends_at_once(app_site: AppSite) -> None:
    made = app_site.call(app_site.researcher, "POST", "/keys", json=READ_KEY).json()
    assert app_site.call(made["secret"], "GET", "/me").status_code == 200
    for _ in range(2):
        gone = app_site.call(app_site.researcher, "DELETE", f"/keys/{made['id']}")
        assert gone.status_code == 204
    refused = app_site.call(made["secret"], "GET", "/me")
    assert refused.status_code == 401
    # Its holder is told what became of it; whoever guesses is not.
    assert "was revoked on" in refused.json()["detail"]
    guessed = app_site.call("ck_" + "A" * 43, "GET", "/me").json()["detail"]
    assert "unknown, expired or revoked" in guessed


def test_an_expired_key_is_refused(app_site: AppSite) -> None:
    owner = app_site.researcher.id
    secret = app_site.site.db.transact(
        lambda session: make_key(session, owner, lives=timedelta(seconds=-1))
    )
    refused = app_site.call(secret, "GET", "/me")
    assert refused.status_code == 401
    assert "expired on" in refused.json()["detail"]


def test_deactivation_ends_every_key_for_good(app_site: AppSite) -> None:
    person = app_site.researcher
    path = f"/users/{person.id}"
    assert app_site.call(app_site.owner, "PATCH", path, json={"active": False}).status_code == 200
    assert app_site.call(person, "GET", "/me").status_code == 401
    refused = app_site.call(app_site.owner, "POST", f"{path}/keys", json=READ_KEY)
    assert refused.status_code == 409
    app_site.call(app_site.owner, "PATCH", path, json={"active": True})
    assert app_site.call(person, "GET", "/me").status_code == 401


def test_an_inactive_persons_key_is_refused_even_if_nobody_revoked_it(app_site: AppSite) -> None:
    person = app_site.researcher
    with psycopg.connect(app_site.urls.superuser_dsn) as connection:
        connection.execute("UPDATE users SET active = false WHERE id = %s", (person.id,))
    assert app_site.call(person, "GET", "/me").status_code == 401


def test_a_change_of_role_takes_effect_at_once(app_site: AppSite) -> None:
    person = app_site.reviewer
    assert app_site.call(person, "GET", "/users").status_code == 200
    app_site.call(app_site.owner, "PATCH", f"/users/{person.id}", json={"role": "researcher"})
    assert app_site.call(person, "GET", "/users").status_code == 403


@pytest.mark.parametrize("path", ["/keys", "/users/{id}/keys"])
def test_a_key_never_makes_one_with_more_scopes(app_site: AppSite, path: str) -> None:
    owner = app_site.owner
    scopes = (Scope.READ, Scope.ADMIN)
    limited = app_site.site.db.transact(lambda session: make_key(session, owner.id, scopes=scopes))
    path = path.format(id=owner.id)
    beyond = app_site.call(limited, "POST", path, json={"label": "x", "scopes": ["read", "ask"]})
    assert (beyond.status_code, beyond.json()["code"]) == (403, "forbidden")
    assert "'ask'" in beyond.json()["detail"]
    within = app_site.call(limited, "POST", path, json={"label": "x", "scopes": ["read", "admin"]})
    assert within.status_code == 201


def test_nobody_touches_another_persons_keys(app_site: AppSite) -> None:
    made = app_site.call(app_site.researcher, "POST", "/keys", json=READ_KEY).json()
    other = app_site.site.db.transact(lambda session: make_member(session, Role.RESEARCHER))
    assert app_site.call(other, "DELETE", f"/keys/{made['id']}").status_code == 404
    assert app_site.call(made["secret"], "GET", "/me").status_code == 200
    path = f"/users/{app_site.researcher.id}/keys/{made['id']}"
    assert app_site.call(app_site.owner, "DELETE", path).status_code == 204
    assert app_site.call(made["secret"], "GET", "/me").status_code == 401


def test_use_is_noted(app_site: AppSite) -> None:
    app_site.call(app_site.researcher, "GET", "/me")
    (key,) = app_site.call(app_site.researcher, "GET", "/keys").json()["items"]
    assert key["last_used_at"] is not None
