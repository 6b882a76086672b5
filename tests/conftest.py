"""Fixtures of every test: services started by the tests themselves, never found ones."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures.services", "tests.fixtures.site"]

# A busy machine is not a failure: no test asserts how long anything takes.
settings.register_profile("carrel", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("carrel")
