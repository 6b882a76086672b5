"""From an owner's upload to a laid-out table.

`ingest` does the work; `run_in_child` does it in a subprocess whose memory is limited and which
can be killed.
"""

from carrel_worker.executors.ingest.errors import IngestDiskFull, IngestError, IngestOutOfMemory
from carrel_worker.executors.ingest.expansion import Limits
from carrel_worker.executors.ingest.lay_out import IngestOutcome, ingest
from carrel_worker.executors.ingest.supervise import IngestCancelled, IngestCrashed, run_in_child

__all__ = [
    "IngestCancelled",
    "IngestCrashed",
    "IngestDiskFull",
    "IngestError",
    "IngestOutOfMemory",
    "IngestOutcome",
    "Limits",
    "ingest",
    "run_in_child",
]
