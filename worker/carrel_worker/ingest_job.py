"""Running one claimed ingest: lay an upload out in a limited child, hand over what came of it."""

from functools import partial

from carrel_protocol.jobs import IngestJob, IngestSucceeded
from carrel_worker.attempts import Attempt, carry_out, digest_and_size
from carrel_worker.delivery import Delivery
from carrel_worker.executors.ingest import run_in_child
from carrel_worker.process import ChildProcess


def run_ingest(job: IngestJob, child: ChildProcess) -> Delivery:
    """Carry out `job`."""
    return carry_out(job, child, partial(_lay_out, job))


def _lay_out(job: IngestJob, attempt: Attempt) -> IngestSucceeded:
    child = attempt.child

    def note(share: float) -> None:
        attempt.lease.progress = share

    outcome = run_in_child(
        child.storage.verified(job.source),
        job.source_format,
        job.table,
        attempt.path,
        memory_bytes=child.settings.ingest_memory_bytes,
        max_expanded_bytes=job.max_expanded_bytes,
        progress=note,
        stopped=attempt.stopped,
    )
    digest, size = digest_and_size(attempt.path)
    attempt.put_in_place()
    return IngestSucceeded(
        claim_token=job.claim_token,
        epoch=job.epoch,
        digest=digest,
        size=size,
        rows=outcome.rows,
        units=outcome.units,
        units_digest=outcome.units_digest,
        report=outcome.report,
    )
