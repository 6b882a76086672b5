"""Private black boxes: any function of your own, made private by running it on many blocks.

@carrel.black_box(data=ds, blocks=100, output=carrel.Vector(2, lower=0, upper=[120, 1]), epsilon=1)
def work(df):
    return [df["age"].mean(), df["female"].mean()]

work.price()                      # what it costs, and how large the noise is
work.mock()                       # on made-up rows: is what it returns what was announced?
result = work.run("what for")     # the noisy mean over blocks, with intervals

With aggregate="median" a median over blocks leaves, which few odd or failed blocks hardly move.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from carrel._black_box_result import BlackBoxResult
from carrel._code import CodeFunction, _site_of
from carrel._errors import InvalidInput, MockFailed, ReviewRequired
from carrel._made import made
from carrel._price import Price
from carrel._privacy import HOW, privacy_target
from carrel._progress import ProgressLine
from carrel._request import Request, RequestData
from carrel_protocol.api import black_boxes as wire
from carrel_protocol.black_box import BlackBoxContent, OutputVector, median_output

if TYPE_CHECKING:
    from types import FunctionType

    from carrel._dataset import Dataset
    from carrel._site import Site
    from carrel_protocol.black_box import Aggregate
    from carrel_protocol.privacy import PrivacyTarget

Numbers = float | Sequence[float]
_OURS = frozenset({"epsilon", "rho", "within", "confidence", "review"})


def Vector(  # noqa: N802 (what it makes is a class's, as a reader sees it)
    length: int, *, lower: Numbers, upper: Numbers, steps: int | None = None
) -> OutputVector:
    """What each block returns: `length` numbers within bounds that you set.

    lower, upper: one for all, or one for each. Take them from what is public: what a block returns
    beyond them counts as the bound, and wider ones cost noise. steps: of each range, to which
    numbers are rounded; about a million for a mean, and 1000 for a median (4096 at most).
    """

    def each(name: str, given: Numbers) -> tuple[float, ...]:
        if isinstance(given, int | float):
            return (float(given),) * length
        if len(given) != length:
            raise InvalidInput(f"Vector: {length} numbers, and {len(given)} for {name}.")
        return tuple(map(float, given))

    asked = {"lower": each("lower", lower), "upper": each("upper", upper)}
    return made(OutputVector, **asked, **({} if steps is None else {"steps": steps}))


class BlackBoxRequest(Request):
    """One request for a black box: `wait()` gives its numbers."""

    def wait(  # type: ignore[override]
        self, timeout: float | None = None, *, progress: bool | None = None
    ) -> BlackBoxResult:
        """The numbers, waiting at most `timeout` seconds (None: as long as it takes).

        Raises what `Request.wait` does. A run takes as long as its blocks' slots together.
        """
        until = None if timeout is None else time.monotonic() + timeout
        with ProgressLine(progress) as line:
            run = self._until_run(until, line)
            run._until_done(until, line)
        if run.state != "succeeded":
            raise run._ended_without_answer()
        return BlackBoxResult(self, run._data)

    def edit(self, *_: Any, **__: Any) -> Request:
        raise InvalidInput(
            "A request for a black box is not edited.", advice="withdraw() it and ask anew."
        )

    def _rows(self) -> list[tuple[str, object]]:
        rows = super()._rows()
        content = self.data.content
        if isinstance(content, BlackBoxContent):
            rows += [
                ("leaves", f"the {content.aggregate} over {content.blocks} blocks"),
                ("with", ", ".join(f"{k}={v!r}" for k, v in content.parameters.items())),
                ("environment", content.environment.name),
                *((file.path, file.text) for file in content.files),
            ]
        return rows


class BlackBox(CodeFunction):
    """A function to run on blocks of a dataset's units. Called here, it is the plain function."""

    def __init__(
        self,
        function: FunctionType,
        site: Site,
        data: Dataset | str,
        environment: str,
        packages: Iterable[str],
        *,
        blocks: int,
        output: OutputVector,
        aggregate: Aggregate,
        target: PrivacyTarget | None,
        cpu_seconds: float,
        wall_seconds: float,
    ) -> None:
        super().__init__(function, site, data, environment, packages, None)
        if taken := _OURS & set(self._names):
            raise InvalidInput(
                f"{function.__name__} has a parameter {min(taken)!r}, a word of price() "
                "and submit() themselves.",
                advice="Give the parameter another name.",
            )
        self.blocks = blocks
        self.output = median_output(output) if aggregate == "median" else output
        self.aggregate = aggregate
        self._target = target
        self._seconds = {"cpu_seconds": cpu_seconds, "wall_seconds": wall_seconds}

    def price(
        self,
        *,
        epsilon: float | None = None,
        rho: float | None = None,
        within: float | None = None,
        confidence: float | None = None,
        **parameters: Any,
    ) -> Price:
        """What it would cost and leave, and the noise in each number. Nothing is asked."""
        target = privacy_target(epsilon, rho, within, confidence)
        body = made(wire.BlackBoxAsk, **self._asked(parameters, target))
        return self._site._http.write("POST", "black_box_prices", body, Price)

    def mock(self, rows: int = 1000, **options: Any) -> list[float]:
        """Run it once on made-up rows, where a block would run, and give what a block that returns
        this would count as: each number moved into its bounds.

        Raises `MockFailed` where a block would count as one that failed. A block holds one of
        `blocks` parts of the data: try it on that many rows, and on none.
        """
        value = super().mock(rows, **options)
        numbers = _numbers(value)
        if numbers is None or len(numbers) != self.output.length:
            raise MockFailed(
                f"It returned {value!r:.200}, which counts as a failure: "
                f"{self.output.length} finite numbers are expected.",
                advice="Return a list of numbers or a one-dimensional array.",
            )
        return [
            self.output.point(place, self.output.grid(number, place))
            for place, number in enumerate(numbers)
        ]

    def submit(  # type: ignore[override]
        self,
        purpose: str = "",
        *,
        review: bool = False,
        epsilon: float | None = None,
        rho: float | None = None,
        within: float | None = None,
        confidence: float | None = None,
        **parameters: Any,
    ) -> BlackBoxRequest:
        """Ask for it, and do not wait. The same again gives the earlier request, at no cost.

        review: have a person look at it even where the site needs none.
        """
        target = privacy_target(epsilon, rho, within, confidence)
        body = made(
            wire.BlackBoxRequestCreate,
            **self._asked(parameters, target),
            purpose=purpose,
            review=review,
        )
        data = self._site._http.write("POST", "black_box_requests", body, RequestData)
        return BlackBoxRequest(self._site, data)

    def run(
        self,
        purpose: str = "",
        *,
        timeout: float | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> BlackBoxResult:
        """Ask, wait and give the numbers. `options`: those of `submit`.

        Raises `ReviewRequired` if a person has to approve first: the request is made and waits,
        see its `request`.
        """
        request = self.submit(purpose, **options)
        if request.state == "submitted":
            error = ReviewRequired(
                f"A person has to approve this first: request {request.id} is waiting for them.",
                advice=f"Go on later with site.requests[{request.id!r}].wait().",
            )
            error.request = request
            raise error
        return request.wait(timeout, progress=progress)

    def _asked(self, parameters: dict[str, Any], target: PrivacyTarget | None) -> dict[str, Any]:
        fields = self._fields(parameters)
        ((alias, dataset),) = fields.pop("data").items()
        del fields["limits"]
        if (target or self._target) is None:
            raise InvalidInput("This black box has no privacy yet.", advice=HOW)
        return {
            **fields,
            "alias": alias,
            "dataset": dataset,
            "blocks": self.blocks,
            "output": self.output,
            "aggregate": self.aggregate,
            "target": target or self._target,
            **self._seconds,
        }


def black_box(
    data: Dataset | str | None = None,
    *,
    blocks: int = 100,
    output: OutputVector,
    aggregate: Aggregate = "mean",
    epsilon: float | None = None,
    rho: float | None = None,
    within: float | None = None,
    confidence: float | None = None,
    packages: Iterable[str] = (),
    environment: str = "default",
    cpu_seconds: float = 5.0,
    wall_seconds: float = 10.0,
    site: Site | None = None,
) -> Callable[[Callable[..., Any]], BlackBox]:
    """Makes a function one whose mean or median over blocks of people can be released privately.

    The dataset's units are divided at random into `blocks` parts and the function runs on each by
    itself, given a table as its first parameter. `output` says what it returns: see
    `carrel.Vector`. A block that raises, takes longer than its seconds or returns something else
    counts as the middle of the bounds. docs/black-boxes.md says when this is accurate enough.

    aggregate: "mean" with noise in the output's own unit, or "median", which is off by ranks: the
    better one where blocks mostly agree within bounds that are wide, or some of them fail.

    What is sent is the function's text with what it names, as with `carrel.function`.
    """
    if data is None or callable(data):
        raise InvalidInput(
            "carrel.black_box needs the data that the function is for.",
            advice="@carrel.black_box(data=site.datasets['…'], output=carrel.Vector(…))",
        )
    at = _site_of(data, site)
    target = privacy_target(epsilon, rho, within, confidence)

    def decorate(decorated: Callable[..., Any]) -> BlackBox:
        plain: Any = decorated
        return BlackBox(
            plain,
            at,
            data,
            environment,
            packages,
            blocks=blocks,
            output=output,
            aggregate=aggregate,
            target=target,
            cpu_seconds=cpu_seconds,
            wall_seconds=wall_seconds,
        )

    return decorate


black_box._carrel_decorator = True  # type: ignore[attr-defined]


def _numbers(value: Any) -> list[float] | None:
    """The finite numbers that a value is, as the site would read it; None for anything else."""
    if hasattr(value, "iloc"):  # a table: of a series, its one column of values
        value = value.iloc[:, -1] if getattr(value, "ndim", 1) == 2 else value
    if hasattr(value, "tolist"):
        value = value.tolist()
    listed = list(value) if isinstance(value, list | tuple) else [value]
    if not all(type(each) in (int, float) and math.isfinite(each) for each in listed):
        return None
    return [float(each) for each in listed]
