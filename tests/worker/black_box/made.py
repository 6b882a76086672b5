"""A small table of people, black boxes over it, and a clock to run their slots by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from carrel_protocol.black_box import BlackBoxContent, OutputVector
from carrel_protocol.code import (
    CodeData,
    CodeEnvironment,
    FunctionEntry,
    RunLimits,
    SourceFile,
)
from carrel_protocol.privacy import Claimed, Noise
from carrel_protocol.schema import CategoryColumn, DeclaredSize, IntegerColumn, TableSchema
from carrel_worker import environments
from carrel_worker.sandbox import Outcome
from carrel_worker.sandbox.runner.convert import payload, to_items
from carrel_worker.tables.codes import code_type
from carrel_worker.tables.layout import Table, new_table, open_table

SCHEMA = TableSchema(
    unit_column="person",
    columns=(
        IntegerColumn(name="age", lower=0, upper=120, nullable=False),
        CategoryColumn(name="region", categories=("east", "north"), nullable=False),
    ),
    size=DeclaredSize(rows=100, units=50),
)
STEPS = 1000
MEAN = "def work(df):\n    return [df['age'].mean(), len(df)]\n"


def stored(path: Path, people: Sequence[Sequence[int]]) -> Table:
    """A table of people, each with one row for each of their ages. Regions follow from ages."""
    ages = [age for person in people for age in person]
    codes = {"age": np.array(ages, np.int64), "region": np.array(ages, np.int64) % 2}
    starts = np.cumsum([0, *map(len, people)])
    with new_table(path, SCHEMA.columns, len(ages), len(people)) as file:
        file.write_starts(starts.astype(np.int64))
        for column in SCHEMA.columns:
            file.write_codes(column.name, 0, codes[column.name].astype(code_type(column)))
    return open_table(path, SCHEMA.columns)


def output(length: int = 2, steps: int = STEPS) -> OutputVector:
    return OutputVector(lower=(0.0,) * length, upper=(100.0,) * length, steps=steps)


def content(
    text: str = MEAN,
    *,
    epsilon: float = 1.0,
    rho: float | None = None,
    blocks: int = 4,
    wall_seconds: float = 20.0,
    cpu_seconds: float = 20.0,
    vector: OutputVector | None = None,
    **changes: Any,
) -> BlackBoxContent:
    """Priced by hand: the least noise that a coordinate's share of epsilon or rho allows."""
    vector = vector or output()
    n = vector.length
    if changes.get("aggregate") == "median":
        noise, claimed = choice(rho, epsilon, n)
    elif rho is None:
        noise = Noise(mechanism="discrete_laplace", scale=vector.steps * n / epsilon)
        claimed = Claimed(kind="epsilon", value=epsilon / n)
    else:
        scale = vector.steps * (n / (2 * rho)) ** 0.5 * (1 + 1e-12)
        noise = Noise(mechanism="discrete_gaussian", scale=scale)
        claimed = Claimed(kind="rho", value=rho / n)
    asked: dict[str, Any] = {
        "requester": "usr_a",
        "data": CodeData(
            alias="df",
            dataset_id="ds_a",
            version_id="ver_a",
            data_commitment="c" * 64,
            metadata_revision=1,
            policy_revision=1,
            table=SCHEMA,
        ),
        "entry": FunctionEntry(path="analysis.py", name="work"),
        "files": (SourceFile(path="analysis.py", text=text),),
        "environment": CodeEnvironment(
            name="default", lock_hash=environments.described().built.lock_hash
        ),
        "limits": RunLimits(
            wall_seconds=wall_seconds,
            cpu_seconds=cpu_seconds,
            memory_bytes=2**30,
            output_bytes=64 * 1024,
            log_bytes=0,
        ),
        "blocks": blocks,
        "output": vector,
        "noise": (noise,) * n,
        "claimed": (claimed,) * n,
    }
    return BlackBoxContent(**(asked | changes))


def choice(rho: float | None, epsilon: float, parts: int) -> tuple[Noise, Claimed]:
    """Of a median: a choice of bounded range epsilon, or of its own rho."""
    if rho is None:
        noise = Noise(mechanism="exponential", scale=2 * parts / epsilon)
        return noise, Claimed(kind="range", value=epsilon / parts)
    noise = Noise(mechanism="exponential", scale=(parts / (2 * rho)) ** 0.5 * (1 + 1e-12))
    return noise, Claimed(kind="rho", value=rho / parts)


def returned(value: Any) -> Outcome:
    """What the sandbox hands over for a function that returned `value`."""
    return Outcome("returned", payload=b"".join(payload(to_items(value))))


@dataclass
class Clock:
    """Time that passes when somebody sleeps, or says so."""

    now: float = 1000.0
    slept: int = 0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept += 1
        self.now += seconds
