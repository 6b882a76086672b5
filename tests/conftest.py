"""Fixtures of every test: services started by the tests themselves, never found ones."""

pytest_plugins = ["tests.fixtures.services", "tests.fixtures.site"]
