"""Every attack, in every tier, as root and as an ordinary user.

Each test says what held the attack off. What a machine or user cannot offer is skipped by name.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest

from tests.security import suite

ROOT = Path(__file__).parents[2]
RESOURCES = [
    *("children_burn", "count_processes", "fork_bomb", "thread_bomb", "inode_bomb", "tmpfs_fill"),
    *("memory_one", "memory_eight", "memory_caught", "memfd", "shared_dontneed", "daemons"),
]
"""What a cgroup could make a difference to."""
OWN = [
    (mode.word, name)
    for mode in suite.MODES
    for name in (
        RESOURCES if mode.tier is suite.Tier.BUBBLEWRAP and not mode.cgroup else suite.NAMES
    )
]
OTHERS = [(mode.word, name) for mode in suite.MODES if not mode.cgroup for name in suite.NAMES]
ORDINARY = 61234
"""A number that no account has."""


@pytest.fixture(scope="module")
def outside() -> Iterator[suite.World]:
    with suite.world() as made:
        yield made


@pytest.fixture(scope="module")
def held(request: pytest.FixtureRequest, outside: suite.World) -> Iterator[Any]:
    mode = suite.Mode.named(request.param)
    try:
        with suite.sandbox(mode, outside.data) as (made, packages):
            yield lambda name: suite.attack(name, made, packages, mode, outside)
    except suite.Unavailable as error:
        yield str(error)


@pytest.mark.parametrize(("held", "name"), OWN, indirect=["held"], scope="module")
def test_an_attack_wins_nothing(
    held: Any, name: str, record_property: Any, request: pytest.FixtureRequest
) -> None:
    if isinstance(held, str):
        pytest.skip(held)
    result = held(name)
    record_property("tier", result.tier)
    assert result.held, (result.tier, result.won, result.detail)


@pytest.fixture(scope="module")
def by_another() -> dict[tuple[str, str], suite.Result] | str:
    """The attacks run by an ordinary user's worker: a process of its own."""
    if os.geteuid() != 0:
        return "these tests run as an ordinary user already: see the other ones"
    python = next(
        (each for each in _interpreters() if _runs(each)),
        None,
    )
    if python is None:
        return f"no Python that an ordinary user may run: not {_interpreters()}, or not {ROOT}"
    words = [mode.word for mode in suite.MODES if not mode.cgroup]
    done = subprocess.run(
        [python, str(ROOT / "tests/security/suite.py"), *words],
        capture_output=True,
        text=True,
        env=_environment(),
        user=ORDINARY,
        group=ORDINARY,
        extra_groups=[],
        check=False,
        timeout=900,
    )
    found: dict[tuple[str, str], suite.Result] = {}
    for line in done.stdout.splitlines():
        fields = json.loads(line)
        if "unavailable" in fields:
            for name in suite.NAMES:
                found[fields["mode"], name] = suite.Result(
                    name, fields["mode"], detail=fields["unavailable"]
                )
        else:
            found[fields["mode"], fields["attack"]] = suite.Result(**fields)
    assert found, done.stderr
    return found


def _interpreters() -> list[str]:
    base = str(suite.EnvironmentDir.bare().interpreter)
    return [base, f"/usr/bin/python3.{sys.version_info[1]}"]


def _environment() -> dict[str, str]:
    packages = Path(pydantic.__file__).parent.parent
    places = [packages, ROOT / "worker", ROOT / "protocol"]
    return {"PYTHONPATH": ":".join(map(str, places)), "PYTHONDONTWRITEBYTECODE": "1"}


def _runs(python: str) -> bool:
    try:
        done = subprocess.run(
            [python, "-c", "import carrel_worker.sandbox"],
            env=_environment(),
            user=ORDINARY,
            group=ORDINARY,
            extra_groups=[],
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("mode", "name"), OTHERS)
def test_an_attack_on_an_ordinary_users_worker_wins_nothing(
    by_another: Any, mode: str, name: str, record_property: Any
) -> None:
    if isinstance(by_another, str):
        pytest.skip(by_another)
    result = by_another[mode, name]
    if not result.tier and not result.won:
        pytest.skip(result.detail)
    record_property("tier", result.tier)
    assert result.held, (result.tier, result.won, result.detail)


def test_two_forks_of_one_waiting_process_draw_different_numbers(outside: suite.World) -> None:
    mode = suite.Mode.named("bubblewrap warm")
    try:
        with suite.sandbox(mode, outside.data) as (made, packages):
            draws = [
                suite.outcome("random_repeats", made, packages, mode, outside).stdout
                for _ in range(2)
            ]
    except suite.Unavailable as error:
        pytest.skip(str(error))
    assert all(each.startswith("DRAW") for each in draws)
    first, second = (each.split()[1:] for each in draws)
    assert not set(first) & set(second)
