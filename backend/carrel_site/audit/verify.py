"""Checking that the log, the ledger and the answers are what was once written.

Everything is read in one snapshot and computed anew: each event's hash and link, each ledger
entry's, each account's sums, each released answer's digest. The log names every ledger entry and
every answer by its hash, and signed heads outside the database name the log, so a change
anywhere contradicts something that was not changed. The first contradiction is reported.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import NullPool, create_engine, func, select
from sqlalchemy.orm import Session

from carrel_protocol.answers import QueryAnswer
from carrel_protocol.api.common import SignedHead
from carrel_protocol.black_box import BlackBoxAnswer
from carrel_protocol.canonical import tagged_hash
from carrel_site.audit import journalled as journalled_spends
from carrel_site.audit import repository
from carrel_site.audit.anchors import AnchorLine, is_signed_by
from carrel_site.audit.errors import Broken
from carrel_site.audit.journalled import Journalled
from carrel_site.audit.log import event_hash, exact
from carrel_site.audit.models import AuditEvent
from carrel_site.audit.replay import Replay
from carrel_site.core.security import Signer
from carrel_site.ledger.chain import entry_hash
from carrel_site.ledger.journal import Line
from carrel_site.ledger.models import LedgerAccount, LedgerEntry
from carrel_site.outputs.held import items_digest
from carrel_site.outputs.models import Output, OutputItem
from carrel_site.runs.models import Run
from carrel_site.settings import Settings

_STEP = 500
"""Records between two pauses."""


@dataclass
class Verified:
    """What was checked, and what the log says should be found elsewhere."""

    events: int = 0
    anchors: int = 0
    accounts: int = 0
    entries: int = 0
    answers: int = 0
    journal_lines: int = 0
    restores: list[tuple[int, int]] = field(default_factory=list)
    """Restores of an earlier database: the events that were lost, from and to."""
    named_entries: dict[str, int] = field(default_factory=dict, repr=False)
    """Ledger entries' hashes by the event that named them, until they are found."""
    named_answers: dict[str, tuple[int, str]] = field(default_factory=dict, repr=False)
    """Runs' answers: event and digest, until they are found."""
    named_released: dict[str, tuple[int, str]] = field(default_factory=dict, repr=False)
    """What people released of runs' outputs: event and digest, until they are found."""

    @property
    def records(self) -> int:
        return self.events + self.entries + self.answers


def verify(
    session: Session,
    anchors: Iterable[AnchorLine],
    key: Ed25519PublicKey,
    journal: Iterable[Line] = (),
    *,
    site_key: bytes,
) -> Verified:
    """Check everything in `session`'s snapshot; raises `Broken` at the first contradiction.

    anchors, journal: lines read before the snapshot was taken, so that none can be ahead of it.
    """
    verified = Verified()
    for _ in _steps(session, anchors, key, journal, site_key, verified):
        pass
    return verified


def _steps(
    session: Session,
    anchors: Iterable[AnchorLine],
    key: Ed25519PublicKey,
    journal: Iterable[Line],
    site_key: bytes,
    verified: Verified,
) -> Iterator[None]:
    """`verify`, with a pause after every so many records."""
    journalled = journalled_spends.read(journal, key)
    verified.journal_lines = journalled.lines
    yield from _log(session, _checked(anchors, key, journalled, verified), verified)
    yield from _ledger(session, journalled, verified)
    yield from _answers(session, site_key, verified)


def _checked(
    anchors: Iterable[AnchorLine],
    key: Ed25519PublicKey,
    journalled: Journalled,
    verified: Verified,
) -> dict[int, list[tuple[int, SignedHead]]]:
    """The anchors by sequence, each with its line number; without those that a restore lost."""
    heads: dict[int, list[tuple[int, SignedHead]]] = defaultdict(list)
    last = 0
    for line in anchors:
        head = line.head
        if head is None:
            raise Broken(f"anchors file, line {line.number}: no signed head")
        if not is_signed_by(head, key):
            raise Broken(f"anchors file, line {line.number}: not signed by this site's key")
        if head.sequence < last:
            raise Broken(
                f"anchors file, line {line.number}: the log ended at event {head.sequence}, "
                f"and at event {last} before"
            )
        last = head.sequence
        heads[head.sequence].append((line.number, head))
        verified.anchors += 1
        restored = journalled.restores.get((head.sequence, head.hash))
        if restored is not None:
            last = restored[0]
            verified.restores.append((last + 1, head.sequence))
            for sequence in [sequence for sequence in heads if sequence > last]:
                del heads[sequence]
    return heads


