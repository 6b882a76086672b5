"""Answers: numbers with the noise that is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carrel._display import (
    NOISE_ONLY,
    html_table,
    number,
    percent,
    plus_minus,
    printable,
    text_table,
)
from carrel._errors import InvalidInput, UnexpectedAnswer
from carrel._frames import data_frame
from carrel._price import privacy
from carrel_protocol.answers import MeasureValues, QueryAnswer
from carrel_protocol.api.requests import Run as RunData

if TYPE_CHECKING:
    import pandas as pd

    from carrel._request import Request
    from carrel_protocol.api.common import SignedHead

_SHOWN_ROWS = 20


@dataclass(frozen=True)
class Cost:
    """What an answer cost. Asking the same again costs nothing more.

    `epsilon` or `rho` is the privacy of the answer, also when it was asked before.
    """

    epsilon: float | None
    rho: float | None
    share: float
    """Of your account's limit; 0 for an answer that was there already."""
    reused: bool
    """True when it was asked before: the stored answer, at no further cost."""

    def __str__(self) -> str:
        if self.reused:
            return "nothing: it was asked before"
        return f"{privacy(self.epsilon, self.rho)} ({percent(self.share)} of the budget)"


class Result:
    """A differentially private answer: a row per key of the GROUP BY, or one row without it.

    Iterate for rows as dicts. Intervals cover the added noise only: not what bounding, clamping
    or missing rows may have moved.
    """

    def __init__(self, request: Request, run: RunData) -> None:
        answer = run.answer
        if not isinstance(answer, QueryAnswer):
            raise UnexpectedAnswer(
                f"Run {run.id} has no answer that this version of carrel can read.",
                advice="A newer carrel may: pip install --upgrade carrel.",
            )
        self.request = request
        self.answer = answer
        """The answer as the site sent it, with the released integers and their noise."""
        self._run = run
        self.confidence = answer.confidence
        """Of the intervals."""

    @property
    def receipt(self) -> SignedHead | None:
        """The signed place of this answer in the site's audit log. Keep it: it proves the rest.

        Read from the site when first asked for, if the answer came before it.
        """
        if self._run.receipt is None:
            self._run = self.request._site._http.get(f"runs/{self._run.id}", RunData)
        return self._run.receipt

    @property
    def columns(self) -> tuple[str, ...]:
        """The group columns, then the measures."""
        return (*self.answer.group_by, *(m.name for m in self.answer.measures))

    @property
    def rows(self) -> tuple[tuple[Any, ...], ...]:
        """The values, in the order of `columns`."""
        return tuple(
            (*key, *(m.values[i] for m in self.answer.measures))
            for i, key in enumerate(self._keys())
        )

    @property
    def intervals(self) -> tuple[dict[str, tuple[float, float]], ...]:
        """For each row, each measure's interval. It covers the noise only."""
        return tuple(
            {m.name: (m.low[i], m.high[i]) for m in self.answer.measures} for i in range(len(self))
        )

    @property
    def value(self) -> float:
        """The number, where the answer is one. Raises `InvalidInput` where it is several."""
        return self._only().values[0]

    @property
    def interval(self) -> tuple[float, float]:
        """Around `value`, at `confidence`. It covers the noise only."""
        measure = self._only()
        return measure.low[0], measure.high[0]

    @property
    def expected_error(self) -> float:
        """What the price promised for `value`: the half-width of its interval."""
        return self.expected_errors[self._only().name]

    @property
    def expected_errors(self) -> dict[str, float]:
        """What the price promised, for each measure."""
        return self.request.price.plus_minus

    @property
    def cost(self) -> Cost:
        price = self.request.price
        reused = self.request.reused
        return Cost(price.epsilon, price.rho, 0.0 if reused else price.share, reused)

    def at(self, **keys: object) -> dict[str, Any]:
        """The one row with these keys: `result.at(female=1)`. Raises `KeyError` if there is none,
        and `InvalidInput` if there are several."""
        unknown = set(keys) - set(self.answer.group_by)
        if unknown:
            raise InvalidInput(
                f"The answer is not grouped by {', '.join(sorted(unknown))}.",
                advice=f"It is grouped by {', '.join(self.answer.group_by) or 'nothing'}.",
            )
        found = [row for row in self if all(row[name] == key for name, key in keys.items())]
        if not found:
            raise KeyError(", ".join(f"{name}={key!r}" for name, key in keys.items()))
        if len(found) > 1:
            raise InvalidInput(f"{len(found)} rows have these keys; name more of them.")
        return found[0]

    def to_pandas(self, *, intervals: bool = True) -> pd.DataFrame:
        """A data frame; with `intervals`, each measure is followed by its _low and _high."""
        names = list(self.answer.group_by)
        columns: list[tuple[Any, ...]] = [
            tuple(key[i] for key in self.answer.keys) for i in range(len(names))
        ]
        for m in self.answer.measures:
            names.append(m.name)
            columns.append(m.values)
            if intervals:
                names += [f"{m.name}_low", f"{m.name}_high"]
                columns += [m.low, m.high]
        return data_frame(names, list(zip(*columns, strict=True)))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def __len__(self) -> int:
        return len(self._keys())

    def __repr__(self) -> str:
        measures = self.answer.measures
        if len(measures) == 1 and len(self) == 1:
            shown = f"{_shown(measures[0], 0)} at {percent(self.confidence)}"
        else:
            rows = "1 row" if len(self) == 1 else f"{len(self):,} rows"
            shown = f"{rows}: {printable(', '.join(self.columns))}"
        return f"Result({shown}; cost {self.cost})"

    def __str__(self) -> str:
        table = text_table(self.columns, self._table(_SHOWN_ROWS), right=self._right())
        return "\n".join([table, *self._notes(_SHOWN_ROWS)])

    def _repr_html_(self) -> str:
        return html_table(
            self.columns,
            self._table(_SHOWN_ROWS),
            notes=self._notes(_SHOWN_ROWS),
            right=self._right(),
        )

    def _keys(self) -> tuple[tuple[Any, ...], ...]:
        return self.answer.keys if self.answer.group_by else ((),)

    def _only(self) -> MeasureValues:
        if len(self.answer.measures) != 1 or len(self) != 1:
            raise InvalidInput(
                f"This answer has {len(self)} rows and {len(self.answer.measures)} measures, "
                "not one number.",
                advice="Iterate over it, look a row up with at(…), or use to_pandas().",
            )
        return self.answer.measures[0]

    def _right(self) -> tuple[int, ...]:
        first = len(self.answer.group_by)
        return tuple(range(first, first + len(self.answer.measures)))

    def _table(self, limit: int) -> list[tuple[object, ...]]:
        return [
            (*key, *(_shown(m, i) for m in self.answer.measures))
            for i, key in enumerate(self._keys()[:limit])
        ]

    def _notes(self, limit: int) -> list[str]:
        notes = [f"… and {len(self) - limit:,} more rows"] if len(self) > limit else []
        notes.append(f"± at {percent(self.confidence)} confidence. {NOISE_ONLY} Cost: {self.cost}.")
        return notes


def _shown(measure: MeasureValues, i: int) -> str:
    """A value with its interval: "4,231 ± 61", or with both ends where it is lopsided."""
    value, low, high = measure.values[i], measure.low[i], measure.high[i]
    below, above = value - low, high - value
    error = max(below, above)
    if abs(below - above) > 0.1 * error:
        return f"{number(value, error)} [{number(low, error)}, {number(high, error)}]"
    return f"{number(value, error)} ± {plus_minus(error)}"
