"""How far off a private black box is, by its number of blocks: noise against splitting the data.

20,000 people from a fixed seed; functions that a researcher may ask of them: a mean, a median, the
slope of a regression, a rare event's rate, and a mean that fails on a fifth of the blocks. Each is
what a worker does for a claimed job (fresh random blocks, values moved to the public grid,
OpenDP's noise), but for the sandbox: the function is called in this process. What is printed is the
root mean square error against the same function of all the data, as a share of the output's range,
over `RUNS` runs at epsilon 1: where the mean over blocks is released, and where their median is.

    .venv/bin/python bench/black_box.py [--check]

Beside each stands what would be left without noise: that is what splitting costs. The targets are
the docs' formulas, whatever the function. Of a mean: noise of standard deviation √2/(ε·blocks) of
the range. Of a median: within its ranks in 95 of 100 runs.
"""

import math
import statistics
import sys
from collections.abc import Callable

import numpy as np
from _report import Figure, report
from numpy.typing import NDArray

from carrel_protocol.black_box import Aggregate, BlackBoxContent, OutputVector, median_output
from carrel_protocol.code import (
    CodeData,
    CodeEnvironment,
    FunctionEntry,
    RunLimits,
    SourceFile,
)
from carrel_protocol.privacy import Claimed, Noise
from carrel_protocol.schema import DeclaredSize, IntegerColumn, TableSchema
from carrel_worker.executors.black_box.blocks import os_draws
from carrel_worker.executors.black_box.execute import block_points, release
from carrel_worker.executors.black_box.schedule import Schedule
from carrel_worker.sandbox import Outcome
from carrel_worker.sandbox.runner.convert import payload, to_items

PEOPLE, RUNS, EPSILON = 20_000, 60, 1.0
BLOCKS = (10, 30, 100, 300, 1000)
Rows = NDArray[np.float64]


def slope(rows: Rows) -> float:
    x, y = rows[:, 0] - rows[:, 0].mean(), rows[:, 1]
    return float(x @ y / (x @ x))


FUNCTIONS: dict[str, tuple[Callable[[Rows], float], float, float]] = {
    "mean": (lambda rows: float(rows[:, 0].mean()), 0.0, 120.0),
    "median": (lambda rows: float(np.median(rows[:, 1])), 0.0, 100.0),
    "slope": (slope, -1.0, 2.0),
    "rare": (lambda rows: float((rows[:, 0] > 90).mean()), 0.0, 1.0),
    "failing": (lambda rows: float(rows[:, 0].mean()), 0.0, 120.0),
}
"""Each with the bounds that somebody would set who knows what it is about, and no more."""


def people() -> Rows:
    draw = np.random.Generator(np.random.PCG64(11))
    age = np.clip(draw.normal(47, 18, PEOPLE), 0, 120)
    income = np.exp(draw.normal(2.5, 0.6, PEOPLE)) + 0.3 * age
    return np.column_stack([age, income])


def content(aggregate: Aggregate, blocks: int, lower: float, upper: float) -> BlackBoxContent:
    vector = OutputVector(lower=(lower,), upper=(upper,))
    noise = Noise(mechanism="discrete_laplace", scale=vector.steps / EPSILON)
    claimed = Claimed(kind="epsilon", value=EPSILON)
    if aggregate == "median":
        vector = median_output(vector)
        noise = Noise(mechanism="exponential", scale=2 / EPSILON)
        claimed = Claimed(kind="range", value=EPSILON)
    return BlackBoxContent(
        requester="",
        data=CodeData(
            alias="df",
            dataset_id="",
            version_id="",
            data_commitment="",
            metadata_revision=1,
            policy_revision=1,
            table=TableSchema(
                unit_column="person",
                columns=(IntegerColumn(name="age", lower=0, upper=120),),
                size=DeclaredSize(rows=PEOPLE, units=PEOPLE),
            ),
        ),
        entry=FunctionEntry(path="a.py", name="work"),
        files=(SourceFile(path="a.py", text=""),),
        environment=CodeEnvironment(name="default", lock_hash="0" * 64),
        limits=RunLimits(wall_seconds=1),
        blocks=blocks,
        output=vector,
        aggregate=aggregate,
        noise=(noise,),
        claimed=(claimed,),
    )


class Errors:
    """Root mean square errors with and without noise, as shares of the range; ranks kept."""

    def __init__(self, name: str, aggregate: Aggregate, blocks: int, rows: Rows) -> None:
        function, lower, upper = FUNCTIONS[name]
        self.asked = content(aggregate, blocks, lower, upper)
        vector, truth, wide = self.asked.output, function(rows), upper - lower
        noisy, split, kept = [], [], 0
        for _ in range(RUNS):
            block = os_draws(PEOPLE) % np.uint64(blocks)
            failing = set(range(0, blocks, 5)) if name == "failing" else set()

            def run(
                number: int,
                block: NDArray[np.uint64] = block,
                failing: set[int] = failing,
            ) -> Outcome:
                if number in failing:
                    return Outcome("raised")
                value = function(rows[block == number])
                return Outcome("returned", payload=b"".join(payload(to_items(value))))

            now = [0.0]
            schedule = Schedule(0.0, 1.0, lambda now=now: now[0], lambda s, now=now: _pass(now, s))
            (points,) = block_points(self.asked, run, schedule)
            answer = release(self.asked, [points])
            released = int(answer.released[0])
            if aggregate == "mean":
                # Before it is moved into its bounds, which would only help.
                noisy.append((lower + released * vector.step(0) / blocks - truth) / wide)
                split.append((vector.mean(0, sum(points), blocks) - truth) / wide)
            else:
                noisy.append((answer.values[0] - truth) / wide)
                middle = vector.point(0, sorted(points)[blocks // 2])
                split.append((middle - truth) / wide)
                ends = [0, *sorted(points), vector.steps]
                low, high = (answer.ranks or ())[0]
                kept += ends[low] <= released <= ends[high]
        self.noisy, self.split, self.kept = _rms(noisy), _rms(split), kept / RUNS


def _pass(now: list[float], seconds: float) -> None:
    now[0] += seconds


def _rms(values: list[float]) -> float:
    return math.sqrt(statistics.fmean(value**2 for value in values))


def main() -> int:
    rows = people()
    figures = []
    for name in FUNCTIONS:
        for blocks in BLOCKS:
            mean = Errors(name, "mean", blocks, rows)
            median = Errors(name, "median", blocks, rows)
            formula = math.hypot(math.sqrt(2) / (EPSILON * blocks), mean.split)
            what = f"{name}, {blocks} blocks"
            figures += [
                # Of so few runs: the noise's own mean square is off by a half now and then.
                Figure(f"{what}: mean", mean.noisy, "range", at_most=2 * formula),
                Figure(f"{what}: mean without noise", mean.split, "range"),
                Figure(f"{what}: median", median.noisy, "range"),
                Figure(f"{what}: median without noise", median.split, "range"),
                # 95 % of the time at least; of so few runs, some more are missed now and then.
                Figure(f"{what}: median within its ranks", median.kept, "runs", at_least=0.8),
            ]
    title = f"black box: error as a share of the range, {PEOPLE} people, epsilon {EPSILON:g}"
    return report(title, figures, check="--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