def _log(
    session: Session, anchors: dict[int, list[tuple[int, SignedHead]]], verified: Verified
) -> Iterator[None]:
    sequence, digest = 0, ""
    for event in repository.in_order(session):
        if event.sequence != sequence + 1:
            raise Broken(
                f"audit log: event {event.sequence} follows event {sequence}; "
                f"{event.sequence - sequence - 1} missing"
            )
        _check_event(event, digest)
        sequence, digest = event.sequence, event.hash
        for number, head in anchors.pop(sequence, ()):
            if head.hash != digest:
                raise Broken(
                    f"audit log, event {sequence}: its hash is not the one that was signed on "
                    f"{head.at.isoformat()} (anchors file, line {number}): the log was rewritten"
                )
        _note(event, verified)
        verified.events += 1
        if verified.events % _STEP == 0:
            yield
    head_sequence, head_hash = repository.head(session)
    if (head_sequence, head_hash) != (sequence, digest):
        raise Broken(
            f"audit log: the last event is {sequence}, and the head says {head_sequence}"
            if head_sequence != sequence
            else f"audit log: the head's hash is not that of event {sequence}"
        )
    if anchors:
        missing = min(anchors)
        number, head = anchors[missing][0]
        raise Broken(
            f"audit log: it ends at event {sequence}, but reached event {missing} on "
            f"{head.at.isoformat()} (anchors file, line {number}): its end was cut off"
        )


def _check_event(event: AuditEvent, previous: str) -> None:
    if event.previous_hash != previous:
        raise Broken(f"audit log, event {event.sequence}: it does not link to the one before it")
    expected = event_hash(
        event.sequence,
        event.at,
        event.actor,
        event.action,
        event.subject,
        event.detail,
        event.previous_hash,
    )
    if event.hash != expected:
        raise Broken(f"audit log, event {event.sequence}: its content does not match its hash")


def _note(event: AuditEvent, verified: Verified) -> None:
    """Remember which ledger entries and answers an event names."""
    entries: Any = event.detail.get("entries", [event.detail.get("entry")])
    for digest in entries:
        if isinstance(digest, str):
            verified.named_entries[digest] = event.sequence
    if "answer" in event.detail:
        verified.named_answers[event.subject] = (event.sequence, event.detail["answer"])
    if "released" in event.detail:
        verified.named_released[event.subject] = (event.sequence, event.detail["released"])


def _ledger(session: Session, journalled: Journalled, verified: Verified) -> Iterator[None]:
    accounts: list[str] = []
    for account in session.scalars(select(LedgerAccount).order_by(LedgerAccount.id)):
        replay = Replay()
        entries = session.scalars(
            select(LedgerEntry)
            .where(LedgerEntry.account_id == account.id)
            .order_by(LedgerEntry.sequence)
            .execution_options(yield_per=1000)
        )
        for entry in entries:
            _check_entry(entry, replay)
            replay.apply(entry)
            journalled.see(entry, replay)
            if verified.named_entries.pop(entry.hash, None) is None:
                raise Broken(
                    f"ledger account {account.id}, entry {entry.sequence}: "
                    "no event of the audit log names it"
                )
            verified.entries += 1
            if verified.entries % _STEP == 0:
                yield
        difference = replay.difference(account)
        if difference is not None:
            raise Broken(f"ledger account {account.id}: {difference}")
        verified.accounts += 1
        accounts.append(account.id)
    journalled.check_charged(accounts)
    if verified.named_entries:
        sequence = min(verified.named_entries.values())
        raise Broken(f"ledger: an entry that audit event {sequence} names is gone")


