"""Verifying the records for somebody who watches: progress, a line at a time, then the verdict.

Each line is worked out in a thread of its own turn, so that a long verification holds up nobody,
and it ends, its snapshot with it, when whoever watches goes.
"""

from collections.abc import AsyncIterator, Iterator
from threading import BoundedSemaphore

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool

from carrel_protocol.api.audit import AuditProgress, AuditVerdict
from carrel_site.audit.anchors import read_anchors
from carrel_site.audit.errors import Broken, VerificationBusy
from carrel_site.audit.verify import Verified, follow_site
from carrel_site.ledger.journal import JournalDamaged, read_journal
from carrel_site.site import Site


def start(site: Site, slots: BoundedSemaphore) -> tuple[str, Iterator[str]]:
    """Take a snapshot; its first line, and the lines after it. Raises `VerificationBusy`.

    The slot is given back when the lines end or are closed.
    """
    if not slots.acquire(blocking=False):
        raise VerificationBusy("The records are being verified for somebody else.")
    lines = _lines(site, slots)
    return next(lines), lines  # begun, so that closing it gives the slot back


async def sent(first: str, lines: Iterator[str]) -> AsyncIterator[str]:
    """The lines, as a response sends them; closed when it is cut short."""
    try:
        line: str | None = first
        while line is not None:
            yield line
            line = await run_in_threadpool(next, lines, None)
    finally:
        with CancelScope(shield=True):
            await run_in_threadpool(lines.close)  # type: ignore[attr-defined]


def _lines(site: Site, slots: BoundedSemaphore) -> Iterator[str]:
    verified = Verified()
    try:
        # What lies outside the database is read first: it must not be ahead of the snapshot.
        heads = list(read_anchors(site.settings.anchors_file))
        journal = list(read_journal(site.settings.spend_journal_file))
        for verified, total in follow_site(site.settings, heads, journal):
            yield _line(AuditProgress(checked=verified.records, total=total))
        yield _line(_verdict(verified))
    except (Broken, JournalDamaged) as broken:
        yield _line(_verdict(verified, str(broken)))
    finally:
        slots.release()


def _verdict(verified: Verified, broken: str | None = None) -> AuditVerdict:
    return AuditVerdict(
        intact=broken is None,
        broken=broken,
        events=verified.events,
        anchors=verified.anchors,
        accounts=verified.accounts,
        entries=verified.entries,
        answers=verified.answers,
        journal_lines=verified.journal_lines,
        restores=tuple(verified.restores),
    )


def _line(shown: AuditProgress | AuditVerdict) -> str:
    return shown.model_dump_json() + "\n"
