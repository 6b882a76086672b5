"""A black box's whole way through a real worker and sandbox: in slots, refused, cancelled."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from carrel_protocol.black_box import BlackBoxContent, lead_seconds
from carrel_protocol.jobs import BlackBoxSucceeded
from carrel_worker.sandbox import probe
from tests.embedded.procs import eventually
from tests.worker.black_box import made
from tests.worker.runtime.conftest import RunningWorker
from tests.worker.runtime.jobs import grant

EXACT = {"epsilon": 1e5, "blocks": 2, "wall_seconds": 9.0}
"""Noise of hardly a step, so that an answer shows what ran."""
SIZES = "def work(df):\n    return [len(df), 50.0]\n"


@pytest.fixture(autouse=True, scope="module")
def held() -> None:
    """These run in the tier that this machine has; without bubblewrap there is none."""
    if (found := probe()).tier < 2:
        words = f"bubblewrap does not work here: {found.why}; apt-get install bubblewrap"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)


def job(storage: Path, asked: BlackBoxContent, **changes: Any) -> dict[str, Any]:
    stored = "versions/ver_people"
    if not (storage / stored).exists():
        (storage / "versions").mkdir(exist_ok=True)
        made.stored(storage / stored, [[20 + n] for n in range(30)])
    return {
        "kind": "black_box",
        "lease_seconds": 30.0,
        "deadline_ms": 1600,
        "content": asked.model_dump(mode="json"),
        "content_hash": asked.content_hash(),
        "data": grant(storage, stored),
    } | changes


def to_its_end(storage: Path, asked: BlackBoxContent) -> dict[str, Any]:
    """A job that is public, and gives its place back, as soon as its last slot is over."""
    seconds = lead_seconds(made.SCHEMA.size.rows) + asked.schedule_seconds()
    return job(storage, asked, deadline_ms=int(1000 * seconds) + 1000)


def refused(worker: RunningWorker, body: dict[str, Any]) -> str:
    run = worker.send(worker.site.add(body), "black_box")
    return str(worker.site.wait_for(run, "failed", 204, 60).body["reason"])


def test_blocks_run_in_their_slots_and_a_noisy_mean_leaves(worker: RunningWorker) -> None:
    asked = made.content(SIZES, **EXACT)
    began = time.monotonic()
    run = worker.send(worker.site.add(to_its_end(worker.storage, asked)), "black_box")
    event = worker.site.wait_for(run, "succeeded", 204, 120)
    took = time.monotonic() - began
    result = BlackBoxSucceeded.model_validate(
        {"claim_token": "", "epoch": 1, **event.body} | {"kind": "black_box"}
    )
    # Thirty people in two blocks, whichever: fifteen on average, to a step of a tenth or two.
    assert result.answer.values == pytest.approx((15.0, 50.0), abs=0.5)
    assert result.answer.blocks == 2
    # It ends when its last slot does, however soon its blocks were done.
    assert took >= lead_seconds(made.SCHEMA.size.rows) + asked.schedule_seconds()


def test_a_median_leaves_where_one_was_approved(worker: RunningWorker) -> None:
    """One of the two blocks fails, whichever it is that somebody is in."""
    text = "def work(df):\n    assert 20 not in set(df['age'])\n    return [80]\n"
    vector = made.output(length=1)
    asked = made.content(text, vector=vector, aggregate="median", **EXACT)
    run = worker.send(worker.site.add(to_its_end(worker.storage, asked)), "black_box")
    event = worker.site.wait_for(run, "succeeded", 204, 120)
    answer = BlackBoxSucceeded.model_validate(
        {"claim_token": "", "epoch": 1, **event.body} | {"kind": "black_box"}
    ).answer
    # Of two values every point from one to the other is a median: the failure's middle, and 80.
    assert answer.aggregate == "median"
    assert 50 <= answer.values[0] <= 80
    assert answer.ranks == ((1, 2),)
    assert (answer.low, answer.high) == (None, None)


def test_what_is_not_what_was_approved_does_not_run(worker: RunningWorker) -> None:
    asked = made.content(SIZES, **EXACT)
    weak = asked.model_copy(update={"noise": (asked.noise[0], made.content(epsilon=1e9).noise[0])})
    median = made.content(SIZES, aggregate="median", **EXACT)
    hurried = median.model_copy(
        update={"noise": (made.content(aggregate="median", epsilon=1e9).noise[0],) * 2}
    )
    for reason, body in [
        ("ContentChanged", job(worker.storage, asked, content_hash="0" * 64)),
        (
            "ContentChanged",  # the same, but for what leaves
            job(
                worker.storage,
                median.model_copy(update={"aggregate": "mean"}),
                content_hash=median.content_hash(),
            ),
        ),
        ("NoiseTooSmall", job(worker.storage, weak)),
        ("NoiseTooSmall", job(worker.storage, hurried)),
        ("NoiseTooSmall", job(worker.storage, median.model_copy(update={"aggregate": "mean"}))),
        ("NoiseTooSmall", job(worker.storage, asked.model_copy(update={"aggregate": "median"}))),
        (
            "OtherMechanism",
            job(worker.storage, asked.model_copy(update={"mechanism_version": 99})),
        ),
        (
            "EnvironmentChanged",
            job(
                worker.storage,
                asked.model_copy(
                    update={
                        "environment": asked.environment.model_copy(update={"lock_hash": "0" * 64})
                    }
                ),
            ),
        ),
        (
            "DigestMismatch",
            job(
                worker.storage,
                asked,
                data=grant(worker.storage, "versions/ver_people") | {"digest": "0" * 64},
            ),
        ),
    ]:
        assert reason in refused(worker, body)


def test_a_cancelled_run_ends_in_the_middle_of_a_slot(worker: RunningWorker) -> None:
    text = "import time\ndef work(df):\n    time.sleep(600)\n"
    asked = made.content(text, epsilon=1.0, blocks=20, wall_seconds=60.0)
    run = worker.site.add(job(worker.storage, asked), beats=["ok", "cancelled"])
    worker.send(run, "black_box")

    def over() -> list[str]:
        lines = worker.log.read_text().splitlines()
        return [line for line in lines if run in line and "run over" in line]

    eventually(lambda: bool(over()), 90)
    assert "claim_lost" in over()[0]
    assert worker.site.of(run, "succeeded", "failed") == []
