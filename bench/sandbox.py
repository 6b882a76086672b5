"""What the sandbox costs: plain Python against it, started anew and warm, in one run.

Plain Python is the same interpreter with the same packages and nothing around it: it starts,
imports what the function imports, and calls it. The rounds of the three take turns, so that a
busy machine slows each alike; the medians are compared.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _report import Figure, report

from carrel_protocol.code import RunLimits
from carrel_worker import environments
from carrel_worker.sandbox import EnvironmentDir, Mount, Outcome, Program, Sandbox, drop

OVERHEAD_MS = 150
EMPTY = "def work():\n    return 1\n"
PANDAS = """import pandas


def work():
    rows = pandas.read_csv({place!r})
    return rows.groupby("group")["amount"].mean().round(3).to_list()
"""
LIMITS = RunLimits(wall_seconds=60, cpu_seconds=60, memory_bytes=2**30)


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def plain(environment: EnvironmentDir, text: str) -> None:
    paths = [str(path) for path in environment.packages]
    code = f"import sys; sys.path += {paths!r}\n{text}\nprint(work())\n"
    subprocess.run(
        [str(environment.interpreter), "-I", "-S", "-c", code],
        check=True,
        stdout=subprocess.DEVNULL,
        env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )


def held(sandbox: Sandbox, environment: EnvironmentDir, text: str, data: Path) -> Outcome:
    outcome = sandbox.run(
        Program(
            files={"work.py": text},
            entry={"kind": "function", "path": "work.py", "name": "work"},
            environment=environment,
            limits=LIMITS,
        ),
        [Mount(data, "df")],
    )
    assert outcome.ending == "returned", outcome
    return outcome


def rows(place: Path) -> None:
    lines = [f"{number % 7},{number * 37 % 1000 / 10}" for number in range(5000)]
    (place / "rows.csv").write_text("group,amount\n" + "\n".join(lines) + "\n")
    place.chmod(0o755)
    drop.lend(place)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    environment = environments.default(Path(tempfile.gettempdir(), "carrel-bench")).directory
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as base, Sandbox() as anew:
        os.chmod(base, 0o755)
        data = Path(base, "df")
        data.mkdir()
        rows(data)
        with Sandbox(warm=1, staging=[Path(base)]) as warm:
            warm.warm_up(environment)
            print(f"{anew.words()}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
            for name, text in (("nothing", EMPTY), ("pandas", PANDAS)):
                outside = text.format(place=str(data / "rows.csv"))
                inside = text.format(place="/data/df/rows.csv")
                ways: dict[str, Callable[[], object]] = {
                    "plain": lambda text=outside: plain(environment, text),
                    "anew": lambda text=inside: held(anew, environment, text, data),
                    "warm": lambda text=inside: held(warm, environment, text, data),
                }
                assert held(warm, environment, inside, data).warm
                found: dict[str, list[float]] = {way: [] for way in ways}
                for way in ways.values():
                    way()  # for all of them, files are in memory and bytecode is written
                for _ in range(options.rounds):
                    for way, action in ways.items():
                        found[way].append(timed(action))
                middle = {way: statistics.median(times) for way, times in found.items()}
                figures += [Figure(f"{name}: {way}", middle[way], "ms") for way in ways]
                for way in ("anew", "warm"):
                    figures += [
                        Figure(f"{name}: {way} / plain", middle[way] / middle["plain"], "x"),
                        Figure(
                            f"{name}: {way} beyond plain",
                            middle[way] - middle["plain"],
                            "ms",
                            at_most=OVERHEAD_MS if name == "pandas" else None,
                        ),
                    ]
            # With the imports done beforehand there is nothing of plain Python's to be beyond.
            figures.append(
                Figure("pandas: warm, in all", middle["warm"], "ms", at_most=OVERHEAD_MS)
            )
    return report("sandbox", figures, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
