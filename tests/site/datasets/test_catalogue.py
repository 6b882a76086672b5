"""Populations, datasets, their revisions and who sees them."""

from typing import Any

import httpx
import pytest

from carrel_protocol.api.common import Role
from carrel_site.core.http import Caller
from carrel_site.datasets.errors import DatasetNotReady
from carrel_site.datasets.service import get_answerable
from tests.factories import make_member, make_table, make_version
from tests.fixtures.site import AppSite

PEOPLE = {
    "name": "people",
    "description": "All of us",
    "together": {"epsilon": 20, "delta_conv": 1e-7},
    "each": {"epsilon": 5},
}
DATASET = {"name": "visits", "population": "people", "table": make_table().model_dump(mode="json")}


@pytest.fixture
def dataset(app_site: AppSite) -> dict[str, Any]:
    assert app_site.call(app_site.owner, "POST", "/populations", json=PEOPLE).status_code == 201
    made = app_site.call(app_site.owner, "POST", "/datasets", json=DATASET)
    assert made.status_code == 201, made.text
    return made.json()  # type: ignore[no-any-return]


def grant(app_site: AppSite, user: str, dataset: str = "visits") -> httpx.Response:
    return app_site.call(app_site.owner, "PUT", f"/datasets/{dataset}/access", json={"user": user})


def patch(app_site: AppSite, change: dict[str, Any], etag: str | None = None) -> httpx.Response:
    if etag is None:
        etag = app_site.call(app_site.owner, "GET", "/datasets/visits").headers["etag"]
    return app_site.call(
        app_site.owner, "PATCH", "/datasets/visits", json=change, headers={"If-Match": etag}
    )


def changed_table(**changes: Any) -> dict[str, Any]:
    return DATASET["table"] | changes  # type: ignore[operator]


def ready(app_site: AppSite) -> str:
    """A new ready version of the dataset as it is now."""
    from carrel_protocol.api.datasets import Dataset  # noqa: PLC0415

    shown = app_site.call(app_site.owner, "GET", "/datasets/visits")
    current = Dataset.model_validate_json(shown.content)
    return app_site.site.db.transact(lambda s: make_version(s, app_site.site, current))


def version_id(app_site: AppSite) -> str | None:
    return app_site.call(app_site.owner, "GET", "/datasets/visits").json()["version_id"]  # type: ignore[no-any-return]


def test_a_population_keeps_its_limits_and_opens_one_account(app_site: AppSite) -> None:
    made = app_site.call(app_site.owner, "POST", "/populations", json=PEOPLE).json()
    assert made["together"] == {"epsilon": 20.0, "delta_conv": 1e-7, "delta_add": 1e-6}
    assert made["each"]["epsilon"] == 5.0
    for ref in (made["id"], "people"):
        assert app_site.call(app_site.auditor, "GET", f"/populations/{ref}").json() == made
    listed = app_site.call(app_site.owner, "GET", "/populations").json()
    assert listed == {"items": [made], "next_cursor": None}
    accounts = app_site.call(app_site.owner, "GET", "/populations/people/accounts").json()["items"]
    assert [account["person"] for account in accounts] == [None]


def test_limits_that_no_account_can_keep_are_refused(app_site: AppSite) -> None:
    for limits in ({"epsilon": 1e-12}, {"epsilon": 1e-9, "delta_conv": 1e-15}):
        for kind in ("together", "each"):
            refused = app_site.call(
                app_site.owner, "POST", "/populations", json=PEOPLE | {kind: limits}
            )
            assert 400 <= refused.status_code < 500, refused.text


def test_a_name_is_taken_once(app_site: AppSite, dataset: dict[str, Any]) -> None:
    for name in ("visits", dataset["id"]):
        again = app_site.call(app_site.owner, "POST", "/datasets", json=DATASET | {"name": name})
        assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_an_unknown_population_is_not_found(app_site: AppSite) -> None:
    assert app_site.call(app_site.owner, "POST", "/datasets", json=DATASET).status_code == 404


