"""How ledger entries are chained: each carries the hash of its account's previous one."""

from datetime import UTC, datetime
from typing import Any

from carrel_protocol.canonical import tagged_hash


def entry_hash(
    *,
    account_id: str,
    sequence: int,
    kind: str,
    run_id: str | None,
    request_id: str | None,
    costs: tuple[int, int],
    delta: int,
    detail: dict[str, Any],
    previous_hash: str,
    at: datetime,
) -> str:
    """The hash of one entry. Integers go in as digits: sums may pass 2^53."""
    return tagged_hash(
        "ledger-entry/1",
        [
            account_id,
            sequence,
            kind,
            run_id,
            request_id,
            [str(cost) for cost in costs],
            str(delta),
            detail,
            previous_hash,
            at.astimezone(UTC).isoformat(timespec="microseconds"),
        ],
    )
