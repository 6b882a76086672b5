"""A site that takes code, with a worker played by hand, over a real connection."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

import carrel
from carrel_protocol.jobs import CodeJob, MockCodeJob
from tests.fixtures.site import served
from tests.site.code.code_site import CodeSite
from tests.site.code.conftest import code

__all__ = ["code"]


@dataclass
class Online:
    """The site as its people see it, each through a client."""

    code: CodeSite
    researcher: carrel.Site
    reviewer: carrel.Site
    dataset: carrel.Dataset

    def serve(self, work: Callable[[str], None]) -> threading.Thread:
        """Be the worker of the next run: `work` is called with its id as soon as there is one."""
        before = self._runs()

        def look() -> None:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                if new := self._runs() - before:
                    work(new.pop())
                    return
                time.sleep(0.02)

        thread = threading.Thread(target=look)
        thread.start()
        return thread

    def end_mock(self, run_id: str, items: list[Any], **report: Any) -> MockCodeJob:
        job = self.code.claim_mock(run_id)
        body = {
            "kind": "mock_code",
            "claim_token": job.claim_token,
            "epoch": job.epoch,
            "report": REPORT | report,
            "items": items,
        }
        reply = self.code.mocker.post(f"{job.run_id}/succeeded", body)
        assert reply.is_success, reply.text
        return job

    def end(self, run_id: str, **items: tuple[str, bytes]) -> CodeJob:
        job = self.code.claim(run_id)
        reply = self.code.end(job, **items)
        assert reply.is_success, reply.text
        return job

    def _runs(self) -> set[str]:
        found = self.code.execute("SELECT array_agg(id) FROM runs WHERE kind LIKE '%code'")
        return set(found or ())


REPORT = {
    "ending": "returned",
    "stdout": "",
    "stderr": "",
    "wall_ms": 12.0,
    "cpu_ms": 10.0,
    "peak_bytes": 1 << 20,
    "tier": "bubblewrap",
}


@pytest.fixture
def online(code: CodeSite) -> Iterator[Online]:
    with served(code.app.app) as url, ExitStack() as stack:
        researcher, reviewer = (
            stack.enter_context(carrel.connect(url, who.secret))
            for who in (code.app.researcher, code.app.reviewer)
        )
        yield Online(code, researcher, reviewer, researcher.datasets[code.data])
