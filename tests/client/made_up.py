"""What a site sends, for tests of what is done with it."""

from typing import Any

import httpx

from carrel._dataset import Dataset
from carrel._http import Http
from carrel._site import Site
from carrel._wire import read
from carrel_protocol.api import datasets

SCHEMA = {
    "unit_column": "person",
    "columns": [
        {"type": "integer", "name": "age", "lower": 0, "upper": 120, "description": "In years"},
        {"type": "real", "name": "drugexp", "lower": "0", "upper": "50000.00"},
        {"type": "boolean", "name": "female", "nullable": False},
        {"type": "category", "name": "region", "categories": ["a", "b", "c", "d", "e", "f", "g"]},
    ],
    "size": {"rows": 10000, "units": 10000},
}
DATASET = {
    "id": "ds_1",
    "name": "meps",
    "title": "Prescription drugs",
    "description": "Spending of people over 65.",
    "population": "americans",
    "table": SCHEMA,
    "policy": {},
    "revision": 1,
    "version_id": "ver_1",
    "created_at": "2026-01-01T00:00:00Z",
}
PLAN = {"aggregates": [{"function": "count", "alias": "n"}]}
PRICE = {
    "epsilon": 0.1,
    "rho": None,
    "costs": [1, 2],
    "share": 0.0123,
    "share_left_after": 0.9,
    "expected_errors": [
        {"measure": "n", "plus_minus": 29.96, "confidence": 0.95, "expected": False}
    ],
    "noise": [{"mechanism": "discrete_laplace", "scale": 10.0}],
    "groups": 1,
    "deadline_ms": 50,
    "affordable": True,
    "approval": "automatic",
    "plan": PLAN,
    "in_words": "",
}
ANSWER = {
    "group_by": [],
    "keys": [[]],
    "measures": [
        {"name": "n", "function": "count", "values": [4231], "low": [4201], "high": [4261]}
    ],
    "primitives": [],
    "confidence": 0.95,
}
RUN = {
    "id": "run_1",
    "request_id": "req_1",
    "state": "succeeded",
    "progress": 1.0,
    "queued_at": "2026-01-01T00:00:00Z",
    "deadline_ms": 50,
    "finished_at": "2026-01-01T00:00:01Z",
    "answer": ANSWER,
    "receipt": None,
}
REQUEST = {
    "id": "req_1",
    "kind": "query",
    "dataset": "meps",
    "dataset_id": "ds_1",
    "requester": {"id": "usr_1", "name": "Ada", "email": "ada@example.org"},
    "purpose": "",
    "state": "queued",
    "sql": "SELECT COUNT(*) AS n FROM meps",
    "content": {
        "kind": "query",
        "requester": "usr_1",
        "dataset_id": "ds_1",
        "version_id": "ver_1",
        "data_commitment": "00",
        "metadata_revision": 1,
        "policy_revision": 1,
        "table": SCHEMA,
        "plan": PLAN,
        "bounds": {},
        "noise": [{"mechanism": "discrete_laplace", "scale": 10.0}],
        "claimed": [{"kind": "epsilon", "value": 0.1}],
    },
    "content_hash": "ab" * 32,
    "price": PRICE,
    "run": RUN,
    "votes": [],
    "votes_needed": 0,
    "reused": False,
    "etag": '"req_1-3"',
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "expires_at": None,
}


def no_network(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"nothing should have been sent, and this was: {request.url}")


def site() -> Site:
    """A site that must not be asked anything."""
    transport = httpx.MockTransport(no_network)
    return Site(Http("https://site.example", "k", transport=transport))


def dataset(**changes: Any) -> Dataset:
    return Dataset(site(), read(datasets.Dataset, {**DATASET, **changes}))
