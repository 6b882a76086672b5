"""Prices and budgets, as wire models that print well."""

from __future__ import annotations

from carrel._display import html_table, number, percent, plus_minus, printable, text_table
from carrel_protocol.api import budgets, requests


class Price(requests.Price):
    """What a question costs and what it would leave. Asking for a price costs nothing."""

    @property
    def cost(self) -> str:
        """The privacy parameter in words: "ε = 0.1" or "ρ = 0.005"."""
        return privacy(self.epsilon, self.rho)

    @property
    def plus_minus(self) -> dict[str, float]:
        """Each measure's expected error: the half-width of its interval; of a median, in ranks."""
        return {e.measure: e.plus_minus for e in self.expected_errors}

    def __repr__(self) -> str:
        errors = ", ".join(f"{printable(e.measure)} ± {_error(e)}" for e in self.expected_errors)
        left = percent(self.share_left_after)
        return (
            f"Price({self.cost}, {percent(self.share)} of the budget, {left} left after; {errors})"
        )

    def __str__(self) -> str:
        table = text_table(("measure", "expected error", "confidence"), self._rows(), right=(1, 2))
        return "\n".join([self._headline(), table, *self._notes()])

    def _repr_html_(self) -> str:
        return html_table(
            ("measure", "expected error", "confidence"),
            self._rows(),
            caption=self._headline(),
            notes=self._notes(),
            right=(1, 2),
        )

    def _headline(self) -> str:
        if not self.affordable:
            return f"{self.cost}: {percent(self.share)} of your budget, which is more than is left."
        return (
            f"{self.cost}: {percent(self.share)} of your budget; "
            f"{percent(self.share_left_after)} would be left."
        )

    def _rows(self) -> list[tuple[object, ...]]:
        return [
            (
                e.measure,
                f"± {_error(e)}{' *' if e.expected else ''}",
                percent(e.confidence),
            )
            for e in self.expected_errors
        ]

    def _notes(self) -> list[str]:
        notes = [printable(self.in_words)] if self.in_words else []
        if any(e.expected for e in self.expected_errors):
            notes.append("* expected, at the dataset's declared size")
        rows = "1 row" if self.groups == 1 else f"{number(self.groups)} rows"
        how = (
            "a person has to approve it first"
            if self.approval == "review"
            else "approved at once"
            if self.approval == "automatic"
            else printable(str(self.approval))
        )
        notes.append(f"{rows}; {how}; then an answer within about {duration(self.deadline_ms)}.")
        return notes


def _error(error: requests.ExpectedError) -> str:
    if error.ranks is None:
        return plus_minus(error.plus_minus)
    return f"{error.plus_minus:g} of {error.ranks} ranks"


class Budget(budgets.Budget):
    """What is left for you at a dataset. Its population's other datasets share it."""

    @property
    def share_left(self) -> float:
        """Of your own limit, between 0 and 1."""
        return max(0.0, 1.0 - self.mine.share_spent)

    def __repr__(self) -> str:
        return (
            f"Budget({self.dataset!r}: {percent(self.share_left)} left of "
            f"ε = {self.mine.limits.epsilon:g}, everyone together "
            f"{percent(self.together_share_left)})"
        )

    def __str__(self) -> str:
        return "\n".join([text_table(("", self.dataset), self._rows()), *self._notes()])

    def _repr_html_(self) -> str:
        return html_table(
            ("", ""),
            self._rows(),
            caption=f"Your budget at {self.dataset}",
            notes=self._notes(),
        )

    def _rows(self) -> list[tuple[object, ...]]:
        limits = self.mine.limits
        rows: list[tuple[object, ...]] = [
            ("left for you", percent(self.share_left)),
            ("left for everyone together", percent(self.together_share_left)),
            ("limit", f"ε = {limits.epsilon:g}, δ = {limits.delta_conv + limits.delta_add:g}"),
            ("proved of what was answered", f"ε = {self.mine.epsilon_spent:.4g}"),
            ("charges", number(self.mine.charges)),
        ]
        if self.mine.unbounded_outputs:
            rows.append(("reviewed outputs, no formal bound", number(self.mine.unbounded_outputs)))
        rows += [
            (
                f"raised {raise_.at:%Y-%m-%d}"
                + (", after answers" if raise_.after_answers else ""),
                f"to ε = {raise_.limits.epsilon:g}: {printable(raise_.reason)}",
            )
            for raise_ in self.mine.raised
        ]
        return rows

    def _notes(self) -> list[str]:
        return [printable(self.mine.statement)]


def privacy(epsilon: float | None, rho: float | None) -> str:
    parts = [
        f"{sign} = {value:.6g}" for sign, value in (("ε", epsilon), ("ρ", rho)) if value is not None
    ]
    return ", ".join(parts) or "no cost"


def duration(ms: float) -> str:
    if ms < 1000:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
