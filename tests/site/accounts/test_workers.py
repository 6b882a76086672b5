"""Workers' credentials: which queues one may have together."""

import itertools

import pytest

from tests.fixtures.site import AppSite

QUEUES = ("ingest", "query", "code", "mock", "black_box", "train")


@pytest.mark.parametrize("other", [queue for queue in QUEUES if queue != "mock"])
def test_who_runs_code_on_made_up_rows_serves_no_other_queue(app_site: AppSite, other: str) -> None:
    for queues in itertools.permutations(["mock", other]):
        body = {"name": "both", "queues": list(queues)}
        refused = app_site.call(app_site.owner, "POST", "/workers", json=body)
        assert refused.status_code == 422
        assert "holds no data" in refused.text


@pytest.mark.parametrize("queues", [["mock"], ["mock", "mock"], ["query", "ingest", "code"]])
def test_the_others_go_together(app_site: AppSite, queues: list[str]) -> None:
    body = {"name": "worker", "queues": queues}
    assert app_site.call(app_site.owner, "POST", "/workers", json=body).status_code == 201
