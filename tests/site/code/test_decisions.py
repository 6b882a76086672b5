"""Who decides what leaves, on what, and what it takes."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from carrel_protocol.api.common import Role
from carrel_protocol.canonical import tagged_hash
from carrel_site.audit import anchors
from carrel_site.audit.errors import Broken
from carrel_site.audit.log import exact
from carrel_site.audit.verify import verify_site
from carrel_site.ledger.journal import read_journal
from tests.factories import make_member
from tests.fixtures.site import AppSite
from tests.site.code.code_site import TABLE, CodeSite, set_policy


@pytest.fixture
def held(code: CodeSite) -> tuple[CodeSite, str]:
    """An output that takes two people, whose run has publicly ended."""
    asked = code.asked(code.strict)
    for who in (code.app.reviewer, code.other):
        assert code.vote(who, asked).is_success
    run_id = code.ok(code.app.researcher, "GET", f"/requests/{asked['id']}")["run"]["id"]
    job = code.claim(run_id)
    assert code.end(
        job,
        counts=("table", json.dumps(TABLE).encode()),
        total=("value", b'{"n": 130.5, "who": "all", "ok": true}'),
        weights=("array", b"\x93NUMPY"),
    ).is_success
    code.public(run_id)
    return code, run_id


def test_it_takes_as_many_as_the_rule_says(held: tuple[CodeSite, str]) -> None:
    code, run_id = held
    assert code.shown(run_id)["votes_needed"] == 2
    assert code.decide(code.app.reviewer, run_id).json()["state"] == "held"
    assert code.result(run_id)["state"] == "held"
    reply = code.decide(code.app.reviewer, run_id)
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    assert code.decide(code.other, run_id).json()["state"] == "released"
    reply = code.decide(code.app.owner, run_id)
    assert (reply.status_code, reply.json()["code"]) == (409, "invalid_transition")


def test_a_stricter_rule_counts_for_what_is_held(held: tuple[CodeSite, str]) -> None:
    code, run_id = held
    group = code.ok(code.app.owner, "POST", "/groups", json={"name": "Ethics"})["id"]
    assert code.decide(code.app.reviewer, run_id).is_success
    set_policy(code, code.strict, release_reviewers=3, reviewer_groups=[group])
    shown = code.shown(run_id, code.other)
    assert (shown["votes_needed"], shown["groups_needed"]) == (3, ["Ethics"])
    (row,) = code.ok(code.other, "GET", "/outputs", params={"to_decide": True})["items"]
    assert row["votes_needed"] == 3
    assert code.decide(code.other, run_id).json()["state"] == "held"
    code.ok(code.app.owner, "PUT", f"/groups/{group}/members/{code.app.owner.id}")
    assert code.decide(code.app.owner, run_id).json()["state"] == "released"


def test_a_laxer_rule_does_not(held: tuple[CodeSite, str]) -> None:
    code, run_id = held
    set_policy(code, code.strict, release_reviewers=1)
    assert code.decide(code.app.reviewer, run_id).json()["state"] == "held"


def test_votes_are_blind_until_it_is_decided(held: tuple[CodeSite, str]) -> None:
    code, run_id = held
    before = {row["sequence"] for row in code.events("output.voted")}
    assert len(code.decide(code.app.reviewer, run_id, reason="Fine").json()["votes"]) == 1
    assert code.shown(run_id, code.other)["votes"] == []
    assert code.shown(run_id, code.app.owner)["votes"] == []
    row = code.ok(code.other, "GET", "/outputs", params={"to_decide": True})["items"]
    assert [each["voted"] for each in row] == [False]
    assert code.ok(code.app.reviewer, "GET", "/outputs", params={"to_decide": True})["items"] == []
    assert {row["sequence"] for row in code.events("output.voted")} == before
    assert code.decide(code.other, run_id).is_success
    assert len(code.shown(run_id, code.app.owner)["votes"]) == 2
    assert len(code.events("output.voted")) == 2


def test_one_who_withholds_is_enough_and_says_why(held: tuple[CodeSite, str]) -> None:
    code, run_id = held
    assert code.decide(code.app.reviewer, run_id).is_success
    reply = code.decide(code.other, run_id, "withhold")
    assert reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    reply = code.decide(code.other, run_id, "withhold", reason="Small cells.")
    assert reply.json()["state"] == "withheld"
    result = code.result(run_id)
    assert result == {
        "run_id": run_id,
        "state": "withheld",
        "items": [],
        "reason": "Small cells.",
    }
    told = code.ok(code.app.researcher, "GET", "/notifications")["items"][0]
    assert (told["kind"], told["body"]) == ("output.withheld", "Small cells.")
    reply = code.call(code.app.researcher, "GET", f"/runs/{run_id}/items/counts")
    assert reply.status_code == httpx.codes.NOT_FOUND


def test_only_what_everybody_lets_go_leaves_as_changed_by_any(
    held: tuple[CodeSite, str],
) -> None:
    code, run_id = held
    first = [
        {"item": "counts", "round_to": 5, "suppress": [[1, 1]]},
        {"item": "total", "round_to": 1},
    ]
    assert code.decide(
        code.app.reviewer, run_id, items=["counts", "total"], transforms=first
    ).is_success
    second = [{"item": "counts", "round_to": 10}]
    decided = code.decide(code.other, run_id, transforms=second).json()
    states = {each["item"]["name"]: each["state"] for each in decided["items"]}
    assert states == {"counts": "released", "total": "released", "weights": "withheld"}
    researcher = code.app.researcher
    counts = code.ok(researcher, "GET", f"/runs/{run_id}/items/counts")
    assert counts["rows"] == [["north", 120], ["south", None]]
    assert code.ok(researcher, "GET", f"/runs/{run_id}/items/total") == {
        "n": 130.0,
        "who": "all",
        "ok": True,
    }
    reply = code.call(researcher, "GET", f"/runs/{run_id}/items/weights")
    assert reply.status_code == httpx.codes.NOT_FOUND
    # What came is still there for those who decided, as it came.
    original = code.ok(code.app.reviewer, "GET", f"/outputs/{run_id}/items/counts")
    assert original == TABLE


def test_a_change_is_shown_before_it_is_decided(held: tuple[CodeSite, str]) -> None:
    code, run_id = held
    reviewer, path = code.app.reviewer, f"/outputs/{run_id}/preview"
    before = len(code.events("output.viewed"))
    asked = {"item": "counts", "round_to": 10, "suppress": [[1, 1]]}
    shown = code.ok(reviewer, "POST", path, json=asked)
    assert json.loads(shown["content"])["rows"] == [["north", 120], ["south", None]]
    assert shown["left_alone"] == 0
    assert len(code.events("output.viewed")) == before + 1
    assert code.shown(run_id)["state"] == "held"
    assert code.shown(run_id)["votes"] == []
    # What leaves is what was shown, to the byte.
    for who in (reviewer, code.other):
        assert code.decide(who, run_id, items=["counts"], transforms=[asked]).is_success
    (left,) = code.result(run_id)["items"]
    assert left == shown["item"]


def test_a_preview_is_for_those_who_decide(held: tuple[CodeSite, str]) -> None:
    code, run_id = held
    path, asked = f"/outputs/{run_id}/preview", {"item": "counts", "round_to": 10}
    for who in (code.app.researcher, code.app.auditor):
        reply = code.call(who, "POST", path, json=asked)
        assert reply.status_code in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)
    for wrong in (
        {"item": "weights", "round_to": 10},
        {"item": "total", "suppress": [[0, 0]]},
        {"item": "counts", "suppress": [[9, 9]]},
    ):
        reply = code.call(code.app.reviewer, "POST", path, json=wrong)
        assert reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    reply = code.call(code.app.reviewer, "POST", path, json={"item": "other", "round_to": 1})
    assert reply.status_code == httpx.codes.NOT_FOUND


def test_nothing_that_everybody_lets_go(held: tuple[CodeSite, str]) -> None:
    code, run_id = held
    assert code.decide(code.app.reviewer, run_id, items=["counts"]).is_success
    assert code.decide(code.other, run_id, items=["total"]).json()["state"] == "withheld"
    budget = code.ok(code.app.researcher, "GET", f"/datasets/{code.data}/budget")
    assert budget["mine"]["unbounded_outputs"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"items": ["nothing"]},
        {"items": []},
        {"transforms": [{"item": "weights", "round_to": 1}]},
        {"transforms": [{"item": "nothing", "round_to": 1}]},
        {"transforms": [{"item": "total", "suppress": [[0, 0]]}]},
        {"transforms": [{"item": "counts", "suppress": [[2, 0]]}]},
        {"transforms": [{"item": "counts", "suppress": [[0, -1]]}]},
        {"transforms": [{"item": "counts", "round_to": 0}]},
        {"transforms": [{"item": "counts", "round_to": 1}, {"item": "counts", "round_to": 2}]},
        {"items": ["total"], "transforms": [{"item": "counts", "round_to": 1}]},
        {"decision": "withhold", "reason": "No", "items": ["counts"]},
        {"decision": "withhold", "reason": "  "},
    ],
)
def test_decisions_that_do_not_fit(held: tuple[CodeSite, str], body: dict[str, Any]) -> None:
    code, run_id = held
    reply = code.decide(code.app.reviewer, run_id, **body)
    assert reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY, reply.text
    assert code.execute("SELECT count(*) FROM output_votes") == 0


def test_a_decision_names_what_its_reviewer_was_shown(held: tuple[CodeSite, str]) -> None:
    code, run_id = held
    reply = code.decide(code.app.reviewer, run_id, digest="0" * 64)
    assert (reply.status_code, reply.json()["code"]) == (409, "content_changed")


def test_whoever_may_not_review_any_more_does_not_count(held: tuple[CodeSite, str]) -> None:
    code, run_id = held
    assert code.decide(code.app.reviewer, run_id).is_success
    code.execute("UPDATE users SET role = 'auditor' WHERE id = :id", id=code.app.reviewer.id)
    assert code.decide(code.other, run_id).json()["state"] == "held"
    assert code.decide(code.app.owner, run_id).json()["state"] == "released"


def test_groups_of_the_rule_have_to_be_among_them(code: CodeSite) -> None:
    owner = code.app.owner
    group = code.ok(owner, "POST", "/groups", json={"name": "ethics"})
    code.ok(owner, "PUT", f"/groups/{group['id']}/members/{code.other.id}")
    request, _ = code.held()
    run_id = request["run"]["id"]
    code.public(run_id)
    assert code.shown(run_id)["groups_needed"] == []
    dataset = code.call(owner, "GET", f"/datasets/{code.data}")
    policy = dataset.json()["policy"] | {"reviewer_groups": [group["id"]]}
    code.ok(
        owner,
        "PATCH",
        f"/datasets/{code.data}",
        json={"policy": policy},
        headers={"If-Match": dataset.headers["etag"]},
    )
    asked = code.asked(parameters={"age_from": 50})
    assert asked["groups_needed"] == ["ethics"]
    assert code.vote(code.app.reviewer, asked).json()["state"] == "submitted"
    run_id = code.vote(code.other, asked).json()["run"]["id"]
    assert code.end(code.claim(run_id), a=("value", b"1")).is_success
    code.public(run_id)
    assert code.shown(run_id)["groups_needed"] == ["ethics"]
    assert code.decide(code.app.reviewer, run_id).json()["state"] == "held"
    assert code.decide(code.other, run_id).json()["state"] == "released"


def test_what_is_decided_early_takes_effect_at_the_public_end(
    code: CodeSite, beat: Callable[[], None]
) -> None:
    request, _ = code.held()
    run_id = request["run"]["id"]
    assert code.decide(code.app.reviewer, run_id).json()["state"] == "held"
    assert code.events("output.released") == []
    assert code.result(run_id)["state"] is None
    code.execute(
        "UPDATE runs SET visible_at = now() - interval '1 second' WHERE id = :id", id=run_id
    )
    beat()
    assert code.result(run_id)["state"] == "released"
    assert [event["subject"] for event in code.events("output.released")] == [run_id]


def test_each_look_is_in_the_log(code: CodeSite) -> None:
    request, _ = code.held()
    run_id = request["run"]["id"]
    code.shown(run_id)
    code.shown(run_id, code.other)
    code.call(code.app.owner, "GET", f"/outputs/{run_id}/items/counts")
    looks = [
        (event["actor"], event["detail"].get("item")) for event in code.events("output.viewed")
    ]
    assert sorted(looks, key=str) == sorted(
        [
            (code.app.reviewer.id, None),
            (code.other.id, None),
            (code.app.owner.id, "counts"),
        ],
        key=str,
    )


def test_the_log_and_the_ledger_still_verify(code: CodeSite, beat: Callable[[], None]) -> None:
    for decision in ({"items": ["counts"]}, {"decision": "withhold", "reason": "No"}):
        request, _ = code.held(parameters={"age_from": len(decision)})
        run_id = request["run"]["id"]
        code.public(run_id)
        assert code.decide(code.app.reviewer, run_id, **decision).is_success
    code.held(parameters={"age_from": 9})
    beat()
    verified = verify(code.app)
    assert verified.answers == 2
    with code.app.site.db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM output_items")).scalar() == 4


def verify(app: AppSite) -> Any:
    settings = app.site.settings
    return verify_site(
        settings,
        anchors.read_anchors(settings.anchors_file),
        read_journal(settings.spend_journal_file),
    )


def test_nothing_that_its_researcher_reads_tells_what_was_taken_out(code: CodeSite) -> None:
    """Whoever has all of an output but one cell could try what it may have been, were there a
    digest without a key over what was held."""
    request, job = code.held()
    run_id = request["run"]["id"]
    code.public(run_id)
    hidden = {"item": "counts", "suppress": [[1, 1]]}
    reply = code.decide(code.app.reviewer, run_id, items=["counts"], transforms=[hidden])
    assert reply.is_success, reply.text
    researcher = code.app.researcher
    mine = code.ok(researcher, "GET", f"/datasets/{code.data}/budget")["mine"]["id"]
    entries = code.ok(researcher, "GET", f"/accounts/{mine}/entries")["items"]
    (entry,) = [each for each in entries if each["kind"] == "unbounded"]
    assert entry["detail"] == {}
    assert (entry["run_id"], entry["request_id"]) == (run_id, request["id"])
    items = code.execute("SELECT items FROM outputs WHERE run_id = :id", id=run_id)
    guessed = {
        *(each["digest"] for each in items),
        *(tagged_hash("output/1", each) for each in (exact(items), [run_id, exact(items)])),
    }
    digest = code.execute("SELECT digest FROM outputs WHERE run_id = :id", id=run_id)
    assert digest not in guessed
    (event,) = [each for each in code.events("output.held") if each["subject"] == run_id]
    assert event["detail"]["answer"] == digest
    (vote,) = code.events("output.voted")
    assert vote["detail"]["output"] == digest
    shown = [
        entries,
        *(code.ok(researcher, "GET", f"/runs/{run_id}{rest}") for rest in ("", "/result")),
        code.ok(researcher, "GET", f"/requests/{request['id']}"),
    ]
    for secret in guessed | {digest}:
        assert secret not in json.dumps(shown)
    # And the same output of another run has another digest.
    again, other = code.held(parameters={"age_from": 19})
    assert (other.epoch, job.epoch) == (1, 1)
    assert code.shown(again["run"]["id"])["digest"] != digest


def test_what_left_is_what_the_log_says(code: CodeSite) -> None:
    request, _ = code.held()
    run_id = request["run"]["id"]
    code.public(run_id)
    assert code.decide(code.app.reviewer, run_id, items=["counts"]).is_success
    code.execute(
        "INSERT INTO output_items (run_id, number, name, state, released, at)"
        " SELECT run_id, 9, 'weights', 'released', released, now() FROM output_items"
        " WHERE run_id = :id AND released IS NOT NULL",
        id=run_id,
    )
    with pytest.raises(Broken, match="what left is not what was recorded"):
        verify(code.app)


def test_a_reviewer_made_later_may_decide(code: CodeSite) -> None:
    request, _ = code.held()
    run_id = request["run"]["id"]
    code.public(run_id)
    late = code.app.site.db.transact(lambda session: make_member(session, Role.REVIEWER))
    assert code.decide(late, run_id).json()["state"] == "released"
