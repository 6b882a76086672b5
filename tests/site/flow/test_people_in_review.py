"""Rules that name groups, votes of people who have to go, and waiting that ends with them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import DatasetPolicy
from carrel_site.accounts.models import Group, GroupMember
from carrel_site.core.clock import now
from tests.factories import Member, make_access, make_dataset, make_member, make_version
from tests.site.flow.conftest import Flow


@pytest.fixture
def board(flow: Flow) -> str:
    """The id of a group with nobody in it."""
    return str(flow.ok(flow.app.owner, "POST", "/groups", json={"name": "board"})["id"])


@pytest.fixture
def guarded(flow: Flow, board: str) -> str:
    """A dataset whose questions need one vote, and one of the board."""
    owner, researcher = flow.app.owner, flow.app.researcher

    def work(session: Any) -> str:
        policy = DatasetPolicy(reviewers=1, reviewer_groups=(board,))
        dataset = make_dataset(session, owner.id, flow.population, policy=policy)
        make_version(session, flow.app.site, dataset)
        make_access(session, owner.id, dataset.id, researcher.id)
        return dataset.name

    return flow.app.site.db.transact(work)


def join(flow: Flow, board: str, member: Member) -> None:
    flow.ok(flow.app.owner, "PUT", f"/groups/{board}/members/{member.id}")


def leave(flow: Flow, board: str, member: Member) -> None:
    flow.ok(flow.app.owner, "DELETE", f"/groups/{board}/members/{member.id}")


def state(flow: Flow, request: Any) -> str:
    return str(flow.ok(flow.app.owner, "GET", f"/requests/{request['id']}")["state"])


def approve(flow: Flow, who: Member, request: Any) -> str:
    reply = flow.decide(who, request, "approve")
    assert reply.is_success, reply.text
    return str(reply.json()["state"])


def test_a_vote_of_the_group_is_needed_and_enough(
    flow: Flow, board: str, guarded: str, another_reviewer: Member
) -> None:
    join(flow, board, another_reviewer)
    request = flow.asked(guarded)
    assert (request["votes_needed"], request["groups_needed"]) == (1, ["board"])
    assert approve(flow, flow.app.reviewer, request) == "submitted"
    assert flow.spent() == (0, 0)
    assert approve(flow, another_reviewer, request) == "queued"


def test_whose_approval_can_count_is_said_before_the_vote(
    flow: Flow, board: str, guarded: str, another_reviewer: Member
) -> None:
    join(flow, board, another_reviewer)
    request = flow.asked(guarded)

    def said(who: Member) -> object:
        return flow.ok(who, "GET", f"/requests/{request['id']}/background")["approval_counts"]

    assert said(another_reviewer) is True
    assert said(flow.app.reviewer) is False  # the one approval it takes has to be the board's
    for nobody in (flow.app.researcher, flow.app.auditor):
        assert said(nobody) is None
    # Votes are blind: somebody else's changes nothing here.
    assert approve(flow, flow.app.reviewer, request) == "submitted"
    assert said(another_reviewer) is True
    leave(flow, board, another_reviewer)
    assert said(another_reviewer) is False
    join(flow, board, another_reviewer)
    assert approve(flow, another_reviewer, request) == "queued"
    assert said(another_reviewer) is None
    # Where it takes more people than groups, anybody's may be the further one.
    open_one = flow.asked(flow.reviewed)
    shown = flow.ok(flow.app.reviewer, "GET", f"/requests/{open_one['id']}/background")
    assert shown["approval_counts"] is True


def test_one_person_of_two_groups_speaks_for_both_but_has_one_vote(
    flow: Flow, board: str, another_reviewer: Member
) -> None:
    second = flow.ok(flow.app.owner, "POST", "/groups", json={"name": "second"})["id"]
    for group in (board, second):
        join(flow, group, another_reviewer)
    path = f"/datasets/{flow.reviewed}"
    etag = flow.call(flow.app.owner, "GET", path).headers["etag"]
    policy = {"reviewers": 2, "reviewer_groups": [board, second]}
    flow.ok(flow.app.owner, "PATCH", path, json={"policy": policy}, headers={"If-Match": etag})
    request = flow.asked(flow.reviewed)
    assert approve(flow, another_reviewer, request) == "submitted"
    assert approve(flow, flow.app.reviewer, request) == "queued"


def test_a_rule_is_not_met_by_emptying_its_group(
    flow: Flow, board: str, guarded: str, another_reviewer: Member
) -> None:
    join(flow, board, another_reviewer)
    request = flow.asked(guarded)
    leave(flow, board, another_reviewer)
    assert approve(flow, another_reviewer, request) == "submitted"
    assert approve(flow, flow.app.reviewer, request) == "submitted"
    assert approve(flow, flow.app.owner, request) == "submitted"


def test_a_vote_given_for_a_group_goes_when_its_voter_does(
    flow: Flow, board: str, another_reviewer: Member
) -> None:
    path = f"/datasets/{flow.reviewed}"
    etag = flow.call(flow.app.owner, "GET", path).headers["etag"]
    policy = {"reviewers": 2, "reviewer_groups": [board]}
    flow.ok(flow.app.owner, "PATCH", path, json={"policy": policy}, headers={"If-Match": etag})
    join(flow, board, flow.app.reviewer)
    request = flow.asked(flow.reviewed)
    assert approve(flow, flow.app.reviewer, request) == "submitted"
    leave(flow, board, flow.app.reviewer)
    assert approve(flow, another_reviewer, request) == "submitted"


def test_a_rule_is_not_met_by_deleting_its_group(
    flow: Flow, board: str, guarded: str, another_reviewer: Member
) -> None:
    """Not through the API, while a rule or an undecided request names it, nor behind its back."""
    request = flow.asked(guarded)
    path = f"/datasets/{guarded}"
    etag = flow.call(flow.app.owner, "GET", path).headers["etag"]
    named = flow.call(flow.app.owner, "DELETE", "/groups/board")
    assert named.json()["code"] == "group_in_use"
    dropped = {"policy": {"reviewers": 1}}
    flow.ok(flow.app.owner, "PATCH", path, json=dropped, headers={"If-Match": etag})
    kept = flow.call(flow.app.owner, "DELETE", "/groups/board")
    assert kept.json()["code"] == "group_in_use"
    # What was asked under the rule stays under it.
    assert approve(flow, flow.app.reviewer, request) == "submitted"
    flow.execute("DELETE FROM groups")
    assert approve(flow, another_reviewer, request) == "submitted"
    shown = flow.ok(flow.app.researcher, "GET", f"/requests/{request['id']}")
    assert shown["groups_needed"] == [board]


def test_an_edit_takes_no_group_out_of_the_rule(flow: Flow, board: str, guarded: str) -> None:
    request = flow.asked(guarded)
    path = f"/datasets/{guarded}"
    etag = flow.call(flow.app.owner, "GET", path).headers["etag"]
    second = flow.ok(flow.app.owner, "POST", "/groups", json={"name": "second"})["id"]
    other = {"policy": {"reviewer_groups": [second]}}
    flow.ok(flow.app.owner, "PATCH", path, json=other, headers={"If-Match": etag})
    edited = flow.ok(
        flow.app.researcher,
        "PUT",
        f"/requests/{request['id']}",
        json={"purpose": "a paper"},
        headers={"If-Match": request["etag"]},
    )
    assert set(edited["groups_needed"]) == {"board", "second"}


def test_a_decided_requests_group_may_go(
    flow: Flow, board: str, guarded: str, another_reviewer: Member
) -> None:
    join(flow, board, another_reviewer)
    request = flow.asked(guarded)
    flow.decide(another_reviewer, request, "reject", "no")
    path = f"/datasets/{guarded}"
    etag = flow.call(flow.app.owner, "GET", path).headers["etag"]
    dropped = {"policy": {"reviewers": 1}}
    flow.ok(flow.app.owner, "PATCH", path, json=dropped, headers={"If-Match": etag})
    flow.ok(flow.app.owner, "DELETE", "/groups/board")


@pytest.mark.parametrize("change", [{"active": False}, {"role": "researcher"}])
def test_votes_of_who_has_to_go_do_not_count(
    flow: Flow, another_reviewer: Member, change: dict[str, Any]
) -> None:
    request = flow.asked(flow.reviewed)
    assert approve(flow, another_reviewer, request) == "submitted"
    flow.ok(flow.app.owner, "PATCH", f"/users/{another_reviewer.id}", json=change)
    assert approve(flow, flow.app.reviewer, request) == "submitted"
    assert approve(flow, flow.app.owner, request) == "queued"


@pytest.mark.parametrize("change", ["active = false", "role = 'researcher'"])
def test_who_is_sent_away_while_their_vote_waits_has_no_vote(flow: Flow, change: str) -> None:
    """The key was good when the vote was sent; the vote waits for the request, and looks again."""
    request = flow.asked(flow.reviewed)
    reviewer = flow.app.reviewer
    with ThreadPoolExecutor(1) as pool:
        with flow.app.site.db.engine.connect() as holding:
            lock = "SELECT 1 FROM requests WHERE id = %(id)s FOR UPDATE"
            holding.exec_driver_sql(lock, {"id": request["id"]})
            voting = pool.submit(flow.decide, reviewer, request, "approve")
            _wait_for_a_lock(flow)
            flow.execute(f"UPDATE users SET {change} WHERE id = :id", id=reviewer.id)
            holding.rollback()
        assert voting.result().json()["code"] == "not_reviewer"
    with flow.app.site.db.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM votes").scalar() == 0


def _wait_for_a_lock(flow: Flow) -> None:
    with flow.app.site.db.engine.connect() as watching:
        for _ in range(6000):
            waits = "SELECT count(*) FROM pg_locks, pg_sleep(0.01) WHERE NOT granted"
            if watching.exec_driver_sql(waits).scalar():
                return
            watching.rollback()
    raise AssertionError("nobody waited")


@pytest.mark.parametrize("how", ["deactivated", "key revoked"])
def test_a_long_poll_ends_with_whoever_waits(flow: Flow, how: str) -> None:
    researcher = flow.app.researcher
    run = flow.asked(flow.open)["run"]
    keys = flow.ok(researcher, "GET", "/keys")["items"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(flow.call, researcher, "GET", f"/runs/{run['id']}?wait=30")
        while not flow.app.site.wakeups._waiters.get(run["id"]):
            assert not waiting.done()
        if how == "deactivated":
            path = f"/users/{researcher.id}"
            flow.ok(flow.app.owner, "PATCH", path, json={"active": False})
        else:
            path = f"/users/{researcher.id}/keys/{keys[0]['id']}"
            flow.ok(flow.app.owner, "DELETE", path)
        reply = waiting.result()
    assert reply.status_code == httpx.codes.UNAUTHORIZED
    assert reply.json()["code"] == "unauthenticated"


def test_group_membership_is_looked_up_when_it_counts(flow: Flow, board: str) -> None:
    """The pure rule, over who is in which group: nobody speaks for a group they are not in."""
    from carrel_site.accounts import repository  # noqa: PLC0415

    member = flow.app.site.db.transact(lambda session: make_member(session, Role.REVIEWER))

    def work(session: Any) -> dict[str, set[str]]:
        session.add(Group(id="grp_2", name="two", description="", created_at=now()))
        session.flush()
        session.add(
            GroupMember(group_id="grp_2", user_id=member.id, added_by=member.id, added_at=now())
        )
        session.flush()
        return repository.members_among(session, [board, "grp_2", "grp_none"], [member.id])

    found = flow.app.site.db.transact(work)
    assert found == {board: set(), "grp_2": {member.id}, "grp_none": set()}
