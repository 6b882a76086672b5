"""Running one claimed mock: see that it fits the table, keep its rows, compare them."""

from functools import partial

from carrel_protocol.jobs import MockComparison, MockJob, MockSucceeded
from carrel_worker.attempts import Attempt, carry_out, digest_and_size
from carrel_worker.delivery import Delivery
from carrel_worker.executors.ingest import run_in_child
from carrel_worker.executors.mock import codes_of, compare, read_rows, write_rows
from carrel_worker.process import ChildProcess
from carrel_worker.tables.layout import Codes, open_table

_MOST_CELLS = 5_000_000


def run_mock(job: MockJob, child: ChildProcess) -> Delivery:
    """Carry out `job`; it ends as an ingest does."""
    return carry_out(job, child, partial(_check, job))


def _check(job: MockJob, attempt: Attempt) -> MockSucceeded:
    again = job.source_format == "rows"
    if again:
        kept = attempt.child.storage.verified(job.source)
        rows, units = read_rows(kept, job.table)
        codes = codes_of(rows, job.table)
    else:
        kept = attempt.path
        codes, units = _take_in(job, attempt)
    comparison = _compared(job, attempt, codes)
    digest, size = digest_and_size(kept)
    if again:
        attempt.confirm()
    else:
        attempt.put_in_place()
    return MockSucceeded(
        claim_token=job.claim_token,
        epoch=job.epoch,
        digest=digest,
        size=size,
        rows=next(iter(codes.values())).size,
        units=units,
        comparison=comparison,
    )


def _take_in(job: MockJob, attempt: Attempt) -> tuple[dict[str, Codes], int]:
    """Lay the file out as a table, and leave its rows at the attempt's path."""
    assert job.source_format != "rows"
    child = attempt.child

    def note(share: float) -> None:
        attempt.lease.progress = share / 2

    laid_out = attempt.path.with_name(f"{attempt.path.name}.table")
    run_in_child(
        child.storage.verified(job.source),
        job.source_format,
        job.table,
        laid_out,
        memory_bytes=child.settings.ingest_memory_bytes,
        max_expanded_bytes=job.max_expanded_bytes,
        max_rows=min(job.max_rows, _MOST_CELLS // (len(job.table.columns) + 1)),
        strict=True,
        progress=note,
        stopped=attempt.stopped,
    )
    table = open_table(laid_out, job.table.columns)
    write_rows(table, job.table, attempt.path)
    return table.columns, table.units


def _compared(job: MockJob, attempt: Attempt, codes: dict[str, Codes]) -> MockComparison | None:
    if job.private is None:
        return None

    def note(share: float) -> None:
        attempt.lease.progress = 0.5 + share / 2

    private = open_table(attempt.child.storage.verified(job.private), job.table.columns)
    return compare(codes, private, job.table, attempt.stopped, note)
