"""Private black boxes at the site: priced, approved, paid for, handed out, shown at their time."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from carrel_protocol.black_box import BlackBoxContent
from carrel_site.audit.verify import verify
from carrel_site.pricing.black_box import price_black_box
from carrel_site.pricing.deadlines import black_box_deadline_ms
from tests.site.code.boxes import VECTOR, Boxes, automatic, refused
from tests.site.code.code_site import SOURCE, report_of


def test_a_price_is_known_before_anything_is_asked(boxes: Boxes) -> None:
    price = boxes.price()
    assert price["epsilon"] == pytest.approx(1.0)
    assert price["epsilon"] >= 1.0 - 1e-12
    # One coordinate has half of epsilon on a sum that one unit moves by 1000 steps.
    assert [noise["scale"] for noise in price["noise"]] == [2000.0, 2000.0]
    # ln(20) scales of 2000 steps, of 100/1000 and 2/1000 each, on the mean of five blocks.
    first, second = (each["plus_minus"] for each in price["expected_errors"])
    assert first == pytest.approx(min(2.9957 * 2000 * 0.1 / 5, 100), rel=1e-3)
    assert second == pytest.approx(min(2.9957 * 2000 * 0.002 / 5, 2), rel=1e-3)
    assert price["plan"] is None
    assert price["approval"] == "review"
    assert "mean over 5 blocks of work() of analysis.py" in price["in_words"]
    assert price["affordable"]
    assert boxes.spent() == []
    # More blocks, less noise, and more time.
    more = boxes.price(blocks=500)
    assert more["expected_errors"][0]["plus_minus"] == pytest.approx(
        2.9957 * 2000 * 0.1 / 500, rel=1e-3
    )
    assert more["deadline_ms"] > price["deadline_ms"]
    assert more["costs"] == price["costs"]


def test_rho_and_an_accuracy_are_priced_too(boxes: Boxes) -> None:
    price = boxes.price(target={"kind": "rho", "rho": 0.5}, blocks=100)
    assert price["rho"] == pytest.approx(0.5)
    assert {noise["mechanism"] for noise in price["noise"]} == {"discrete_gaussian"}
    asked = boxes.price(
        target={"kind": "accuracy", "within": 0.5, "confidence": 0.9}, blocks=1000, wall_seconds=2
    )
    for error in asked["expected_errors"]:
        assert error["plus_minus"] <= 0.5 * (1 + 1e-9)
        assert error["confidence"] == 0.9


def test_the_sites_noise_is_what_a_worker_accepts() -> None:
    """For many shapes: what is priced passes the worker's exact check."""
    from carrel_protocol.black_box import OutputVector  # noqa: PLC0415
    from carrel_protocol.privacy import EpsilonTarget, RhoTarget  # noqa: PLC0415
    from carrel_worker.mechanisms.noise import check_noise  # noqa: PLC0415

    for length in (1, 2, 3, 7, 100):
        for steps in (1, 3, 1000, 2**20, 2**24):
            vector = OutputVector(lower=(-1.0,) * length, upper=(3.0,) * length, steps=steps)
            for target in (
                EpsilonTarget(epsilon=0.1),
                EpsilonTarget(epsilon=3),
                RhoTarget(rho=0.3),
            ):
                priced = price_black_box(vector, 100, target, orders_milli=(2000, 9000))
                for primitive, noise, claimed in zip(
                    vector.primitives(), priced.noise, priced.claimed, strict=True
                ):
                    check_noise(primitive, noise, claimed)
                asked = target.epsilon if isinstance(target, EpsilonTarget) else target.rho
                assert (priced.epsilon or priced.rho or 0) <= asked * (1 + 1e-12)


