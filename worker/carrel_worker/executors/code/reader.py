"""Runs `decode.py` in the sandbox, and takes its answer in as it takes in any program's."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carrel_protocol.code import RunLimits
from carrel_worker.executors.code import results
from carrel_worker.executors.code.errors import BadResult
from carrel_worker.sandbox import Outcome, Program, Sandbox, StartFailed
from carrel_worker.sandbox.program import EnvironmentDir
from carrel_worker.sandbox.seccomp import compile_closing

SECONDS = 60
MEMORY_BYTES = 2**30
_SOURCE = Path(__file__).parent / "decode.py"
_ROOM = 64 * 1024
_WHY = {
    "memory": f"needs more memory than {MEMORY_BYTES} bytes",
    "cpu_time": f"takes longer than {SECONDS} s",
    "wall_time": f"takes longer than {SECONDS} s",
}


class SandboxReader:
    """Decodes one item after another, each in a sandbox of its own without any data.

    `environment` is where Pillow and pyarrow are; it is asked for when it is first wanted. The
    sandbox's own failures are raised: then nothing is decoded, and nothing kept.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        environment: Callable[[], EnvironmentDir],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._sandbox = sandbox
        self._environment = environment
        self._cancelled = cancelled

    def pixels(self, content: bytes, height: int, width: int) -> NDArray[np.uint8]:
        """The picture that a PNG file shows, in red, green and blue. Raises `BadResult`."""
        payload = self._decode("picture", content, 3 * height * width + _ROOM)
        found = results.parse(payload, output_bytes=len(payload), kinds=("array",))
        array = found[0].value if len(found) == 1 else np.zeros(0)
        if array.dtype != np.uint8 or array.shape != (height, width, 3):
            raise BadResult("the picture was not drawn anew")
        return np.asarray(array)

    def columns(self, content: bytes) -> tuple[Any, dict[str, NDArray[Any]]]:
        """The columns of an Arrow file as `decode.frame` gives them. Raises `BadResult`."""
        # A null or a boolean is a bit there and a byte here; an offset may be twice as wide.
        payload = self._decode("frame", content, 16 * len(content) + 16 * _ROOM)
        found = results.parse(payload, output_bytes=len(payload), kinds=("value", "tensors"))
        if [(each.item.name, each.item.kind) for each in found] != [
            ("columns", "value"),
            ("parts", "tensors"),
        ]:
            raise BadResult("the Arrow file was not taken apart")
        return found[0].value, found[1].value

    def _decode(self, kind: str, content: bytes, most_bytes: int) -> bytes:
        outcome = self._sandbox.run(
            program(kind, content, self._environment(), most_bytes), cancelled=self._cancelled
        )
        if outcome.ending == "returned" and outcome.payload is not None:
            return outcome.payload
        raise BadResult(_refusal(kind, outcome))


def program(kind: str, content: bytes, environment: EnvironmentDir, most_bytes: int) -> Program:
    return Program(
        files={"decode.py": _SOURCE.read_text(encoding="utf-8")},
        entry={"kind": "function", "path": "decode.py", "name": kind},
        environment=environment,
        limits=RunLimits(
            wall_seconds=2 * SECONDS,
            cpu_seconds=SECONDS,
            memory_bytes=MEMORY_BYTES,
            processes=8,
            scratch_bytes=0,
            output_bytes=min(most_bytes, MEMORY_BYTES),
            log_bytes=4096,
        ),
        parameters={
            "content": base64.b64encode(content).decode(),
            "closing": compile_closing().hex(),
        },
        closes=True,
    )


def _refusal(kind: str, outcome: Outcome) -> str:
    """What is said of a file that was not decoded: the inside's own words are text for people."""
    if outcome.ending == "raised" and outcome.message.startswith("NotReadable: "):
        return outcome.message.removeprefix("NotReadable: ")[:500]
    if outcome.ending == "raised" and "it could not be closed up" in outcome.message:
        raise StartFailed(f"the {kind} was not read: {outcome.message}")
    why = _WHY.get(outcome.ending, f"{outcome.ending}: {outcome.message}"[:500])
    return f"the {kind} could not be read: {why}"
