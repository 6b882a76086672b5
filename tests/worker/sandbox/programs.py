"""Small programs for the sandbox's tests, and how their results are read."""

import json
from typing import Any

from carrel_protocol.code import RunLimits
from carrel_worker.sandbox import Outcome, Program
from tests.worker.packages import here

LIMITS = RunLimits(
    wall_seconds=60,
    cpu_seconds=30,
    memory_bytes=512 * 2**20,
    processes=32,
    scratch_bytes=16 * 2**20,
    output_bytes=2**20,
    log_bytes=4096,
)


def function(text: str, limits: RunLimits = LIMITS, **parameters: Any) -> Program:
    """A program whose function `work` is called with the parameters."""
    return Program(
        files={"work.py": text},
        entry={"kind": "function", "path": "work.py", "name": "work"},
        environment=here(),
        limits=limits,
        parameters=parameters,
    )


def script(text: str, limits: RunLimits = LIMITS, **files: str) -> Program:
    return Program(
        files={"main.py": text, **{f"{name}.py": other for name, other in files.items()}},
        entry={"kind": "script", "path": "main.py"},
        environment=here(),
        limits=limits,
    )


def values(outcome: Outcome) -> dict[str, Any]:
    """The JSON values of a result channel."""
    assert outcome.ending == "returned", outcome
    raw = outcome.payload
    assert raw is not None
    assert raw[:8] == b"CARREL1\n"
    begin = 16 + int.from_bytes(raw[8:16], "little")
    items = json.loads(raw[16:begin])["items"]
    return {
        item["name"]: json.loads(raw[begin + item["offset"] :][: item["length"]]) for item in items
    }
