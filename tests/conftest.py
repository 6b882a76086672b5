"""Fixtures of every test: services started by the tests themselves, never found ones."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures.services", "tests.fixtures.site"]

# A busy machine is not a failure: no test asserts how long anything takes.
settings.register_profile("carrel", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("carrel")

_FIRST = ("e2e", "browser", "embedded", "client", "security", "worker")
"""Folders whose files take longest: with whole sites, slots of time and thousands of sandboxes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that no process is left with one when the others have done."""
    places = {folder: place for place, folder in enumerate(_FIRST)}
    tests = Path(__file__).parent
    items.sort(key=lambda item: places.get(item.path.relative_to(tests).parts[0], len(_FIRST)))