def _check_entry(entry: LedgerEntry, replay: Replay) -> None:
    where = f"ledger account {entry.account_id}, entry {entry.sequence}"
    if entry.sequence != replay.entries + 1:
        raise Broken(f"{where}: it follows entry {replay.entries}")
    if entry.previous_hash != replay.head_hash:
        raise Broken(f"{where}: it does not link to the one before it")
    if entry.hash != entry_hash(entry):
        raise Broken(f"{where}: its content does not match its hash")


def _answers(session: Session, site_key: bytes, verified: Verified) -> Iterator[None]:
    # An answer is logged when it is shown: until then it is its run's, and nobody's yet.
    outputs = session.scalars(
        select(Output)
        .join(Run, Run.id == Output.run_id)
        .where(Run.closed_at.is_not(None))
        .execution_options(yield_per=100)
    )
    for output in outputs:
        sequence, digest = verified.named_answers.pop(output.run_id, (0, ""))
        if not sequence or not output.digest == digest == _digest(output, site_key):
            raise Broken(
                f"answer of run {output.run_id}: it is not the one that was recorded"
                + (f" by audit event {sequence}" if sequence else "")
            )
        _check_released(session, output, verified)
        verified.answers += 1
        if verified.answers % _STEP == 0:
            yield
    if verified.named_released:
        run_id, (sequence, _) = min(verified.named_released.items(), key=lambda item: item[1])
        raise Broken(f"output of run {run_id}: audit event {sequence} released it, and it is gone")
    if verified.named_answers:
        run_id, (sequence, _) = min(verified.named_answers.items(), key=lambda item: item[1])
        raise Broken(f"answer of run {run_id}: audit event {sequence} recorded it, and it is gone")


def _digest(output: Output, site_key: bytes) -> str:
    """The digest of what is stored of an output."""
    if output.items is not None:
        return items_digest(site_key, output.run_id, output.items)
    boxed = (output.answer or {}).get("kind") == "black_box"
    model = BlackBoxAnswer if boxed else QueryAnswer
    body = model.model_validate(output.answer).model_dump(mode="json")
    return tagged_hash("answer/1", exact(body))


def _check_released(session: Session, output: Output, verified: Verified) -> None:
    """That of what code returned nothing left but what the log names."""
    if output.items is None:
        return
    rows = session.scalars(select(OutputItem).where(OutputItem.run_id == output.run_id))
    left = [[row.number, row.released] for row in rows if row.released is not None]
    sequence, digest = verified.named_released.pop(output.run_id, (0, ""))
    found = tagged_hash("released/1", exact(sorted(left, key=lambda each: each[0])))
    if (left and not sequence) or (sequence and found != digest):
        raise Broken(
            f"output of run {output.run_id}: what left is not what was recorded"
            + (f" by audit event {sequence}" if sequence else "")
        )


def verify_site(
    settings: Settings, anchors: Iterable[AnchorLine], journal: Iterable[Line]
) -> Verified:
    """Check the site of `settings`, in one snapshot that changes nothing; see `verify`."""
    *_, (verified, _) = follow_site(settings, anchors, journal)
    return verified


def follow_site(
    settings: Settings, anchors: Iterable[AnchorLine], journal: Iterable[Line]
) -> Iterator[tuple[Verified, int]]:
    """`verify_site`, giving what was checked so far, and how many records there are in all."""
    key = Signer.from_file(settings.audit_signing_key_file).public
    engine = create_engine(settings.database_url, poolclass=NullPool)
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    verified = Verified()
    with Session(snapshot) as session:
        total = _records(session)
        yield verified, total
        for _ in _steps(session, anchors, key, journal, settings.site_key, verified):
            yield verified, total
    yield verified, total


def _records(session: Session) -> int:
    """How many records there are to check: by the log's head and the accounts', and answers."""
    events, _ = repository.head(session)
    entries = session.scalars(select(func.coalesce(func.sum(LedgerAccount.entries), 0))).one()
    closed = select(func.count()).select_from(Output).join(Run, Run.id == Output.run_id)
    answers = session.scalars(closed.where(Run.closed_at.is_not(None))).one()
    return events + int(entries) + answers
