"""Data that another population has already: the owner is told, and nobody else."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.factories import make_access, make_dataset, make_population, make_version
from tests.fixtures.site import AppSite

SAME = "a" * 64
CSV = b"person,age\n1,40\n"


@pytest.fixture
def datasets(app_site: AppSite) -> None:
    """`old` and `more` of the population `people`, `new` of the population `strangers`."""

    def work(session: Any) -> None:
        owner = app_site.owner.id
        for population, names in (("people", ("old", "more")), ("strangers", ("new",))):
            made = make_population(session, owner, name=population)
            for name in names:
                dataset = make_dataset(session, owner, made.id, name=name)
                make_access(session, owner, dataset.id, app_site.researcher.id)

    app_site.site.db.transact(work)


def upload(app_site: AppSite, dataset: str, content: bytes = CSV) -> str | None:
    path = f"/datasets/{dataset}/versions?format=csv"
    reply = app_site.call(app_site.owner, "POST", path, content=content)
    assert reply.status_code == 202, reply.text
    same: str | None = reply.json()["same_people_as"]
    return same


def ingested(app_site: AppSite, dataset: str, units_digest: str, source: str) -> str:
    """A ready version with these units; `source` makes its bytes its own."""

    def work(session: Any) -> str:
        from carrel_site.datasets import catalogue, repository  # noqa: PLC0415

        row = repository.dataset(session, dataset)
        assert row is not None
        view = catalogue.views(session, [row], app_site.owner.id)[0]
        site = app_site.site
        unready = make_version(session, site, view, ready=False)
        session.execute(
            text("UPDATE dataset_versions SET source_digest = :source WHERE id = :id"),
            {"source": source, "id": unready},
        )
        return unready

    version = app_site.site.db.transact(work)
    app_site.site.db.transact(lambda session: _ready(session, app_site, version, units_digest))
    return version


def _ready(session: Any, app_site: AppSite, version: str, units_digest: str) -> None:
    from carrel_protocol.jobs import IngestSucceeded  # noqa: PLC0415
    from carrel_site.datasets.service import version_ready  # noqa: PLC0415

    units = 3 if units_digest else 0
    result = IngestSucceeded(
        claim_token="",
        epoch=1,
        digest="d" * 64,
        size=6,
        rows=units,
        units=units,
        units_digest=units_digest or "e" * 64,
        report={},
    )
    version_ready(session, app_site.site, version, result)


def shown(app_site: AppSite, dataset: str) -> list[str | None]:
    """What the owner sees of a dataset's versions, newest first."""
    page = app_site.call(app_site.owner, "GET", f"/datasets/{dataset}/versions").json()
    return [version["same_people_as"] for version in page["items"]]


def logged(app_site: AppSite) -> list[tuple[str, Any]]:
    path = "/audit/events?action=version.same_people"
    events = app_site.call(app_site.owner, "GET", path).json()["items"]
    return [(event["subject"], event["detail"]) for event in events]


def test_the_same_bytes_propose_the_population_that_had_them_first(
    app_site: AppSite, datasets: None
) -> None:
    assert upload(app_site, "old") is None
    assert upload(app_site, "more") is None  # the same population: nothing to say
    assert upload(app_site, "new", b"person,age\n2,41\n") is None
    assert upload(app_site, "new") == "people"
    assert shown(app_site, "new") == ["people", None]
    assert shown(app_site, "old") == [None]  # it was there first
    ((_, detail),) = logged(app_site)
    assert detail == {"population": "people"}


def test_the_same_units_propose_it_once_they_are_known(app_site: AppSite, datasets: None) -> None:
    ingested(app_site, "old", SAME, "1")
    other = ingested(app_site, "new", "b" * 64, "2")
    assert shown(app_site, "new") == [None]
    version = ingested(app_site, "new", SAME, "3")
    assert shown(app_site, "new") == ["people", None]
    assert logged(app_site) == [(version, {"population": "people"})]
    stored = app_site.site.db.read(
        lambda s: set(s.scalars(text("SELECT units_digest FROM dataset_versions")))
    )
    assert len(stored) == 2
    assert SAME not in stored  # kept under the site's key
    assert other != version


def test_what_was_told_at_the_upload_is_not_logged_again(app_site: AppSite, datasets: None) -> None:
    ingested(app_site, "old", SAME, "1")
    ingested(app_site, "new", SAME, "1")
    assert shown(app_site, "new") == ["people"]
    assert logged(app_site) == []  # the upload's own transaction logs it; this one had none


def test_no_units_and_failed_uploads_propose_nothing(app_site: AppSite, datasets: None) -> None:
    ingested(app_site, "old", "", "1")
    ingested(app_site, "new", "", "2")
    assert upload(app_site, "old") is None
    app_site.site.db.transact(
        lambda s: s.execute(text("UPDATE dataset_versions SET state = 'failed'"))
    )
    assert upload(app_site, "new") is None
    assert logged(app_site) == []


def test_a_researcher_and_a_reviewer_never_see_it(app_site: AppSite, datasets: None) -> None:
    upload(app_site, "old")
    assert upload(app_site, "new") == "people"
    for member in (app_site.researcher, app_site.reviewer):
        for path in ("/datasets/new/versions", "/audit/events"):
            assert app_site.call(member, "GET", path).status_code == 403
        for path in ("/datasets/new", "/datasets", "/datasets/new/mock"):
            assert "same_people" not in app_site.call(member, "GET", path).text
