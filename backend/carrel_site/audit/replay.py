"""Computing an account's sums from its entries alone, as the database's trigger once did."""

from dataclasses import dataclass, field
from datetime import datetime

from carrel_site.ledger.models import LedgerAccount, LedgerEntry

_COMPARED = (
    "order1_milli",
    "order2_milli",
    "limit1",
    "limit2",
    "limit_delta",
    "spent1",
    "spent2",
    "spent_delta",
    "reserved1",
    "reserved2",
    "reserved_delta",
    "charges",
    "unbounded_outputs",
    "last_unbounded_at",
    "overdrawn",
    "entries",
    "head_hash",
)


@dataclass
class Replay:
    """An account's row, rebuilt. Costs in nano-units, deltas in 1e-18."""

    order1_milli: int = 0
    order2_milli: int = 0
    limit1: int = 0
    limit2: int = 0
    limit_delta: int = 0
    spent1: int = 0
    spent2: int = 0
    spent_delta: int = 0
    reserved1: int = 0
    reserved2: int = 0
    reserved_delta: int = 0
    charges: int = 0
    unbounded_outputs: int = 0
    last_unbounded_at: datetime | None = None
    overdrawn: bool = False
    entries: int = 0
    head_hash: str = ""
    held: dict[str | None, tuple[int, int, int]] = field(default_factory=dict, repr=False)
    """Reservations that have not ended, by run."""
    fault: str | None = None

    def apply(self, entry: LedgerEntry) -> None:
        """Move the sums by one entry."""
        self.entries, self.head_hash = entry.sequence, entry.hash
        cost = (entry.cost1, entry.cost2, entry.delta)
        match entry.kind:
            case "open" | "raise":
                self.order1_milli, self.order2_milli = map(int, entry.detail["orders"])
                self.limit1, self.limit2 = map(int, entry.detail["limits"])
                self.limit_delta = int(entry.detail["limit_delta"])
            case "reserve":
                self.held[entry.run_id] = cost
                self.charges += 1
                self._reserve(cost, 1)
                if not self.admits():
                    self.fault = f"entry {entry.sequence} overdraws it"
            case "settle" | "refund":
                if self.held.pop(entry.run_id, None) != cost:
                    self.fault = f"entry {entry.sequence} ends no reservation of that cost"
                self._reserve(cost, -1)
                if entry.kind == "settle":
                    self._spend(cost)
            case "restore":
                self._spend(cost)
                self.charges += cost[0] > 0
            case _:
                self.unbounded_outputs += 1
                self.last_unbounded_at = entry.at
        restored = entry.kind == "restore"
        self.overdrawn = (restored or self.overdrawn) and not self.admits()

    def used(self) -> tuple[int, int, int]:
        """Spent and reserved: at both orders, and the delta."""
        return (
            self.spent1 + self.reserved1,
            self.spent2 + self.reserved2,
            self.spent_delta + self.reserved_delta,
        )

    def admits(self) -> bool:
        """Whether what is used is within the limits."""
        first, second, delta = self.used()
        return (first <= self.limit1 or second <= self.limit2) and delta <= self.limit_delta

    def difference(self, account: LedgerAccount) -> str | None:
        """The first way in which the account's row is not what its entries make it, in words."""
        if self.fault is not None:
            return self.fault
        for name in _COMPARED:
            stored, computed = getattr(account, name), getattr(self, name)
            if stored != computed:
                return f"its {name} is {stored}, and its entries make it {computed}"
        return None

    def _spend(self, cost: tuple[int, int, int]) -> None:
        self.spent1 += cost[0]
        self.spent2 += cost[1]
        self.spent_delta += cost[2]

    def _reserve(self, cost: tuple[int, int, int], sign: int) -> None:
        self.reserved1 += sign * cost[0]
        self.reserved2 += sign * cost[1]
        self.reserved_delta += sign * cost[2]
