"""Terms of use: nobody asks before they accepted the present ones."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from carrel_protocol.api.datasets import DatasetPolicy
from carrel_site.datasets import repository
from tests.factories import make_access, make_dataset, make_population, make_version
from tests.fixtures.site import AppSite

TERMS = "For research on hearing alone.\nDo not try to find anybody."
ASK = {
    "dataset": "visits",
    "sql": "SELECT COUNT(*) AS n FROM visits",
    "target": {"kind": "epsilon", "epsilon": 0.1},
    "purpose": "hearing",
}


@pytest.fixture
def dataset(app_site: AppSite) -> str:
    owner = app_site.owner.id

    def work(session: Any) -> str:
        people = make_population(session, owner)
        made = make_dataset(
            session,
            owner,
            people.id,
            name="visits",
            policy=DatasetPolicy(auto_approve=True, auto_approve_share=1),
        )
        make_version(session, app_site.site, made)
        make_access(session, owner, made.id, app_site.researcher.id)
        return made.id

    return app_site.site.db.transact(work)


def set_terms(app_site: AppSite, terms: str) -> Any:
    headers = {"If-Match": "*"}
    reply = app_site.call(
        app_site.owner, "PATCH", "/datasets/visits", json={"terms": terms}, headers=headers
    )
    assert reply.status_code == 200, reply.text
    return reply.json()


def ask(app_site: AppSite, sql: str | None = None) -> Any:
    return app_site.call(
        app_site.researcher, "POST", "/requests", json=ASK | ({"sql": sql} if sql else {})
    )


def accept(app_site: AppSite, revision: int) -> Any:
    return app_site.call(
        app_site.researcher, "POST", "/datasets/visits/terms", json={"revision": revision}
    )


def test_nobody_asks_before_they_accepted(app_site: AppSite, dataset: str) -> None:
    assert set_terms(app_site, TERMS)["terms_revision"] == 1
    refused = ask(app_site)
    assert (refused.status_code, refused.json()["code"]) == (403, "terms_not_accepted")
    assert "accept" in refused.json()["advice"]
    assert app_site.call(app_site.researcher, "GET", "/requests").json()["items"] == []
    shown = accept(app_site, 1)
    assert shown.status_code == 200
    assert shown.json()["terms"] == TERMS
    assert shown.json()["terms_accepted_at"] is not None
    assert ask(app_site).status_code == 201
    first = shown.json()["terms_accepted_at"]
    assert accept(app_site, 1).json()["terms_accepted_at"] == first


def test_new_terms_are_accepted_anew(app_site: AppSite, dataset: str) -> None:
    set_terms(app_site, TERMS)
    accept(app_site, 1)
    assert set_terms(app_site, TERMS)["terms_revision"] == 1  # the same: nobody is asked again
    assert set_terms(app_site, TERMS + " Nor sell it.")["terms_revision"] == 2
    seen = app_site.call(app_site.researcher, "GET", "/datasets/visits").json()
    assert seen["terms_accepted_at"] is None
    assert ask(app_site).status_code == 403
    stale = accept(app_site, 1)
    assert (stale.status_code, stale.json()["code"]) == (409, "content_changed")
    assert ask(app_site).status_code == 403
    accept(app_site, 2)
    assert ask(app_site).status_code == 201
    # Back to the first text is a revision of its own.
    assert set_terms(app_site, TERMS)["terms_revision"] == 3
    assert ask(app_site, "SELECT AVG(age) AS a FROM visits").status_code == 403


def test_an_answer_from_memory_takes_acceptance_too(app_site: AppSite, dataset: str) -> None:
    assert ask(app_site).status_code == 201
    set_terms(app_site, TERMS)
    assert ask(app_site).status_code == 403


def price(app_site: AppSite, dataset: str, sql: str | None = None) -> Any:
    body = {
        "dataset": dataset,
        "sql": sql or f"SELECT COUNT(*) AS n FROM {dataset}",
        "target": ASK["target"],
    }
    return app_site.call(app_site.researcher, "POST", "/prices", json=body)


def test_a_price_takes_access_and_no_acceptance(app_site: AppSite, dataset: str) -> None:
    """It is worked out from what whoever has access reads, and asks nothing of the data."""
    before = price(app_site, "visits").json()
    set_terms(app_site, TERMS)
    assert price(app_site, "visits").json() == before
    assert ask(app_site).status_code == 403
    # It opens nothing either: no request, no charge, no acceptance.
    assert app_site.call(app_site.researcher, "GET", "/requests").json()["items"] == []
    shown = app_site.call(app_site.researcher, "GET", "/datasets/visits").json()
    assert shown["terms_accepted_at"] is None


@pytest.mark.parametrize("with_version", [True, False])
@pytest.mark.parametrize("with_terms", [True, False])
@pytest.mark.parametrize(
    "sql", ["SELECT COUNT(*) AS n FROM {}", "SELECT AVG(absent) AS a FROM {}", "DROP TABLE {}"]
)
def test_a_price_of_what_one_has_no_access_to_is_refused_as_of_what_is_not_there(
    app_site: AppSite, dataset: str, with_version: bool, with_terms: bool, sql: str
) -> None:
    """Whatever it has: else its name, columns or state could be tried out."""

    def work(session: Any) -> str:
        owner = app_site.owner.id
        people = make_population(session, owner, name="others")
        made = make_dataset(session, owner, people.id, name="hidden")
        row = repository.dataset(session, made.id)
        assert row is not None
        row.terms = TERMS if with_terms else ""
        if with_version:
            make_version(session, app_site.site, made)
        return made.id

    hidden = app_site.site.db.transact(work)
    refusals = []
    for ref in ("hidden", hidden, "nobody", "ds_nothing"):
        reply = price(app_site, ref, sql.format("visits"))
        assert reply.status_code == 404
        problem = {
            key: v for key, v in reply.json().items() if key not in ("instance", "request_id")
        }
        refusals.append(str(problem).replace(repr(ref), "'it'"))
    assert len(set(refusals)) == 1, refusals
    # Nor does having had access once make a difference.
    access = f"/datasets/visits/access/{app_site.researcher.id}"
    assert app_site.call(app_site.owner, "DELETE", access).status_code == 204
    gone = price(app_site, "visits", sql.format("visits")).json()
    assert (
        str({k: gone[k] for k in gone if k not in ("instance", "request_id")}).replace(
            "'visits'", "'it'"
        )
        == refusals[0]
    )


def test_an_edit_takes_acceptance_too(app_site: AppSite, dataset: str) -> None:
    request = app_site.call(
        app_site.researcher, "POST", "/requests", json=ASK | {"review": True}
    ).json()
    set_terms(app_site, TERMS)
    edited = app_site.call(
        app_site.researcher,
        "PUT",
        f"/requests/{request['id']}",
        json={"purpose": "another"},
        headers={"If-Match": request["etag"]},
    )
    assert (edited.status_code, edited.json()["code"]) == (403, "terms_not_accepted")


def test_nobody_accepts_for_others_nor_what_they_do_not_see(
    app_site: AppSite, dataset: str
) -> None:
    set_terms(app_site, TERMS)
    body = {"revision": 1}
    path = "/datasets/visits/terms"
    assert app_site.call(app_site.auditor, "POST", path, json=body).status_code == 403
    app_site.call(app_site.owner, "POST", path, json=body)
    assert ask(app_site).status_code == 403  # the owner's acceptance is the owner's
    app_site.call(app_site.owner, "DELETE", f"/datasets/{dataset}/access/{app_site.researcher.id}")
    assert accept(app_site, 1).status_code == 404


def test_without_terms_there_is_nothing_to_accept(app_site: AppSite, dataset: str) -> None:
    assert accept(app_site, 1).status_code == 409
    assert ask(app_site).status_code == 201
    set_terms(app_site, TERMS)
    set_terms(app_site, "")
    assert ask(app_site, "SELECT AVG(age) AS a FROM visits").status_code == 201


def test_acceptances_are_logged_and_cannot_be_taken_back(app_site: AppSite, dataset: str) -> None:
    set_terms(app_site, TERMS)
    accept(app_site, 1)
    events = app_site.call(app_site.owner, "GET", "/audit/events?action=terms.accepted").json()
    (event,) = events["items"]
    assert (event["actor"], event["subject"]) == (app_site.researcher.id, dataset)
    for statement in ("UPDATE terms_accepted SET revision = 2", "DELETE FROM terms_accepted"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            app_site.site.db.transact(lambda session, s=statement: session.execute(text(s)))
