"""Whose vote a request asks for: lists, counts, notifications and e-mails follow its rule."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from carrel_protocol.api.common import Role
from carrel_site.events import outbox
from tests.factories import Member, make_access
from tests.fixtures.mail_server import Inbox
from tests.site.flow.conftest import Flow

Rule = Callable[..., None]


@pytest.fixture(autouse=True)
def everybody(flow: Flow) -> None:
    for role in Role:
        flow.app.member(role)


@pytest.fixture
def rule(flow: Flow) -> Rule:
    """Sets the reviewed dataset's rule: how many people, and groups with who is in them."""

    def set_rule(reviewers: int, *groups: list[Member]) -> None:
        owner, ids = flow.app.owner, []
        for number, members in enumerate(groups):
            name = {"name": f"group {number}"}
            ids.append(flow.ok(owner, "POST", "/groups", json=name)["id"])
            for member in members:
                flow.ok(owner, "PUT", f"/groups/{ids[-1]}/members/{member.id}")
        path = f"/datasets/{flow.reviewed}"
        etag = flow.call(owner, "GET", path).headers["etag"]
        policy = {"policy": {"reviewers": reviewers, "reviewer_groups": ids}}
        flow.ok(owner, "PATCH", path, json=policy, headers={"If-Match": etag})

    return set_rule


def on_lists(flow: Flow, who: Member, request: Any) -> bool:
    """Whether it waits for this person: by the list, their home page and its count, as one."""
    listed = flow.ok(who, "GET", "/requests", params={"to_review": True})["items"]
    home = flow.ok(who, "GET", "/home")
    waiting = [item["subject"] for item in home["waiting"] if item["kind"] == "request.review"]
    assert home["counts"]["to_review"] == len(listed) == len(waiting)
    assert [row["id"] for row in listed] == waiting
    return request["id"] in waiting


def told(flow: Flow, who: Member) -> list[str]:
    """The requests that this person was told to review."""
    found = flow.ok(who, "GET", "/notifications")["items"]
    return [one["subject"] for one in found if one["kind"] == "request.submitted"]


def asked_of(flow: Flow, request: Any, *people: Member) -> list[bool]:
    """For each of these people, whether the request asks them; their notifications agree."""
    for who in people:
        assert on_lists(flow, who, request) == (request["id"] in told(flow, who))
    return [on_lists(flow, who, request) for who in people]


def test_without_groups_everybody_who_reviews_is_asked(
    flow: Flow, rule: Rule, another_reviewer: Member
) -> None:
    rule(1)
    request = flow.asked(flow.reviewed)
    people = (flow.app.owner, flow.app.reviewer, another_reviewer)
    assert asked_of(flow, request, *people) == [True] * 3
    assert asked_of(flow, request, flow.app.researcher, flow.app.auditor) == [False] * 2


def test_one_vote_of_a_group_is_asked_of_its_members_alone(
    flow: Flow, rule: Rule, another_reviewer: Member
) -> None:
    rule(1, [another_reviewer])
    request = flow.asked(flow.reviewed)
    people = (another_reviewer, flow.app.reviewer, flow.app.owner)
    assert asked_of(flow, request, *people) == [True, False, False]
    # What they are not asked for they may still do.
    assert flow.decide(flow.app.reviewer, request, "return", "too wide").is_success


def test_where_more_people_than_groups_are_needed_the_others_count_too(
    flow: Flow, rule: Rule, another_reviewer: Member
) -> None:
    rule(2, [another_reviewer])
    request = flow.asked(flow.reviewed)
    people = (another_reviewer, flow.app.reviewer, flow.app.owner)
    assert asked_of(flow, request, *people) == [True] * 3


def test_two_groups_of_different_people_take_both_votes(
    flow: Flow, rule: Rule, another_reviewer: Member
) -> None:
    rule(2, [another_reviewer], [flow.app.reviewer])
    request = flow.asked(flow.reviewed)
    people = (another_reviewer, flow.app.reviewer, flow.app.owner)
    assert asked_of(flow, request, *people) == [True, True, False]


