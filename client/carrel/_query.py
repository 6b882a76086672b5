"""Questions, before they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carrel._errors import InvalidInput, QueryNotAllowed, ReviewRequired
from carrel._expressions import (
    Aggregate,
    Expr,
    column_name,
    conjunction,
    described,
    explain,
    written,
)
from carrel._made import made, made_query
from carrel._price import Price
from carrel._privacy import HOW, Bounds, privacy_target, unit_bounds
from carrel._request import Request, RequestData
from carrel_protocol.api.requests import QueryAsk, RequestCreate
from carrel_protocol.plan import QueryPlan
from carrel_protocol.privacy import AccuracyTarget, EpsilonTarget, PrivacyTarget, RhoTarget
from carrel_protocol.schema import UnitBounds

if TYPE_CHECKING:
    from carrel._dataset import Dataset
    from carrel._result import Result


class Query:
    """A question to a dataset, in SQL or as a plan. Making one asks nothing and costs nothing.

    `price()` says what it would cost, `run()` asks and waits, `submit()` asks and does not wait.
    Each takes the same privacy arguments as `with_privacy`, for a question that has none yet or
    to try another.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        sql: str | None = None,
        plan: QueryPlan | None = None,
        target: PrivacyTarget | None = None,
        bounds: UnitBounds | None = None,
    ) -> None:
        self._site = dataset._site
        self.dataset = dataset
        self.sql = sql
        self.plan = plan
        self.target = target
        self.bounds = bounds

    def with_privacy(
        self,
        *,
        epsilon: float | None = None,
        rho: float | None = None,
        within: float | None = None,
        confidence: float | None = None,
        bounds: Bounds | None = None,
    ) -> Query:
        """The same question, with another privacy.

        epsilon: pure differential privacy for the whole question, discrete Laplace noise.
        rho: zero-concentrated differential privacy, discrete Gaussian noise.
        within, confidence: every COUNT and SUM within so much of its bounded value, with that
        probability (0.95 unless told); the site works out the cheapest way.
        bounds: how much of one unit's data may count, instead of the dataset's own bounds.
        """
        target = privacy_target(epsilon, rho, within, confidence)
        return Query(
            self.dataset,
            sql=self.sql,
            plan=self.plan,
            target=target or self.target,
            bounds=unit_bounds(bounds) or self.bounds,
        )

    def price(
        self,
        *,
        epsilon: float | None = None,
        rho: float | None = None,
        within: float | None = None,
        confidence: float | None = None,
        bounds: Bounds | None = None,
    ) -> Price:
        """What it would cost, what error to expect and what would be left. Costs nothing.

        Raises `QueryNotAllowed` with every place that cannot be asked.
        """
        query = self.with_privacy(
            epsilon=epsilon, rho=rho, within=within, confidence=confidence, bounds=bounds
        )
        ask = QueryAsk(**query._fields())
        try:
            return self._site._http.ask("prices", ask, Price)
        except QueryNotAllowed as error:
            explain(error, sql=self.sql, asked=self.plan)
            raise

    def submit(
        self,
        purpose: str = "",
        *,
        review: bool = False,
        epsilon: float | None = None,
        rho: float | None = None,
        within: float | None = None,
        confidence: float | None = None,
        bounds: Bounds | None = None,
    ) -> Request:
        """Ask, and do not wait. `purpose` is what a reviewer reads first.

        `review=True` asks for a person's approval even where policy would approve at once.
        Asking what you asked before gives the stored answer, at no cost. Raises
        `BudgetExceeded` where it would be approved at once and cannot be paid.
        """
        query = self.with_privacy(
            epsilon=epsilon, rho=rho, within=within, confidence=confidence, bounds=bounds
        )
        body = made(RequestCreate, **query._fields(), purpose=purpose, review=review)
        try:
            data = self._site._http.write("POST", "requests", body, RequestData)
        except QueryNotAllowed as error:
            explain(error, sql=self.sql, asked=self.plan)
            raise
        return Request(self._site, data)

    def run(
        self,
        *,
        timeout: float | None = None,
        purpose: str = "",
        progress: bool | None = None,
        epsilon: float | None = None,
        rho: float | None = None,
        within: float | None = None,
        confidence: float | None = None,
        bounds: Bounds | None = None,
    ) -> Result:
        """Ask, wait and give the answer; `timeout` in seconds, for the waiting alone.

        Raises `ReviewRequired` if a person has to approve first (the request is made and waits:
        see its `request`), `BudgetExceeded`, `RunFailed`, `RunCancelled` or `WaitTimeout`.
        """
        request = self.submit(
            purpose,
            epsilon=epsilon,
            rho=rho,
            within=within,
            confidence=confidence,
            bounds=bounds,
        )
        if request.state == "submitted":
            poor = "" if request.price.affordable else " What is left could not pay for it now."
            error = ReviewRequired(
                f"A person has to approve this first: request {request.id} is waiting for them."
                f"{poor}",
                advice=(
                    f"Go on later with site.requests[{request.id!r}].wait(); "
                    ".comment('…') writes to the reviewers, .withdraw() takes it back."
                ),
            )
            error.request = request
            raise error
        return request.wait(timeout, progress=progress)

    def _fields(self) -> dict[str, Any]:
        if self.target is None:
            raise InvalidInput("This question has no privacy yet.", advice=HOW)
        return {
            "dataset": self.dataset.id,
            "sql": self.sql,
            "plan": self.plan,
            "target": self.target,
            "bounds": self.bounds,
        }

    def __repr__(self) -> str:
        said = repr(self.sql) if self.plan is None else described(self.plan)
        return f"Query({self.dataset.name!r}, {said}{_privacy_repr(self.target)})"


