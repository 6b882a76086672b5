"""The process that an upload is taken in by: `python -m carrel_worker.executors.ingest.child`.

One job as JSON on standard input; on standard output JSON lines, the last one the outcome.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from carrel_protocol.schema import TableSchema
from carrel_worker.executors.ingest.errors import (
    IngestDiskFull,
    IngestError,
    IngestOutOfMemory,
    is_full_disk,
)
from carrel_worker.executors.ingest.expansion import Limits
from carrel_worker.executors.ingest.lay_out import ingest

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Carry out the job."""
    job = json.load(sys.stdin)
    _die_with(job["parent"])
    limits = Limits(**job["limits"])
    limit = job["limits"]["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Whatever a library may print goes to standard error, never between the messages.
    messages = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(**message: Any) -> None:
        print(json.dumps(message), file=messages, flush=True)

    try:
        outcome = ingest(
            Path(job["source"]),
            job["source_format"],
            TableSchema.model_validate(job["table"]),
            Path(job["target"]),
            lambda share: send(progress=share),
            limits=limits,
            strict=job["strict"],
        )
    except IngestError as error:
        send(error="file", text=str(error), line=error.line, row=error.row, column=error.column)
    except (MemoryError, IngestOutOfMemory) as error:
        send(error="memory", text=str(error) or "out of memory")
    except IngestDiskFull as error:
        send(error="disk", text=str(error))
    except OSError as error:
        if not is_full_disk(error):
            raise
        send(error="disk", text="")
    else:
        send(**asdict(outcome))


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent is gone, however that went."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


if __name__ == "__main__":
    main()