def test_from_the_asking_to_the_answer(boxes: Boxes) -> None:
    code, researcher = boxes.code, boxes.code.app.researcher
    reply = boxes.ask(purpose="How old are they?")
    assert reply.status_code == httpx.codes.CREATED, reply.text
    asked = reply.json()
    assert (asked["kind"], asked["state"], asked["votes_needed"]) == ("black_box", "submitted", 1)
    assert asked["price"]["epsilon"] == pytest.approx(1.0)
    assert asked["target"] == {"kind": "epsilon", "epsilon": 1.0}
    assert boxes.spent() == []  # charged when it is approved, and not before
    (row,) = code.ok(code.app.reviewer, "GET", "/requests?to_review=true")["items"]
    assert (row["id"], row["kind"]) == (asked["id"], "black_box")
    # A reviewer reads the program with what reading it found, and who asks.
    review = code.ok(code.app.reviewer, "GET", f"/requests/{asked['id']}/code_review")
    assert review["approved_before"] is None
    background = code.ok(code.app.reviewer, "GET", f"/requests/{asked['id']}/background")
    assert background["mine"]["admits"]
    assert not background["policy_changed"]
    request = code.vote(code.app.reviewer, asked).json()
    assert boxes.spent() == [("reserve", 2)]

    job = boxes.claim(request)
    assert job.content.content_hash() == job.content_hash == request["content_hash"]
    assert job.content.limits.log_bytes == 0
    run_id = request["run"]["id"]
    assert boxes.answer(job).is_success
    shown = code.run(run_id)
    assert (shown["state"], shown["black_box"], shown["finished_at"]) == ("running", None, None)
    assert boxes.spent() == [("reserve", 2)]
    boxes.due(run_id)
    shown = code.run(run_id, wait=5)
    assert shown["state"] == "succeeded"
    assert shown["answer"] is None
    assert shown["black_box"]["values"] == [41.5, 0.25]
    assert shown["black_box"]["released"] == [2075, "-9007199254740999"]
    assert boxes.spent() == [("reserve", 2), ("settle", 2)]
    again = code.run(run_id)
    assert again["receipt"] is not None
    # And the log can be checked with a black box's answer in it.
    site = code.app.site
    found = site.db.transact(
        lambda session: verify(session, [], site.signer.public, site_key=site.settings.site_key)
    )
    assert found.answers == 1
    (listed,) = code.ok(researcher, "GET", "/runs?kind=black_box")["items"]
    assert listed["id"] == run_id


def test_asked_twice_it_is_paid_once(boxes: Boxes) -> None:
    request = boxes.queued()
    assert boxes.price()["asked_before"] == request["id"]
    again = boxes.ask(purpose="In other words")
    assert again.status_code == httpx.codes.OK
    assert (again.json()["id"], again.json()["reused"]) == (request["id"], True)
    assert boxes.spent() == [("reserve", 2)]
    for other in (
        {"blocks": 6},
        {"output": VECTOR | {"steps": 999}},
        {"aggregate": "median"},
        {"output": VECTOR | {"upper": [100, 2]}},
        {"target": {"kind": "epsilon", "epsilon": 0.9}},
        {"parameters": {"age_from": 19}},
        {"files": [{"path": "analysis.py", "text": SOURCE + "\n"}]},
        {"cpu_seconds": 0.2},
    ):
        assert boxes.price(**other)["asked_before"] is None, other


def test_a_parameter_of_another_type_is_another_question(boxes: Boxes) -> None:
    request = boxes.queued(parameters={"age_from": 18})
    assert boxes.price(parameters={"age_from": 18.0})["asked_before"] is None
    again = boxes.ask(parameters={"age_from": 18.0})
    assert again.status_code == httpx.codes.CREATED
    assert again.json()["content_hash"] != request["content_hash"]


def test_a_failure_looks_like_a_run_until_its_time_and_stays_charged(boxes: Boxes) -> None:
    code = boxes.code
    request = boxes.queued()
    job = boxes.claim(request)
    body = {"claim_token": job.claim_token, "epoch": job.epoch, "reason": "person_x is there"}
    assert boxes.worker.post(f"{job.run_id}/failed", body).is_success
    shown = code.run(job.run_id)
    assert (shown["state"], shown["finished_at"]) == ("running", None)
    visible = code.execute(
        "SELECT extract(epoch FROM visible_at - claimed_at) * 1000 FROM runs WHERE id = :id",
        id=job.run_id,
    )
    assert float(visible) == pytest.approx(job.deadline_ms, abs=0.01)
    boxes.due(job.run_id)
    shown = code.run(job.run_id, wait=5)
    assert shown["state"] == "failed"
    assert "person_x" not in json.dumps(shown)
    assert boxes.spent() == [("reserve", 2), ("settle", 2)]
    assert boxes.price()["asked_before"] is None  # a failure is not remembered


def test_an_answer_is_withheld_when_the_run_is_cancelled_before_its_time(boxes: Boxes) -> None:
    code = boxes.code
    request = boxes.queued()
    job = boxes.claim(request)
    assert boxes.answer(job).is_success
    code.ok(code.app.researcher, "POST", f"/runs/{job.run_id}/cancel")
    shown = code.run(job.run_id)
    assert (shown["state"], shown["black_box"]) == ("cancelled", None)
    assert boxes.spent() == [("reserve", 2), ("settle", 2)]


