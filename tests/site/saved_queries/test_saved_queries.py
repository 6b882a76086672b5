"""Saved queries: a person's own drafts."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.common import Role
from carrel_site.saved_queries import service
from tests.factories import (
    Member,
    make_access,
    make_dataset,
    make_key,
    make_member,
    make_population,
)
from tests.fixtures.site import AppSite

DRAFT = {
    "name": "ages",
    "dataset": "visits",
    "sql": "SELECT COUNT(*) AS n FROM visits WHERE age > …",
    "target": {"kind": "epsilon", "epsilon": 0.5},
}


@pytest.fixture
def site(app_site: AppSite) -> AppSite:
    owner = app_site.owner.id

    def furnish(session: Any) -> None:
        people = make_population(session, owner)
        visits = make_dataset(session, owner, people.id, name="visits")
        make_dataset(session, owner, people.id, name="hidden")
        make_access(session, owner, visits.id, app_site.researcher.id)

    app_site.site.db.transact(furnish)
    return app_site


def save(site: AppSite, who: Member | None = None, **changes: Any) -> httpx.Response:
    return site.call(who or site.researcher, "POST", "/saved_queries", json=DRAFT | changes)


def names(site: AppSite, who: Member | None = None, **query: Any) -> list[str]:
    reply = site.call(who or site.researcher, "GET", "/saved_queries", params=query)
    assert reply.status_code == 200, reply.text
    return [query["name"] for query in reply.json()["items"]]


def test_a_draft_is_kept_changed_and_deleted(site: AppSite) -> None:
    reply = save(site)
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert made | DRAFT == made
    path = f"/saved_queries/{made['id']}"
    assert site.call(site.researcher, "GET", path).json() == made
    change = {"sql": "SELECT", "target": {"kind": "rho", "rho": 0.1}}
    changed = site.call(site.researcher, "PATCH", path, json=change).json()
    assert changed == made | change | {"updated_at": changed["updated_at"]}
    assert changed["updated_at"] > made["updated_at"]
    assert site.call(site.researcher, "GET", path).json() == changed
    assert site.call(site.researcher, "DELETE", path).status_code == 204
    for method in ("GET", "DELETE"):
        assert site.call(site.researcher, method, path).status_code == 404
    assert names(site) == []


def test_nobody_else_can_reach_a_draft(site: AppSite) -> None:
    path = f"/saved_queries/{save(site).json()['id']}"
    others = [site.owner, site.reviewer, site.auditor]
    others.append(site.site.db.transact(lambda session: make_member(session, Role.RESEARCHER)))
    for who in others:
        assert names(site, who) == []
        assert site.call(who, "GET", path).status_code == 404
        if who.role is not Role.AUDITOR:
            assert site.call(who, "PATCH", path, json={"name": "x"}).status_code == 404
            assert site.call(who, "DELETE", path).status_code == 404
    assert names(site) == ["ages"]


def test_a_draft_says_nothing_of_a_dataset_that_may_not_be_seen(site: AppSite) -> None:
    hidden = save(site, dataset="hidden")
    nothing = save(site, dataset="nothing")
    for reply, ref in ((hidden, "hidden"), (nothing, "nothing")):
        assert reply.status_code == 404
        assert reply.json()["detail"] == nothing.json()["detail"].replace("nothing", ref)
    made = save(site).json()
    path = f"/saved_queries/{made['id']}"
    moved = site.call(site.researcher, "PATCH", path, json={"dataset": "hidden"})
    assert moved.status_code == 404
    filtered = site.call(site.researcher, "GET", "/saved_queries", params={"dataset": "hidden"})
    assert filtered.status_code == 404
    assert names(site, dataset="visits") == ["ages"]


def test_a_draft_outlives_access_and_asks_nothing(site: AppSite) -> None:
    save(site)
    access = f"/datasets/visits/access/{site.researcher.id}"
    assert site.call(site.owner, "DELETE", access).status_code == 204
    assert names(site) == ["ages"]
    asked = {key: DRAFT[key] for key in ("dataset", "target")} | {
        "sql": "SELECT COUNT(*) AS n FROM visits"
    }
    assert site.call(site.researcher, "POST", "/prices", json=asked).status_code == 404


def test_names_are_a_persons_own(site: AppSite) -> None:
    first = save(site).json()
    again = save(site)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    other = save(site, name="spending").json()
    path = f"/saved_queries/{other['id']}"
    renamed = site.call(site.researcher, "PATCH", path, json={"name": "ages"})
    assert renamed.status_code == 409
    kept = f"/saved_queries/{first['id']}"
    assert site.call(site.researcher, "PATCH", kept, json={"name": "ages"}).status_code == 200
    assert save(site, site.owner).status_code == 201


def test_a_write_that_is_sent_again_is_one_draft(site: AppSite) -> None:
    headers = {"Idempotency-Key": "k1"}
    sent = [
        site.call(site.researcher, "POST", "/saved_queries", json=DRAFT, headers=headers)
        for _ in range(2)
    ]
    assert sent[0].json() == sent[1].json()
    assert names(site) == ["ages"]


def test_drafts_are_capped_also_when_they_come_at_once(
    site: AppSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 5)
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda n: save(site, name=f"q{n}").status_code, range(12)))
    assert sorted(codes) == [201] * 5 + [409] * 7
    with ThreadPoolExecutor(8) as pool:
        path = f"/saved_queries/{_first(site)}"
        site.call(site.researcher, "DELETE", path)
        codes = list(pool.map(lambda _: save(site, name="same").status_code, range(6)))
    assert sorted(codes) == [201] + [409] * 5


def test_pages_hold_each_draft_once(site: AppSite) -> None:
    for number in range(5):
        save(site, name=f"q{number}")
    found: list[str] = []
    cursor = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = site.call(site.researcher, "GET", "/saved_queries", params=query).json()
        found += [query["name"] for query in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [f"q{number}" for number in range(4, -1, -1)]


def test_what_is_no_draft_is_refused(site: AppSite) -> None:
    for changes in (
        {"name": ""},
        {"name": "a" * 201},
        {"name": "bad\u202ename"},
        {"sql": ""},
        {"sql": "x" * 20_001},
        {"target": {"kind": "epsilon", "epsilon": 0}},
        {"dataset": ""},
        {"user_id": "usr_somebody"},
    ):
        assert save(site, **changes).status_code == 422, changes


def test_a_key_that_only_reads_saves_nothing(site: AppSite) -> None:
    reader = site.site.db.transact(
        lambda session: make_key(session, site.researcher.id, scopes=(Scope.READ,))
    )
    assert site.call(reader, "POST", "/saved_queries", json=DRAFT).status_code == 403
    assert site.call(reader, "GET", "/saved_queries").status_code == 200


def test_drafts_stand_in_no_log(site: AppSite) -> None:
    head = site.call(site.auditor, "GET", "/audit/head").json()["sequence"]
    save(site)
    assert site.call(site.auditor, "GET", "/audit/head").json()["sequence"] == head


def _first(site: AppSite) -> str:
    return str(site.call(site.researcher, "GET", "/saved_queries").json()["items"][0]["id"])