def test_somebody_of_both_groups_leaves_a_vote_for_anybody(
    flow: Flow, rule: Rule, another_reviewer: Member
) -> None:
    rule(2, [another_reviewer], [another_reviewer])
    request = flow.asked(flow.reviewed)
    assert asked_of(flow, request, another_reviewer, flow.app.reviewer) == [True, True]
    # Who may not review any more speaks for no group, and leaves no vote for anybody.
    path = f"/users/{another_reviewer.id}"
    flow.ok(flow.app.owner, "PATCH", path, json={"role": "researcher"})
    assert not on_lists(flow, flow.app.reviewer, request)


def test_nobody_is_asked_for_a_vote_on_their_own(flow: Flow, rule: Rule) -> None:
    """Nor does an asker who is in the rule's groups leave a vote for others."""
    owner = flow.app.owner
    dataset = flow.ok(owner, "GET", f"/datasets/{flow.reviewed}")["id"]
    flow.app.site.db.transact(lambda session: make_access(session, owner.id, dataset, owner.id))
    rule(2, [owner], [owner, flow.app.reviewer])
    body = {
        "dataset": flow.reviewed,
        "sql": f"SELECT COUNT(*) AS n FROM {flow.reviewed}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
    }
    request = flow.ok(owner, "POST", "/requests", json=body)
    assert asked_of(flow, request, owner, flow.app.reviewer) == [False, True]


def test_a_blind_vote_changes_nobody_elses_list(
    flow: Flow, rule: Rule, another_reviewer: Member
) -> None:
    """Two others' votes are enough beside the group's; that both were cast must not show."""
    rule(2, [flow.app.owner])
    request = flow.asked(flow.reviewed)
    flow.decide(flow.app.reviewer, request, "approve")
    assert on_lists(flow, another_reviewer, request)
    flow.decide(another_reviewer, request, "approve")
    assert on_lists(flow, flow.app.owner, request)
    assert not on_lists(flow, flow.app.reviewer, request)


def test_who_joins_or_leaves_the_group_is_asked_or_not_from_then_on(
    flow: Flow, rule: Rule, another_reviewer: Member
) -> None:
    rule(1, [another_reviewer])
    request = flow.asked(flow.reviewed)
    owner, reviewer = flow.app.owner, flow.app.reviewer
    (group,) = flow.ok(owner, "GET", "/groups")["items"]
    members = f"/groups/{group['id']}/members"
    flow.ok(owner, "PUT", f"{members}/{reviewer.id}")
    flow.ok(owner, "DELETE", f"{members}/{another_reviewer.id}")
    assert on_lists(flow, reviewer, request)
    assert not on_lists(flow, another_reviewer, request)


@pytest.mark.parametrize("empty", ["nobody", "no reviewer"])
def test_owners_are_told_of_what_nobody_can_approve(flow: Flow, rule: Rule, empty: str) -> None:
    rule(1, [] if empty == "nobody" else [flow.app.researcher])
    request = flow.asked(flow.reviewed)
    assert told(flow, flow.app.owner) == [request["id"]]
    assert told(flow, flow.app.reviewer) == told(flow, flow.app.researcher) == []


def test_an_edited_request_asks_by_its_rule_again(
    flow: Flow, rule: Rule, another_reviewer: Member
) -> None:
    rule(1, [another_reviewer])
    request = flow.asked(flow.reviewed)
    flow.ok(
        flow.app.researcher,
        "PUT",
        f"/requests/{request['id']}",
        json={"purpose": "said better"},
        headers={"If-Match": request["etag"]},
    )
    assert told(flow, another_reviewer) == [request["id"]] * 2
    assert told(flow, flow.app.reviewer) == []


def test_e_mails_go_to_those_who_are_asked(
    mailing: Flow, inbox: Inbox, rule: Rule, another_reviewer: Member
) -> None:
    rule(1, [another_reviewer])
    mailing.asked(mailing.reviewed)
    with psycopg.connect(mailing.app.urls.superuser_dsn) as connection:
        connection.execute("UPDATE notifications SET at = at - interval '2 min'")
    outbox.gather(mailing.app.site)
    outbox.deliver(mailing.app.site)
    asking = [
        message["To"] for message in inbox.messages if message["Subject"].startswith("To review")
    ]
    assert asking == [another_reviewer.email]