def test_researchers_see_what_they_were_given_and_staff_see_all(
    app_site: AppSite, dataset: dict[str, Any]
) -> None:
    researcher = app_site.researcher
    paths = ["/datasets/visits", f"/datasets/{dataset['id']}", "/datasets/visits/mock"]
    for member in (app_site.owner, app_site.reviewer, app_site.auditor):
        assert {app_site.call(member, "GET", path).status_code for path in paths} == {200}
    assert {app_site.call(researcher, "GET", path).status_code for path in paths} == {404}
    for path in ("/datasets", "/populations"):
        assert app_site.call(researcher, "GET", path).json()["items"] == []
    hidden = app_site.call(researcher, "GET", "/datasets/visits").json()
    absent = app_site.call(researcher, "GET", "/datasets/absent").json()
    assert hidden["detail"].replace("visits", "absent") == absent["detail"]

    assert grant(app_site, researcher.email.upper()).status_code == 200
    assert {app_site.call(researcher, "GET", path).status_code for path in paths} == {200}
    for path in ("/datasets", "/populations"):
        assert len(app_site.call(researcher, "GET", path).json()["items"]) == 1

    gone = f"/datasets/visits/access/{researcher.id}"
    assert app_site.call(app_site.owner, "DELETE", gone).status_code == 204
    assert {app_site.call(researcher, "GET", path).status_code for path in paths} == {404}
    assert app_site.call(app_site.owner, "DELETE", gone).status_code == 404


def test_access_opens_one_account_that_outlives_it(
    app_site: AppSite, dataset: dict[str, Any]
) -> None:
    other = app_site.call(
        app_site.owner, "POST", "/datasets", json=DATASET | {"name": "other"}
    ).json()
    for ref in ("visits", "visits", other["id"]):
        assert grant(app_site, app_site.researcher.id, ref).status_code == 200
    listed = app_site.call(app_site.reviewer, "GET", "/datasets/visits/access").json()
    assert [entry["email"] for entry in listed] == [app_site.researcher.email]
    path = f"/datasets/visits/access/{app_site.researcher.id}"
    app_site.call(app_site.owner, "DELETE", path)
    accounts = app_site.call(app_site.owner, "GET", "/populations/people/accounts").json()["items"]
    assert len(accounts) == 2
    assert accounts[1]["person"]["id"] == app_site.researcher.id
    assert accounts[1]["limits"]["epsilon"] == 5.0


def test_who_asks_nothing_gets_no_access(app_site: AppSite, dataset: dict[str, Any]) -> None:
    assert grant(app_site, app_site.auditor.id).status_code == 409
    assert grant(app_site, "nobody@example.org").status_code == 404
    person = app_site.site.db.transact(make_member)
    app_site.call(app_site.owner, "PATCH", f"/users/{person.id}", json={"active": False})
    assert grant(app_site, person.id).status_code == 409


def test_an_edit_needs_the_etag_of_what_it_edits(
    app_site: AppSite, dataset: dict[str, Any]
) -> None:
    path = "/datasets/visits"
    etag = app_site.call(app_site.owner, "GET", path).headers["etag"]
    bare = app_site.call(app_site.owner, "PATCH", path, json={"title": "T"})
    assert (bare.status_code, bare.json()["code"]) == (428, "precondition_required")
    edited = patch(app_site, {"title": "T"}, etag)
    assert (edited.status_code, edited.json()["title"]) == (200, "T")
    stale = patch(app_site, {"title": "U"}, etag)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert patch(app_site, {"title": "U"}, edited.headers["etag"]).status_code == 200


def test_revisions_count_metadata_and_policy_apart(
    app_site: AppSite, dataset: dict[str, Any]
) -> None:
    def revision(change: dict[str, Any]) -> int:
        reply = patch(app_site, change)
        assert reply.status_code == 200, reply.text
        return reply.json()["revision"]  # type: ignore[no-any-return]

    assert revision({"title": "T", "description": "D"}) == 1
    assert revision({"policy": {"auto_approve": True}}) == 1
    assert revision({"table": DATASET["table"]}) == 1
    assert revision({"table": changed_table(size={"rows": 2000, "units": 500})}) == 2
    events = app_site.call(app_site.auditor, "GET", "/audit/events?action=dataset.updated").json()
    assert len(events["items"]) == 3


