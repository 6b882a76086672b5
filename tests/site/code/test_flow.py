"""Code, from its first run on made-up rows to what leaves."""

import base64
import json

import httpx

from tests.site.code.code_site import REPORT, TABLE, CodeSite, item


def test_from_the_asking_to_what_leaves(code: CodeSite) -> None:
    request = code.asked(purpose="Counts by region")
    assert (request["kind"], request["state"], request["price"]) == ("code", "submitted", None)
    assert request["content"]["parameters"] == {"age_from": 18}
    approved = code.vote(code.app.reviewer, request).json()
    assert approved["state"] == "queued"
    run_id = approved["run"]["id"]

    job = code.claim(run_id)
    assert job.content.content_hash() == job.content_hash == request["content_hash"]
    assert len(job.data) == 1
    assert (code.app.site.storage.root / job.data[0].path).read_bytes() == b"stored"
    table = json.dumps(TABLE).encode()
    assert code.end(job, counts=("table", table)).status_code == httpx.codes.NO_CONTENT

    shown = code.shown(run_id)
    assert shown["state"] == "held"
    assert shown["report"]["stdout"] == "the secret row"
    assert [each["item"]["name"] for each in shown["items"]] == ["counts"]
    listed = code.ok(code.app.reviewer, "GET", "/outputs", params={"state": "held"})["items"]
    assert [(row["run_id"], row["worst"], row["voted"]) for row in listed] == [
        (run_id, "alarm", False)
    ]
    original = code.call(code.app.reviewer, "GET", f"/outputs/{run_id}/items/counts")
    assert original.content == table
    assert original.headers["content-type"] == "application/json"

    assert code.run(run_id)["state"] == "running"
    assert code.public(run_id)["state"] == "succeeded"
    assert code.run(run_id)["output"] == "held"
    assert code.result(run_id) == {"run_id": run_id, "state": "held", "items": [], "reason": ""}

    body = {"digest": shown["digest"], "decision": "release", "reason": "Fine."}
    body["transforms"] = [{"item": "counts", "round_to": 5, "suppress": [[1, 1]]}]
    decided = code.ok(code.app.reviewer, "POST", f"/outputs/{run_id}/decision", json=body)
    assert decided["state"] == "released"
    result = code.result(run_id)
    assert (result["state"], result["reason"]) == ("released", "Fine.")
    left = code.call(code.app.researcher, "GET", f"/runs/{run_id}/items/counts")
    assert left.json()["rows"] == [["north", 125], ["south", None]]
    assert len(left.content) == result["items"][0]["size"]
    assert code.run(run_id)["receipt"] is not None
    budget = code.ok(code.app.researcher, "GET", f"/datasets/{code.data}/budget")
    assert budget["mine"]["unbounded_outputs"] == 1
    assert budget["mine"]["orders"][0]["spent"] == 0
    assert "1 reviewed outputs" in budget["mine"]["statement"]


def test_made_up_rows_come_with_the_job_and_the_result_at_once(code: CodeSite) -> None:
    run = code.ok(code.app.researcher, "POST", "/mock_runs", json=code.program() | {"rows": 20})
    assert (run["state"], run["report"]) == ("queued", None)
    job = code.claim_mock(run["id"])
    (table,) = job.code.data
    assert (table.alias, len(table.rows)) == ("df", 20)
    assert len(table.rows[0]) == 1 + len(table.table.columns)
    content = b"[1,2]"
    body = {
        "kind": "mock_code",
        "claim_token": job.claim_token,
        "epoch": job.epoch,
        "report": REPORT,
        "items": [
            {"item": item("a", "value", content), "content": base64.b64encode(content).decode()}
        ],
    }
    assert code.mocker.post(f"{job.run_id}/succeeded", body).is_success
    ended = code.ok(code.app.researcher, "GET", f"/mock_runs/{run['id']}")
    assert (ended["state"], ended["report"]["stdout"]) == ("succeeded", "the secret row")
    assert base64.b64decode(ended["items"][0]["content"]) == content

    request = code.asked(mock_run_id=run["id"])
    review = code.ok(code.app.reviewer, "GET", f"/requests/{request['id']}/code_review")
    assert review["mock_run"]["id"] == run["id"]
    assert review["mock_run"]["content_hash"] == run["content_hash"]


def test_code_that_raised_is_held_like_any_other(code: CodeSite) -> None:
    request = code.approved()
    run_id = request["run"]["id"]
    job = code.claim(run_id)
    assert code.post_end(job, [], ending="raised", traceback="KeyError: 'unit 17'").is_success
    assert code.public(run_id)["output"] == "held"
    assert code.shown(run_id)["report"]["traceback"] == "KeyError: 'unit 17'"
    reply = code.decide(code.app.reviewer, run_id, "withhold", reason="It raised.")
    assert reply.json()["state"] == "withheld"
    assert code.result(run_id)["reason"] == "It raised."
    budget = code.ok(code.app.researcher, "GET", f"/datasets/{code.data}/budget")
    assert budget["mine"]["unbounded_outputs"] == 0
