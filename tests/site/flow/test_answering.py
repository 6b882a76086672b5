"""From a question that policy approves to its answer, its charge and its failures."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.site.flow.conftest import MOST, Flow


def test_a_question_is_reserved_claimed_answered_and_settled(flow: Flow) -> None:
    request = flow.asked(flow.open)
    assert request["state"] == "queued"
    assert request["run"]["state"] == "queued"
    cost = request["price"]["costs"][0]
    assert flow.spent() == (0, cost)

    job = flow.worker.claim(request["run"]["id"])
    assert job.content.content_hash() == job.content_hash == request["content_hash"]
    assert flow.worker.succeed(job).status_code == httpx.codes.NO_CONTENT

    run = flow.ended(request["run"]["id"])
    assert run["state"] == "succeeded"
    assert run["answer"]["measures"][0]["values"] == [5]
    assert flow.run(run["id"])["receipt"]["sequence"] > 0
    assert flow.spent() == (cost, 0)


def test_asked_twice_paid_once(flow: Flow) -> None:
    first = flow.asked(flow.open, "age > 3 AND female")
    flow.worker.succeed(flow.worker.claim(first["run"]["id"]))
    flow.ended(first["run"]["id"])
    before = flow.spent()
    again = flow.ask(flow.open, "female AND 3 < age")
    assert again.status_code == httpx.codes.OK
    assert again.json()["reused"] is True
    assert again.json()["run"]["answer"] is not None
    assert flow.spent() == before


def test_asked_at_the_same_moment_paid_once(flow: Flow) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: flow.ask(flow.open), range(16)))
    assert {reply.status_code for reply in replies} == {200, 201}
    assert sum(reply.status_code == httpx.codes.CREATED for reply in replies) == 1
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert flow.budget()["charges"] == 1


def test_one_claim_at_a_time(flow: Flow) -> None:
    run_id = flow.asked(flow.open)["run"]["id"]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: flow.worker.try_claim(run_id), range(16)))
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 15


def test_a_claim_needs_its_token_and_epoch(flow: Flow) -> None:
    job = flow.worker.claim(flow.asked(flow.open)["run"]["id"])
    for forged in (
        job.model_copy(update={"claim_token": "guess"}),
        job.model_copy(update={"epoch": job.epoch + 1}),
    ):
        assert flow.worker.succeed(forged).json()["code"] == "claim_lost"
    other = type(flow.worker).admitted(flow.app, "other")
    assert other.succeed(job).json()["code"] == "claim_lost"
    assert flow.worker.succeed(job).status_code == httpx.codes.NO_CONTENT
    assert flow.worker.succeed(job).json()["code"] == "claim_lost"


def test_a_lost_lease_is_claimed_anew_and_the_first_worker_is_too_late(
    flow: Flow, beat: Callable[[], None]
) -> None:
    run_id = flow.asked(flow.open)["run"]["id"]
    first = flow.worker.claim(run_id)
    flow.execute("UPDATE runs SET lease_until = now() - interval '1 second'")
    beat()
    second = flow.worker.claim(run_id)
    assert second.epoch == first.epoch + 1
    assert flow.worker.succeed(first).json()["code"] == "claim_lost"
    assert flow.worker.succeed(second).status_code == httpx.codes.NO_CONTENT
    assert flow.ended(run_id)["state"] == "succeeded"
    assert flow.spent()[1] == 0
    assert flow.budget()["charges"] == 1


def test_a_run_that_kills_its_workers_fails_after_fixed_attempts_and_is_charged(
    flow: Flow, beat: Callable[[], None]
) -> None:
    request = flow.asked(flow.open)
    for _ in range(3):
        flow.worker.claim(request["run"]["id"])
        flow.execute("UPDATE runs SET lease_until = now() - interval '1 second'")
        beat()
    assert flow.worker.try_claim(request["run"]["id"]).json()["code"] == "claim_lost"
    assert flow.ended(request["run"]["id"])["state"] == "failed"
    assert flow.spent() == (request["price"]["costs"][0], 0)


def test_a_failure_tells_a_researcher_nothing(flow: Flow) -> None:
    request = flow.asked(flow.open)
    job = flow.worker.claim(request["run"]["id"])
    secret = "the value of unit 17 is 93"
    assert flow.worker.fail(job, secret).status_code == httpx.codes.NO_CONTENT
    flow.ended(job.run_id)
    for path in (
        f"/runs/{job.run_id}",
        f"/requests/{request['id']}",
        f"/requests/{request['id']}/comments",
        "/requests",
        f"/accounts/{flow.budget()['id']}/entries",
    ):
        assert secret not in flow.call(flow.app.researcher, "GET", path).text
    refused = flow.call(flow.app.researcher, "GET", f"/runs/{job.run_id}/diagnostics")
    assert refused.status_code == httpx.codes.FORBIDDEN
    told = flow.ok(flow.app.owner, "GET", f"/runs/{job.run_id}/diagnostics")
    assert told["failure"] == secret


def test_the_end_is_hidden_until_its_deadline(flow: Flow) -> None:
    runs = [flow.asked(flow.open, f"age > {n}")["run"]["id"] for n in range(3)]
    flow.execute("UPDATE runs SET deadline_ms = 3000")
    jobs = [flow.worker.claim(run_id) for run_id in runs]
    flow.worker.succeed(jobs[0])
    flow.worker.fail(jobs[1])
    flow.execute("UPDATE runs SET claimed_at = (SELECT min(claimed_at) FROM runs)")
    own = ("id", "request_id", "queued_at", "progress")  # progress moves with the time of reading
    seen = [{k: v for k, v in flow.run(r).items() if k not in own} for r in runs]
    assert seen[0] == seen[1] == seen[2]
    assert seen[0]["state"] == "running"
    listed = flow.ok(flow.app.researcher, "GET", "/requests")["items"]
    assert {item["run_state"] for item in listed} == {"running"}
    assert flow.ended(runs[0])["state"] == "succeeded"
    assert flow.ended(runs[1])["state"] == "failed"


def test_the_ledger_shows_a_settlement_at_the_public_deadline_only(flow: Flow) -> None:
    runs = [flow.asked(flow.open, f"age > {n}")["run"]["id"] for n in range(2)]
    flow.execute("UPDATE runs SET deadline_ms = 2000")
    jobs = [flow.worker.claim(run_id) for run_id in runs]
    account = flow.budget()["id"]
    before = flow.ok(flow.app.researcher, "GET", f"/accounts/{account}/entries")
    balance = flow.budget()
    flow.worker.succeed(jobs[0])
    assert flow.ok(flow.app.researcher, "GET", f"/accounts/{account}/entries") == before
    assert flow.budget() == balance
    flow.ended(runs[0])
    after = flow.ok(flow.app.researcher, "GET", f"/accounts/{account}/entries")
    assert [entry["kind"] for entry in after["items"][:1]] == ["settle"]


def test_three_failures_pause_until_the_owner_has_looked(flow: Flow) -> None:
    for n in range(3):
        job = flow.worker.claim(flow.asked(flow.open, f"age > {n}")["run"]["id"])
        flow.worker.fail(job)
        flow.ended(job.run_id)
    refused = flow.ask(flow.open, "age > 9")
    assert refused.json()["code"] == "kind_paused"
    account = flow.budget()["id"]
    flow.ok(
        flow.app.owner, "POST", f"/accounts/{account}/excuse", json={"reason": "a bad disk, mended"}
    )
    assert flow.ask(flow.open, "age > 9").status_code == httpx.codes.CREATED


def test_a_failure_is_not_remembered(flow: Flow) -> None:
    first = flow.asked(flow.open)
    flow.worker.fail(flow.worker.claim(first["run"]["id"]))
    flow.ended(first["run"]["id"])
    again = flow.asked(flow.open)
    assert again["id"] != first["id"]
    assert flow.budget()["charges"] == 2


def test_three_overruns_raise_the_deadline_by_two_rungs(flow: Flow) -> None:
    usual = flow.asked(flow.open, "age > 50")["run"]["deadline_ms"]
    for n in range(3):
        job = flow.worker.claim(flow.asked(flow.open, f"age > {n}")["run"]["id"])
        flow.worker.succeed(job, cpu_ms=job.deadline_ms + 1)
        flow.ended(job.run_id)
    assert flow.asked(flow.open, "age > 9")["run"]["deadline_ms"] == 4 * usual


def test_cancelled_before_a_worker_took_it_is_refunded(flow: Flow) -> None:
    run_id = flow.asked(flow.open)["run"]["id"]
    run = flow.ok(flow.app.researcher, "POST", f"/runs/{run_id}/cancel")
    assert run["state"] == "cancelled"
    assert flow.spent() == (0, 0)
    assert flow.worker.try_claim(run_id).json()["code"] == "claim_lost"


@pytest.mark.parametrize("how", ["running", "succeeded", "failed"])
def test_cancelled_after_a_worker_took_it_always_looks_the_same(flow: Flow, how: str) -> None:
    request = flow.asked(flow.open)
    flow.execute("UPDATE runs SET deadline_ms = 60000")
    job = flow.worker.claim(request["run"]["id"])
    if how == "succeeded":
        flow.worker.succeed(job)
    if how == "failed":
        flow.worker.fail(job)
    run = flow.ok(flow.app.researcher, "POST", f"/runs/{job.run_id}/cancel")
    assert run["state"] == "cancelled"
    assert run["answer"] is None
    assert flow.spent() == (request["price"]["costs"][0], 0)
    assert flow.run(job.run_id)["answer"] is None
    assert flow.worker.succeed(job).json()["code"] == "claim_lost"
    if how == "running":
        assert flow.worker.beat(job).json() == {"cancelled": True}
    again = flow.call(flow.app.researcher, "POST", f"/runs/{job.run_id}/cancel")
    assert again.json()["code"] == "invalid_transition"


def test_nobody_else_cancels_or_sees_it(flow: Flow) -> None:
    run_id = flow.asked(flow.open)["run"]["id"]
    stranger = flow.app.reviewer
    assert flow.call(stranger, "POST", f"/runs/{run_id}/cancel").status_code == 404
    flow.execute("UPDATE users SET role = 'researcher' WHERE id = :id", id=stranger.id)
    assert flow.call(stranger, "GET", f"/runs/{run_id}").status_code == 404


def test_over_budget_at_once_is_refused_and_leaves_nothing(flow: Flow) -> None:
    asked = flow.asked(flow.open, target=MOST)
    before = flow.budget()
    refused = flow.ask(flow.open, "age > 4", target=MOST)
    assert refused.status_code == httpx.codes.CONFLICT
    problem = refused.json()
    assert problem["code"] == "budget_exceeded"
    assert problem["advice"]
    listed = flow.ok(flow.app.researcher, "GET", "/requests")["items"]
    assert [item["id"] for item in listed] == [asked["id"]]
    assert flow.budget() == before


def test_content_changed_in_storage_is_refused_when_claimed(flow: Flow) -> None:
    """What was approved is what runs, even if the database's rows are edited."""
    request = flow.asked(flow.open)
    flow.execute(
        "UPDATE requests SET content = jsonb_set(content, '{noise,0,scale}', '0.001')"
        " WHERE id = :id",
        id=request["id"],
    )
    refused = flow.worker.try_claim(request["run"]["id"])
    assert refused.json()["code"] == "claim_lost"
    assert flow.ended(request["run"]["id"])["state"] == "failed"
    events = flow.ok(flow.app.owner, "GET", "/audit/events", params={"action": "run.refused"})
    assert [event["subject"] for event in events["items"]] == [request["run"]["id"]]


