"""`parse` as a worker calls it: figures and frames are decoded in a sandbox."""

import atexit
from functools import cache
from typing import Any

import pytest

from carrel_worker.executors.code import results
from carrel_worker.executors.code.reader import SandboxReader
from carrel_worker.sandbox import Sandbox, SandboxError
from tests.worker.packages import here


@cache
def reader() -> SandboxReader:
    try:
        sandbox = Sandbox(warm=1)
    except SandboxError as error:
        pytest.skip(str(error))
    atexit.register(sandbox.close)
    sandbox.warm_up(here())
    return SandboxReader(sandbox, here)


class Decoders:
    """A sandbox that is made when the first of them is wanted."""

    def pixels(self, *arguments: Any) -> Any:
        return reader().pixels(*arguments)

    def columns(self, *arguments: Any) -> Any:
        return reader().columns(*arguments)


def parse(payload: bytes, *, output_bytes: int) -> tuple[results.Result, ...]:
    return results.parse(payload, output_bytes=output_bytes, reader=Decoders())
