"""Groups: making, filling and deleting them, access by group, and who may."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from carrel_protocol.api.common import Role
from tests.factories import make_dataset, make_population, make_user
from tests.fixtures.site import AppSite
from tests.site.accounts.browsing import person


@pytest.fixture
def group(app_site: AppSite) -> str:
    """The id of an empty group named board."""
    body = {"name": "board", "description": "who looks at ethics"}
    made = app_site.call(app_site.owner, "POST", "/groups", json=body)
    assert made.status_code == httpx.codes.CREATED
    assert made.json()["size"] == 0
    return str(made.json()["id"])


def ok(app_site: AppSite, method: str, path: str, **options: Any) -> Any:
    reply = app_site.call(app_site.owner, method, path, **options)
    assert reply.is_success, reply.text
    return reply.json() if reply.content else None


def test_people_join_and_leave(app_site: AppSite, group: str) -> None:
    user_id, email = person(app_site)
    for _ in range(2):
        ok(app_site, "PUT", f"/groups/{group}/members/{user_id}")
    shown = ok(app_site, "GET", "/groups/board")
    assert (shown["size"], [member["email"] for member in shown["members"]]) == (1, [email])
    assert ok(app_site, "GET", f"/users/{user_id}")["groups"] == [{"id": group, "name": "board"}]
    (listed,) = ok(app_site, "GET", "/users?q=ADA@")["items"]
    assert listed["groups"] == [{"id": group, "name": "board"}]
    ok(app_site, "DELETE", f"/groups/{group}/members/{user_id}")
    again = app_site.call(app_site.owner, "DELETE", f"/groups/{group}/members/{user_id}")
    assert again.status_code == httpx.codes.NOT_FOUND
    assert ok(app_site, "GET", "/groups")["items"][0]["size"] == 0


def test_names_are_taken_once(app_site: AppSite, group: str) -> None:
    for name in ("board", " board ", group):
        reply = app_site.call(app_site.owner, "POST", "/groups", json={"name": name})
        assert reply.status_code == httpx.codes.CONFLICT, name
    ok(app_site, "POST", "/groups", json={"name": "other"})
    taken = app_site.call(app_site.owner, "PATCH", "/groups/other", json={"name": "board"})
    assert taken.status_code == httpx.codes.CONFLICT
    renamed = ok(app_site, "PATCH", "/groups/other", json={"name": "Ärzte 2", "description": "x"})
    assert (renamed["name"], renamed["description"]) == ("Ärzte 2", "x")
    assert ok(app_site, "GET", "/groups/Ärzte 2")["id"] == renamed["id"]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\u202eb", "x" * 101])
def test_a_name_is_one_readable_line(app_site: AppSite, name: str) -> None:
    reply = app_site.call(app_site.owner, "POST", "/groups", json={"name": name})
    assert reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY


def test_nobody_who_is_deactivated_joins(app_site: AppSite, group: str) -> None:
    user_id = app_site.site.db.transact(lambda session: make_user(session, active=False).id)
    reply = app_site.call(app_site.owner, "PUT", f"/groups/{group}/members/{user_id}")
    assert reply.status_code == httpx.codes.CONFLICT
    missing = app_site.call(app_site.owner, "PUT", f"/groups/{group}/members/usr_nobody")
    assert missing.status_code == httpx.codes.NOT_FOUND


def test_a_group_that_no_rule_names_is_deleted(app_site: AppSite, group: str) -> None:
    user_id, _ = person(app_site)
    ok(app_site, "PUT", f"/groups/{group}/members/{user_id}")
    ok(app_site, "DELETE", f"/groups/{group}")
    assert app_site.call(app_site.owner, "GET", "/groups/board").status_code == 404
    assert ok(app_site, "GET", f"/users/{user_id}")["groups"] == []
    events = ok(app_site, "GET", "/audit/events?limit=200")["items"]
    (deleted,) = [event for event in events if event["action"] == "group.deleted"]
    assert deleted["detail"] == {"name": "board", "members": [user_id]}


def test_staff_read_groups_and_owners_change_them(app_site: AppSite, group: str) -> None:
    for member in (app_site.reviewer, app_site.auditor):
        assert app_site.call(member, "GET", f"/groups/{group}").is_success
    for member in (app_site.reviewer, app_site.auditor, app_site.researcher):
        for method, path in (
            ("POST", "/groups"),
            ("DELETE", f"/groups/{group}"),
            ("PUT", f"/groups/{group}/members/{member.id}"),
        ):
            assert app_site.call(member, method, path, json={"name": "x"}).status_code == 403
    assert app_site.call(app_site.researcher, "GET", f"/groups/{group}").status_code == 403


def test_retried_with_its_key_a_group_is_made_once(app_site: AppSite) -> None:
    headers = {"Idempotency-Key": "once"}
    made = [ok(app_site, "POST", "/groups", json={"name": "a"}, headers=headers) for _ in range(2)]
    assert made[0] == made[1]


@pytest.fixture
def dataset(app_site: AppSite) -> str:
    owner = app_site.owner.id

    def work(session: Any) -> str:
        return make_dataset(session, owner, make_population(session, owner).id).name

    return app_site.site.db.transact(work)


def test_everybody_in_a_group_gets_access_by_a_grant_each(
    app_site: AppSite, group: str, dataset: str
) -> None:
    ada, _ = person(app_site)
    late, _ = person(app_site, email="late@example.org")
    auditor = app_site.auditor.id
    gone, _ = person(app_site, email="gone@example.org")
    for user_id in (ada, auditor, gone):
        ok(app_site, "PUT", f"/groups/{group}/members/{user_id}")
    ok(app_site, "PATCH", f"/users/{gone}", json={"active": False})
    path = f"/datasets/{dataset}/access"
    for _ in range(2):
        came_to = ok(app_site, "PUT", path, json={"group": "board"})
        assert [grant["user_id"] for grant in came_to["given"]] == [ada]
        assert {skipped["user_id"] for skipped in came_to["skipped"]} == {auditor, gone}
    ok(app_site, "PUT", f"/groups/{group}/members/{late}")
    ok(app_site, "DELETE", f"/groups/{group}/members/{ada}")
    # Access is the person's own: it neither comes nor goes with the group.
    assert [grant["user_id"] for grant in ok(app_site, "GET", path)] == [ada]
    ok(app_site, "DELETE", f"{path}/{ada}")
    assert ok(app_site, "GET", path) == []


@pytest.mark.parametrize("body", [{}, {"user": "a", "group": "b"}])
def test_access_is_for_a_person_or_a_group(app_site: AppSite, dataset: str, body: Any) -> None:
    reply = app_site.call(app_site.owner, "PUT", f"/datasets/{dataset}/access", json=body)
    assert reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY


def test_a_rule_names_groups_that_are_there(app_site: AppSite, group: str, dataset: str) -> None:
    path = f"/datasets/{dataset}"
    shown = app_site.call(app_site.owner, "GET", path)
    headers = {"If-Match": shown.headers["etag"]}
    missing = {"policy": {"reviewer_groups": ["nowhere"]}}
    refused = app_site.call(app_site.owner, "PATCH", path, json=missing, headers=headers)
    assert refused.status_code == httpx.codes.NOT_FOUND
    named = {"policy": {"reviewer_groups": ["board", group]}}
    changed = ok(app_site, "PATCH", path, json=named, headers=headers)
    assert changed["policy"]["reviewer_groups"] == [group]
    kept = app_site.call(app_site.owner, "DELETE", f"/groups/{group}")
    assert (kept.status_code, kept.json()["code"]) == (409, "group_in_use")
    assert dataset in kept.json()["detail"]


def test_a_group_is_not_deleted_while_a_rule_begins_to_name_it(
    app_site: AppSite, group: str, dataset: str
) -> None:
    """Whichever comes first wins; never does a rule name a group that is gone."""
    path = f"/datasets/{dataset}"
    etag = app_site.call(app_site.owner, "GET", path).headers["etag"]
    named = {"policy": {"reviewer_groups": [group]}}
    with ThreadPoolExecutor(2) as pool:
        naming = pool.submit(
            app_site.call, app_site.owner, "PATCH", path, json=named, headers={"If-Match": etag}
        )
        deleting = pool.submit(app_site.call, app_site.owner, "DELETE", f"/groups/{group}")
    assert {naming.result().is_success, deleting.result().is_success} == {True, False}


def test_people_are_found_by_name_role_and_whether_they_are_active(app_site: AppSite) -> None:
    def make(session: Any) -> None:
        for name, role, active in (
            ("Ada_Lovelace", Role.OWNER, True),
            ("Adam", Role.RESEARCHER, False),
            ("Eve 100%", Role.RESEARCHER, True),
        ):
            email = f"{name[:3].lower()}{role.value}@example.net"
            make_user(session, role, email=email, active=active).name = name

    app_site.site.db.transact(make)

    def found(query: str) -> set[str]:
        return {user["name"] for user in ok(app_site, "GET", f"/users?{query}")["items"]}

    assert found("q=ADA") == {"Ada_Lovelace", "Adam"}
    assert found("q=example.net&active=false") == {"Adam"}
    assert found("q=example.net&role=researcher") == {"Adam", "Eve 100%"}
    assert found("q=a_l") == {"Ada_Lovelace"}  # no wildcards
    assert found("q=0%25") == {"Eve 100%"}
    page = ok(app_site, "GET", "/users?q=example.net&limit=2")
    rest = ok(app_site, "GET", f"/users?q=example.net&cursor={page['next_cursor']}")
    assert len(page["items"]) + len(rest["items"]) == 3
    bad = app_site.call(app_site.owner, "GET", "/users?role=emperor")
    assert bad.status_code == httpx.codes.UNPROCESSABLE_ENTITY
