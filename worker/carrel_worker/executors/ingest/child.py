"""Ingest in a subprocess: its memory is limited, and it can be killed at any moment.

A subprocess rather than `multiprocessing`: a Celery worker's processes are daemonic and may have
no such children.
"""

import ctypes
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from carrel_protocol.schema import TableSchema
from carrel_worker.executors.ingest.errors import IngestError, IngestOutOfMemory
from carrel_worker.executors.ingest.lay_out import IngestOutcome, ingest, scratch_path
from carrel_worker.executors.ingest.sources import Format
from carrel_worker.tables.layout import partial_path

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH")
"""No other variable reaches the process that parses an upload: it needs no secret."""
_CHECK_SECONDS = 0.25
_PR_SET_PDEATHSIG = 1
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
        "memory_bytes": memory_bytes,
        "parent": os.getpid(),
    }
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    child = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
        [sys.executable, "-m", _MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
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
    try:
        child.stdin.write(job)
        child.stdin.close()
    except BrokenPipeError:
        pass  # it ended already; its output says why
    rest: list[str] = []
    buffered = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if stopped():
                raise IngestCancelled("ingest was stopped")
            if not selector.select(_CHECK_SECONDS):
                continue
            chunk = os.read(child.stdout.fileno(), 65536)
            *lines, buffered = (buffered + chunk).split(b"\n")
            for line in lines:
                message = _message(line)
                if message is None:
                    rest = [*rest[-50:], line.decode(errors="replace")]
                elif "progress" in message:
                    progress(message["progress"])
                else:
                    return _outcome(message)
            if not chunk:
                break
    status = child.wait()
    if status == -signal.SIGKILL:
        raise IngestOutOfMemory("the process was killed, most likely for the memory it used")
    raise IngestCrashed(f"the process ended with status {status}: {' '.join(rest)[-2000:]}")


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _outcome(message: dict[str, Any]) -> IngestOutcome:
    if "rows" in message:
        return IngestOutcome(message["rows"], message["units"], message["report"])
    if message["error"] == "memory":
        raise IngestOutOfMemory(message["text"])
    error = IngestError(message["text"])
    error.line, error.row, error.column = message["line"], message["row"], message["column"]
    raise error


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's process group, and reap it."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


def main() -> None:
    """The child: one job on standard input, JSON lines on standard output."""
    job = json.load(sys.stdin)
    _die_with(job["parent"])
    limit = job["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = sys.stdout

    def send(**message: Any) -> None:
        print(json.dumps(message), file=out, flush=True)

    try:
        outcome = ingest(
            Path(job["source"]),
            job["source_format"],
            TableSchema.model_validate(job["table"]),
            Path(job["target"]),
            lambda share: send(progress=share),
            memory_bytes=limit,
        )
    except IngestError as error:
        send(error="file", text=str(error), line=error.line, row=error.row, column=error.column)
    except (MemoryError, IngestOutOfMemory) as error:
        send(error="memory", text=str(error) or "out of memory")
    else:
        send(rows=outcome.rows, units=outcome.units, report=outcome.report)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent is gone, however that went."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


if __name__ == "__main__":
    main()
