"""How every benchmark reports: a table for people, then one JSON line for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured number, and the target it has, if it has one."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}" if self.at_least is not None else ""


def report(title: str, figures: Sequence[Figure], *, check: bool = False) -> int:
    """Print the figures; the exit code is 1 if `check` and a target is missed, else 0."""
    width = max(len(figure.name) for figure in figures)
    print(title)
    for figure in figures:
        mark = {None: "", True: "met", False: "MISSED"}[figure.met]
        value = f"{figure.value:.4g}" if abs(figure.value) < 1e6 else f"{figure.value:.0f}"
        print(
            f"  {figure.name:{width}}  {value:>9} {figure.unit:6} {figure.target:8} {mark}".rstrip()
        )
    print(
        json.dumps(
            {
                "bench": title,
                "figures": {f.name: round(f.value, 6) for f in figures},
                "targets": {f.name: f.target for f in figures if f.target},
                "missed": [f.name for f in figures if f.met is False],
            },
            ensure_ascii=False,
        )
    )
    return int(check and any(figure.met is False for figure in figures))
