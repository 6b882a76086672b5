"""Noticing that the database was restored from a backup, and charging what that forgot.

An account's newest line in the spend journal names one of its entries by its hash. An account
that has this entry has all that was journalled. One that has not is a restored one: what the
line says was used is charged to it again, by an entry of kind `restore` that names the line.
"""

from collections.abc import Iterable

import structlog
from sqlalchemy import exists, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from carrel_site.accounts.models import User
from carrel_site.audit.anchors import latest_anchor, read_anchors
from carrel_site.audit.log import SITE, record
from carrel_site.audit.models import AuditEvent
from carrel_site.core.clock import now
from carrel_site.datasets.models import Population
from carrel_site.ledger import repository, service
from carrel_site.ledger.journal import Journal, JournalMissing, Line, Restored, Spend, user_digest
from carrel_site.ledger.models import LedgerAccount, LedgerEntry, LostAccount
from carrel_site.site import Site

log = structlog.get_logger(__name__)

BEGUN = "journal.begun"
_LOCK = 0x7370_656E_6473


def reconcile(site: Site) -> None:
    """Bring the ledger up to what the journal knows. Nothing may be asked before it has returned.

    Raises `JournalMissing`, `JournalDamaged`: without knowing what was spent nothing is served.
    Changes nothing when no restore happened; may be repeated, by several processes at once.
    """
    restored = site.db.transact(lambda session: _reconcile(session, site))
    if restored:
        log.warning("database_restored", accounts=restored)


def write_spends(site: Site) -> None:
    """Append a line for every account that moved since its last one."""
    first = site.journal.is_empty()
    known = site.journal.spends()
    lines: list[Line] = [
        line
        for line in site.db.read(lambda session: _lines(session, site.journal))
        if line.account_id not in known or known[line.account_id].head != line.head
    ]
    if not lines:
        return
    site.journal.append(lines)
    if first:
        site.db.transact(_record_begun)


def _reconcile(session: Session, site: Site) -> list[str]:
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    _check_journal(session, site.journal)
    _note_cut_log(session, site)
    lines = list(site.journal.spends().values())
    present = _accounts(session, (line.account_id for line in lines))
    entries = _hashes(session, lines)
    restored = []
    for line in sorted(lines, key=lambda line: line.account_id):
        if entries.get((line.account_id, line.entries)) == line.head:
            continue
        if line.account_id in present:
            account_id = line.account_id
        else:
            _keep_lost(session, line)
            holder = _holder(session, line)
            if holder is None:
                continue
            account_id = holder
        (account,) = repository.locked(session, [account_id])
        if line.head not in _charged_heads(session, account.id):
            continued = account.id == line.account_id
            service.charge_lost(session, account, [line], continued=continued)
            restored.append(account.id)
    return restored


def _check_journal(session: Session, journal: Journal) -> None:
    """Refuse to go on without a journal that there was; an empty one is the owner's word."""
    begun = session.scalar(select(exists().where(AuditEvent.action == BEGUN)))
    if begun and not journal.exists():
        raise JournalMissing(
            f"{journal.path} is missing, and it says what was spent since any backup. Put it "
            "back; if it is lost, an empty file there accepts that this stays unknown."
        )
    if not begun and not journal.is_empty():
        _record_begun(session)


def _record_begun(session: Session) -> None:
    record(session, SITE, BEGUN, SITE)


def _note_cut_log(session: Session, site: Site) -> None:
    """Write down which anchored heads this database's log no longer has."""
    path = site.settings.anchors_file
    last = latest_anchor(path)
    if last is None or _has_event(session, last.sequence, last.hash):
        return
    if not site.journal.knows_restore(last.sequence, last.hash):
        heads = [line.head for line in read_anchors(path) if line.head is not None]
        kept = next((h for h in reversed(heads) if _has_event(session, h.sequence, h.hash)), None)
        line = Restored(
            **site.journal.unsealed(now()),
            anchor_sequence=last.sequence,
            anchor_hash=last.hash,
            sequence=kept.sequence if kept else 0,
            hash=kept.hash if kept else "",
        )
        site.journal.append([line])
    noted = exists().where(AuditEvent.action == "site.restored", AuditEvent.subject == last.hash)
    if not session.scalar(select(noted)):
        record(session, SITE, "site.restored", last.hash, reached=last.sequence)


def _has_event(session: Session, sequence: int, digest: str) -> bool:
    found = session.scalar(select(AuditEvent.hash).where(AuditEvent.sequence == sequence))
    return found == digest


def _accounts(session: Session, ids: Iterable[str]) -> set[str]:
    found = session.scalars(select(LedgerAccount.id).where(LedgerAccount.id.in_(list(ids))))
    return set(found)


def _hashes(session: Session, lines: list[Spend]) -> dict[tuple[str, int], str]:
    """The hashes of the entries that the lines name, as far as there are such entries."""
    places = [(line.account_id, line.entries) for line in lines]
    rows = session.execute(
        select(LedgerEntry.account_id, LedgerEntry.sequence, LedgerEntry.hash).where(
            tuple_(LedgerEntry.account_id, LedgerEntry.sequence).in_(places)
        )
    )
    return {(row.account_id, row.sequence): row.hash for row in rows}


def _charged_heads(session: Session, account_id: str) -> set[str]:
    """The lost entries that restores of this account have charged."""
    details = session.scalars(
        select(LedgerEntry.detail).where(
            LedgerEntry.account_id == account_id, LedgerEntry.kind == "restore"
        )
    )
    return {head for detail in details for head in detail["heads"]}


def _keep_lost(session: Session, line: Spend) -> None:
    """Remember an account that is not here, for when one like it is opened."""
    inserted = session.scalar(
        insert(LostAccount)
        .values(
            head=line.head,
            population_id=line.population_id,
            population=line.population,
            user_id=line.user_id,
            user_digest=line.user,
            line=line.model_dump(mode="json"),
        )
        .on_conflict_do_nothing()
        .returning(LostAccount.head)
    )
    if inserted is not None:
        record(session, SITE, "ledger.lost", line.account_id, head=line.head)


def _holder(session: Session, line: Spend) -> str | None:
    """The account that now stands for the line's, if any: same population, same person."""
    query = (
        select(LedgerAccount.id, User.id.label("user_id"), User.email)
        .join(Population, Population.id == LedgerAccount.population_id)
        .outerjoin(User, User.id == LedgerAccount.user_id)
        .where((Population.id == line.population_id) | (Population.name == line.population))
    )
    for row in session.execute(query):
        if row.user_id is None or line.user_id is None:
            same = row.user_id is None and line.user_id is None
        else:
            same = row.user_id == line.user_id or user_digest(row.email) == line.user
        if same:
            return str(row.id)
    return None


def _lines(session: Session, journal: Journal) -> list[Spend]:
    rows = session.execute(
        select(LedgerAccount, Population.name, User.email)
        .join(Population, Population.id == LedgerAccount.population_id)
        .outerjoin(User, User.id == LedgerAccount.user_id)
        .order_by(LedgerAccount.id)
    )
    at = now()
    return [
        Spend(
            **journal.unsealed(at),
            account_id=account.id,
            population_id=account.population_id,
            population=population,
            user_id=account.user_id,
            user=None if email is None else user_digest(email),
            entries=account.entries,
            head=account.head_hash,
            orders=(account.order1_milli, account.order2_milli),
            used=service.used(account).nano,
            delta=service.used(account).delta_atto,
        )
        for account, population, email in rows
    ]
