"""Uploaded mocks on the site: served once compared and clean, or accepted with a reason."""

import json
from typing import Any

import httpx
import pytest

from carrel_protocol.jobs import MockJob
from tests.factories import make_access, make_dataset, make_population, make_table, make_version
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.site import AppSite

CSV = b"person,age,spend,female,region\n1,40,1.5,true,north\n2,50,2.5,,south\n"
ROWS = [["person", "age", "spend", "female", "region"], [1, 40, 1.5, True, "north"]]
CLEAN = {"exact": 0, "exact_by_chance": 0, "near": 0, "near_by_chance": 0, "examples": []}
COPIED = CLEAN | {"exact": 1, "near": 1, "examples": [1]}
BASE = "/datasets/visits"


@pytest.fixture
def worker(app_site: AppSite) -> HandWorker:
    return HandWorker.admitted(app_site)


@pytest.fixture
def dataset(app_site: AppSite) -> Any:
    owner = app_site.owner.id

    def work(session: Any) -> Any:
        people = make_population(session, owner)
        made = make_dataset(session, owner, people.id, name="visits")
        make_access(session, owner, made.id, app_site.researcher.id)
        return made

    return app_site.site.db.transact(work)


@pytest.fixture
def version(app_site: AppSite, dataset: Any) -> str:
    """The private version, ready."""
    return str(app_site.site.db.transact(lambda s: make_version(s, app_site.site, dataset)))


def upload(app_site: AppSite) -> Any:
    body = {"format": "csv", "size": len(CSV), "purpose": "mock"}
    started = app_site.call(app_site.owner, "POST", f"{BASE}/uploads", json=body).json()
    path = f"/uploads/{started['id']}"
    app_site.call(app_site.owner, "PATCH", path, content=CSV, headers={"Upload-Offset": "0"})
    done = app_site.call(app_site.owner, "POST", f"{path}/complete")
    assert done.status_code == 202, done.text
    return done.json()


def claim(worker: HandWorker, run_id: str) -> MockJob:
    reply = worker.try_claim(run_id)
    assert reply.status_code == 200, reply.text
    return MockJob.model_validate_json(reply.content)


def finish(app_site: AppSite, worker: HandWorker, job: MockJob, comparison: Any) -> httpx.Response:
    target = app_site.site.storage.root / job.target_path
    target.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    body = {
        "kind": "mock",
        "claim_token": job.claim_token,
        "epoch": job.epoch,
        "digest": app_site.site.storage.measure(job.target_path).digest,
        "size": target.stat().st_size,
        "rows": 1,
        "units": 1,
        "comparison": comparison,
    }
    reply = worker.post(f"{job.run_id}/succeeded", body)
    assert reply.status_code == 204, reply.text
    return reply


def check(app_site: AppSite) -> Any:
    return app_site.call(app_site.owner, "GET", f"{BASE}/mock/check").json()


def served(app_site: AppSite) -> str:
    return str(app_site.call(app_site.researcher, "GET", f"{BASE}/mock").json()["source"])


def checked(app_site: AppSite, worker: HandWorker, comparison: Any) -> Any:
    mock = upload(app_site)
    finish(app_site, worker, claim(worker, mock["run_id"]), comparison)
    return mock


def test_a_clean_mock_is_served(app_site: AppSite, version: str, worker: HandWorker) -> None:
    mock = upload(app_site)
    assert mock["purpose"] == "mock"
    assert check(app_site)["state"] == "checking"
    assert served(app_site) == "generated"
    job = claim(worker, mock["run_id"])
    assert job.private is not None
    assert (app_site.site.storage.root / job.private.path).read_bytes() == b"stored"
    finish(app_site, worker, job, CLEAN)
    shown = check(app_site)
    assert (shown["state"], shown["served"], shown["compared_with"]) == ("clean", True, version)
    got = app_site.call(app_site.researcher, "GET", f"{BASE}/mock").json()
    assert got == {"columns": ROWS[0], "rows": ROWS[1:], "source": "uploaded"}
    seen = app_site.call(app_site.researcher, "GET", BASE).json()
    assert (seen["mock"], seen["version_id"]) == ("uploaded", version)
    assert list((app_site.site.storage.root / "uploads").iterdir()) == []


