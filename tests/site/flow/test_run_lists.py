"""Lists of runs: a researcher's filters tell nothing that the public clock does not."""

from typing import Any

import pytest

from carrel_protocol.api.common import Role
from carrel_protocol.api.requests import RunState
from tests.factories import Member, make_access, make_member
from tests.site.flow.conftest import Flow
from tests.site.flow.test_lists import ids, walk


def listed(flow: Flow, who: Member, **query: Any) -> list[dict[str, Any]]:
    page = flow.ok(who, "GET", "/runs", params=query)
    return page["items"]  # type: ignore[no-any-return]


def run_of(flow: Flow, where: str = "age > 3") -> str:
    return str(flow.asked(flow.open, where)["run"]["id"])


def hold_back(flow: Flow, run_id: str) -> None:
    """Put the run's public end an hour off, so that no test races it."""
    flow.execute(
        "UPDATE runs SET deadline_ms = 3600000, visible_at = now() + interval '1 hour'"
        " WHERE id = :run AND closed_at IS NULL",
        run=run_id,
    )


def everything_a_researcher_can_ask(flow: Flow, who: Member) -> list[Any]:
    """What each filter answers."""
    queries: list[dict[str, Any]] = [{}, {"failed": True}, {"failed": False}, {"kind": "query"}]
    queries += [{"state": state.value} for state in RunState]
    queries += [{"state": [state.value, "running"], "failed": False} for state in RunState]
    return [listed(flow, who, **query) for query in queries]


@pytest.mark.parametrize("who", ["researcher", "reviewer"])
@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_before_its_public_end_no_filter_tells_how_a_run_ended(
    flow: Flow, who: str, end: str
) -> None:
    member: Member = getattr(flow.app, who)
    run_id = run_of(flow)
    job = flow.worker.claim(run_id)
    hold_back(flow, run_id)
    before = everything_a_researcher_can_ask(flow, member)
    if end == "succeeded":
        flow.worker.succeed(job, cpu_ms=5000)
    else:
        flow.worker.fail(job)
        flow.execute("UPDATE runs SET state = 'failed', overran = true, failure = 'unit 17'")
    hold_back(flow, run_id)
    assert everything_a_researcher_can_ask(flow, member) == before
    assert [row["state"] for row in listed(flow, member, state="running")] == ["running"]
    assert listed(flow, member, state=end) == []
    (seen,) = listed(flow, flow.app.owner)
    assert seen["state"] == end
    assert ids(listed(flow, flow.app.auditor, state=end)) == [run_id]


def test_a_run_that_goes_back_to_the_queue_still_runs_to_a_researcher(flow: Flow) -> None:
    run_id = run_of(flow)
    flow.worker.claim(run_id)
    hold_back(flow, run_id)
    before = everything_a_researcher_can_ask(flow, flow.app.researcher)
    flow.execute("UPDATE runs SET state = 'queued', attempts_left = 1, claim_token_hash = NULL")
    assert everything_a_researcher_can_ask(flow, flow.app.researcher) == before
    assert listed(flow, flow.app.researcher, state="queued") == []
    assert ids(listed(flow, flow.app.owner, state="queued")) == [run_id]


def test_after_its_public_end_everybody_sees_it(flow: Flow) -> None:
    run_id = run_of(flow)
    flow.worker.fail(flow.worker.claim(run_id))
    ended = flow.ended(run_id)
    (row,) = listed(flow, flow.app.researcher, state="failed")
    assert (row["id"], row["finished_at"]) == (run_id, ended["finished_at"])
    assert row["progress"] == 1.0
    assert listed(flow, flow.app.researcher, failed=True) == [row]
    assert listed(flow, flow.app.researcher, failed=False) == []
    assert row["overran"] is None
    (seen,) = listed(flow, flow.app.owner, failed=True)
    assert seen["overran"] is False


def test_overruns_are_for_owners_and_auditors(flow: Flow) -> None:
    run_id = run_of(flow)
    flow.execute("UPDATE runs SET overran = true")
    for who in (flow.app.owner, flow.app.auditor):
        assert ids(listed(flow, who, overran=True)) == [run_id]
        assert listed(flow, who, overran=False) == []
    for who in (flow.app.researcher, flow.app.reviewer):
        for value in (True, False):
            reply = flow.call(who, "GET", "/runs", params={"overran": value})
            assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


def test_runs_of_uploads_are_for_owners_and_auditors(flow: Flow) -> None:
    uploaded = flow.call(
        flow.app.owner,
        "POST",
        f"/datasets/{flow.open}/versions",
        params={"format": "csv"},
        content=b"person,age,spend,female,region\n1,2,3,true,north\n",
    ).json()
    asked = run_of(flow)
    for who in (flow.app.owner, flow.app.auditor):
        assert ids(listed(flow, who)) == [asked, uploaded["run_id"]]
        (row,) = listed(flow, who, kind="ingest")
        assert (row["version_id"], row["dataset"]) == (uploaded["id"], flow.open)
        assert (row["requester"], row["purpose"], row["request_id"]) == (None, "", None)
    for who in (flow.app.researcher, flow.app.reviewer):
        assert ids(listed(flow, who)) == [asked]
        assert listed(flow, who, kind="ingest") == []


def test_a_researcher_sees_their_own_alone_and_pages_hold_each_once(flow: Flow) -> None:
    def work(session: Any) -> Member:
        other = make_member(session, Role.RESEARCHER)
        dataset = flow.ok(flow.app.owner, "GET", f"/datasets/{flow.open}")["id"]
        make_access(session, flow.app.owner.id, dataset, other.id)
        return other

    other = flow.app.site.db.transact(work)
    mine = [run_of(flow, f"age > {age}") for age in range(5)]
    body = {
        "dataset": flow.open,
        "sql": f"SELECT COUNT(*) AS n FROM {flow.open}",
        "target": {"kind": "epsilon", "epsilon": 0.1},
    }
    theirs = flow.ok(other, "POST", "/requests", json=body)["run"]["id"]
    assert walk(flow, flow.app.researcher, "/runs") == mine[::-1]
    assert walk(flow, other, "/runs") == [theirs]
    assert walk(flow, flow.app.reviewer, "/runs") == [theirs, *mine[::-1]]
    assert walk(flow, flow.app.owner, "/runs", state="queued") == [theirs, *mine[::-1]]