class QueryBuilder:
    """A question under construction. Every step gives a new one; `agg` ends it."""

    def __init__(
        self,
        dataset: Dataset,
        conditions: tuple[Expr | bool, ...] = (),
        keys: tuple[str, ...] = (),
    ) -> None:
        self._dataset = dataset
        self._conditions = conditions
        self._keys = keys

    def where(self, *conditions: Expr | bool) -> QueryBuilder:
        """Only rows for which all `conditions` hold, besides those of earlier where()s."""
        return QueryBuilder(self._dataset, (*self._conditions, *conditions), self._keys)

    def group_by(self, *columns: str | Expr) -> QueryBuilder:
        """A row for every key of `columns`, whether or not any data have it."""
        keys = (*self._keys, *(column_name(column) for column in columns))
        return QueryBuilder(self._dataset, self._conditions, keys)

    def agg(self, **measures: Aggregate) -> Query:
        """What to release, each under its name: agg(n=count(), spend=avg("drugexp"))."""
        if not measures:
            raise InvalidInput("agg() needs a measure, such as n=count().")
        for name, measure in measures.items():
            if not isinstance(measure, Aggregate):
                raise InvalidInput(
                    f"{name}={measure!r} is no measure.",
                    advice="Measures are count(), sum_('column') and avg('column').",
                )
        plan = made_query(
            QueryPlan,
            where=conjunction(self._conditions),
            group_by=self._keys,
            aggregates=tuple(measure.named(name) for name, measure in measures.items()),
        )
        return Query(self._dataset, plan=plan)

    def __repr__(self) -> str:
        where = conjunction(self._conditions)
        said = "" if where is None else f", where {written(where)}"
        by = f", by {', '.join(self._keys)}" if self._keys else ""
        return f"QueryBuilder({self._dataset.name!r}{said}{by})"


def _privacy_repr(target: PrivacyTarget | None) -> str:
    match target:
        case EpsilonTarget():
            return f", epsilon={target.epsilon:g}"
        case RhoTarget():
            return f", rho={target.rho:g}"
        case AccuracyTarget():
            return f", within={target.within:g}, confidence={target.confidence:g}"
        case None:
            return ""
