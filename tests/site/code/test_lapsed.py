"""An approval is of a moment: what was allowed then may not be any more when it is to run."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from carrel_protocol.api.datasets import DatasetPolicy
from carrel_site.code import reach
from carrel_site.core.clock import now
from tests.factories import make_access, make_dataset, make_version
from tests.fixtures.hand_worker import HandWorker
from tests.site.code.boxes import Boxes
from tests.site.code.code_site import CodeSite, admit, set_policy
from tests.site.code.test_reach import REACH, again

KINDS = ("query", "code", "black_box")


def ask(code: CodeSite, kind: str) -> Any:
    """A request of a kind that waits for one vote."""
    if kind == "code":
        return code.asked()
    if kind == "black_box":
        reply = boxes(code).ask()
    else:
        body = {
            "dataset": code.data,
            "sql": f"SELECT COUNT(*) FROM {code.data}",
            "target": {"kind": "epsilon", "epsilon": 0.1},
        }
        reply = code.call(code.app.researcher, "POST", "/requests", json=body)
    assert reply.status_code == httpx.codes.CREATED, reply.text
    return reply.json()


def boxes(code: CodeSite) -> Boxes:
    return Boxes(code, code.worker)


def set_terms(code: CodeSite, words: str = "Be kind.") -> None:
    dataset = code.call(code.app.owner, "GET", f"/datasets/{code.data}")
    headers = {"If-Match": dataset.headers["etag"]}
    path = f"/datasets/{code.data}"
    code.ok(code.app.owner, "PATCH", path, json={"terms": words}, headers=headers)


def person(code: CodeSite, **changes: Any) -> None:
    path = f"/users/{code.app.researcher.id}"
    code.ok(code.app.owner, "PATCH", path, json=changes)


def take_access(code: CodeSite) -> None:
    path = f"/datasets/{code.data}/access/{code.app.researcher.id}"
    code.ok(code.app.owner, "DELETE", path)


CHANGES: dict[str, tuple[Callable[[CodeSite], None], str]] = {
    "its kind is not allowed": (
        lambda code: set_policy(code, code.data, kinds=[]),
        "may not be asked of the dataset",
    ),
    "there are new terms": (set_terms, "has not accepted the present terms"),
    "access was taken": (take_access, "no access to its data any more"),
    "the person was deactivated": (
        lambda code: person(code, active=False),
        "may not ask anything any more",
    ),
    "the person is an auditor now": (
        lambda code: person(code, role="auditor"),
        "may not ask anything any more",
    ),
}


@pytest.fixture
def worker(code: CodeSite) -> HandWorker:
    """Serves whatever there is."""
    return admit(code.app, "all", *KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES)
def test_what_lapsed_while_it_waited_for_people(code: CodeSite, kind: str, change: str) -> None:
    request = ask(code, kind)
    act, said = CHANGES[change]
    act(code)
    reply = code.vote(code.app.reviewer, request)
    assert reply.status_code == httpx.codes.CONFLICT
    assert said in reply.json()["detail"]
    assert reply.json()["advice"]
    assert code.execute("SELECT count(*) FROM votes") == 0
    assert code.execute("SELECT count(*) FROM runs WHERE request_id IS NOT NULL") == 0
    # It can be returned with the reason, all the same.
    assert code.vote(code.app.reviewer, request, "return").is_success


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES)
def test_what_lapsed_while_it_waited_for_a_worker(
    code: CodeSite, worker: HandWorker, kind: str, change: str
) -> None:
    approved = code.vote(code.app.reviewer, ask(code, kind)).json()
    run_id = approved["run"]["id"]
    act, said = CHANGES[change]
    act(code)
    reply = worker.try_claim(run_id)
    assert reply.status_code == httpx.codes.CONFLICT
    assert code.data not in reply.text
    (event,) = code.events("run.refused")
    assert (event["subject"], said in event["detail"]["reason"]) == (run_id, True)
    # To whoever asked it runs, and then has failed, at the time that was public before.
    state, due = code.execute(
        "SELECT json_build_array(state, visible_at - claimed_at ="
        " deadline_ms * interval '1 millisecond') FROM runs WHERE id = :id",
        id=run_id,
    )
    assert (state, due) == ("failed", True)
    assert code.execute("SELECT closed_at FROM runs WHERE id = :id", id=run_id) is None
    assert worker.try_claim(run_id).status_code == httpx.codes.CONFLICT


def test_terms_that_were_accepted_stand_in_no_way(code: CodeSite) -> None:
    request = ask(code, "code")
    set_terms(code)
    assert code.vote(code.app.reviewer, request).status_code == httpx.codes.CONFLICT
    revision = code.ok(code.app.researcher, "GET", f"/datasets/{code.data}")["terms_revision"]
    path = f"/datasets/{code.data}/terms"
    code.ok(code.app.researcher, "POST", path, json={"revision": revision})
    approved = code.vote(code.app.reviewer, request).json()
    assert approved["state"] == "queued"
    code.claim(approved["run"]["id"])


@pytest.mark.parametrize("stage", ["vote", "claim"])
def test_every_dataset_counts(code: CodeSite, stage: str) -> None:
    request = code.asked(
        data={"df": code.data, "more": code.strict},
        files=[{"path": "analysis.py", "text": "def work(df, more, age_from):\n    return 1\n"}],
    )
    assert code.vote(code.app.reviewer, request).is_success
    if stage == "claim":
        assert code.vote(code.other, request).json()["state"] == "queued"
    path = f"/datasets/{code.strict}/access/{code.app.researcher.id}"
    code.ok(code.app.owner, "DELETE", path)
    if stage == "vote":
        assert code.vote(code.other, request).status_code == httpx.codes.CONFLICT
        return
    run_id = code.ok(code.app.reviewer, "GET", f"/requests/{request['id']}")["run"]["id"]
    assert code.worker.try_claim(run_id).status_code == httpx.codes.CONFLICT


@pytest.mark.parametrize("kind", KINDS)
def test_a_stricter_rule_counts_from_when_it_is_made(code: CodeSite, kind: str) -> None:
    request = ask(code, kind)
    assert request["votes_needed"] == 1
    set_policy(code, code.data, reviewers=2)
    seen = code.ok(code.app.reviewer, "GET", f"/requests/{request['id']}")
    assert (seen["votes_needed"], seen["etag"]) == (2, request["etag"])
    assert code.vote(code.app.reviewer, request).json()["state"] == "submitted"
    assert code.vote(code.other, request).json()["state"] == "queued"


def test_a_laxer_rule_does_not(code: CodeSite) -> None:
    request = code.asked(code.strict)
    set_policy(code, code.strict, reviewers=1)
    assert code.vote(code.app.reviewer, request).json()["state"] == "submitted"


def test_groups_that_a_rule_names_later(code: CodeSite) -> None:
    request = ask(code, "code")
    group = code.ok(code.app.owner, "POST", "/groups", json={"name": "Ethics"})["id"]
    set_policy(code, code.data, reviewer_groups=[group])
    assert code.vote(code.app.reviewer, request).json()["state"] == "submitted"
    code.ok(code.app.owner, "PUT", f"/groups/{group}/members/{code.other.id}")
    assert code.vote(code.other, request).json()["state"] == "queued"


def test_a_rule_made_while_a_request_was_sent_counts_at_the_vote(code: CodeSite) -> None:
    """As where the two passed each other: the request holds the earlier rule."""
    request = ask(code, "code")
    set_policy(code, code.data, reviewers=2)
    code.execute("UPDATE requests SET votes_needed = 1 WHERE id = :id", id=request["id"])
    assert code.vote(code.app.reviewer, request).json()["state"] == "submitted"
    assert code.vote(code.other, request).json()["state"] == "queued"


def test_what_waits_for_budget_is_looked_at_again(code: CodeSite) -> None:
    asked = boxes(code).ask(target={"kind": "epsilon", "epsilon": 50}).json()
    request = code.vote(code.app.reviewer, asked).json()
    assert request["state"] == "over_budget"
    path = f"/requests/{request['id']}/queue"
    set_policy(code, code.data, reviewers=2)
    reply = code.call(code.app.researcher, "POST", path)
    assert reply.status_code == httpx.codes.CONFLICT
    assert "ask for more people now" in reply.json()["detail"]
    set_policy(code, code.data, reviewers=1, kinds=["code"])
    reply = code.call(code.app.researcher, "POST", path)
    assert reply.status_code == httpx.codes.CONFLICT
    assert "Black boxes may not be asked" in reply.json()["detail"]


def test_a_covered_run_that_waited_for_too_long(
    code: CodeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    code.approved(reach=REACH)
    early, late = (again(code, age) for age in (20, 21))
    code.claim(early["run"]["id"])
    monkeypatch.setattr(reach, "now", lambda: now() + timedelta(days=30, seconds=1))
    assert code.worker.try_claim(late["run"]["id"]).status_code == httpx.codes.CONFLICT
    (event,) = code.events("run.refused")
    assert event["detail"]["reason"] == "The approval that covers this request has run out."


def test_a_covered_run_of_a_rule_that_is_gone(code: CodeSite) -> None:
    code.approved(reach=REACH)
    covered = again(code, 20)
    set_policy(code, code.data, kinds=["query"])
    assert code.worker.try_claim(covered["run"]["id"]).status_code == httpx.codes.CONFLICT
    assert "Code may not be asked" in json.dumps(code.events("run.refused"))


def test_another_dataset_s_rules_do_not_matter(code: CodeSite) -> None:
    def work(session: Any) -> str:
        people = code.execute("SELECT id FROM populations LIMIT 1")
        owner, policy = code.app.owner.id, DatasetPolicy(kinds=(), reviewers=3)
        dataset = make_dataset(session, owner, people, policy=policy)
        make_version(session, code.app.site, dataset)
        make_access(session, owner, dataset.id, code.app.researcher.id)
        return dataset.name

    code.app.site.db.transact(work)
    code.claim(code.approved()["run"]["id"])
