"""Asking for code: what is refused, what is asked once, and what an edit does."""

import json
from typing import Any

import httpx
import pytest

from carrel_protocol.api.datasets import BudgetLimits, DatasetPolicy
from carrel_site.datasets import mocks
from tests.factories import make_access, make_dataset, make_population, make_version
from tests.site.code.code_site import REPORT, SOURCE, CodeSite, problem, set_policy

BAD: dict[str, dict[str, Any]] = {
    "the entry is no file": {"entry": {"kind": "script", "path": "other.py"}},
    "two files of one path": {"files": [{"path": "analysis.py", "text": ""}] * 2},
    "a path outside": {"files": [{"path": "../analysis.py", "text": ""}]},
    "a hidden character": {"files": [{"path": "analysis.py", "text": "x = 1 # \u202e"}]},
    "too long": {"files": [{"path": f"a{i}.py", "text": "#" * 150_000} for i in range(2)]},
    "not finite": {"parameters": {"age_from": float("inf")}},
    "past exact": {"parameters": {"age_from": 2**60}},
    "nested": {"parameters": {"age_from": [[1]]}},
    "a word of Python's": {"parameters": {"class": 1}},
    "a parameter named as a table": {"parameters": {"df": 1}},
    "no data": {"data": {}},
    "a bound for no parameter": {
        "reach": {"bounds": {"x": {"kind": "number", "lower": 0, "upper": 1}}}
    },
    "outside its own bound": {
        "reach": {"bounds": {"age_from": {"kind": "number", "lower": 0, "upper": 1}}}
    },
    "a bound upside down": {
        "reach": {"bounds": {"age_from": {"kind": "number", "lower": 90, "upper": 1}}}
    },
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_program(code: CodeSite, what: str) -> None:
    body = code.program() | BAD[what]
    text = json.dumps(body)  # which writes what is no JSON number, too
    reply = code.call(
        code.app.researcher,
        "POST",
        "/code_requests",
        content=text,
        headers={"Content-Type": "application/json"},
    )
    assert problem(reply) == (422, "invalid_input"), reply.text
    if "reach" not in body:
        reply = code.call(
            code.app.researcher,
            "POST",
            "/mock_runs",
            content=text,
            headers={"Content-Type": "application/json"},
        )
        assert problem(reply) == (422, "invalid_input"), reply.text


def test_higher_limits_than_the_environments(code: CodeSite) -> None:
    reply = code.ask(limits=code.limits(memory_bytes=2**40))
    assert problem(reply) == (422, "invalid_input")
    assert "memory_bytes" in reply.json()["detail"]


def test_an_environment_that_is_not_there(code: CodeSite) -> None:
    assert problem(code.ask(environment="gpu")) == (409, "environment_not_ready")
    code.ok(code.app.owner, "PATCH", "/environments/default", json={"retired": True})
    assert problem(code.ask()) == (409, "environment_not_ready")


def test_an_environment_no_worker_has_now(code: CodeSite) -> None:
    code.execute("UPDATE workers SET last_seen_at = now() - interval '1 hour'")
    shown = code.ok(code.app.researcher, "GET", "/environments/default")
    assert shown["state"] == "missing"
    reply = code.call(code.app.researcher, "POST", "/mock_runs", json=code.program())
    assert problem(reply) == (409, "environment_not_ready")
    assert code.ask().status_code == httpx.codes.CREATED  # people take their time


def test_kinds_that_a_dataset_does_not_take(code: CodeSite) -> None:
    set_policy(code, code.data, kinds=["query"])
    assert problem(code.ask()) == (409, "kind_not_allowed")
    set_policy(code, code.data, kinds=["code"])
    assert code.ask().status_code == httpx.codes.CREATED
    question = {
        "dataset": code.data,
        "sql": f"SELECT COUNT(*) AS n FROM {code.data}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
    }
    for path in ("/requests", "/prices"):
        reply = code.call(code.app.researcher, "POST", path, json=question)
        assert problem(reply) == (409, "kind_not_allowed")


def test_access_and_terms_of_each_dataset(code: CodeSite) -> None:
    owner = code.app.owner

    def work(session: Any) -> tuple[str, str]:
        people = make_population(session, owner.id, each=BudgetLimits(epsilon=3))
        policy = DatasetPolicy(reviewers=3, release_reviewers=1, request_days=5)
        dataset = make_dataset(session, owner.id, people.id, policy=policy)
        make_version(session, code.app.site, dataset, content=b"others")
        return dataset.name, dataset.id

    name, dataset_id = code.app.site.db.transact(work)
    both = {"df": code.data, "more": name}
    assert problem(code.ask(data=both)) == (404, "not_found")
    code.app.site.db.transact(
        lambda session: make_access(session, owner.id, dataset_id, code.app.researcher.id)
    )
    dataset = code.call(owner, "GET", f"/datasets/{name}")
    code.ok(
        owner,
        "PATCH",
        f"/datasets/{name}",
        json={"terms": "Be good."},
        headers={"If-Match": dataset.headers["etag"]},
    )
    assert problem(code.ask(data=both)) == (403, "terms_not_accepted")
    code.ok(code.app.researcher, "POST", f"/datasets/{name}/terms", json={"revision": 1})
    request = code.asked(data=both)
    assert request["votes_needed"] == 3  # the strictest of them
    for who in (code.app.reviewer, code.other, owner):
        assert code.vote(who, request).is_success
    run_id = code.ok(code.app.researcher, "GET", f"/requests/{request['id']}")["run"]["id"]
    job = code.claim(run_id)
    root = code.app.site.storage.root
    assert [(root / grant.path).read_bytes() for grant in job.data] == [b"stored", b"others"]
    assert code.end(job, a=("value", b"1")).is_success
    code.public(run_id)
    assert code.decide(code.app.reviewer, run_id).json()["state"] == "released"
    for each in (code.data, name):
        budget = code.ok(code.app.researcher, "GET", f"/datasets/{each}/budget")
        assert budget["mine"]["unbounded_outputs"] == 1
    accounts = code.execute("SELECT count(*) FROM ledger_entries WHERE kind = 'unbounded'")
    assert accounts == 4


def test_access_that_is_gone_by_the_vote(code: CodeSite) -> None:
    request = code.asked()
    code.ok(code.app.owner, "DELETE", f"/datasets/{code.data}/access/{code.app.researcher.id}")
    assert problem(code.vote(code.app.reviewer, request)) == (409, "conflict")


def test_the_same_again_is_the_earlier_request(code: CodeSite) -> None:
    first = code.asked()
    again = code.ask()
    assert (again.status_code, again.json()["id"], again.json()["reused"]) == (
        200,
        first["id"],
        True,
    )
    other = code.asked(parameters={"age_from": 19})
    assert other["id"] != first["id"]
    code.ok(code.app.researcher, "POST", f"/requests/{first['id']}/withdraw")
    assert code.asked()["id"] != first["id"]


def test_a_value_of_another_type_is_another_request(code: CodeSite) -> None:
    """True, 1 and 1.0 are not alike to a program."""
    ids = {code.asked(parameters={"age_from": value})["id"] for value in (True, 1, 1.0, "1")}
    assert len(ids) == 4


def test_somebody_elses_is_another_request(code: CodeSite) -> None:
    reply = code.ask(who=code.app.reviewer)
    assert problem(reply) == (404, "not_found")  # no access, whatever the role


def test_an_edit_voids_votes_and_keeps_what_was_asked(code: CodeSite) -> None:
    request = code.asked(code.strict)
    assert code.vote(code.app.reviewer, request).json()["state"] == "submitted"
    text = SOURCE.replace(">=", ">")
    body = {"files": [{"path": "analysis.py", "text": text}]}
    path = f"/code_requests/{request['id']}"
    researcher = code.app.researcher
    assert problem(code.call(researcher, "PATCH", path, json=body)) == (
        428,
        "precondition_required",
    )
    stale = {"If-Match": '"stale"'}
    reply = code.call(researcher, "PATCH", path, json=body, headers=stale)
    assert problem(reply) == (412, "precondition_failed")
    fresh = {"If-Match": request["etag"]}
    reply = code.call(code.other, "PATCH", path, json=body, headers=fresh)
    assert problem(reply) == (403, "not_reviewer")
    edited = code.ok(researcher, "PATCH", path, json=body, headers=fresh)
    assert (edited["round"], edited["content"]["files"][0]["text"]) == (2, text)
    assert code.vote(code.other, request).json()["code"] == "content_changed"
    assert code.vote(code.other, edited).json()["state"] == "submitted"
    rounds = code.ok(researcher, "GET", f"/requests/{request['id']}/rounds")
    assert [each["content"]["files"][0]["text"] for each in rounds] == [SOURCE, text]
    assert code.vote(code.app.reviewer, edited).json()["state"] == "queued"


def test_a_question_and_code_are_edited_each_by_its_own_route(code: CodeSite) -> None:
    request = code.asked()
    reply = code.call(
        code.app.researcher,
        "PUT",
        f"/requests/{request['id']}",
        json={"purpose": "x"},
        headers={"If-Match": request["etag"]},
    )
    assert problem(reply) == (409, "conflict")


def test_lists_name_code(code: CodeSite) -> None:
    request = code.asked(purpose="Counts")
    (row,) = code.ok(code.app.reviewer, "GET", "/requests", params={"to_review": True})["items"]
    assert (row["id"], row["kind"], row["share"]) == (request["id"], "code", 0)
    assert row["in_words"] == f"work() of analysis.py on {code.data} with age_from = 18"
    home = code.ok(code.app.reviewer, "GET", "/home")
    assert "asks to run code on" in home["waiting"][0]["title"]
    background = code.ok(code.app.reviewer, "GET", f"/requests/{request['id']}/background")
    assert (background["mine"], background["history"]["asked"]) == (None, 1)
    run_id = code.vote(code.app.reviewer, request).json()["run"]["id"]
    (row,) = code.ok(code.app.researcher, "GET", "/runs", params={"kind": "code"})["items"]
    assert row["id"] == run_id


def test_code_holds_up_no_questions(code: CodeSite) -> None:
    """Runs of code take minutes by their limits, and count for nothing else."""
    set_policy(code, code.data, auto_approve=True, auto_approve_share=1.0)
    code.ok(
        code.app.owner,
        "PATCH",
        "/environments/default",
        json={"limits": code.limits(wall_seconds=80_000)},
    )
    code.approved(limits=code.limits(wall_seconds=80_000))
    question = {
        "dataset": code.data,
        "sql": f"SELECT COUNT(*) AS n FROM {code.data}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
    }
    reply = code.call(code.app.researcher, "POST", "/requests", json=question)
    assert reply.status_code == httpx.codes.CREATED


# Comments on lines


def test_comments_on_lines(code: CodeSite) -> None:
    request = code.asked()
    path = f"/requests/{request['id']}/line_comments"
    said = {
        "content_hash": request["content_hash"],
        "path": "analysis.py",
        "line": 2,
        "text": "Why?",
    }
    made = code.ok(code.app.reviewer, "POST", path, json=said)
    assert (made["line"], made["round"]) == (2, 1)
    assert code.ok(code.app.researcher, "GET", path) == [made]
    review = code.ok(code.app.researcher, "GET", f"/requests/{request['id']}/code_review")
    assert review["comments"] == [made]
    told = code.ok(code.app.researcher, "GET", "/notifications")["items"][0]
    assert (told["kind"], told["body"]) == ("request.commented", "analysis.py:2: Why?")
    for wrong in ({"line": 9}, {"path": "other.py"}):
        reply = code.call(code.app.reviewer, "POST", path, json=said | wrong)
        assert problem(reply) == (422, "invalid_input")
    reply = code.call(code.app.reviewer, "POST", path, json=said | {"content_hash": "0" * 64})
    assert problem(reply) == (409, "content_changed")


def test_what_was_approved_before_is_beside_it(code: CodeSite) -> None:
    first = code.approved()
    second = code.asked(files=[{"path": "analysis.py", "text": SOURCE + "\n"}])
    before = code.ok(code.other, "GET", f"/requests/{second['id']}/code_review")["approved_before"]
    assert before["request_id"] == first["id"]
    assert before["files"][0]["text"] == SOURCE


# Runs on made-up rows


def test_only_few_at_once(code: CodeSite) -> None:
    def ask(age: int) -> httpx.Response:
        body = code.program(parameters={"age_from": age})
        return code.call(code.app.researcher, "POST", "/mock_runs", json=body)

    runs = [ask(age) for age in range(4)]
    assert [reply.status_code for reply in runs] == [201, 201, 201, 429]
    job = code.claim_mock(runs[0].json()["id"])
    body = {"claim_token": job.claim_token, "epoch": job.epoch, "reason": "no sandbox"}
    assert code.mocker.post(f"{job.run_id}/failed", body).is_success
    failed = code.ok(code.app.researcher, "GET", f"/mock_runs/{job.run_id}")
    assert (failed["state"], failed["report"]) == ("failed", None)
    assert ask(5).status_code == httpx.codes.CREATED


def test_its_asker_alone_sees_it(code: CodeSite) -> None:
    run = code.ok(code.app.researcher, "POST", "/mock_runs", json=code.program())
    for who in (code.app.reviewer, code.app.owner):
        assert problem(code.call(who, "GET", f"/mock_runs/{run['id']}")) == (404, "not_found")
    for path in (f"/runs/{run['id']}", f"/runs/{run['id']}/result"):
        reply = code.call(code.app.researcher, "GET", path)
        assert problem(reply) == (404, "not_found")


def test_a_job_on_made_up_rows_grants_nothing(code: CodeSite) -> None:
    run = code.ok(code.app.researcher, "POST", "/mock_runs", json=code.program())
    job = code.claim_mock(run["id"])
    assert "grants/" not in job.model_dump_json()
    assert not list((code.app.site.storage.root / "grants").iterdir())


def test_too_many_made_up_values(code: CodeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mocks, "MAX_CELLS", 999_999)
    data = {f"t{i}": code.data for i in range(10)}
    body = code.program(data=data) | {"rows": 20_000}
    reply = code.call(code.app.researcher, "POST", "/mock_runs", json=body)
    assert problem(reply) == (422, "invalid_input")


def test_a_run_of_another_program_is_not_shown_beside_it(code: CodeSite) -> None:
    run = code.ok(code.app.researcher, "POST", "/mock_runs", json=code.program())
    assert problem(code.ask(mock_run_id=run["id"])) == (409, "conflict")  # has not ended
    job = code.claim_mock(run["id"])
    body = {
        "kind": "mock_code",
        "claim_token": job.claim_token,
        "epoch": job.epoch,
        "report": REPORT,
    }
    assert code.mocker.post(f"{job.run_id}/succeeded", body).is_success
    other = code.ask(mock_run_id=run["id"], parameters={"age_from": 19})
    assert problem(other) == (422, "invalid_input")
    assert problem(code.ask(mock_run_id="run_none")) == (404, "not_found")
    request = code.asked(mock_run_id=run["id"])
    code.execute("UPDATE mock_runs SET expires_at = now() WHERE expires_at IS NOT NULL")
    body = {"parameters": {"age_from": 20}}
    edited = code.ok(
        code.app.researcher,
        "PATCH",
        f"/code_requests/{request['id']}",
        json=body,
        headers={"If-Match": request["etag"]},
    )
    review = code.ok(code.app.reviewer, "GET", f"/requests/{edited['id']}/code_review")
    assert review["mock_run"] is None


def test_what_a_program_wrote_is_kept_as_a_database_can(code: CodeSite) -> None:
    run = code.ok(code.app.researcher, "POST", "/mock_runs", json=code.program())
    job = code.claim_mock(run["id"])
    body = {
        "kind": "mock_code",
        "claim_token": job.claim_token,
        "epoch": job.epoch,
        "report": REPORT | {"stdout": "caf\u00e9 \U0001f600 \u202e"},
    }
    assert code.mocker.post(f"{job.run_id}/succeeded", body).is_success
    shown = code.ok(code.app.researcher, "GET", f"/mock_runs/{run['id']}")
    assert shown["report"]["stdout"] == "caf\u00e9 \U0001f600 \u202e"
