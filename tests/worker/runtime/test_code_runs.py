"""Approved code's whole way through a real worker and sandbox: run, held, refused, cancelled."""

import base64
import hashlib
import json
import os
import secrets
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from carrel_protocol.code import (
    CodeContent,
    CodeData,
    CodeEnvironment,
    FunctionEntry,
    RunLimits,
    SourceFile,
)
from carrel_worker import environments
from carrel_worker.sandbox import probe
from carrel_worker.sandbox.limits import tree
from tests.embedded.procs import alive, eventually
from tests.worker.runtime.conftest import RunningWorker
from tests.worker.runtime.jobs import grant, lay_out, table

ROWS = 1000
LIMITS = RunLimits(wall_seconds=60, cpu_seconds=60, memory_bytes=2**30)
MEAN = "def work(df):\n    return df.groupby('age').size().to_frame('n')\n"


@pytest.fixture(autouse=True, scope="module")
def held() -> None:
    """Each of these runs in the tier that this machine has; without bubblewrap there is none."""
    if (found := probe()).tier < 2:
        words = f"bubblewrap does not work here: {found.why}; apt-get install bubblewrap"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)


def content(text: str, **changes: Any) -> CodeContent:
    asked: dict[str, Any] = {
        "requester": "usr_a",
        "data": (
            CodeData(
                alias="df",
                dataset_id="ds_a",
                version_id="ver_a",
                data_commitment="c" * 64,
                metadata_revision=1,
                policy_revision=1,
                table=table(ROWS),
            ),
        ),
        "entry": FunctionEntry(path="analysis.py", name="work"),
        "files": (SourceFile(path="analysis.py", text=text),),
        "environment": CodeEnvironment(
            name="default", lock_hash=environments.described().built.lock_hash
        ),
        "limits": LIMITS,
    }
    return CodeContent(**(asked | changes))


def code_job(worker: RunningWorker, text: str = MEAN, **changes: Any) -> dict[str, Any]:
    stored = f"versions/ver_{ROWS}"
    if not (worker.storage / stored).exists():
        (worker.storage / "versions").mkdir(exist_ok=True)
        lay_out(worker.storage / stored, ROWS)
    asked = content(text, **changes)
    return {
        "kind": "code",
        "lease_seconds": 30.0,
        "deadline_ms": 25,  # what the slot is held for; what runs over it waits for a doubling
        "content": asked.model_dump(mode="json"),
        "content_hash": asked.content_hash(),
        "data": [grant(worker.storage, stored)],
        "target_path": f"outputs/run_{secrets.token_hex(6)}_1",
    }


def mock_job(text: str, rows: list[list[int]], **changes: Any) -> dict[str, Any]:
    code = content(text).model_dump(mode="json")
    kept = ("entry", "files", "parameters", "environment", "limits")
    data = [{"alias": "df", "table": table(ROWS).model_dump(mode="json"), "rows": rows}]
    asked = {name: code[name] for name in kept} | {"data": data} | changes
    return {"kind": "mock_code", "lease_seconds": 30.0, "code": asked}


def ended(worker: RunningWorker, job: dict[str, Any], queue: str = "code") -> dict[str, Any]:
    run = worker.send(worker.site.add(job), queue)
    return dict(worker.site.wait_for(run, "succeeded", 204, 120).body)


def refused(worker: RunningWorker, job: dict[str, Any], queue: str = "code") -> str:
    run = worker.send(worker.site.add(job), queue)
    reason = str(worker.site.wait_for(run, "failed", 204, 120).body["reason"])
    assert worker.site.of(run, "succeeded") == []
    if "target_path" in job:
        assert not (worker.storage / job["target_path"]).exists()
    return reason