def test_the_unit_column_never_changes(app_site: AppSite, dataset: dict[str, Any]) -> None:
    refused = patch(app_site, {"table": changed_table(unit_column="household")})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "new dataset" in refused.json()["advice"]


def test_words_policy_bounds_and_size_keep_the_version_and_columns_do_not(
    app_site: AppSite, dataset: dict[str, Any]
) -> None:
    assert version_id(app_site) is None
    first = ready(app_site)
    assert version_id(app_site) == first
    columns = DATASET["table"]["columns"]  # type: ignore[index]
    described = [columns[0] | {"description": "in years"}, *columns[1:]]
    for change in (
        {"title": "T"},
        {"policy": {"reviewers": 2}},
        {"table": changed_table(bounds={"rows_per_unit": 3})},
        {"table": changed_table(size={"rows": 9, "units": 9})},
        {"table": changed_table(columns=described)},
    ):
        assert patch(app_site, change).status_code == 200
        assert version_id(app_site) == first
    wider = changed_table(columns=[columns[0] | {"upper": 130}, *columns[1:]])
    assert patch(app_site, {"table": wider}).json()["version_id"] is None
    second = ready(app_site)
    assert version_id(app_site) == second
    assert patch(app_site, {"table": DATASET["table"]}).json()["version_id"] == first


def test_the_newest_version_that_fits_is_current(
    app_site: AppSite, dataset: dict[str, Any]
) -> None:
    ready(app_site)
    newest = ready(app_site)
    assert version_id(app_site) == newest
    versions = app_site.call(app_site.owner, "GET", "/datasets/visits/versions").json()["items"]
    assert versions[0]["id"] == newest
    assert versions[0]["rows"] == 9
    assert "rows" not in app_site.call(app_site.owner, "GET", "/datasets/visits").json()


def test_asking_takes_access_whatever_the_role(app_site: AppSite, dataset: dict[str, Any]) -> None:
    def answerable(role: Role) -> Any:
        member = app_site.member(role)
        caller = Caller(member.id, "", member.email, role, frozenset(), "")
        return app_site.site.db.read(lambda s: get_answerable(s, caller, "visits"))

    for role in (Role.OWNER, Role.RESEARCHER):
        with pytest.raises(Exception, match="no dataset 'visits' that you have access to"):
            answerable(role)
        grant(app_site, app_site.member(role).id)
        with pytest.raises(DatasetNotReady):
            answerable(role)
    version = ready(app_site)
    found = answerable(Role.RESEARCHER)
    assert (found.version_id, found.revision, found.policy_revision) == (version, 1, 1)
    assert found.table == make_table()
    assert len(found.commitment) == 64


def test_lists_are_paged(app_site: AppSite, dataset: dict[str, Any]) -> None:
    for number in range(4):
        app_site.call(app_site.owner, "POST", "/datasets", json=DATASET | {"name": f"d{number}"})
    names: list[str] = []
    cursor = ""
    while cursor is not None:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = app_site.call(app_site.owner, "GET", "/datasets", params=query).json()
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert names == ["d3", "d2", "d1", "d0", "visits"]


def test_a_mock_is_bounded(app_site: AppSite, dataset: dict[str, Any]) -> None:
    path = "/datasets/visits/mock"
    mock = app_site.call(app_site.owner, "GET", path, params={"rows": 5, "seed": 3}).json()
    assert mock["columns"] == ["person", "age", "spend", "female", "region"]
    assert len(mock["rows"]) == 5
    for rows in (0, 10_001):
        reply = app_site.call(app_site.owner, "GET", path, params={"rows": rows})
        assert reply.status_code == 422