def test_a_mock_is_no_version(app_site: AppSite, version: str, worker: HandWorker) -> None:
    """It answers nothing, and is not among the versions."""
    mock = checked(app_site, worker, CLEAN)
    assert app_site.call(app_site.owner, "GET", BASE).json()["version_id"] == version
    listed = app_site.call(app_site.owner, "GET", f"{BASE}/versions").json()["items"]
    assert [each["id"] for each in listed] == [version]
    mocks = app_site.call(app_site.owner, "GET", f"{BASE}/versions?purpose=mock").json()["items"]
    assert [each["id"] for each in mocks] == [mock["id"]]
    one = app_site.call(app_site.owner, "GET", f"{BASE}/versions/{mock['id']}").json()
    assert (one["purpose"], one["same_people_as"]) == ("mock", None)


def test_a_mock_like_private_rows_waits_for_the_owner(
    app_site: AppSite, version: str, worker: HandWorker
) -> None:
    mock = checked(app_site, worker, COPIED)
    shown = check(app_site)
    assert (shown["state"], shown["served"], shown["examples"]) == ("suspicious", False, [1])
    assert served(app_site) == "generated"
    body = {"version_id": mock["id"], "reason": "Everybody knows that row."}
    wrong = app_site.call(
        app_site.owner, "POST", f"{BASE}/mock/accept", json=body | {"version_id": version}
    )
    assert wrong.status_code == 409
    for member in (app_site.researcher, app_site.reviewer, app_site.auditor):
        reply = app_site.call(member, "POST", f"{BASE}/mock/accept", json=body)
        assert reply.status_code == 403
    assert served(app_site) == "generated"
    accepted = app_site.call(app_site.owner, "POST", f"{BASE}/mock/accept", json=body).json()
    assert (accepted["served"], accepted["accepted_reason"]) == (True, body["reason"])
    assert served(app_site) == "uploaded"
    events = app_site.call(app_site.owner, "GET", "/audit/events?action=mock.accepted").json()
    assert events["items"][0]["detail"]["reason"] == body["reason"]


def test_an_acceptance_that_is_sent_again_is_one_decision(
    app_site: AppSite, version: str, worker: HandWorker
) -> None:
    """The audit log keeps what was decided, and not how often the network tried."""
    mock = checked(app_site, worker, COPIED)
    body = {"version_id": mock["id"], "reason": "Everybody knows that row."}
    headers = {"Idempotency-Key": "accept"}

    def accept(**more: str) -> httpx.Response:
        path = f"{BASE}/mock/accept"
        return app_site.call(app_site.owner, "POST", path, json=body | more, headers=headers)

    first, again = accept(), accept()
    assert first.status_code == 200
    assert again.json() == first.json()
    events = app_site.call(app_site.owner, "GET", "/audit/events?action=mock.accepted").json()
    assert len(events["items"]) == 1
    other = accept(reason="Another one.")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_the_comparison_is_the_owners_alone(
    app_site: AppSite, version: str, worker: HandWorker
) -> None:
    checked(app_site, worker, COPIED)
    for member in (app_site.researcher, app_site.reviewer):
        assert app_site.call(member, "GET", f"{BASE}/mock/check").status_code == 403
    said = app_site.call(app_site.researcher, "GET", BASE).text
    said += app_site.call(app_site.reviewer, "GET", f"{BASE}/activity").text
    for private in ("exact", "near", "suspicious", "mock.compared"):
        assert private not in said


def test_without_a_private_version_a_mock_waits_and_is_then_compared(
    app_site: AppSite, dataset: Any, worker: HandWorker
) -> None:
    mock = upload(app_site)
    job = claim(worker, mock["run_id"])
    assert job.private is None
    finish(app_site, worker, job, None)
    assert (check(app_site)["state"], served(app_site)) == ("waiting", "generated")
    accept = {"version_id": mock["id"], "reason": "now"}
    reply = app_site.call(app_site.owner, "POST", f"{BASE}/mock/accept", json=accept)
    assert reply.status_code == 409  # nobody can accept what nobody compared
    current = ingest(app_site, worker)
    run_id = app_site.call(app_site.owner, "GET", f"{BASE}/versions/{mock['id']}").json()["run_id"]
    assert run_id != mock["run_id"]
    again = claim(worker, run_id)
    assert (again.source_format, again.private is not None) == ("rows", True)
    assert (app_site.site.storage.root / again.source.path).is_file()
    finish(app_site, worker, again, CLEAN)
    shown = check(app_site)
    assert (shown["state"], shown["compared_with"]) == ("clean", current)
    assert served(app_site) == "uploaded"


