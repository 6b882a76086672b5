"""Names beside the log's ids: right, few statements, none in what is checked, none for nobody."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import event

from carrel_protocol.api.common import Role
from carrel_site.audit.exports import check_export
from carrel_site.audit.log import record
from tests.site.audit.conftest import Log

NAMES = ("actor_name", "subject_name")


@contextmanager
def statements(log: Log) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    engine = log.app.site.db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def read(log: Log, **query: Any) -> list[dict[str, Any]]:
    reply = log.app.call(log.app.auditor, "GET", "/audit/events", params={"limit": 200} | query)
    assert reply.status_code == 200, reply.text
    return reply.json()["items"]  # type: ignore[no-any-return]


def named(log: Log, kind: str) -> set[str | None]:
    """What the subjects whose ids begin like this are called."""
    return {row["subject_name"] for row in read(log) if row["subject"].startswith(f"{kind}_")}


def name_of(log: Log, user_id: str) -> str:
    return str(log.app.call(log.app.owner, "GET", f"/users/{user_id}").json()["name"])


def ok(log: Log, method: str, path: str, body: Any = None) -> Any:
    reply = log.app.call(log.app.owner, method, path, json=body)
    assert reply.is_success, reply.text
    return reply.json() if reply.content else None


def test_each_kind_is_called_by_its_name(log: Log) -> None:
    owner = log.app.owner
    who = name_of(log, log.app.researcher.id)
    (dataset,) = ok(log, "GET", "/datasets")["items"]
    titled = dataset["title"] or dataset["name"]
    group = ok(log, "POST", "/groups", {"name": "board"})
    ok(log, "PUT", f"/groups/{group['id']}/members/{log.app.reviewer.id}")
    ok(log, "POST", "/keys", {"label": "nightly job", "scopes": ["read"]})
    ok(log, "POST", "/invitations", {"email": "nora@example.org", "name": "N", "role": "auditor"})
    ok(log, "PATCH", f"/users/{log.app.reviewer.id}", {"name": "Rita"})
    assert named(log, "ds") == {titled}
    assert named(log, "pop") == {dataset["population"]}
    assert named(log, "req") == {f"question of {who} about {titled}"}
    assert named(log, "run") == {f"run for {who} on {titled}"}
    assert named(log, "ver") <= {f"version of {titled}"}
    assert named(log, "grp") == {"board"}
    assert named(log, "usr") == {"Rita"}
    assert named(log, "inv") == {"invitation of nora@example.org"}
    assert named(log, "key") == {f"key “nightly job” of {name_of(log, owner.id)}"}
    assert named(log, "wrk") == {"hand"}
    assert named(log, "acc") == {
        f"budget of {each} at {dataset['population']}" for each in (who, "everyone together")
    }
    by = {row["actor"]: row["actor_name"] for row in read(log)}
    assert by["site"] is None
    assert by[owner.id] == name_of(log, owner.id)
    assert by[log.app.researcher.id] == who
    (claimed,) = read(log, action="run.claimed")
    assert claimed["actor_name"] == "hand"


def test_an_ended_session_says_whose_it_was(log: Log) -> None:
    who = log.app.researcher.id

    def end(session: Any) -> None:
        record(session, who, "session.ended", "ses_gone", user=who)
        record(session, who, "session.ended", "ses_odd", user={"not": "an id"})
        record(session, who, "session.ended", "ses_nobody", user="usr_nobody")

    log.app.site.db.transact(end)
    found = {row["subject"]: row["subject_name"] for row in read(log, action="session.")}
    assert found == {
        "ses_gone": f"session of {name_of(log, who)}",
        "ses_odd": None,
        "ses_nobody": None,
    }


def test_what_is_gone_or_never_was_keeps_its_id(log: Log) -> None:
    group = ok(log, "POST", "/groups", {"name": "gone"})
    ok(log, "DELETE", "/groups/gone")
    assert named(log, "grp") == {None}
    strange = ["", "x", "usr_", "usr_nobody", "req_' OR 1=1 --", "ses_", "grp", "nothing_1"]

    def write(session: Any) -> None:
        for subject in strange:
            record(session, "usr_nobody", "test.done", subject)

    log.app.site.db.transact(write)
    rows = read(log, action="test.done")
    assert [row["subject"] for row in rows] == strange[::-1]
    assert all(row[name] is None for row in rows for name in NAMES)
    assert read(log, subject=group["id"])[0]["subject_name"] is None


def test_one_event_is_named_too(log: Log) -> None:
    for row in read(log):
        one = log.app.call(log.app.auditor, "GET", f"/audit/events/{row['sequence']}").json()
        assert one == row


def test_a_page_takes_one_statement_more_however_much_is_on_it(log: Log) -> None:
    assert read(log)  # the first call also notes that the key was used
    with statements(log) as whole:
        read(log)
    with statements(log) as single:
        read(log, limit=1)
    assert len(whole) == len(single) <= 4


def test_exports_hold_no_names_and_verify(log: Log) -> None:
    """Whoever changes a name afterwards changes nothing that was signed."""

    def export() -> list[str]:
        reply = log.app.call(log.app.auditor, "GET", "/audit/events/export")
        return reply.text.splitlines()

    before = export()
    check_export(before, log.key)
    assert not any(name in json.loads(line) for line in before for name in NAMES)
    with psycopg.connect(log.app.urls.superuser_dsn) as connection:
        connection.execute("UPDATE users SET name = 'Somebody Else'")
    assert export()[:-1] == before[:-1]
    assert "Somebody Else" in {row["actor_name"] for row in read(log)}


def test_names_come_to_those_who_may_read_the_log(log: Log) -> None:
    for role in (Role.REVIEWER, Role.RESEARCHER):
        reply = log.app.call(log.app.member(role), "GET", "/audit/events")
        assert reply.json()["code"] == "forbidden"
