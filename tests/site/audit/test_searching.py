"""Searching the log: every filter against the same search done by hand over the whole log."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from carrel_site.audit.log import record
from tests.fixtures.site import AppSite

START = datetime(2026, 1, 1, tzinfo=UTC)
ACTORS = ("site", "usr_a", "usr_b")
ACTIONS = ("run.queued", "run.ended", "request.voted", "request_x", "runner.left", "é.é")
SUBJECTS = ("run_1", "run_2", "req_1")


@pytest.fixture
def events(app_site: AppSite) -> list[dict[str, Any]]:
    """An event of every kind, ten seconds apart but each third one noted late; newest first."""
    sequence = app_site.call(app_site.auditor, "GET", "/audit/head").json()["sequence"]
    every = list(itertools.product(ACTORS, ACTIONS, SUBJECTS))
    late = timedelta(minutes=5)

    def write(session: Any) -> None:
        for actor, action, subject in every:
            record(session, actor, action, subject)

    app_site.site.db.transact(write)
    with psycopg.connect(app_site.urls.superuser_dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        for number in range(1, len(every) + 1):
            at = START + number * timedelta(seconds=10) - (late if number % 3 == 0 else timedelta())
            connection.execute(
                "UPDATE audit_events SET at = %s WHERE sequence = %s", (at, sequence + number)
            )
        connection.execute("DELETE FROM audit_events WHERE sequence <= %s", (sequence,))
    found = read(app_site, limit=200)
    assert len(found) == len(every)
    return found


def read(app_site: AppSite, **query: Any) -> list[dict[str, Any]]:
    """Every page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        reply = app_site.call(app_site.auditor, "GET", "/audit/events", params=query | more)
        assert reply.status_code == 200, reply.text
        page = reply.json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def matches(event: dict[str, Any], query: dict[str, Any]) -> bool:
    at = datetime.fromisoformat(event["at"])
    return (
        query.get("actor") in (None, event["actor"])
        and event["action"].startswith(query.get("action", ""))
        and query.get("subject") in (None, event["subject"])
        and ("since" not in query or at >= datetime.fromisoformat(query["since"]))
        and ("until" not in query or at < datetime.fromisoformat(query["until"]))
    )


TIMES = [(START + timedelta(seconds=seconds)).isoformat() for seconds in (-400, 95, 100, 271, 9999)]
CHOICES: dict[str, list[str | None]] = {
    "actor": [None, "site", "usr_nobody"],
    "action": [None, "run.", "run", "request", "é", "run.queued", "%", "R"],
    "subject": [None, "run_1"],
    "since": [None, TIMES[1], TIMES[3]],
    "until": [None, TIMES[2], TIMES[4]],
}


def test_every_combination_finds_what_it_says(
    app_site: AppSite, events: list[dict[str, Any]]
) -> None:
    for values in itertools.product(*CHOICES.values()):
        query = {name: value for name, value in zip(CHOICES, values, strict=True) if value}
        expected = [event for event in events if matches(event, query)]
        assert read(app_site, limit=200, **query) == expected, query


def test_pages_of_a_search_hold_each_event_once(
    app_site: AppSite, events: list[dict[str, Any]]
) -> None:
    for query in (
        {"action": "run."},
        {"actor": "site"},
        {"actor": "usr_a", "action": "re"},
        {"since": TIMES[1], "until": TIMES[3]},
        {"subject": "run_1", "until": TIMES[3]},
    ):
        expected = [event for event in events if matches(event, query)]
        assert len(expected) > 4
        assert read(app_site, limit=2, **query) == expected, query


def test_times_at_the_ends_of_the_calendar(app_site: AppSite, events: list[dict[str, Any]]) -> None:
    first, last = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
    assert read(app_site, limit=200, since=first, until=last) == events
    assert read(app_site, since=last) == read(app_site, until=first) == []


def test_a_time_without_a_zone_is_refused(app_site: AppSite) -> None:
    for query in (
        {"since": "2026-01-01T00:00:00"},
        {"until": "yesterday"},
        {"until": "2026"},
        {"since": "0.5"},
    ):
        reply = app_site.call(app_site.auditor, "GET", "/audit/events", params=query)
        assert reply.status_code == 422, query


def test_who_may_not_read_the_log_searches_nothing(app_site: AppSite) -> None:
    for who in (app_site.researcher, app_site.reviewer):
        for path in ("/audit/events?actor=site", "/audit/verify"):
            assert app_site.call(who, "GET", path).status_code == 403


def test_an_empty_log_is_an_empty_page(app_site: AppSite) -> None:
    _ = app_site.auditor
    for query in ({}, {"action": "run."}, {"actor": "site"}, {"since": TIMES[0]}):
        assert read(app_site, **query) == []
    assert app_site.site.db.read(lambda s: s.scalar(text("SELECT count(*) FROM audit_events"))) == 0