def ingest(app_site: AppSite, worker: HandWorker) -> str:
    """Upload a private version, and lay it out by hand."""
    made = app_site.call(app_site.owner, "POST", f"{BASE}/versions?format=csv", content=CSV).json()
    job = worker.try_claim(made["run_id"]).json()
    (app_site.site.storage.root / job["target_path"]).write_bytes(b"laid out")
    done = {
        "kind": "ingest",
        "claim_token": job["claim_token"],
        "epoch": job["epoch"],
        "digest": app_site.site.storage.measure(job["target_path"]).digest,
        "size": 8,
        "rows": 2,
        "units": 2,
        "units_digest": "1" * 64,
        "report": {},
    }
    assert worker.post(f"{made['run_id']}/succeeded", done).status_code == 204
    return str(made["id"])


def test_a_new_version_never_changes_what_researchers_get(
    app_site: AppSite, version: str, worker: HandWorker
) -> None:
    """Whether a mock vanishes when new rows come would tell something of those rows."""
    mock = checked(app_site, worker, CLEAN)
    ingest(app_site, worker)
    run_id = app_site.call(app_site.owner, "GET", f"{BASE}/versions/{mock['id']}").json()["run_id"]
    finish(app_site, worker, claim(worker, run_id), COPIED)
    assert (check(app_site)["state"], served(app_site)) == ("suspicious", "uploaded")


def test_the_owner_goes_back_to_the_generated_one(
    app_site: AppSite, version: str, worker: HandWorker
) -> None:
    mock = checked(app_site, worker, CLEAN)
    assert app_site.call(app_site.researcher, "DELETE", f"{BASE}/mock").status_code == 403
    assert app_site.call(app_site.owner, "DELETE", f"{BASE}/mock").status_code == 204
    assert served(app_site) == "generated"
    left = [path.name for path in (app_site.site.storage.root / "versions").iterdir()]
    assert left == [f"{version}.table"]
    assert (check(app_site)["state"], check(app_site)["served"]) == ("cancelled", False)
    assert app_site.call(app_site.owner, "DELETE", f"{BASE}/mock").status_code == 204
    accept = {"version_id": mock["id"], "reason": "again"}
    reply = app_site.call(app_site.owner, "POST", f"{BASE}/mock/accept", json=accept)
    assert reply.status_code == 409


def test_a_mock_that_is_still_checked_is_stopped(
    app_site: AppSite, version: str, worker: HandWorker
) -> None:
    mock = upload(app_site)
    job = claim(worker, mock["run_id"])
    assert app_site.call(app_site.owner, "DELETE", f"{BASE}/mock").status_code == 204
    assert check(app_site)["state"] == "cancelled"
    beat = {"claim_token": job.claim_token, "epoch": job.epoch}
    assert worker.post(f"{job.run_id}/heartbeat", beat).json()["cancelled"]


def test_an_earlier_mock_does_not_come_back(
    app_site: AppSite, version: str, worker: HandWorker
) -> None:
    """Two uploaded at once: the newer one counts, whichever is compared last."""
    first, second = upload(app_site), upload(app_site)
    jobs = [claim(worker, mock["run_id"]) for mock in (first, second)]
    finish(app_site, worker, jobs[1], COPIED)
    finish(app_site, worker, jobs[0], CLEAN)
    assert served(app_site) == "generated"
    assert check(app_site)["version_id"] == second["id"]


def test_other_columns_need_another_mock(
    app_site: AppSite, version: str, worker: HandWorker
) -> None:
    checked(app_site, worker, CLEAN)
    headers = {"If-Match": "*"}
    words = {"title": "New words", "policy": {"reviewers": 2}}
    app_site.call(app_site.owner, "PATCH", BASE, json=words, headers=headers)
    assert served(app_site) == "uploaded"
    table = make_table(columns=make_table().columns[:2]).model_dump(mode="json")
    app_site.call(app_site.owner, "PATCH", BASE, json={"table": table}, headers=headers)
    assert served(app_site) == "generated"


def test_a_fault_is_told_and_leaves_nothing(
    app_site: AppSite, version: str, worker: HandWorker
) -> None:
    mock = upload(app_site)
    job = claim(worker, mock["run_id"])
    body = {"claim_token": job.claim_token, "epoch": job.epoch, "reason": "line 2, column 'age': x"}
    assert worker.post(f"{job.run_id}/failed", body).status_code == 204
    shown = check(app_site)
    assert (shown["state"], shown["error"]) == ("failed", "line 2, column 'age': x")
    assert served(app_site) == "generated"
    assert list((app_site.site.storage.root / "uploads").iterdir()) == []


def test_a_mock_of_nobody_is_not_there(app_site: AppSite, dataset: Any) -> None:
    reply = app_site.call(app_site.owner, "GET", f"{BASE}/mock/check")
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
