"""Finding datasets: by words, population and readiness, and never what may not be seen."""

from typing import Any

from sqlalchemy import event, text

from tests.fixtures.site import AppSite


def names(app_site: AppSite, member: Any = None, **query: Any) -> set[str]:
    reply = app_site.call(member or app_site.owner, "GET", "/datasets", params=query)
    assert reply.status_code == 200, reply.text
    return {dataset["name"] for dataset in reply.json()["items"]}


def test_words_are_found_anywhere_in_what_a_dataset_says(
    app_site: AppSite, datasets: dict[str, str]
) -> None:
    assert names(app_site, q="VISI") == {"visits"}
    assert names(app_site, q="ward") == {"visits"}
    assert names(app_site, q="100%") == {"visits"}
    assert names(app_site, q="region") == {"visits", "marks"}
    assert names(app_site, q="region  marks") == {"marks"}
    assert names(app_site, q="region nowhere") == set()
    for wild in ("%", "_", "a%d", "\\", "'"):
        assert names(app_site, q=f"vis{wild}ts") == set()


def test_new_words_are_found_and_old_ones_are_not(
    app_site: AppSite, datasets: dict[str, str]
) -> None:
    change = {"title": "Hearing tests", "description": "Of the Außenstelle"}
    headers = {"If-Match": "*"}
    app_site.call(app_site.owner, "PATCH", "/datasets/marks", json=change, headers=headers)
    assert names(app_site, q="hearing außenstelle") == {"marks"}
    app_site.call(app_site.owner, "PATCH", "/datasets/marks", json={"title": ""}, headers=headers)
    assert names(app_site, q="hearing") == set()


def test_population_and_readiness_narrow_the_list(
    app_site: AppSite, datasets: dict[str, str]
) -> None:
    assert names(app_site, population="pupils") == {"marks"}
    assert names(app_site, population="nobody") == set()
    assert names(app_site, ready=True) == {"visits"}
    assert names(app_site, ready=False) == {"marks"}


def test_a_search_finds_nothing_that_may_not_be_seen(
    app_site: AppSite, datasets: dict[str, str]
) -> None:
    assert names(app_site, app_site.researcher, q="visits") == set()
    assert names(app_site, app_site.researcher, q="ward") == set()
    assert names(app_site, app_site.researcher, population="patients") == set()
    assert names(app_site, app_site.researcher, q="region") == {"marks"}


def test_a_search_goes_on_page_by_page(app_site: AppSite, datasets: dict[str, str]) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"q": "region", "limit": 1} | ({"cursor": cursor} if cursor else {})
        page = app_site.call(app_site.owner, "GET", "/datasets", params=query).json()
        seen += [dataset["name"] for dataset in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["marks", "visits"]


def test_a_list_shows_what_is_the_callers_own(app_site: AppSite, datasets: dict[str, str]) -> None:
    mine = {d["name"]: d for d in app_site.call(app_site.owner, "GET", "/datasets").json()["items"]}
    assert not mine["marks"]["accessible"]
    theirs = app_site.call(app_site.researcher, "GET", "/datasets/marks").json()
    assert theirs["accessible"]
    assert theirs["population_name"] == "pupils"
    assert theirs["created_by"]["id"] == app_site.owner.id
    assert theirs["mock"] == "generated"


def test_a_page_takes_a_fixed_number_of_queries(
    app_site: AppSite, datasets: dict[str, str]
) -> None:
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    counts = []
    app_site.call(app_site.owner, "GET", "/datasets")  # whoever calls is looked up, and noted
    event.listen(app_site.site.db.engine, "before_cursor_execute", note)
    for limit in (1, 2):
        seen.clear()
        app_site.call(app_site.owner, "GET", f"/datasets?limit={limit}")
        counts.append(len(seen))
    event.remove(app_site.site.db.engine, "before_cursor_execute", note)
    assert counts[0] == counts[1] <= 6


def test_the_trigram_index_is_there(app_site: AppSite) -> None:
    def plan(session: Any) -> str:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        rows = session.execute(text("EXPLAIN SELECT id FROM datasets WHERE words LIKE '%hearing%'"))
        return "\n".join(row[0] for row in rows)

    assert "ix_datasets_words" in app_site.site.db.transact(plan)
