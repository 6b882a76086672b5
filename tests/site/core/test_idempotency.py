"""One write a key, however often and however close together it is sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from carrel_site.core.idempotency import forget_old
from tests.factories import make_member
from tests.fixtures.site import AppSite

PEOPLE = {"name": "people", "together": {"epsilon": 20}, "each": {"epsilon": 5}}


def count(app_site: AppSite, table: str) -> int:
    with psycopg.connect(app_site.urls.superuser_dsn) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("round_", range(3))
def test_a_write_sent_many_times_at_once_happens_once(app_site: AppSite, round_: int) -> None:
    owner = app_site.owner
    with ThreadPoolExecutor(12) as pool:
        replies = list(
            pool.map(
                lambda _: app_site.call(
                    owner, "POST", "/populations", json=PEOPLE, headers={"Idempotency-Key": "k"}
                ),
                range(24),
            )
        )
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.text for reply in replies}) == 1
    assert count(app_site, "populations") == 1
    assert count(app_site, "ledger_accounts") == 1


def test_without_a_key_the_second_is_a_conflict(app_site: AppSite) -> None:
    assert app_site.call(app_site.owner, "POST", "/populations", json=PEOPLE).status_code == 201
    again = app_site.call(app_site.owner, "POST", "/populations", json=PEOPLE)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_a_key_belongs_to_one_request_and_one_person(app_site: AppSite) -> None:
    headers = {"Idempotency-Key": "k"}
    owner = app_site.owner
    app_site.call(owner, "POST", "/populations", json=PEOPLE, headers=headers)
    for method, path, body in (
        ("POST", "/populations", {**PEOPLE, "name": "other"}),
        ("PATCH", f"/users/{owner.id}", {"name": "x"}),
    ):
        reply = app_site.call(owner, method, path, json=body, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (422, "idempotency_key_reused")
    other = app_site.site.db.transact(lambda session: make_member(session, owner.role))
    body = {**PEOPLE, "name": "other"}
    made = app_site.call(other, "POST", "/populations", json=body, headers=headers)
    assert made.status_code == 201


def test_a_write_that_failed_is_not_remembered(app_site: AppSite) -> None:
    headers = {"Idempotency-Key": "k"}
    body = {
        "name": "d",
        "population": "people",
        "table": {
            "unit_column": "u",
            "columns": [{"type": "boolean", "name": "b"}],
            "size": {"rows": 1, "units": 1},
        },
    }
    path = "/datasets"
    assert (
        app_site.call(app_site.owner, "POST", path, json=body, headers=headers).status_code == 404
    )
    app_site.call(app_site.owner, "POST", "/populations", json=PEOPLE)
    assert (
        app_site.call(app_site.owner, "POST", path, json=body, headers=headers).status_code == 201
    )


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\tb", "é"])
def test_a_key_is_printable_text(app_site: AppSite, key: str) -> None:
    raw = [
        (b"idempotency-key", key.encode()),
        (b"authorization", b"Bearer " + app_site.owner.secret.encode()),
    ]
    reply = app_site.http.post("/api/v1/populations", json=PEOPLE, headers=raw)
    assert reply.status_code == 422
    assert count(app_site, "populations") == 0


def test_keys_are_forgotten_after_a_day(app_site: AppSite) -> None:
    for key in ("old", "new"):
        body = {**PEOPLE, "name": key}
        app_site.call(
            app_site.owner, "POST", "/populations", json=body, headers={"Idempotency-Key": key}
        )
    with psycopg.connect(app_site.urls.superuser_dsn) as connection:
        connection.execute(
            "UPDATE idempotency_keys SET created_at = created_at - %s WHERE key = 'old'",
            (timedelta(hours=25),),
        )
    assert app_site.site.db.transact(forget_old) == 1
    assert count(app_site, "idempotency_keys") == 1
