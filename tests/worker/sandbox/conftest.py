"""A sandbox in each of the ways that this machine offers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from carrel_worker.sandbox import Sandbox, SandboxError, Tier
from tests.worker.packages import here


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that a waiting process may be handed parts of."""
    base = tmp_path_factory.mktemp("stored")
    for place in (base, *base.parents):
        if place.owner() == base.owner() and place.name.startswith(("pytest-", "stored")):
            place.chmod(0o755)
    (base / "df").mkdir(mode=0o755)
    (base / "df" / "rows").write_text("the rows")
    return base


@pytest.fixture(scope="module", params=["anew", "warm"])
def sandbox(request: pytest.FixtureRequest, stored: Path) -> Iterator[Sandbox]:
    try:
        made = Sandbox(warm=1 if request.param == "warm" else 0, staging=[stored])
    except SandboxError as error:
        pytest.skip(str(error))
    assert made.tier is Tier.BUBBLEWRAP
    with made:
        made.warm_up(here())
        yield made
