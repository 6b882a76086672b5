"""Ingest in a subprocess: its memory is limited, and it can be killed at any moment.

A subprocess rather than `multiprocessing`: a Celery worker's processes are daemonic and may have
no such children.
"""

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from carrel_protocol.schema import TableSchema
from carrel_worker.executors.ingest.errors import IngestDiskFull, IngestError, IngestOutOfMemory
from carrel_worker.executors.ingest.expansion import Limits
from carrel_worker.executors.ingest.lay_out import IngestOutcome, scratch_path
from carrel_worker.executors.ingest.sources import Format
from carrel_worker.tables.layout import partial_path

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH")
"""No other variable reaches the process that parses an upload: it needs no secret."""
_CHECK_SECONDS = 0.25
_LAST_WORDS = 4000
_MODULE = "carrel_worker.executors.ingest.child"


class IngestCancelled(Exception):
    """The caller asked to stop."""


class IngestCrashed(Exception):
    """The subprocess ended without an outcome; the message says how."""


def run_in_child(
    source: Path,
    source_format: Format,
    table: TableSchema,
    target: Path,
    *,
    memory_bytes: int,
    max_expanded_bytes: int | None = None,
    max_rows: int | None = None,
    strict: bool = False,
    progress: Callable[[float], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> IngestOutcome:
    """`ingest` in a process group of its own, with at most `memory_bytes` of memory.

    `stopped` is asked several times a second; once it is true the group is killed and
    `IngestCancelled` raised. However this ends, an exception here included, no process and no
    half-written file is left. Raises what `ingest` raises, and `IngestCrashed`.
    """
    job = {
        "source": str(source),
        "source_format": source_format,
        "table": table.model_dump(mode="json"),
        "target": str(target),
        "limits": asdict(Limits(memory_bytes, max_expanded_bytes, max_rows)),
        "strict": strict,
        "parent": os.getpid(),
    }
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    child = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
        [sys.executable, "-m", _MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        return _follow(child, json.dumps(job).encode(), progress, stopped)
    finally:
        _end(child)
        partial_path(target, child.pid).unlink(missing_ok=True)
        shutil.rmtree(scratch_path(target, child.pid), ignore_errors=True)


def _follow(
    child: subprocess.Popen[bytes],
    job: bytes,
    progress: Callable[[float], None],
    stopped: Callable[[], bool],
) -> IngestOutcome:
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    with contextlib.suppress(BrokenPipeError):  # it ended already; its output says why
        child.stdin.write(job)
        child.stdin.close()
    said: dict[IO[bytes], bytes] = {child.stdout: b"", child.stderr: b""}
    with selectors.DefaultSelector() as selector:
        for stream in said:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            if stopped():
                raise IngestCancelled("ingest was stopped")
            for key, _ in selector.select(_CHECK_SECONDS):
                stream = cast("IO[bytes]", key.fileobj)
                chunk = os.read(stream.fileno(), 65536)
                if not chunk:
                    selector.unregister(stream)
                said[stream] += chunk
            said[child.stderr] = said[child.stderr][-_LAST_WORDS:]
            *messages, said[child.stdout] = said[child.stdout].split(b"\n")
            for message in map(json.loads, messages):
                if "progress" not in message:
                    return _outcome(message)
                progress(message["progress"])
    status = child.wait()
    if status == -signal.SIGKILL:
        raise IngestOutOfMemory("the process was killed, most likely for the memory it used")
    last_words = said[child.stderr].decode(errors="replace").strip()
    raise IngestCrashed(f"the process ended with status {status}: {last_words}")


def _outcome(message: dict[str, Any]) -> IngestOutcome:
    if "rows" in message:
        return IngestOutcome(**message)
    if message["error"] == "disk":
        raise IngestDiskFull
    if message["error"] == "memory":
        raise IngestOutOfMemory(message["text"])
    error = IngestError(message["text"])
    error.line, error.row, error.column = message["line"], message["row"], message["column"]
    raise error


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's process group, and reap it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