def test_black_boxes_that_fail_pause_black_boxes_and_no_questions(boxes: Boxes) -> None:
    code = boxes.code
    for blocks in (2, 3, 4):
        job = boxes.claim(boxes.queued(blocks=blocks))
        body = {"claim_token": job.claim_token, "epoch": job.epoch, "reason": "it failed"}
        assert boxes.worker.post(f"{job.run_id}/failed", body).is_success
        boxes.due(job.run_id)
        assert code.run(job.run_id, wait=5)["state"] == "failed"
    refusal = boxes.ask(blocks=5)
    assert refusal.status_code == httpx.codes.CONFLICT, refusal.text
    assert "3 black boxes of this account failed" in refusal.text
    question = {
        "dataset": code.data,
        "sql": f"SELECT COUNT(*) FROM {code.data}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
    }
    assert code.call(code.app.researcher, "POST", "/requests", json=question).is_success


def test_a_black_box_that_runs_keeps_nobody_from_asking(boxes: Boxes) -> None:
    code = boxes.code
    boxes.claim(boxes.queued(blocks=500, wall_seconds=0.2))
    question = {
        "dataset": code.data,
        "sql": f"SELECT COUNT(*) FROM {code.data}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
    }
    assert code.call(code.app.researcher, "POST", "/requests", json=question).is_success
    # Another one waits for the first, unless people decided on both before.
    assert boxes.ask(blocks=400).status_code == httpx.codes.TOO_MANY_REQUESTS


def test_without_a_worker_of_its_own_people_approve_whatever_the_policy_says(boxes: Boxes) -> None:
    assert automatic(boxes, exclusive=False)["state"] == "submitted"
    assert boxes.spent() == []


