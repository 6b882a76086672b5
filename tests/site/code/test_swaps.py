"""What was approved is what runs, and what was looked at is what leaves.

Each test plays somebody who has the application's own role in the database, the broker, or the
storage, and changes one thing after it was approved or looked at.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import ProgrammingError

from carrel_protocol.code import CodeContent
from carrel_site.runs.beat import duties
from tests.site.code.code_site import TABLE as ROWS
from tests.site.code.code_site import CodeSite, item, report_of

SWAPS: dict[str, Callable[[dict[str, Any]], None]] = {
    "code": lambda c: c["files"][0].update(text="def work(df, age_from):\n    return df\n"),
    "a file more": lambda c: c["files"].append({"path": "pandas.py", "text": "x = 1\n"}),
    "entry": lambda c: c["entry"].update(name="other"),
    "parameters": lambda c: c["parameters"].update(age_from=90),
    "a parameter of a like type": lambda c: c["parameters"].update(age_from=18.0),
    "a parameter of another type": lambda c: c["parameters"].update(age_from=18.5),
    "environment": lambda c: c["environment"].update(lock_hash="0" * 64),
    "dataset version": lambda c: c["data"][0].update(version_id="ver_other"),
    "commitment": lambda c: c["data"][0].update(data_commitment="0" * 64),
    "alias": lambda c: c["data"][0].update(alias="table"),
    "limits": lambda c: c["limits"].update(output_bytes=2**29),
    "requester": lambda c: c.update(requester="usr_other"),
    "reach": lambda c: c.update(
        reach={"bounds": {"age_from": {"kind": "number", "lower": 0, "upper": 99}}}
    ),
    "purpose": lambda c: c.update(purpose="Something else"),
}


def refused(code: CodeSite, run_id: str) -> str:
    """That the run cannot be claimed and fails, and why, as the log has it."""
    reply = code.worker.try_claim(run_id)
    assert reply.status_code == httpx.codes.CONFLICT, reply.text
    assert code.execute("SELECT state FROM runs WHERE id = :id", id=run_id) == "failed"
    (event,) = code.events("run.refused")
    assert event["subject"] == run_id
    return str(event["detail"]["reason"])


def swap(code: CodeSite, request: Any, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(request["content"]))
    change(content)
    code.execute(
        "UPDATE requests SET content = CAST(:content AS jsonb) WHERE id = :id",
        content=json.dumps(content),
        id=request["id"],
    )
    return content


@pytest.mark.parametrize("what", SWAPS)
def test_content_that_was_swapped(code: CodeSite, what: str) -> None:
    request = code.approved()
    swap(code, request, SWAPS[what])
    assert "does not match the hash" in refused(code, request["run"]["id"])


@pytest.mark.parametrize("what", sorted(set(SWAPS) - {"requester"}))
def test_content_that_was_swapped_with_its_hash(code: CodeSite, what: str) -> None:
    request = code.approved()
    content = CodeContent.model_validate(swap(code, request, SWAPS[what]))
    code.execute(
        "UPDATE requests SET content_hash = :hash WHERE id = :id",
        hash=content.content_hash(),
        id=request["id"],
    )
    assert "names no approval" in refused(code, request["run"]["id"])


def test_content_that_is_none(code: CodeSite) -> None:
    request = code.approved()
    swap(code, request, lambda content: content.clear())
    assert "content is none" in refused(code, request["run"]["id"])


def test_a_request_given_to_somebody_else(code: CodeSite) -> None:
    request = code.approved()
    code.execute(
        "UPDATE requests SET requester_id = :who WHERE id = :id",
        who=code.app.owner.id,
        id=request["id"],
    )
    assert "somebody else's" in refused(code, request["run"]["id"])


def test_a_run_moved_to_a_request_that_nobody_approved(code: CodeSite) -> None:
    request, waiting = code.approved(), code.asked(parameters={"age_from": 1})
    run_id = request["run"]["id"]
    code.execute(
        "UPDATE runs SET request_id = :other WHERE id = :id", other=waiting["id"], id=run_id
    )
    assert "names no approval" in refused(code, run_id)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("deadline_ms = 25", "public time"),
        ("kind = 'query', queue = 'query'", "names no version"),
        ("kind = 'mock_code'", "none on made-up rows"),
    ],
)
def test_a_run_that_was_changed(code: CodeSite, change: str, why: str) -> None:
    run_id = code.approved()["run"]["id"]
    code.execute(f"UPDATE runs SET {change} WHERE id = :id", id=run_id)
    assert why in refused(code, run_id)


def test_an_environment_built_anew(code: CodeSite) -> None:
    request = code.approved()
    assert report_of(code.worker, ["numpy==2.1.0", "pandas==2.3.4"]).is_success
    assert "not the one that was approved" in refused(code, request["run"]["id"])


def test_an_environment_built_anew_before_the_vote(code: CodeSite) -> None:
    request = code.asked()
    assert report_of(code.worker, ["numpy==2.1.0", "pandas==2.3.4"]).is_success
    reply = code.vote(code.app.reviewer, request)
    assert reply.status_code == httpx.codes.CONFLICT
    assert "built anew" in reply.json()["detail"]
    assert code.vote(code.app.reviewer, request, "return").is_success


def test_an_environment_that_was_retired(code: CodeSite) -> None:
    request = code.approved()
    code.ok(code.app.owner, "PATCH", "/environments/default", json={"retired": True})
    assert "is gone" in refused(code, request["run"]["id"])


def test_a_worker_of_made_up_rows_cannot_say_what_an_environment_is(code: CodeSite) -> None:
    before = code.ok(code.app.researcher, "GET", "/environments/default")
    assert report_of(code.mocker, ["evil==1.0"]).is_success
    assert report_of(code.mocker, ["evil==1.0"], name="mine").is_success
    assert code.ok(code.app.researcher, "GET", "/environments") == [before]


@pytest.mark.parametrize("column", ["digest", "dataset_id"])
def test_a_stored_version_that_was_swapped(code: CodeSite, column: str) -> None:
    request = code.approved()
    other = code.execute("SELECT id FROM datasets WHERE name = :name", name=code.strict)
    code.execute(
        f"UPDATE dataset_versions SET {column} = :value WHERE id = :id",
        value={"digest": "0" * 64, "dataset_id": other}[column],
        id=request["content"]["data"][0]["version_id"],
    )
    refused(code, request["run"]["id"])


def test_a_versions_file_that_was_swapped_does_not_have_the_digest_of_its_grant(
    code: CodeSite,
) -> None:
    request = code.approved()
    version = request["content"]["data"][0]["version_id"]
    storage = code.app.site.storage
    (storage.root / storage.version_path(version)).write_bytes(b"swapped")
    (grant,) = code.claim(request["run"]["id"]).data
    assert storage.measure(grant.path).digest != grant.digest


def test_a_versions_file_that_is_gone(code: CodeSite) -> None:
    request = code.approved()
    storage = code.app.site.storage
    (storage.root / storage.version_path(request["content"]["data"][0]["version_id"])).unlink()
    assert "gone" in refused(code, request["run"]["id"])


def test_a_message_on_another_queue(code: CodeSite) -> None:
    """Whoever can write to the broker can name any run to any worker."""
    run_id = code.approved()["run"]["id"]
    assert code.mocker.try_claim(run_id).status_code == httpx.codes.FORBIDDEN
    mock = code.ok(code.app.researcher, "POST", "/mock_runs", json=code.program())
    assert code.worker.try_claim(mock["id"]).status_code == httpx.codes.FORBIDDEN
    assert code.claim(run_id).run_id == run_id


def test_a_result_of_another_kind(code: CodeSite) -> None:
    job = code.claim(code.approved()["run"]["id"])
    body = {
        "kind": "mock_code",
        "claim_token": job.claim_token,
        "epoch": job.epoch,
        "report": {"ending": "returned", "wall_ms": 1, "cpu_ms": 1, "peak_bytes": 1, "tier": ""},
    }
    reply = code.worker.post(f"{job.run_id}/succeeded", body)
    assert reply.status_code == httpx.codes.CONFLICT


# The storage, before the output is recorded


def test_items_that_are_not_there_as_the_worker_says(code: CodeSite) -> None:
    job = code.claim(code.approved()["run"]["id"])
    content = b'{"a": 1}'
    listed = [item("a", "value", content)]
    assert code.post_end(job, listed).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    code.folder(job).mkdir()
    for wrong in (b"", content[:-1], content + b" ", content.replace(b"1", b"2")):
        (code.folder(job) / "0").write_bytes(wrong)
        assert code.post_end(job, listed).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    (code.folder(job) / "0").write_bytes(content)
    assert code.post_end(job, listed * 2).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    big = [listed[0] | {"size": 2**40}]
    assert code.post_end(job, big).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert code.post_end(job, listed).is_success


@pytest.mark.parametrize("how", ["file", "folder", "fifo"])
def test_items_behind_a_link_or_no_files(code: CodeSite, how: str, tmp_path: Path) -> None:
    """A worker that was broken into cannot have the site read other files for it."""
    job = code.claim(code.approved()["run"]["id"])
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    (secret / "0").write_bytes(b'"key"')
    if how == "folder":
        code.folder(job).symlink_to(secret)
    else:
        code.folder(job).mkdir()
        place = code.folder(job) / "0"
        place.symlink_to(secret / "0") if how == "file" else os.mkfifo(place)
    reply = code.post_end(job, [item("a", "value", b'"key"')])
    assert reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY


# The storage and the database, between the record and the release


def test_an_item_that_was_swapped_before_its_release(code: CodeSite) -> None:
    request, job = code.held()
    run_id = request["run"]["id"]
    code.public(run_id)
    (code.folder(job) / "0").write_bytes(json.dumps(ROWS).replace("123", "321").encode())
    reply = code.decide(code.app.reviewer, run_id)
    assert (reply.status_code, reply.json()["code"]) == (409, "output_changed")
    assert [event["subject"] for event in code.events("output.refused")] == [run_id]
    assert code.execute("SELECT count(*) FROM output_votes") == 0
    assert code.result(run_id)["state"] == "held"
    reply = code.call(code.app.reviewer, "GET", f"/outputs/{run_id}/items/counts")
    assert (reply.status_code, reply.json()["code"]) == (409, "output_changed")
    # What is as it was may leave without it, and all of it may be withheld.
    assert code.decide(code.app.reviewer, run_id, items=["weights"]).is_success
    assert [each["name"] for each in code.result(run_id)["items"]] == ["weights"]


def test_an_item_that_was_swapped_between_a_vote_and_the_public_end(code: CodeSite) -> None:
    request, job = code.held()
    run_id = request["run"]["id"]
    assert code.decide(code.app.reviewer, run_id).json()["state"] == "held"
    (code.folder(job) / "0").write_bytes(b"[]")
    code.public(run_id)
    assert len(code.events("output.refused")) == 1
    result = code.result(run_id)
    assert (result["state"], result["items"]) == ("withheld", [])
    assert "not what was recorded" in result["reason"]


def test_what_was_released_and_then_swapped(code: CodeSite) -> None:
    request, _ = code.held()
    run_id = request["run"]["id"]
    code.public(run_id)
    assert code.decide(code.app.reviewer, run_id).is_success
    storage = code.app.site.storage
    (storage.root / storage.released_path(run_id, 0)).write_bytes(b"[]")
    reply = code.call(code.app.researcher, "GET", f"/runs/{run_id}/items/counts")
    assert (reply.status_code, reply.json()["code"]) == (409, "output_changed")


def test_what_the_worker_changes_after_the_release_changes_nothing(code: CodeSite) -> None:
    request, job = code.held()
    run_id = request["run"]["id"]
    code.public(run_id)
    assert code.decide(code.app.reviewer, run_id).is_success
    (code.folder(job) / "0").write_bytes(b"[]")
    reply = code.call(code.app.researcher, "GET", f"/runs/{run_id}/items/counts")
    assert reply.json() == ROWS


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE outputs SET items = '[]'",
        "UPDATE outputs SET digest = ''",
        "UPDATE outputs SET votes_needed = 0",
        "UPDATE outputs SET report = NULL",
        "DELETE FROM outputs",
        "UPDATE output_votes SET decision = 'release'",
        "DELETE FROM output_votes",
        "UPDATE output_items SET released = NULL",
        "DELETE FROM output_items",
        "UPDATE line_comments SET text = ''",
        "UPDATE mock_runs SET program_hash = ''",
        "TRUNCATE output_votes",
    ],
)
def test_what_the_site_itself_may_not_change(code: CodeSite, sql: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        code.execute(sql)


def test_an_output_of_an_earlier_claim(code: CodeSite) -> None:
    """A worker that lost its claim writes where nothing is read, and cannot report."""
    run_id = code.approved()["run"]["id"]
    first = code.claim(run_id)
    code.execute(
        "UPDATE runs SET lease_until = now() - interval '1 hour' WHERE id = :id", id=run_id
    )
    for duty in duties():
        duty.act(code.app.site)
    second = code.claim(run_id)
    assert first.target_path != second.target_path
    assert code.end(first, a=("value", b"1")).status_code == httpx.codes.CONFLICT
    assert code.end(second, a=("value", b"2")).is_success
    reply = code.call(code.app.reviewer, "GET", f"/outputs/{run_id}/items/a")
    assert reply.content == b"2"
