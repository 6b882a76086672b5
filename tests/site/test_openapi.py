"""The OpenAPI document, and schemathesis over it: what it says is what the site does."""

import subprocess
import sys
from pathlib import Path

import pytest

from carrel_site.core.routes import api_routes
from tests.factories import make_access, make_dataset, make_population, make_version
from tests.fixtures.site import AppSite, served

CONFIG = Path(__file__).with_name("schemathesis.toml")


def test_operation_ids_are_unique_and_snake_case(app_site: AppSite) -> None:
    document = app_site.http.get("/api/v1/openapi.json").json()
    ids = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    ]
    assert len(ids) == len(set(ids))
    assert all(name.isidentifier() and name == name.lower() for name in ids)
    assert document["openapi"].startswith("3.1")


def test_every_endpoint_is_documented_and_says_what_can_go_wrong(app_site: AppSite) -> None:
    document = app_site.http.get("/api/v1/openapi.json").json()
    for route in api_routes(app_site.app):
        for method in route.methods:
            if route.path_format.startswith("/internal/"):
                assert route.path_format not in document["paths"]
                continue
            responses = document["paths"][route.path_format][method.lower()]["responses"]
            assert {"422", "500", "default"} <= set(responses)
            assert "application/problem+json" in responses["422"]["content"]


@pytest.mark.timeout(400)
def test_schemathesis_finds_no_failure(app_site: AppSite) -> None:
    """As an owner, on a site that has something of everything."""
    owner = app_site.owner.id

    def furnish(session) -> None:  # type: ignore[no-untyped-def]
        population = make_population(session, owner, name="people")
        dataset = make_dataset(session, owner, population.id, name="visits")
        make_version(session, app_site.site, dataset)
        make_access(session, owner, dataset.id, app_site.researcher.id)
        make_access(session, owner, dataset.id, owner)

    app_site.site.db.transact(furnish)
    with served(app_site.app) as url:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "schemathesis.cli",
                "--config-file",
                str(CONFIG),
                "run",
                f"{url}/api/v1/openapi.json",
                "--header",
                f"Authorization: Bearer {app_site.owner.secret}",
                "--no-color",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=380,
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
