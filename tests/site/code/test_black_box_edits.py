"""A black box that was returned, edited and sent again: what stays, what is void, who may."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from carrel_protocol.api.common import Role
from carrel_protocol.api.datasets import DatasetPolicy
from carrel_site.requests.models import Request
from tests.factories import make_member
from tests.site.code.boxes import VECTOR, Boxes, refused
from tests.site.code.code_site import REPORT, SOURCE, problem, report_of, set_policy

OTHER = SOURCE.replace(">=", ">")


def asked(boxes: Boxes, **changes: Any) -> Any:
    reply = boxes.ask(**changes)
    assert reply.status_code == httpx.codes.CREATED, reply.text
    return reply.json()


def edit(boxes: Boxes, request: Any, who: Any = None, **change: Any) -> httpx.Response:
    """Edits what `request` shows."""
    return boxes.code.call(
        who or boxes.code.app.researcher,
        "PATCH",
        f"/black_box_requests/{request['id']}",
        json=change,
        headers={"If-Match": request["etag"]},
    )


def edited(boxes: Boxes, request: Any, **change: Any) -> Any:
    reply = edit(boxes, request, **change)
    assert reply.is_success, reply.text
    assert reply.headers["etag"] == reply.json()["etag"] != request["etag"]
    return reply.json()


def stored(boxes: Boxes, request: Any) -> Any:
    sql = "SELECT to_jsonb(requests) FROM requests WHERE id = :id"
    return boxes.code.execute(sql, id=request["id"])


def returned(boxes: Boxes, **changes: Any) -> Any:
    request = asked(boxes, **changes)
    code = boxes.code
    assert code.vote(code.app.reviewer, request, "return").is_success
    return code.ok(code.app.researcher, "GET", f"/requests/{request['id']}")


def test_returned_edited_approved_and_run(boxes: Boxes) -> None:
    code, reviewer = boxes.code, boxes.code.app.reviewer
    first = returned(boxes, purpose="How old are they?")
    assert first["state"] == "changes_requested"
    second = edited(
        boxes,
        first,
        files=[{"path": "analysis.py", "text": OTHER}],
        blocks=10,
        target={"kind": "epsilon", "epsilon": 0.5},
    )
    assert (second["state"], second["round"], second["votes_needed"]) == ("submitted", 2, 1)
    assert second["content_hash"] != first["content_hash"]
    assert second["purpose"] == "How old are they?"
    # Its price is that of what it asks now; nothing was paid for what it asked before.
    assert second["price"]["epsilon"] == pytest.approx(0.5)
    assert second["price"]["share"] < first["price"]["share"]
    assert second["price"] == {
        **boxes.price(
            blocks=10,
            target={"kind": "epsilon", "epsilon": 0.5},
            files=[{"path": "analysis.py", "text": OTHER}],
        ),
        "asked_before": None,
    }
    assert "10 blocks" in second["price"]["in_words"]
    assert boxes.spent() == []
    # The thread stays, and so does what was asked.
    thread = code.ok(reviewer, "GET", f"/requests/{first['id']}/comments")
    assert [note["kind"] for note in thread] == ["vote", "event"]
    rounds = code.ok(reviewer, "GET", f"/requests/{first['id']}/rounds")
    assert [each["content"]["blocks"] for each in rounds] == [5, 10]
    assert [each["content"]["files"][0]["text"] for each in rounds] == [SOURCE, OTHER]
    assert [each["price"]["epsilon"] for each in rounds] == pytest.approx([1.0, 0.5])
    assert [each["target"]["epsilon"] for each in rounds] == [1.0, 0.5]
    (event,) = code.events("request.edited")
    assert event["detail"]["before"] == first["content_hash"]
    assert event["detail"]["content"] == second["content_hash"]
    # It waits for people again, who are shown it as it is.
    (row,) = code.ok(reviewer, "GET", "/requests?to_review=true")["items"]
    assert (row["id"], row["kind"], row["votes_cast"]) == (first["id"], "black_box", 0)
    approved = code.vote(reviewer, second).json()
    assert approved["state"] == "queued"
    assert [(vote["round"], vote["counts"]) for vote in approved["votes"]] == [
        (1, False),
        (2, True),
    ]
    job = boxes.claim(approved)
    assert (job.content.blocks, job.content.files[0].text) == (10, OTHER)
    assert job.content_hash == second["content_hash"]
    assert boxes.spent() == [("reserve", 2)]


def test_what_is_left_out_stays_as_it_was(boxes: Boxes) -> None:
    request = asked(boxes, target={"kind": "rho", "rho": 0.25}, purpose="as it was")
    content = request["content"]
    changes: dict[str, tuple[Any, tuple[str, ...]]] = {
        "blocks": (7, ("blocks",)),
        "parameters": ({"age_from": 30}, ("parameters",)),
        "output": ({"lower": [0], "upper": [9], "steps": 50}, ("output", "noise", "claimed")),
        "target": ({"kind": "rho", "rho": 0.125}, ("noise", "claimed")),
        "wall_seconds": (0.3, ("limits",)),
        "cpu_seconds": (0.2, ("limits",)),
        "files": ([{"path": "analysis.py", "text": OTHER}], ("files",)),
        "alias": ("people", ("data",)),
        "purpose": ("other words", ("purpose",)),
    }
    for name, (value, differ) in changes.items():
        request = edited(boxes, request, **{name: value})
        now = request["content"]
        assert {key for key in now if now[key] != content[key]} == set(differ), name
        content = now
    assert (content["limits"]["wall_seconds"], content["limits"]["cpu_seconds"]) == (0.3, 0.2)
    assert (content["data"]["alias"], content["purpose"]) == ("people", "other words")
    assert request["target"] == {"kind": "rho", "rho": 0.125}
    assert request["price"]["rho"] == pytest.approx(0.125)
    assert request["round"] == 1 + len(changes)


def test_a_mean_becomes_a_median_and_a_mean_again(boxes: Boxes) -> None:
    request = asked(boxes, output={"lower": [0, -1], "upper": [100, 1]})
    mean = request["content"]["output"]
    request = edited(boxes, request, aggregate="median")
    content = request["content"]
    assert (content["aggregate"], content["output"]["steps"]) == ("median", 1000)
    assert (content["output"]["lower"], content["output"]["upper"]) == (
        mean["lower"],
        mean["upper"],
    )
    assert {noise["mechanism"] for noise in content["noise"]} == {"exponential"}
    assert "the median over 5 blocks" in request["price"]["in_words"]
    # Of another privacy it stays one, with its grid.
    request = edited(boxes, request, target={"kind": "rho", "rho": 0.1}, blocks=7)
    content = request["content"]
    assert (content["aggregate"], content["output"]["steps"]) == ("median", 1000)
    own = {"lower": [0], "upper": [9], "steps": 50}
    request = edited(boxes, request, output=own)
    assert request["content"]["output"] == own
    refused_ = edit(boxes, request, output={"lower": [0], "upper": [9], "steps": 2**20})
    assert refused_.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    request = edited(boxes, request, aggregate="mean")
    content = request["content"]
    assert (content["aggregate"], content["output"]["steps"]) == ("mean", 2**20)
    rounds = boxes.code.ok(boxes.code.app.reviewer, "GET", f"/requests/{request['id']}/rounds")
    aggregates = [each["content"]["aggregate"] for each in rounds]
    assert aggregates == ["mean", "median", "median", "median", "mean"]


def test_an_edit_needs_what_was_read_and_who_asked(boxes: Boxes) -> None:
    code = boxes.code
    request = asked(boxes)
    before = stored(boxes, request)
    path = f"/black_box_requests/{request['id']}"
    stranger = code.app.site.db.transact(lambda session: make_member(session, Role.RESEARCHER))
    without = code.call(code.app.researcher, "PATCH", path, json={"blocks": 6})
    assert problem(without) == (428, "precondition_required")
    stale = {**request, "etag": f'"{request["id"]}-0"'}
    assert problem(edit(boxes, stale, blocks=6)) == (412, "precondition_failed")
    for who in (code.app.reviewer, code.app.owner):
        assert problem(edit(boxes, request, who, blocks=6)) == (403, "not_reviewer")
    assert problem(edit(boxes, request, code.app.auditor, blocks=6)) == (403, "forbidden")
    assert problem(edit(boxes, request, stranger, blocks=6)) == (404, "not_found")
    nothing = {**request, "id": "req_nothing"}
    assert problem(edit(boxes, nothing, blocks=6)) == (404, "not_found")
    assert stored(boxes, request) == before
    assert code.events("request.edited") == []


def test_votes_on_what_was_there_are_void(boxes: Boxes) -> None:
    code = boxes.code
    set_policy(code, code.data, reviewers=2)
    first = asked(boxes)
    assert code.vote(code.app.reviewer, first).json()["state"] == "submitted"
    second = edited(boxes, first, blocks=6)
    # A vote that was under way when the edit came is for something else.
    assert problem(code.vote(code.other, first)) == (409, "content_changed")
    assert code.vote(code.other, second).json()["state"] == "submitted"
    # Back to just what one of them approved: their approval was of an earlier round, and is void.
    third = edited(boxes, second, blocks=5)
    assert third["content_hash"] == first["content_hash"]
    assert code.vote(code.other, third).json()["state"] == "submitted"
    approved = code.vote(code.app.reviewer, third).json()
    assert approved["state"] == "queued"
    assert [vote["counts"] for vote in approved["votes"]] == [False, False, True, True]


def test_what_is_decided_is_not_edited(boxes: Boxes) -> None:
    code = boxes.code
    queued = boxes.queued()
    rejected = asked(boxes, blocks=6)
    code.vote(code.app.reviewer, rejected, "reject")
    withdrawn = asked(boxes, blocks=7)
    code.ok(code.app.researcher, "POST", f"/requests/{withdrawn['id']}/withdraw")
    dear = asked(boxes, target={"kind": "epsilon", "epsilon": 50})
    code.vote(code.app.reviewer, dear)  # approved, and waits for budget
    for request in (queued, rejected, withdrawn, dear):
        now = code.ok(code.app.researcher, "GET", f"/requests/{request['id']}")
        assert problem(edit(boxes, now, blocks=8)) == (409, "invalid_transition"), now["state"]
    # The run that was approved is still just that.
    assert boxes.claim(queued).content.blocks == 5


def test_each_kind_is_edited_by_its_own_route(boxes: Boxes) -> None:
    code, researcher = boxes.code, boxes.code.app.researcher
    question = {
        "dataset": code.data,
        "sql": f"SELECT COUNT(*) FROM {code.data}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
        "review": True,
    }
    routes = {
        "requests": code.ok(researcher, "POST", "/requests", json=question),
        "code_requests": code.asked(),
        "black_box_requests": asked(boxes),
    }
    for route in routes:
        for own, request in routes.items():
            reply = code.call(
                researcher,
                "PUT" if route == "requests" else "PATCH",
                f"/{route}/{request['id']}",
                json={"purpose": "x"},
                headers={"If-Match": request["etag"]},
            )
            if route == own:
                assert reply.is_success, reply.text
            else:
                assert problem(reply) == (409, "conflict")
                assert f"/{own}/{request['id']} edits it" in reply.json()["advice"]


def test_an_edit_to_what_another_request_asks_is_refused(boxes: Boxes) -> None:
    first, second = asked(boxes), asked(boxes, blocks=6)
    reply = edit(boxes, second, blocks=5)
    assert problem(reply) == (409, "conflict")
    assert first["id"] in reply.text
    # A purpose of its own makes it no other one; to itself it may always be edited.
    assert problem(edit(boxes, second, blocks=5, purpose="mine")) == (409, "conflict")
    assert edited(boxes, second, purpose="other words")["round"] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"blocks": 1}, "blocks"),
        ({"blocks": 1000, "wall_seconds": 5}, "3600 s is the most"),
        ({"wall_seconds": 400}, "limits.wall_seconds"),
        ({"entry": {"kind": "function", "path": "other.py", "name": "work"}}, "none of the files"),
        ({"entry": {"kind": "script", "path": "analysis.py"}}, "entry"),
        ({"files": []}, "files"),
        ({"files": [{"path": "analysis.py", "text": "x = 1 # \u202e"}]}, "files"),
        ({"output": {"lower": [0], "upper": [0]}}, "steps"),
        ({"output": {"lower": [0], "upper": [1, 2]}}, "lower bounds"),
        ({"parameters": {"df": 1}}, "names a dataset and a parameter"),
        ({"alias": "age_from"}, "names a dataset and a parameter"),
        ({"target": {"kind": "epsilon", "epsilon": 0}}, "target"),
        ({"environment": "none-such"}, "none-such"),
        ({"dataset": "another"}, "dataset"),
        ({"noise": []}, "noise"),
        ({"mock_run_id": "run_none"}, "made-up rows"),
    ],
)
def test_what_cannot_be_run_is_refused_and_changes_nothing(
    boxes: Boxes, change: dict[str, Any], words: str
) -> None:
    request = asked(boxes)
    before = stored(boxes, request)
    reply = edit(boxes, request, **change)
    assert reply.status_code in (404, 409, 422), reply.text
    assert words in reply.text
    assert stored(boxes, request) == before


def test_rules_access_and_terms_are_those_of_the_moment(boxes: Boxes) -> None:
    code = boxes.code
    request = asked(boxes)
    set_policy(code, code.data, reviewers=3)
    request = edited(boxes, request, blocks=6)
    assert request["votes_needed"] == 3
    set_policy(code, code.data, reviewers=1)
    request = edited(boxes, request, blocks=7)
    assert request["votes_needed"] == 3  # a rule that it was asked under is not taken back
    set_policy(code, code.data, kinds=["query", "code"])
    assert problem(edit(boxes, request, blocks=8)) == (409, "kind_not_allowed")
    set_policy(code, code.data, kinds=["query", "code", "black_box"])
    dataset = code.call(code.app.owner, "GET", f"/datasets/{code.data}")
    code.ok(
        code.app.owner,
        "PATCH",
        f"/datasets/{code.data}",
        json={"terms": "Be good."},
        headers={"If-Match": dataset.headers["etag"]},
    )
    assert problem(edit(boxes, request, blocks=8)) == (403, "terms_not_accepted")
    code.ok(code.app.researcher, "POST", f"/datasets/{code.data}/terms", json={"revision": 1})
    request = edited(boxes, request, blocks=8)
    code.ok(code.app.owner, "DELETE", f"/datasets/{code.data}/access/{code.app.researcher.id}")
    assert problem(edit(boxes, request, blocks=9)) == (404, "not_found")


def test_an_edited_one_is_never_approved_by_rule(boxes: Boxes) -> None:
    """People have begun to read it; what they returned does not run because it was edited."""
    code = boxes.code
    site = code.app.site
    site.settings = site.settings.model_copy(update={"black_box_exclusive": True})
    request = returned(boxes)
    set_policy(code, code.data, auto_approve=True, auto_approve_share=1.0)
    assert boxes.price(blocks=6)["approval"] == "automatic"
    again = edited(boxes, request, blocks=6)
    assert (again["state"], again["votes_needed"], again["run"]) == ("submitted", 1, None)
    assert again["price"]["approval"] == "review"
    assert boxes.spent() == []


def test_an_environment_built_anew_is_what_an_edit_asks_for(boxes: Boxes) -> None:
    request = asked(boxes)
    report_of(boxes.worker, ["numpy==9"])
    again = edited(boxes, request, purpose="once more")
    before, after = request["content"]["environment"], again["content"]["environment"]
    assert before["lock_hash"] != after["lock_hash"]
    assert boxes.claim(boxes.code.vote(boxes.code.app.reviewer, again).json())


def test_an_earlier_round_put_back_after_the_approval_does_not_run(boxes: Boxes) -> None:
    """What people returned is not what they approved, however it comes to stand there."""
    code = boxes.code
    first = returned(boxes)
    second = edited(boxes, first, blocks=6)
    approved = code.vote(code.app.reviewer, second).json()
    code.execute(
        "UPDATE requests SET content = r.content, content_hash = r.content_hash"
        " FROM request_rounds r WHERE r.request_id = requests.id AND requests.id = :id",
        id=first["id"],
    )
    refused(boxes, approved)


@pytest.mark.parametrize("what", ["content", "content_hash", "price"])
def test_a_part_of_an_earlier_round_put_back_does_not_run(boxes: Boxes, what: str) -> None:
    code = boxes.code
    first = returned(boxes)
    approved = code.vote(code.app.reviewer, edited(boxes, first, blocks=500)).json()
    old = {name: first[name] for name in ("content", "content_hash", "price")}[what]

    def put_back(session: Any) -> None:
        session.execute(update(Request).where(Request.id == first["id"]).values({what: old}))

    code.app.site.db.transact(put_back)
    if what == "price":  # a price is what was shown: what is charged is worked out from the content
        assert boxes.claim(approved).deadline_ms == approved["price"]["deadline_ms"]
    else:
        refused(boxes, approved)


def test_a_run_on_made_up_rows_goes_with_the_program_that_it_was_of(boxes: Boxes) -> None:
    code, researcher = boxes.code, boxes.code.app.researcher
    run = code.ok(researcher, "POST", "/mock_runs", json=code.program())
    assert problem(boxes.ask(mock_run_id=run["id"])) == (409, "conflict")  # it has not ended
    job = code.claim_mock(run["id"])
    body = {
        "kind": "mock_code",
        "claim_token": job.claim_token,
        "epoch": job.epoch,
        "report": REPORT,
    }
    assert code.mocker.post(f"{job.run_id}/succeeded", body).is_success

    def shown(request: Any) -> Any:
        return code.ok(code.app.reviewer, "GET", f"/requests/{request['id']}/code_review")[
            "mock_run"
        ]

    other = boxes.ask(mock_run_id=run["id"], parameters={"age_from": 19})
    assert problem(other) == (422, "invalid_input")
    request = asked(boxes, mock_run_id=run["id"])
    assert shown(request)["id"] == run["id"]
    # Of the same program still, whatever its blocks and privacy.
    request = edited(boxes, request, blocks=6, target={"kind": "rho", "rho": 0.1})
    assert shown(request)["id"] == run["id"]
    request = edited(boxes, request, parameters={"age_from": 20})
    assert shown(request) is None
    assert problem(edit(boxes, request, mock_run_id=run["id"])) == (422, "invalid_input")
    request = edited(boxes, request, parameters={"age_from": 18}, mock_run_id=run["id"])
    assert shown(request)["id"] == run["id"]
    assert shown(edited(boxes, request, mock_run_id=None)) is None


def test_somebody_elses_run_on_made_up_rows_is_not_shown(boxes: Boxes) -> None:
    code = boxes.code
    run = code.ok(code.app.reviewer, "POST", "/mock_runs", json=code.program())
    assert problem(boxes.ask(mock_run_id=run["id"])) == (404, "not_found")
    request = asked(boxes)
    assert problem(edit(boxes, request, mock_run_id=run["id"])) == (404, "not_found")


def test_comments_on_lines_stay_through_an_edit(boxes: Boxes) -> None:
    code = boxes.code
    request = asked(boxes)
    said = {
        "content_hash": request["content_hash"],
        "path": "analysis.py",
        "line": 2,
        "text": "Why 18?",
    }
    path = f"/requests/{request['id']}/line_comments"
    code.ok(code.app.reviewer, "POST", path, json=said)
    again = edited(boxes, request, parameters={"age_from": 20})
    (comment,) = code.ok(code.app.reviewer, "GET", f"/requests/{again['id']}/code_review")[
        "comments"
    ]
    assert (comment["round"], comment["text"]) == (1, "Why 18?")
    # And one on what was there before is refused: its writer looks at something else.
    reply = code.call(code.app.reviewer, "POST", path, json=said)
    assert problem(reply) == (409, "content_changed")


def test_what_a_reviewer_approved_is_the_policy_of_then(boxes: Boxes) -> None:
    """The dataset's rules are part of the content: a new rule makes another content of an edit."""
    code = boxes.code
    request = asked(boxes, output=VECTOR)
    set_policy(code, code.data, request_days=DatasetPolicy().request_days + 1)
    again = edited(boxes, request)
    assert again["content_hash"] != request["content_hash"]
    assert json.dumps(again["content"]["output"]) == json.dumps(request["content"]["output"])
