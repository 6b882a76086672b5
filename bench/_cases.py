"""The pages that bench/lists.py asks for, and which lists of the API none of them reads."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from _template import EVENTS, POPULATIONS, Template


@dataclass(frozen=True)
class Case:
    """A page to ask for. `deep`: SQL for the sort key of the row it begins behind. `empty`: it may
    show nothing."""

    name: str
    who: str
    path: str
    query: dict[str, Any] = field(default_factory=dict)
    deep: str | None = None
    empty: bool = False


def newest(
    table: str, where: str, at: str = "created_at", share: float = 0.9, key: str = "id"
) -> str:
    """SQL for a cursor: the time and id of the row that so much of a list comes before."""
    of = f"FROM {table} WHERE {where}"
    return (
        f"SELECT {at}, {key} {of} ORDER BY {at} DESC, {key} DESC "
        f"OFFSET (SELECT floor(count(*) * {share}) {of}) LIMIT 1"
    )


def cases(ids: Template, shared_account: str, own_account: str) -> Iterator[Case]:
    yield from _catalogue(ids)
    yield from _requests(ids)
    yield from _runs(ids)
    yield from _code(ids)
    yield from _books(ids, shared_account, own_account)
    yield from _log(ids)
    yield from _people(ids)
    yield from _site(ids)


def uncovered(document: dict[str, Any], asked: Iterable[Case]) -> list[str]:
    """What of the API's lists is in no case: a list, one of its filters, or going on in it.

    A list is whatever GET answers with a page or an array, by the OpenAPI document.
    """
    asked = list(asked)
    missing = []
    for path, operations in document["paths"].items():
        operation = operations.get("get", {})
        if not _answers_a_list(operation):
            continue
        like = re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path.removeprefix("/api/v1")))
        used = [case for case in asked if like.fullmatch(case.path)]
        if not used:
            missing.append(path)
            continue
        known = {name for case in used for name in case.query}
        known |= {"limit"} | ({"cursor"} if any(case.deep for case in used) else set())
        missing += [
            f"{path}?{parameter['name']}="
            for parameter in operation.get("parameters", ())
            if parameter["in"] == "query" and parameter["name"] not in known
        ]
    return missing


def _answers_a_list(operation: dict[str, Any]) -> bool:
    answer = operation.get("responses", {}).get("200", {}).get("content", {})
    shown = answer.get("application/json", {}).get("schema", {})
    return shown.get("type") == "array" or "/Page_" in shown.get("$ref", "")


def _catalogue(ids: Template) -> Iterator[Case]:
    path = "/datasets"
    yield Case("datasets", "owner", path)
    yield Case("datasets, deep", "owner", path, deep=newest("datasets", "true"))
    yield Case("datasets of a researcher", "researcher", path)
    theirs = f"id IN (SELECT dataset_id FROM dataset_access WHERE user_id = '{ids.researcher}')"
    yield Case(
        "datasets of a researcher, deep", "researcher", path, deep=newest("datasets", theirs)
    )
    # The words of a rare one are searched for one by one: each of them may be common.
    for kind, words in (("rare", "district 4711"), ("common", "visits"), ("absent", "zebra")):
        for who in ("owner", "researcher"):
            yield Case(
                f"datasets by a {kind} word, {who}", who, path, {"q": words}, empty=kind != "common"
            )
    common = newest("datasets", "words LIKE '%visits%'")
    yield Case("datasets by a common word, deep", "owner", path, {"q": "visits"}, common)
    yield Case("datasets about a population", "owner", path, {"population": "people"})
    for ready, state in ((True, "NOT NULL"), (False, "NULL")):
        where = newest("datasets", f"version_id IS {state}")
        name = "ready" if ready else "not ready"
        yield Case(f"datasets {name}, deep", "owner", path, {"ready": ready}, where)
    yield Case(
        "datasets by word, population, ready",
        "owner",
        path,
        {"q": "prescriptions", "population": "people", "ready": True},
    )
    yield Case("populations", "owner", "/populations")
    yield Case("populations, deep", "owner", "/populations", deep=newest("populations", "true"))
    yield Case("populations of a researcher", "researcher", "/populations")
    versions = f"/datasets/{ids.dataset}/versions"
    where = f"dataset_id = '{ids.dataset}'"
    yield Case("versions", "owner", versions)
    yield Case("versions, deep", "owner", versions, deep=newest("dataset_versions", where))
    yield Case("versions, uploaded mocks", "owner", versions, {"purpose": "mock"})
    yield Case("access (1,000 people, whole)", "owner", f"/datasets/{ids.dataset}/access")
    yield Case("uploads (50, whole)", "owner", f"/datasets/{ids.dataset}/uploads")
    activity = f"/datasets/{ids.dataset}/activity"
    deep = newest("audit_events", f"detail ->> 'dataset' = '{ids.dataset}'", "at", key="hash")
    for who in ("owner", "reviewer"):
        yield Case(f"dataset activity, {who}", who, activity)
        yield Case(f"dataset activity, {who}, deep", who, activity, deep=deep)


def _requests(ids: Template) -> Iterator[Case]:
    path = "/requests"
    yield Case("requests", "owner", path)
    yield Case("requests, deep", "owner", path, deep=newest("requests", "true"))
    yield Case("requests, oldest first", "owner", path, {"sort": "oldest"})
    for state in ("queued", "submitted", "expired"):
        where = f"state = '{state}'"
        yield Case(f"requests {state}", "owner", path, {"state": state})
        yield Case(
            f"requests {state}, deep", "owner", path, {"state": state}, newest("requests", where)
        )
    yield Case(
        "requests in either of 3 states, deep",
        "owner",
        path,
        {"state": ["rejected", "withdrawn", "over_budget"]},
        newest("requests", "state IN ('rejected', 'withdrawn', 'over_budget')"),
    )
    review = {"to_review": True, "sort": "oldest"}
    yield Case("requests to review", "reviewer", path, review)
    yield Case("requests of a researcher", "researcher", path)
    own = newest("requests", f"requester_id = '{ids.researcher}'")
    yield Case("requests of a researcher, deep", "researcher", path, deep=own)
    yield Case("requests of a person", "owner", path, {"requester": ids.researcher}, own)
    about = f"'{ids.dataset}' IN (dataset_id, also_datasets[1])"
    yield Case("requests about a dataset", "owner", path, {"dataset": "visits"})
    deep = newest("requests", about)
    yield Case("requests about a dataset, deep", "owner", path, {"dataset": "visits"}, deep)
    yield Case("requests by a rare word", "owner", path, {"q": "study 73"})
    yield Case("requests by a common word", "owner", path, {"q": "waiting"})
    common = newest("requests", "purpose <> ''")
    yield Case("requests by a common word, deep", "owner", path, {"q": "waiting"}, common)
    yield Case("requests of a researcher by a word", "researcher", path, {"q": "diagnosis"})
    yield Case("requests by an id's beginning", "owner", path, {"q": ids.request[:9]})
    yield Case("requests of one's own, as an owner", "owner", path, {"mine": True}, empty=True)
    yield Case("rounds (20, whole)", "reviewer", f"/requests/{ids.request}/rounds")
    yield Case("comments (100, whole)", "reviewer", f"/requests/{ids.request}/comments")
    yield Case("saved queries", "researcher", "/saved_queries")
    where = f"user_id = '{ids.researcher}'"
    saved = newest("saved_queries", where)
    yield Case("saved queries, deep", "researcher", "/saved_queries", deep=saved)
    about = {"dataset": "visits"}
    yield Case("saved queries about a dataset", "researcher", "/saved_queries", about)


def _runs(ids: Template) -> Iterator[Case]:
    path = "/runs"
    yield Case("runs", "owner", path)
    yield Case("runs, deep", "owner", path, deep=newest("runs", "true", "queued_at"))
    for name, query, where in (
        ("failed", {"failed": True}, "state = 'failed'"),
        ("overran", {"overran": True}, "overran"),
        ("running", {"state": "running"}, "state = 'running'"),
        ("succeeded", {"state": "succeeded"}, "state = 'succeeded'"),
        ("expired", {"state": "expired"}, "state = 'expired'"),
        ("ingest", {"kind": "ingest"}, "kind = 'ingest'"),
    ):
        deep = newest("runs", where, "queued_at", 0.5)
        yield Case(f"runs {name}, deep", "owner", path, query, deep)
    yield Case("runs to a reviewer", "reviewer", path)
    yield Case("runs of one's own, as an owner", "owner", path, {"mine": True}, empty=True)
    yield Case("runs of a researcher", "researcher", path)
    of = f"request_id IN (SELECT id FROM requests WHERE requester_id = '{ids.researcher}')"
    deep = newest("runs", of, "queued_at")
    yield Case("runs of a researcher, deep", "researcher", path, deep=deep)
    deep = newest("runs", f"{of} AND state = 'failed'", "queued_at", 0.5)
    yield Case("runs of a researcher, failed", "researcher", path, {"failed": True}, deep)


def _code(ids: Template) -> Iterator[Case]:
    yield Case("environments (40, whole)", "researcher", "/environments")
    lines = f"/requests/{ids.code}/line_comments"
    yield Case("comments on lines (200, whole)", "reviewer", lines)
    of_code = "kind = 'code'"
    deep = newest("runs", of_code, "queued_at")
    yield Case("runs of code, deep", "owner", "/runs", {"kind": "code"}, deep)
    also = f"'{ids.dataset}' IN (dataset_id, also_datasets[1])"
    about = {"dataset": "visits", "state": ["submitted", "changes_requested"]}
    deep = newest("requests", f"{also} AND state IN ('submitted', 'changes_requested')")
    yield Case("requests about a dataset, undecided, deep", "owner", "/requests", about, deep)
    other = {"dataset": "visits_5004"}
    yield Case("requests about a seldom asked dataset", "owner", "/requests", other)
    path = "/outputs"
    yield Case("outputs", "reviewer", path)
    where = "items IS NOT NULL"
    deep = newest("outputs", where, "recorded_at", key="run_id")
    yield Case("outputs, deep", "reviewer", path, deep=deep)
    yield Case("outputs, oldest first", "reviewer", path, {"sort": "oldest"})
    for state in ("released", "withheld"):
        deep = newest("outputs", f"{where} AND state = '{state}'", "recorded_at", key="run_id")
        yield Case(f"outputs {state}, deep", "reviewer", path, {"state": state}, deep)
    waiting = {"to_decide": True, "sort": "oldest"}
    yield Case("outputs to decide", "reviewer", path, waiting)
    held = {"state": "held", "dataset": "visits", "requester": ids.researcher}
    yield Case("outputs held of a person", "owner", path, held)
    yield Case("outputs of a person", "owner", path, {"requester": ids.researcher})
    yield Case("outputs of a dataset", "owner", path, {"dataset": "visits"})
    yield Case("outputs of a seldom asked dataset", "owner", path, other)


def _books(ids: Template, shared: str, own: str) -> Iterator[Case]:
    yield Case("budgets", "researcher", "/budgets")
    middle = f"SELECT name FROM populations ORDER BY name OFFSET {POPULATIONS // 2} LIMIT 1"
    yield Case("budgets, deep", "researcher", "/budgets", deep=middle)
    theirs = f"/users/{ids.researcher}/budgets"
    yield Case("budgets of a person", "owner", theirs)
    yield Case("budgets of a person, deep", "owner", theirs, deep=middle)
    yield Case("accounts of a population", "owner", "/populations/people/accounts")
    yield Case(
        "accounts of a population, deep",
        "owner",
        "/populations/people/accounts",
        deep="SELECT 1, id FROM ledger_accounts account WHERE user_id IS NOT NULL "
        "AND population_id = (SELECT id FROM populations WHERE name = 'people') "
        "ORDER BY id OFFSET 900 LIMIT 1",
    )
    for name, who, account in (("everyone's", "owner", shared), ("one's own", "researcher", own)):
        path = f"/accounts/{account}/entries"
        middle = f"SELECT entries / 2 FROM ledger_accounts WHERE id = '{account}'"
        yield Case(f"ledger entries, {name}", who, path)
        yield Case(f"ledger entries, {name}, deep", who, path, deep=middle)
        yield Case(f"account history, {name}", who, f"/accounts/{account}/history")


def _log(ids: Template) -> Iterator[Case]:
    path = "/audit/events"
    deep = f"SELECT sequence FROM audit_events ORDER BY sequence OFFSET {EVENTS // 10} LIMIT 1"
    yield Case("audit events", "owner", path)
    yield Case("audit events, deep", "owner", path, deep=deep)
    old = f"(SELECT at FROM audit_events ORDER BY sequence OFFSET {EVENTS // 2} LIMIT 1)"
    for name, query in (
        ("by a busy actor", {"actor": "site"}),
        ("by a person", {"actor": ids.researcher}),
        ("by a common action", {"action": "run.queued"}),
        ("by an action of long ago", {"action": "ledger.raised"}),
        ("by a domain", {"action": "request."}),
        ("by actor and rare action", {"actor": ids.researcher, "action": "user."}),
        ("about a request", {"subject": ids.request}),
    ):
        yield Case(f"audit events {name}", "auditor", path, query)
        if "subject" not in query:
            yield Case(f"audit events {name}, deep", "auditor", path, query, deep)
    yield Case("audit events until a time", "auditor", path, {"until": old})
    yield Case(
        "audit events by actor until a time", "auditor", path, {"actor": "site", "until": old}
    )
    yield Case(
        "audit events by domain since a time", "auditor", path, {"action": "run.", "since": old}
    )


def _people(ids: Template) -> Iterator[Case]:
    yield Case("users", "owner", "/users")
    yield Case("users, deep", "owner", "/users", deep=newest("users", "true"))
    yield Case("users by a rare word", "owner", "/users", {"q": "Person 1234"})
    yield Case("users by a common word", "owner", "/users", {"q": "person"})
    yield Case("users of a role", "owner", "/users", {"role": "auditor"})
    yield Case("users who are not active", "owner", "/users", {"active": False})
    yield Case("datasets of a person (2,000, whole)", "owner", f"/users/{ids.researcher}/access")
    yield Case("groups", "owner", "/groups")
    yield Case("groups, deep", "owner", "/groups", deep=newest("groups", "true"))
    yield Case("a group's members (1,000, whole)", "owner", "/groups/group_1")
    yield Case("invitations", "owner", "/invitations")
    deep = newest("invitations", "true")
    yield Case("invitations, deep", "owner", "/invitations", deep=deep)
    yield Case("sessions (50, whole)", "owner", "/sessions")
    yield Case("sessions of a person (50, whole)", "owner", f"/users/{ids.owner}/sessions")
    yield Case("keys", "researcher", "/keys")
    keys = newest("api_keys", f"user_id = '{ids.researcher}'")
    yield Case("keys, deep", "researcher", "/keys", deep=keys)
    yield Case("keys of a person", "owner", f"/users/{ids.researcher}/keys")
    yield Case("keys of a person, deep", "owner", f"/users/{ids.researcher}/keys", deep=keys)


def _site(ids: Template) -> Iterator[Case]:
    for who in ("owner", "reviewer", "researcher", "auditor"):
        yield Case(f"home, {who}", who, "/home", empty=who == "auditor")
    yield Case("workers (50, whole)", "owner", "/workers")
    yield Case("notifications", "owner", "/notifications")
    mine = f"user_id = '{ids.owner}'"
    deep = newest("notifications", mine, "at")
    yield Case("notifications, deep", "owner", "/notifications", deep=deep)
    unread = {"unread": True}
    yield Case("notifications unread", "owner", "/notifications", unread)
    deep = newest("notifications", f"{mine} AND read_at IS NULL", "at")
    yield Case("notifications unread, deep", "owner", "/notifications", unread, deep)
