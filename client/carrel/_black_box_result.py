"""What a black box released: numbers with the noise that is in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from carrel._display import html_table, percent, text_table
from carrel._errors import UnexpectedAnswer
from carrel._result import Cost
from carrel_protocol.api.requests import Run as RunData

if TYPE_CHECKING:
    from carrel._request import Request
    from carrel_protocol.api.common import SignedHead

_NOTE = (
    "Noise only: intervals are for the {} over blocks. How far that is from the function of all "
    "the data, and blocks that failed (each counts as the middle), they do not cover."
)
_RANKS = (
    "Each number lies between the blocks' values of these ranks, in ascending order; how far those "
    "are from each other is not known."
)


class BlackBoxResult(Sequence[float]):
    """The private mean or median over blocks of each number, in the function's order.

    `values` with an interval for the noise, at `confidence`. Of a mean: `low` and `high`. Of a
    median: `ranks`, pairs (r, s) that say that the number lies between the r-th and the s-th
    smallest of the blocks' values (0: the lower bound, `blocks` + 1: the upper one).
    """

    def __init__(self, request: Request, run: RunData) -> None:
        answer = run.black_box
        if answer is None:
            raise UnexpectedAnswer(
                f"Run {run.id} has no answer that this version of carrel can read.",
                advice="A newer carrel may: pip install --upgrade carrel.",
            )
        self.request = request
        self.answer = answer
        """As the site sent it, with the released sums and their noise."""
        self._run = run
        self.values = answer.values
        self.aggregate = answer.aggregate
        self.low = answer.low
        self.high = answer.high
        self.ranks = answer.ranks
        self.confidence = answer.confidence
        self.blocks = answer.blocks

    @property
    def receipt(self) -> SignedHead | None:
        """The signed place of this answer in the site's audit log."""
        if self._run.receipt is None:
            self._run = self.request._site._http.get(f"runs/{self._run.id}", RunData)
        return self._run.receipt

    @property
    def cost(self) -> Cost:
        price = self.request.price
        reused = self.request.reused
        return Cost(price.epsilon, price.rho, 0.0 if reused else price.share, reused)

    @overload
    def __getitem__(self, place: int) -> float: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[float, ...]: ...
    def __getitem__(self, place: int | slice) -> Any:
        return self.values[place]

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[float]:
        return iter(self.values)

    def __repr__(self) -> str:
        shown = ", ".join(f"{value:.6g}" for value in self.values[:10])
        more = ", …" if len(self.values) > 10 else ""
        return f"BlackBoxResult([{shown}{more}], {self.aggregate} over {self.blocks} blocks)"

    def __str__(self) -> str:
        table = text_table(self._columns(), self._rows(), right=(1, 2, 3))
        return "\n".join([table, *self._notes()])

    def _repr_html_(self) -> str:
        return html_table(
            self._columns(),
            self._rows(),
            notes=self._notes(),
            right=(1, 2, 3),
        )

    def _columns(self) -> tuple[str, ...]:
        ends = ("from", "to") if self.ranks is None else ("from rank", "to rank")
        return ("", f"{self.aggregate} over blocks", *ends)

    def _rows(self) -> list[tuple[object, ...]]:
        ends = self.ranks or zip(self.low or (), self.high or (), strict=True)
        rows = zip(self.values, ends, strict=True)
        return [
            (f"[{n}]", *(f"{each:.6g}" for each in (value, *pair)))
            for n, (value, pair) in enumerate(rows)
        ]

    def _notes(self) -> list[str]:
        how = f"{self.blocks} blocks; {percent(self.confidence)} intervals."
        notes = [f"{how} {_NOTE.format(self.aggregate)}"]
        return notes if self.ranks is None else [*notes, _RANKS]
