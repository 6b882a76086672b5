"""How ledger entries are chained: each carries the hash of its account's previous one."""

from datetime import UTC

from carrel_protocol.canonical import tagged_hash
from carrel_site.ledger.models import LedgerEntry


def entry_hash(entry: LedgerEntry) -> str:
    """The hash of an entry's content. Amounts go in as digits: sums may pass 2^53."""
    return tagged_hash(
        "ledger-entry/1",
        [
            entry.account_id,
            entry.sequence,
            entry.kind,
            entry.run_id,
            entry.request_id,
            [str(entry.cost1), str(entry.cost2)],
            str(entry.delta),
            entry.detail,
            entry.previous_hash,
            entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        ],
    )