def test_with_a_worker_of_its_own_policy_may_approve(boxes: Boxes) -> None:
    request = automatic(boxes, exclusive=True)
    assert (request["state"], request["votes_needed"]) == ("queued", 0)
    assert boxes.claim(request).content.blocks == 5
    # Nobody read it: it is nothing that a reviewer of the next version could go by.
    later = {"dataset": request["dataset"], "purpose": "More", "review": True, "blocks": 6}
    asked = boxes.ask(**later).json()
    path = f"/requests/{asked['id']}/code_review"
    assert boxes.code.ok(boxes.code.app.reviewer, "GET", path)["approved_before"] is None
    assert boxes.code.vote(boxes.code.app.reviewer, asked).is_success
    third = boxes.ask(**later | {"blocks": 7}).json()
    before = boxes.code.ok(boxes.code.app.reviewer, "GET", f"/requests/{third['id']}/code_review")[
        "approved_before"
    ]
    assert before["request_id"] == asked["id"]
    assert before["differs"] == ["blocks"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parameters": {"df": 1}}, "names a dataset and a parameter"),
        ({"blocks": 1000, "wall_seconds": 5}, "3600 s is the most"),
        ({"wall_seconds": 400}, "limits.wall_seconds"),
        ({"entry": {"kind": "function", "path": "other.py", "name": "work"}}, "none of the files"),
        ({"blocks": 1}, "blocks"),
        ({"blocks": 1001}, "blocks"),
        ({"aggregate": "median", "output": VECTOR | {"steps": 4097}}, "at most 4097 points"),
        ({"aggregate": "mode"}, "aggregate"),
        ({"output": {"lower": [0], "upper": [0]}}, "steps"),
        ({"output": {"lower": [0], "upper": [1, 2]}}, "lower bounds"),
        ({"output": {"lower": [1e14], "upper": [1e14 + 1], "steps": 2**24}}, "steps"),
        ({"entry": {"kind": "script", "path": "analysis.py"}}, "entry"),
        (
            {
                "output": {"lower": [0], "upper": [5e-324], "steps": 1},
                "target": {"kind": "accuracy", "within": 0.5},
            },
            "would drown any answer",
        ),
        (
            {
                "output": {"lower": [0], "upper": [1e-300]},
                "target": {"kind": "accuracy", "within": 1e15},
            },
            "would drown any answer",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(
    boxes: Boxes, changes: dict[str, Any], words: str
) -> None:
    for path in ("/black_box_prices", "/black_box_requests"):
        reply = boxes.code.call(boxes.code.app.researcher, "POST", path, json=boxes.body(**changes))
        assert reply.status_code in (400, 422), reply.text
        assert words in reply.text


def test_who_may_not_ask_learns_nothing(boxes: Boxes) -> None:
    assert boxes.ask(boxes.code.app.reviewer).status_code in (403, 404)
    assert boxes.ask(dataset="nothing_here").status_code == httpx.codes.NOT_FOUND


def test_what_is_too_dear_says_what_would_fit_and_waits(boxes: Boxes) -> None:
    price = boxes.price(target={"kind": "epsilon", "epsilon": 50})
    assert not price["affordable"]
    assert 1 < price["fits"]["epsilon"] < 50
    reply = boxes.ask(target={"kind": "epsilon", "epsilon": 50})
    request = boxes.code.vote(boxes.code.app.reviewer, reply.json()).json()
    assert request["state"] == "over_budget"
    assert boxes.spent() == []


def test_no_other_workers_run_black_boxes(boxes: Boxes) -> None:
    request = boxes.queued()
    for worker in (boxes.code.worker, boxes.code.mocker):
        assert worker.try_claim(request["run"]["id"]).status_code == httpx.codes.FORBIDDEN


def test_a_black_box_is_withdrawn(boxes: Boxes) -> None:
    code = boxes.code
    asked = boxes.ask().json()
    code.ok(code.app.researcher, "POST", f"/requests/{asked['id']}/withdraw")
    assert boxes.ask().status_code == httpx.codes.CREATED


SWAPS: dict[str, Callable[[dict[str, Any]], None]] = {
    "code": lambda c: c["files"][0].update(text="def work(df, age_from):\n    return [1, 1]\n"),
    "parameters": lambda c: c["parameters"].update(age_from=90),
    "blocks": lambda c: c.update(blocks=4),
    "bounds": lambda c: c["output"].update(upper=[100, 1.5]),
    "steps": lambda c: c["output"].update(steps=2000),
    "aggregate": lambda c: c.update(aggregate="median"),
    "noise": lambda c: c["noise"][0].update(scale=1.0),
    "mechanism": lambda c: c["noise"][0].update(mechanism="discrete_gaussian"),
    "claim": lambda c: c["claimed"][0].update(value=5.0),
    "environment": lambda c: c["environment"].update(lock_hash="0" * 64),
    "version": lambda c: c["data"].update(version_id="ver_other"),
    "commitment": lambda c: c["data"].update(data_commitment="0" * 64),
    "limits": lambda c: c["limits"].update(wall_seconds=0.2),
    "requester": lambda c: c.update(requester="usr_other"),
    "purpose": lambda c: c.update(purpose="Something else"),
    "mechanism version": lambda c: c.update(mechanism_version=2),
}


@pytest.mark.parametrize("what", SWAPS)
@pytest.mark.parametrize("with_hash", [False, True])
def test_what_was_swapped_after_its_approval_does_not_run(
    boxes: Boxes, what: str, with_hash: bool
) -> None:
    code = boxes.code
    request = boxes.queued()
    content = json.loads(json.dumps(request["content"]))
    SWAPS[what](content)
    changed = BlackBoxContent.model_validate(content)
    code.execute(
        "UPDATE requests SET content = CAST(:content AS jsonb), content_hash = :hash"
        " WHERE id = :id",
        content=json.dumps(content),
        hash=changed.content_hash() if with_hash else request["content_hash"],
        id=request["id"],
    )
    refused(boxes, request)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET deadline_ms = 25 WHERE id = :id",
        "UPDATE requests SET kind = 'code' WHERE id = (SELECT request_id FROM runs WHERE id = :id)",
    ],
)
def test_a_run_beside_what_was_approved_is_refused(boxes: Boxes, statement: str) -> None:
    request = boxes.queued()
    boxes.code.execute(statement, id=request["run"]["id"])
    refused(boxes, request)


def test_an_environment_built_anew_is_another(boxes: Boxes) -> None:
    request = boxes.queued()
    report_of(boxes.worker, ["numpy==9"])
    refused(boxes, request)
    asked = boxes.ask(blocks=6).json()
    report_of(boxes.worker, ["numpy==10"])
    reply = boxes.code.vote(boxes.code.app.reviewer, asked)
    assert reply.status_code == httpx.codes.CONFLICT


def test_a_deadline_is_a_rung_that_covers_every_slot() -> None:
    from carrel_protocol.black_box import BlackBoxProgram, lead_seconds  # noqa: PLC0415

    for blocks in (2, 10, 100, 500):
        for wall in (0.1, 1.0, 5.0):
            program = BlackBoxProgram.model_validate(
                {
                    "entry": {"path": "a.py", "name": "work"},
                    "files": [{"path": "a.py", "text": ""}],
                    "limits": {"wall_seconds": wall},
                    "blocks": blocks,
                    "output": VECTOR,
                }
            )
            deadline = black_box_deadline_ms(program, rows=10_000)
            least = 1000 * (lead_seconds(10_000) + program.schedule_seconds())
            assert least < deadline
            assert deadline % 25 == 0
            assert (deadline // 25).bit_count() == 1
            assert black_box_deadline_ms(program, rows=10_000, extra_rungs=2) == 4 * deadline
