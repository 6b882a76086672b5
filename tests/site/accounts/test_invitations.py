"""Invitations: a link that works once, says little, and dies with its maker's ownership."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from carrel_protocol.api.common import Role
from tests.factories import make_dataset, make_population
from tests.fixtures.site import AppSite
from tests.site.accounts.browsing import PASSWORD, Browser, act, person, signed_in, stored

ADA = {"email": "Ada@Example.org", "name": "Ada", "role": "researcher"}


def invite(app_site: AppSite, **changes: Any) -> Any:
    made = app_site.call(app_site.owner, "POST", "/invitations", json=ADA | changes)
    assert made.status_code == httpx.codes.CREATED, made.text
    return made.json()


def token_of(invitation: Any) -> str:
    page, _, token = invitation["link"].partition("#")
    assert page == "http://127.0.0.1:8750/invitation"  # the token stays behind the #
    return str(token)


def accept(token: str, browser: Browser) -> httpx.Response:
    body = {"token": token, "name": "Ada Lovelace", "password": PASSWORD}
    reply = browser.call("POST", "/invitation/accept", json=body)
    if reply.is_success:
        browser.token = reply.json()["csrf_token"]
    return reply


def refused(reply: httpx.Response) -> bool:
    return (reply.status_code, reply.json()["code"]) == (404, "link_invalid")


def dead(app_site: AppSite, token: str) -> bool:
    """Whether a link opens nothing, nor says anything."""
    looked = Browser(app_site).call("POST", "/invitation/lookup", json={"token": token})
    used = accept(token, Browser(app_site))
    assert "set-cookie" not in used.headers
    return refused(looked) and refused(used)


@pytest.fixture
def dataset(app_site: AppSite) -> str:
    owner = app_site.owner.id

    def work(session: Any) -> str:
        return make_dataset(session, owner, make_population(session, owner).id).name

    return app_site.site.db.transact(work)


def test_invited_accepted_signed_in_with_groups_and_access(app_site: AppSite, dataset: str) -> None:
    app_site.call(app_site.owner, "POST", "/groups", json={"name": "board"})
    made = invite(app_site, groups=["board"], datasets=[dataset])
    assert made["state"] == "pending"
    assert made["invited_by"]["id"] == app_site.owner.id
    assert [d["name"] for d in made["datasets"]] == [dataset]
    browser = Browser(app_site)
    facts = browser.ok("POST", "/invitation/lookup", json={"token": token_of(made)})
    assert facts == {
        "email": "ada@example.org",
        "name": "Ada",
        "role": "researcher",
        "site_url": "http://127.0.0.1:8750",
    }
    info = accept(token_of(made), browser)
    assert info.status_code == httpx.codes.CREATED
    user = info.json()["user"]
    assert (user["name"], user["email"]) == ("Ada Lovelace", "ada@example.org")
    assert [group["name"] for group in user["groups"]] == ["board"]
    assert browser.signed_in
    assert [d["name"] for d in browser.ok("GET", "/datasets")["items"]] == [dataset]
    assert browser.ok("GET", f"/datasets/{dataset}/budget")["mine"] is not None
    (listed,) = app_site.call(app_site.owner, "GET", "/invitations").json()["items"]
    assert (listed["state"], "link" in listed) == ("accepted", False)
    signed_in(app_site, "ada@example.org")


def test_a_link_works_once(app_site: AppSite) -> None:
    token = token_of(invite(app_site))
    assert accept(token, Browser(app_site)).is_success
    assert dead(app_site, token)


def test_a_link_used_many_times_at_once_makes_one_person(app_site: AppSite) -> None:
    token = token_of(invite(app_site))
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: accept(token, Browser(app_site)), range(4)))
    assert sorted(reply.status_code for reply in replies) == [201, 404, 404, 404]
    found = app_site.call(app_site.owner, "GET", "/users?q=ada@").json()["items"]
    assert len(found) == 1


def test_a_links_token_is_nowhere_in_the_database(app_site: AppSite) -> None:
    token = token_of(invite(app_site))
    accept(token, Browser(app_site))
    kept = stored(app_site)
    assert token not in kept
    assert token.removeprefix("ci_") not in kept
    assert PASSWORD not in kept


def test_a_link_runs_out(app_site: AppSite) -> None:
    token = token_of(invite(app_site, expires_in_days=1))
    act(app_site, "UPDATE invitations SET expires_at = now()")
    assert dead(app_site, token)
    (listed,) = app_site.call(app_site.owner, "GET", "/invitations").json()["items"]
    assert listed["state"] == "expired"


def test_a_link_is_taken_back(app_site: AppSite) -> None:
    made = invite(app_site)
    path = f"/invitations/{made['id']}"
    for _ in range(2):
        assert app_site.call(app_site.owner, "DELETE", path).status_code == 204
    assert dead(app_site, token_of(made))
    (listed,) = app_site.call(app_site.owner, "GET", "/invitations").json()["items"]
    assert listed["state"] == "revoked"


def test_what_was_accepted_is_not_taken_back(app_site: AppSite) -> None:
    made = invite(app_site)
    accept(token_of(made), Browser(app_site))
    reply = app_site.call(app_site.owner, "DELETE", f"/invitations/{made['id']}")
    assert reply.status_code == httpx.codes.CONFLICT


def test_a_new_link_replaces_the_one_before(app_site: AppSite) -> None:
    first, second = invite(app_site), invite(app_site, role="auditor")
    assert dead(app_site, token_of(first))
    user = accept(token_of(second), Browser(app_site)).json()["user"]
    assert user["role"] == "auditor"


def test_invited_twice_at_once_one_link_works(app_site: AppSite) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: invite(app_site), range(4)))
    with app_site.site.db.engine.connect() as connection:
        waiting = "SELECT count(*) FROM invitations WHERE revoked_at IS NULL"
        assert connection.exec_driver_sql(waiting).scalar() == 1
    replies = [accept(token_of(one), Browser(app_site)) for one in made]
    assert sorted(reply.status_code for reply in replies) == [201, 404, 404, 404]


@pytest.mark.parametrize("change", [{"active": False}, {"role": "reviewer"}])
def test_an_owner_who_has_to_go_leaves_no_door_open(
    app_site: AppSite, change: dict[str, object]
) -> None:
    leaving, email = person(app_site, Role.OWNER, "mallory@example.org")
    browser = signed_in(app_site, email)
    made = browser.ok("POST", "/invitations", json=ADA | {"role": "owner"})
    app_site.call(app_site.owner, "PATCH", f"/users/{leaving}", json=change)
    assert dead(app_site, token_of(made))
    # Nor one that was being made meanwhile, and that the change did not see.
    act(app_site, "UPDATE invitations SET revoked_at = NULL")
    assert dead(app_site, token_of(made))


def test_an_address_that_somebody_has_is_not_invited(app_site: AppSite) -> None:
    _, email = person(app_site)
    body = ADA | {"email": email.upper()}
    reply = app_site.call(app_site.owner, "POST", "/invitations", json=body)
    assert reply.status_code == httpx.codes.CONFLICT


def test_an_address_that_was_taken_meanwhile(app_site: AppSite) -> None:
    token = token_of(invite(app_site))
    person(app_site)
    reply = accept(token, Browser(app_site))
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"groups": ["nowhere"]}, 404),
        ({"datasets": ["nothing"]}, 404),
        ({"role": "emperor"}, 422),
        ({"expires_in_days": 31}, 422),
        ({"name": "Ada\u202e"}, 422),
        ({"email": "ada@example.org\nBcc: all@example.org"}, 422),
    ],
)
def test_what_cannot_be_kept_is_not_promised(
    app_site: AppSite, change: dict[str, object], status: int
) -> None:
    reply = app_site.call(app_site.owner, "POST", "/invitations", json=ADA | change)
    assert reply.status_code == status


def test_an_auditor_is_promised_no_access(app_site: AppSite, dataset: str) -> None:
    body = ADA | {"role": "auditor", "datasets": [dataset]}
    reply = app_site.call(app_site.owner, "POST", "/invitations", json=body)
    assert reply.status_code == httpx.codes.CONFLICT


def test_a_group_that_went_meanwhile_keeps_nobody_out(app_site: AppSite) -> None:
    app_site.call(app_site.owner, "POST", "/groups", json={"name": "board"})
    token = token_of(invite(app_site, groups=["board"]))
    assert app_site.call(app_site.owner, "DELETE", "/groups/board").status_code == 204
    assert accept(token, Browser(app_site)).json()["user"]["groups"] == []


def test_only_owners_invite(app_site: AppSite) -> None:
    for member in (app_site.reviewer, app_site.researcher, app_site.auditor):
        assert app_site.call(member, "POST", "/invitations", json=ADA).status_code == 403
        assert app_site.call(member, "GET", "/invitations").status_code == 403


def test_the_log_keeps_who_invited_whom(app_site: AppSite) -> None:
    made = invite(app_site)
    user = accept(token_of(made), Browser(app_site)).json()["user"]
    events = app_site.call(app_site.owner, "GET", "/audit/events?limit=200").json()["items"]
    found = {event["action"]: event for event in events}
    assert found["invitation.created"]["actor"] == app_site.owner.id
    assert found["invitation.accepted"]["actor"] == user["id"]
    assert found["user.created"]["detail"]["role"] == "researcher"
    assert "user.signed_in" in found
