"""Checking the spend journal against itself and against the ledger."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from carrel_site.audit.errors import Broken
from carrel_site.audit.replay import Replay
from carrel_site.ledger.journal import Line, Spend, is_signed_by, line_hash
from carrel_site.ledger.models import LedgerEntry


@dataclass
class Journalled:
    """What the journal says, crossed off as the ledger is replayed."""

    lines: int = 0
    restores: dict[tuple[int, str], tuple[int, str]] = field(default_factory=dict)
    """The last anchor before a restore, and the last head that it left."""
    newest: dict[str, Spend] = field(default_factory=dict)
    """By account."""
    by_head: dict[str, list[Spend]] = field(default_factory=lambda: defaultdict(list))
    _charged: set[str] = field(default_factory=set)
    _found: set[str] = field(default_factory=set)

    def see(self, entry: LedgerEntry, replay: Replay) -> None:
        """Compare what the lines that name `entry` say with its account as it left it."""
        if entry.kind == "restore":
            self._charged.update(entry.detail["heads"])
        for line in self.by_head.get(entry.hash, ()):
            self._found.add(entry.hash)
            said = (line.account_id, line.entries, *line.used, line.delta)
            if said != (entry.account_id, entry.sequence, *replay.used()):
                raise Broken(
                    f"spend journal, line {line.number}: account {line.account_id} had used "
                    f"{line.used}, and its entries up to {line.entries} make it "
                    f"{replay.used()[:2]}"
                )

    def check_charged(self, accounts: Iterable[str]) -> None:
        """That of the accounts that there are, each has everything that was journalled of it."""
        there = set(accounts)
        for line in self.newest.values():
            if line.account_id in there and line.head not in self._found | self._charged:
                raise Broken(
                    f"ledger account {line.account_id}: it lacks entry {line.entries}, which line "
                    f"{line.number} of the spend journal names, and no restore charged it"
                )


def read(lines: Iterable[Line], key: Ed25519PublicKey) -> Journalled:
    """Check signatures and chain; raises `Broken`."""
    journalled = Journalled()
    number, previous = 0, ""
    for line in lines:
        if not is_signed_by(line, key):
            raise Broken(f"spend journal, line {line.number}: not signed by this site's key")
        if (line.number, line.previous) != (number + 1, previous):
            raise Broken(f"spend journal: line {line.number} does not follow line {number}")
        number, previous = line.number, line_hash(line)
        journalled.lines = number
        if isinstance(line, Spend):
            journalled.newest[line.account_id] = line
            journalled.by_head[line.head].append(line)
        else:
            anchor = (line.anchor_sequence, line.anchor_hash)
            journalled.restores[anchor] = (line.sequence, line.hash)
    return journalled
