"""The bench of the lists asks for each of them: one that is added is measured too."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.site import AppSite

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module `bench/_cases.py`; the benchmarks are scripts and no package."""
    monkeypatch.syspath_prepend(str(BENCH))
    yield importlib.import_module("_cases")
    for name in ("_cases", "_template"):
        sys.modules.pop(name, None)


def test_the_bench_covers_every_list_and_filter(app_site: AppSite, cases: Any) -> None:
    document = app_site.http.get("/api/v1/openapi.json").json()
    nobody = cases.Template(*(8 * ["any"]))
    asked = list(cases.cases(nobody, "any", "any"))
    assert cases.uncovered(document, asked) == []
    without = [case for case in asked if case.path != "/groups"]
    assert cases.uncovered(document, without) == ["/api/v1/groups"]
    first_pages = [case for case in asked if case.path != "/groups" or case.deep is None]
    assert cases.uncovered(document, first_pages) == ["/api/v1/groups?cursor="]
    unfiltered = [case for case in asked if "role" not in case.query]
    assert cases.uncovered(document, unfiltered) == ["/api/v1/users?role="]
