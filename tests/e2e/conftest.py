"""A whole site in processes of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from carrel_site.embedded.valkey import Valkey
from carrel_site.settings import Settings
from carrel_site.site import Site
from tests.e2e.fleet import Fleet
from tests.e2e.world import World, build

PAYS_FOR = 37


@pytest.fixture
def fleet(site_settings: Settings, valkey: Valkey, tmp_path: Path) -> Iterator[Fleet]:
    """Two APIs, a beat and two workers of two children; leases are short, so that runs of a
    killed worker are soon taken up again."""
    settings = site_settings.model_copy(update={"worker_lease_seconds": 3.0})
    running = Fleet(settings, valkey, tmp_path / "logs")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def world(fleet: Fleet) -> Iterator[World]:
    """The site, with a dataset; each researcher can pay for 37 questions."""
    site = Site.open(fleet.settings)
    yield build(fleet, site, pays_for=PAYS_FOR)
    site.close()