def test_what_code_returns_is_kept_and_looked_at(worker: RunningWorker) -> None:
    job = code_job(worker)
    body = ended(worker, job)
    assert body["report"]["ending"] == "returned", body["report"]
    assert body["report"]["tier"].startswith("bubblewrap")
    (item,) = body["items"]
    path = worker.storage / job["target_path"] / "0"
    assert json.loads(path.read_text()) == {
        "columns": ["age", "n"], "index": 1, "rows": [[50, ROWS]],
    }  # fmt: skip
    assert item["digest"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert item["size"] == path.stat().st_size
    assert item["shape"] == [1, 2]
    assert path.stat().st_mode & 0o777 == 0o640


def test_granted_data_reaches_a_waiting_process(start: Callable[..., RunningWorker]) -> None:
    worker = start(prepare=lambda storage: (storage / "grants").mkdir(mode=0o711))
    job = code_job(worker)
    granted = worker.storage / "grants" / "abc"
    granted.mkdir()
    granted.chmod(0o711)
    os.link(worker.storage / job["data"][0]["path"], granted / "table")
    for number in range(3):  # the first is started anew, and has another wait
        again = job | {
            "data": [grant(worker.storage, "grants/abc/table")],
            "target_path": f"outputs/run_warm_{number}",
        }
        assert ended(worker, again)["report"]["ending"] == "returned"
        assert json.loads((worker.storage / f"outputs/run_warm_{number}/0").read_text())[
            "rows"
        ] == [[50, ROWS]]


def test_findings_come_with_it(worker: RunningWorker) -> None:
    text = "def work(df):\n    return df.groupby('person')['age'].sum()\n"
    found = {each["check"] for each in ended(worker, code_job(worker, text))["findings"]}
    assert {"small_cells", "identifiers", "size"} & found


def test_a_small_difference_to_an_earlier_release_is_found(worker: RunningWorker) -> None:
    (worker.storage / "released").mkdir(exist_ok=True)
    earlier = {"columns": ["age", "n"], "index": 1, "rows": [[50, ROWS - 1]]}
    (worker.storage / "released" / "run_a_0").write_text(json.dumps(earlier))
    job = code_job(worker) | {"earlier": [grant(worker.storage, "released/run_a_0")]}
    assert "differencing" in {each["check"] for each in ended(worker, job)["findings"]}


def test_several_results_are_files_by_number(worker: RunningWorker) -> None:
    text = (
        "import numpy as np\n"
        "def work(df):\n"
        "    print('hello')\n"
        "    return {'a': df.head(2), 'b': np.arange(3)}\n"
    )
    job = code_job(worker, text)
    body = ended(worker, job)
    assert [(each["name"], each["kind"]) for each in body["items"]] == [
        ("a", "table"),
        ("b", "array"),
    ]
    directory = worker.storage / job["target_path"]
    assert sorted(path.name for path in directory.iterdir()) == ["0", "1"]
    np.testing.assert_array_equal(np.load(directory / "1", allow_pickle=False), np.arange(3))
    assert body["report"]["stdout"] == "hello\n"


@pytest.mark.parametrize(
    ("text", "ending", "words"),
    [
        ("def work(df):\n    raise ValueError(df.age.sum())\n", "raised", "ValueError: 50000"),
        ("def work(df):\n    return lambda: 1\n", "output_form", "function cannot be returned"),
        ("def work(df):\n    return 'x' * 9_000_000\n", "output_size", "hold more than"),
        ("import os\ndef work(df):\n    os._exit(3)\n", "exited", "3"),
        ("import ctypes\ndef work(df):\n    ctypes.string_at(0)\n", "killed", "signal 11"),
        ("def work(df):\n    return None\n", "returned", ""),
    ],
)
def test_however_code_ends_it_has_ended(
    worker: RunningWorker, text: str, ending: str, words: str
) -> None:
    job = code_job(worker, text)
    body = ended(worker, job)
    assert body["report"]["ending"] == ending
    assert words in body["report"]["message"]
    assert body["items"] == []
    assert not (worker.storage / job["target_path"]).exists()


# Everything that could be another than what was approved


@pytest.mark.parametrize(
    "change",
    [
        {"files": [{"path": "analysis.py", "text": "def work(df):\n    return df\n"}]},
        {"parameters": {"x": 1}},
        {"environment": {"name": "default", "lock_hash": "0" * 64}},
        {"limits": LIMITS.model_copy(update={"output_bytes": 2**29}).model_dump(mode="json")},
        {"requester": "usr_b"},
        {"purpose": "another one"},
    ],
)
def test_content_that_was_changed_is_not_run(worker: RunningWorker, change: dict[str, Any]) -> None:
    job = code_job(worker)
    assert "ContentChanged" in refused(worker, job | {"content": job["content"] | change})


def test_another_lock_is_not_run_in(worker: RunningWorker) -> None:
    other = CodeEnvironment(name="default", lock_hash="0" * 64)
    assert "EnvironmentChanged" in refused(worker, code_job(worker, environment=other))
    missing = CodeEnvironment(name="other", lock_hash="0" * 64)
    assert "EnvironmentMissing" in refused(worker, code_job(worker, environment=missing))


def test_data_that_was_swapped_is_not_given(worker: RunningWorker) -> None:
    job = code_job(worker)
    lay_out(worker.storage / "versions" / "ver_other", ROWS - 1)
    other = grant(worker.storage, "versions/ver_other")
    swapped = [other | {"digest": job["data"][0]["digest"]}]
    assert "DigestMismatch" in refused(worker, job | {"data": swapped})
    assert "GrantsDiffer" in refused(worker, job | {"data": []})
    assert "GrantsDiffer" in refused(worker, job | {"data": [*job["data"], other]})
    expired = [job["data"][0] | {"expires_at": 1.0}]
    assert "GrantExpired" in refused(worker, job | {"data": expired})


def test_a_table_of_another_schema_is_not_decoded_by_it(worker: RunningWorker) -> None:
    job = code_job(worker)
    asked = CodeContent.model_validate(job["content"])
    column = asked.data[0].table.columns[0].model_copy(update={"upper": 120})
    other = asked.data[0].table.model_copy(update={"columns": (column,)})
    data = (asked.data[0].model_copy(update={"table": other}),)
    changed = asked.model_copy(update={"data": data})
    assert "CodedDifferently" in refused(
        worker,
        job | {"content": changed.model_dump(mode="json"), "content_hash": changed.content_hash()},
    )


def test_an_earlier_release_that_was_swapped_is_no_comparison(worker: RunningWorker) -> None:
    (worker.storage / "released").mkdir(exist_ok=True)
    path = worker.storage / "released" / "run_b_0"
    path.write_text('{"columns":[],"index":0,"rows":[]}')
    told = grant(worker.storage, "released/run_b_0")
    path.write_text('{"columns":[],"index":0,"rows":[] }'[: told["size"]])
    assert "DigestMismatch" in refused(worker, code_job(worker) | {"earlier": [told]})


def test_a_target_outside_the_storage_is_not_written(worker: RunningWorker) -> None:
    job = code_job(worker) | {"target_path": "../outside"}
    assert "PathRefused" in refused(worker, job)
    (worker.storage / "outputs").mkdir(exist_ok=True)
    elsewhere = worker.storage.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (worker.storage / "outputs" / "run_link_1").symlink_to(elsewhere)
    run = worker.send(
        worker.site.add(code_job(worker) | {"target_path": "outputs/run_link_1"}), "code"
    )
    assert "PathRefused" in worker.site.wait_for(run, "failed", 204, 60).body["reason"]
    assert list(elsewhere.iterdir()) == []


# Runs on made-up rows


def test_made_up_rows_need_no_grant_and_come_back_at_once(worker: RunningWorker) -> None:
    body = ended(worker, mock_job(MEAN, [[1, 30], [2, 30], [3, 40]]), "mock")
    assert body["report"]["ending"] == "returned", body["report"]
    (item,) = body["items"]
    assert json.loads(base64.b64decode(item["content"]))["rows"] == [[30, 2], [40, 1]]


def test_a_mock_sees_what_the_private_run_sees(worker: RunningWorker) -> None:
    text = "def work(df):\n    return [[name, str(kind)] for name, kind in df.dtypes.items()]\n"
    job = code_job(worker, text)
    ended(worker, job)
    private = json.loads((worker.storage / job["target_path"] / "0").read_text())
    body = ended(worker, mock_job(text, [[1, 30]]), "mock")
    assert json.loads(base64.b64decode(body["items"][0]["content"])) == private
    assert private == [["person", "int64"], ["age", "int64"]]


def test_a_traceback_comes_back_to_whoever_tries(worker: RunningWorker) -> None:
    report = ended(worker, mock_job("def work(df):\n    return 1 / 0\n", [[1, 30]]), "mock")[
        "report"
    ]
    assert report["ending"] == "raised"
    assert "line 2" in report["traceback"]


# The end of the claim


@pytest.mark.parametrize("queue", ["code", "mock"])
def test_cancelling_kills_the_code_at_once(worker: RunningWorker, queue: str) -> None:
    text = "def work(df):\n    while True:\n        pass\n"
    job = code_job(worker, text) if queue == "code" else mock_job(text, [[1, 30]])
    main, _ = worker.main_and_children()
    before = len(tree(main))
    run = worker.send(worker.site.add(job, beats=["ok", "cancelled"]), queue)
    worker.site.wait_for(run, "claim", 200)
    assert eventually(lambda: f'"run": "{run}"' in worker.log.read_text(), 60)
    assert worker.site.of(run, "succeeded", "failed") == []
    # One waiting process an environment may have come; nothing that still runs is left.
    assert eventually(lambda: len(tree(main)) <= before + 4, 30)
    if "target_path" in job:
        assert not (worker.storage / job["target_path"]).exists()


# The place that a run takes


@pytest.mark.parametrize(
    "text",
    [
        "def work(df):\n    return 1\n",
        "import time\ndef work(df):\n    time.sleep(3)\n    return 1\n",
        "def work(df):\n    raise ValueError(df.age.sum())\n",
    ],
)
def test_the_next_run_starts_at_the_public_time_however_long_this_one_took(
    worker: RunningWorker, text: str
) -> None:
    before = worker.send(worker.site.add(code_job(worker, text) | {"deadline_ms": 8000}), "code")
    behind = worker.send(worker.site.add(code_job(worker)), "code")
    ended = worker.site.wait_for(before, "succeeded", 204, 120)
    started = worker.site.wait_for(behind, "claim", 200, 60)
    (claim,) = worker.site.of(before, "claim")
    worker.site.wait_for(behind, "succeeded", 204, 60)
    assert ended.at < claim.at + 8.0  # people can look at once
    assert started.at >= claim.at + 8.0


@pytest.mark.parametrize("changed", [{"beats": ["cancelled"]}, {"result": [409]}])
def test_a_run_that_lost_its_claim_keeps_its_place(
    worker: RunningWorker, changed: dict[str, Any]
) -> None:
    loop = "while True: pass" if "beats" in changed else "return 1"
    job = code_job(worker, f"def work(df):\n    {loop}\n") | {"deadline_ms": 8000}
    before = worker.send(worker.site.add(job, **changed), "code")
    behind = worker.send(worker.site.add(code_job(worker)), "code")
    claim = worker.site.wait_for(before, "claim", 200)
    assert worker.site.wait_for(behind, "claim", 200, 60).at >= claim.at + 8.0
    worker.site.wait_for(behind, "succeeded", 204, 60)


def test_a_refused_run_keeps_its_place(worker: RunningWorker) -> None:
    job = code_job(worker) | {"deadline_ms": 3000, "content_hash": "0" * 64}
    before = worker.send(worker.site.add(job), "code")
    behind = worker.send(worker.site.add(code_job(worker)), "code")
    failed = worker.site.wait_for(before, "failed", 204)
    (claim,) = worker.site.of(before, "claim")
    assert worker.site.wait_for(behind, "claim", 200, 60).at >= claim.at + 3.0 > failed.at
    worker.site.wait_for(behind, "succeeded", 204, 60)


def test_runs_on_made_up_rows_hold_nothing(worker: RunningWorker) -> None:
    first = worker.send(
        worker.site.add(mock_job(MEAN, [[1, 30]]) | {"deadline_ms": 60_000}), "mock"
    )
    ended(worker, mock_job(MEAN, [[1, 30]]), "mock")
    (claim,) = worker.site.of(first, "claim")
    assert worker.site.wait_for(first, "succeeded", 204).at < claim.at + 60


def test_a_worker_that_stops_waits_for_no_public_time(start: Callable[..., RunningWorker]) -> None:
    worker = start()
    job = code_job(worker) | {"deadline_ms": 600_000}
    run = worker.send(worker.site.add(job), "code")
    worker.site.wait_for(run, "succeeded", 204, 120)
    main, children = worker.main_and_children()
    os.kill(main, signal.SIGTERM)
    assert eventually(lambda: not alive(children), 60), "it still holds the place"


def test_the_worker_says_what_it_can_run(worker: RunningWorker) -> None:
    event = worker.site.wait_for("", "report", 204, 60)
    assert event.body["sandbox"].startswith("bubblewrap")
    (default,) = [e for e in event.body["environments"] if e["name"] == "default"]
    assert default["lock_hash"] == environments.described().built.lock_hash
    assert {"numpy", "pandas"} <= set(default["imports"])
