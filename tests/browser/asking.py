"""A table to ask of, small enough to be there at once."""

import time
from typing import Any

from carrel_protocol.api.common import Role
from tests.browser.people import ConsoleSite

TABLE = {
    "unit_column": "person",
    "columns": [
        {"type": "integer", "name": "age", "lower": 0, "upper": 99, "description": "Years"},
        {"type": "boolean", "name": "female", "nullable": False},
        {
            "type": "category",
            "name": "region",
            "categories": ["midwest", "northeast", "south", "west"],
            "nullable": False,
        },
        {"type": "real", "name": "spend", "lower": "0", "upper": "1000"},
    ],
    "size": {"rows": 400, "units": 400},
}
REGIONS = ("midwest", "northeast", "south", "west")
CSV = "person,age,female,region,spend\n" + "".join(
    f"{n},{n % 90},{'true' if n % 2 else 'false'},{REGIONS[n % 4]},{n % 700}.50\n"
    for n in range(400)
)


def make_dataset(
    site: ConsoleSite,
    name: str,
    *,
    epsilon: float = 10.0,
    terms: str = "",
    auto_approve: bool = True,
) -> dict[str, Any]:
    """A dataset with data, which the researcher may ask of; its account is its own."""
    owner = site.api(Role.OWNER)
    limits = {"epsilon": epsilon}
    made = owner.post(
        "/populations", json={"name": name, "together": {"epsilon": 100.0}, "each": limits}
    )
    assert made.is_success, made.text
    body = {
        "name": name,
        "title": f"The {name} survey",
        "population": name,
        "table": TABLE,
        "policy": {"auto_approve": auto_approve, "auto_approve_share": 1.0},
        "terms": terms,
    }
    made = owner.post("/datasets", json=body)
    assert made.is_success, made.text
    sent = owner.post(f"/datasets/{name}/versions", params={"format": "csv"}, content=CSV.encode())
    assert sent.is_success, sent.text
    until = time.monotonic() + 90
    while owner.get(f"/datasets/{name}").json()["version_id"] is None:
        assert time.monotonic() < until, owner.get(f"/datasets/{name}/versions").text
        time.sleep(0.1)
    given = owner.put(f"/datasets/{name}/access", json={"user": site.email(Role.RESEARCHER)})
    assert given.is_success, given.text
    return dict(made.json())


def account(site: ConsoleSite, name: str) -> dict[str, Any]:
    """The researcher's own at the dataset."""
    reply = site.api(Role.RESEARCHER).get(f"/datasets/{name}/budget")
    assert reply.is_success, reply.text
    return dict(reply.json()["mine"])