def test_a_swapped_version_is_refused_when_claimed(flow: Flow) -> None:
    request = flow.asked(flow.open)
    flow.execute("UPDATE dataset_versions SET digest = repeat('a', 64)")
    assert flow.worker.try_claim(request["run"]["id"]).json()["code"] == "claim_lost"
    assert flow.ended(request["run"]["id"])["state"] == "failed"


def test_a_queued_run_whose_message_was_lost_is_published_again(
    flow: Flow, beat: Callable[[], None]
) -> None:
    broker = flow.app.site.broker
    run_id = flow.asked(flow.open)["run"]["id"]
    assert broker.depth("query") == 1
    broker.purge("query")
    beat()
    assert broker.depth("query") == 0  # it may only be slow: two seconds first
    flow.execute("UPDATE runs SET published_at = now() - interval '3 seconds'")
    beat()
    assert broker.depth("query") == 1
    flow.execute("UPDATE runs SET published_at = now() - interval '3 seconds'")
    beat()
    assert broker.depth("query") == 1  # it waits its turn: no second message
    flow.worker.claim(run_id)


def test_a_run_nobody_takes_expires_and_is_refunded(flow: Flow, beat: Callable[[], None]) -> None:
    run_id = flow.asked(flow.open)["run"]["id"]
    flow.execute("UPDATE runs SET queued_at = now() - interval '2 days'")
    beat()
    assert flow.run(run_id)["state"] == "expired"
    assert flow.spent() == (0, 0)
