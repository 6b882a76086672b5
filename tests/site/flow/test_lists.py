"""Lists of requests: what is found, in which order, and what a filter must not tell."""

from collections.abc import Callable
from typing import Any

from carrel_protocol.api.common import Role
from tests.factories import Member, make_access, make_member
from tests.site.flow.conftest import Flow


def listed(flow: Flow, who: Member, **query: Any) -> list[dict[str, Any]]:
    page = flow.ok(who, "GET", "/requests", params=query)
    return page["items"]  # type: ignore[no-any-return]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def walk(flow: Flow, who: Member, path: str, **query: Any) -> list[str]:
    """Every id of a list, two a page."""
    found: list[str] = []
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = flow.ok(who, "GET", path, params=query | {"limit": 2} | more)
        found += ids(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def second_researcher(flow: Flow) -> Member:
    """Somebody else, who may ask of the reviewed dataset too."""

    def work(session: Any) -> Member:
        other = make_member(session, Role.RESEARCHER)
        dataset = flow.ok(flow.app.owner, "GET", f"/datasets/{flow.reviewed}")["id"]
        make_access(session, flow.app.owner.id, dataset, other.id)
        return other

    return flow.app.site.db.transact(work)


def ask_as(flow: Flow, who: Member, where: str, **changes: Any) -> Any:
    body = {
        "dataset": flow.reviewed,
        "sql": f"SELECT COUNT(*) AS n FROM {flow.reviewed} WHERE {where}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
    }
    return flow.ok(who, "POST", "/requests", json=body | changes)


def test_both_orders_hold_every_request_once(flow: Flow) -> None:
    made = [flow.asked(flow.reviewed, f"age > {age}")["id"] for age in range(7)]
    for who in (flow.app.researcher, flow.app.auditor):
        assert walk(flow, who, "/requests") == made[::-1]
        assert walk(flow, who, "/requests", sort="oldest") == made


def test_filters_hold_together(flow: Flow) -> None:
    answered = flow.asked(flow.open)
    waiting = flow.asked(flow.reviewed, purpose="Compare the wards")
    gone = flow.asked(flow.reviewed, "age > 9")
    flow.ok(flow.app.researcher, "POST", f"/requests/{gone['id']}/withdraw")
    auditor = flow.app.auditor
    assert ids(listed(flow, auditor, dataset=flow.open)) == [answered["id"]]
    assert ids(listed(flow, auditor, dataset=waiting["dataset_id"])) == [gone["id"], waiting["id"]]
    assert ids(listed(flow, auditor, state="submitted")) == [waiting["id"]]
    both = listed(flow, auditor, state=["withdrawn", "queued"])
    assert ids(both) == [gone["id"], answered["id"]]
    assert ids(listed(flow, auditor, state="withdrawn", dataset=flow.reviewed)) == [gone["id"]]
    assert listed(flow, auditor, state="withdrawn", dataset=flow.open) == []
    assert listed(flow, auditor, dataset="nothing") == []
    email = flow.app.researcher.email.upper()
    assert len(listed(flow, auditor, requester=email)) == 3
    assert listed(flow, auditor, requester=flow.app.owner.id) == []
    assert listed(flow, auditor, requester="nobody@example.org") == []
    assert listed(flow, auditor, mine=True) == []
    assert len(listed(flow, flow.app.researcher, mine=True)) == 3


def test_text_finds_words_of_the_purpose_and_ids(flow: Flow) -> None:
    wards = flow.asked(flow.reviewed, purpose="Compare the wards' waiting times")
    other = flow.asked(flow.reviewed, "age > 9", purpose="100 % of Ärzte & «nurses»")
    auditor = flow.app.auditor

    def found(text: str) -> list[str]:
        return ids(listed(flow, auditor, q=text))

    assert found("waiting wards") == [wards["id"]]
    assert found("WAIT") == [wards["id"]]
    assert found("times comp") == [wards["id"]]
    assert found("ärzte") == [other["id"]]
    assert found("nurses") == [other["id"]]
    assert found(wards["id"]) == [wards["id"]]
    assert found(wards["id"][:12]) == [wards["id"]]
    assert set(found("req_")) == {wards["id"], other["id"]}
    assert set(found("  ")) == {wards["id"], other["id"]}
    # What a text search query, LIKE or SQL gives a meaning to is looked for, and found nowhere.
    for text in ("!", "& |", "'; DROP TABLE requests; --", "req%", "req_%", "\\", "<->", ":*", "%"):
        assert found(text) == [], text
    assert found("wards'") == found("wards & !times:*") == [wards["id"]]


def test_a_researcher_finds_nothing_of_anybody_elses(flow: Flow) -> None:
    other = second_researcher(flow)
    theirs = ask_as(flow, other, "age > 8", purpose="My secret study of wards")
    mine = flow.asked(flow.reviewed, purpose="Mine of wards")
    researcher = flow.app.researcher
    for query in (
        {},
        {"q": "wards"},
        {"state": "submitted"},
        {"dataset": flow.reviewed},
        {"sort": "oldest"},
        {"mine": True},
    ):
        assert ids(listed(flow, researcher, **query)) == [mine["id"]], query
    for query in (
        {"requester": other.id},
        {"requester": other.email},
        {"q": "secret"},
        {"q": theirs["id"]},
        {"to_review": True},
    ):
        assert listed(flow, researcher, **query) == [], query
    # A cursor taken from somebody who sees everything opens nothing either.
    page = flow.ok(flow.app.auditor, "GET", "/requests", params={"limit": 1, "sort": "oldest"})
    after = {"cursor": page["next_cursor"], "sort": "oldest"}
    assert ids(listed(flow, researcher, **after)) == [mine["id"]]


def test_to_review_is_what_waits_for_the_callers_own_vote(
    flow: Flow, another_reviewer: Member
) -> None:
    reviewer, owner = flow.app.reviewer, flow.app.owner
    request = flow.asked(flow.reviewed)
    decided = flow.asked(flow.reviewed, "age > 5")
    flow.decide(reviewer, decided, "reject", "No.")
    flow.asked(flow.open)

    def waits(who: Member) -> list[str]:
        return ids(listed(flow, who, to_review=True))

    assert waits(reviewer) == waits(owner) == waits(another_reviewer) == [request["id"]]
    assert waits(flow.app.auditor) == []
    flow.decide(reviewer, request, "approve")
    assert waits(reviewer) == []
    assert waits(another_reviewer) == [request["id"]]
    # An edit voids the vote, so the request waits for it again.
    flow.ok(
        flow.app.researcher,
        "PUT",
        f"/requests/{request['id']}",
        json={"purpose": "Said better"},
        headers={"If-Match": request["etag"]},
    )
    assert waits(reviewer) == [request["id"]]


def test_nobodys_own_request_waits_for_their_vote(flow: Flow) -> None:
    owner = flow.app.owner
    dataset = flow.ok(owner, "GET", f"/datasets/{flow.reviewed}")["id"]
    flow.app.site.db.transact(lambda session: make_access(session, owner.id, dataset, owner.id))
    request = ask_as(flow, owner, "age > 4")
    assert listed(flow, owner, to_review=True) == []
    assert ids(listed(flow, flow.app.reviewer, to_review=True)) == [request["id"]]


def test_votes_are_counted_blind_until_the_request_is_decided(
    flow: Flow, another_reviewer: Member
) -> None:
    request = flow.asked(flow.reviewed)

    def cast(who: Member) -> tuple[int, int]:
        (row,) = listed(flow, who, q=request["id"])
        return row["votes_cast"], row["votes_needed"]

    everyone = (flow.app.researcher, flow.app.owner, flow.app.auditor, another_reviewer)
    assert cast(flow.app.reviewer) == (0, 2)
    flow.decide(flow.app.reviewer, request, "approve")
    assert cast(flow.app.reviewer) == (1, 2)
    assert [cast(who) for who in everyone] == [(0, 2)] * 4
    flow.decide(another_reviewer, request, "return", "Say why.")
    assert [cast(who) for who in (*everyone, flow.app.reviewer)] == [(2, 2)] * 5
    # Asked again, it is another request to vote on: what was cast counts no more.
    changed = flow.ok(flow.app.researcher, "GET", f"/requests/{request['id']}")
    flow.ok(
        flow.app.researcher,
        "PUT",
        f"/requests/{request['id']}",
        json={"purpose": "Why"},
        headers={"If-Match": changed["etag"]},
    )
    assert [cast(who) for who in (*everyone, flow.app.reviewer)] == [(0, 2)] * 5


def test_a_vote_moves_a_row_to_no_other_place(flow: Flow) -> None:
    """Neither order, times nor any filter of others tells that somebody voted."""
    request = flow.asked(flow.reviewed)
    flow.asked(flow.reviewed, "age > 5")
    before = listed(flow, flow.app.researcher)
    flow.decide(flow.app.reviewer, request, "approve")
    assert listed(flow, flow.app.researcher) == before


def test_a_row_says_what_it_costs_and_asks(flow: Flow) -> None:
    request = flow.asked(flow.reviewed)
    (row,) = listed(flow, flow.app.reviewer)
    assert row["share"] == request["price"]["share"] > 0
    assert row["in_words"] == request["price"]["in_words"]
    assert row["expires_at"] == request["expires_at"] is not None
    assert row["run_state"] is None
    assert row["requester"]["email"] == flow.app.researcher.email


def test_what_is_no_filter_is_refused(flow: Flow) -> None:
    auditor = flow.app.auditor
    for query in (
        {"state": "nothing"},
        {"sort": "sideways"},
        {"limit": 0},
        {"cursor": "nonsense"},
        {"mine": "perhaps"},
        {"state": ["queued"] * 9},
    ):
        assert flow.call(auditor, "GET", "/requests", params=query).status_code == 422, query


def test_expired_requests_wait_for_nobody(flow: Flow, beat: Callable[[], None]) -> None:
    request = flow.asked(flow.reviewed)
    flow.execute("UPDATE requests SET expires_at = now() - interval '1 second'")
    beat()
    assert listed(flow, flow.app.reviewer, to_review=True) == []
    assert ids(listed(flow, flow.app.reviewer, state="expired")) == [request["id"]]
