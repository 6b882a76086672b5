"""What happened to a dataset, and stopping what is happening."""

from typing import Any

from carrel_site.datasets import catalogue
from tests.factories import make_access
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.site import AppSite


def activity(app_site: AppSite, member: Any, limit: int = 200, **query: Any) -> list[Any]:
    params = {"limit": limit} | query
    reply = app_site.call(member, "GET", "/datasets/visits/activity", params=params)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["items"])


def furnish(app_site: AppSite, datasets: dict[str, str]) -> None:
    """An upload, access, and a request that was voted on."""
    app_site.call(
        app_site.owner, "POST", "/datasets/visits/versions?format=csv", content=b"person\n1\n"
    )
    app_site.site.db.transact(
        lambda s: make_access(s, app_site.owner.id, datasets["visits"], app_site.researcher.id)
    )
    asked = app_site.call(
        app_site.researcher,
        "POST",
        "/requests",
        json={
            "dataset": "visits",
            "sql": "SELECT COUNT(*) AS n FROM visits",
            "target": {"kind": "epsilon", "epsilon": 0.1},
            "purpose": "p",
        },
    ).json()
    vote = {"content_hash": asked["content_hash"], "reason": "fine"}
    voted = app_site.call(app_site.reviewer, "POST", f"/requests/{asked['id']}/approve", json=vote)
    assert voted.status_code in (200, 201), voted.text


def test_an_owner_sees_all_that_happened_to_a_dataset_and_nothing_else(
    app_site: AppSite, datasets: dict[str, str]
) -> None:
    furnish(app_site, datasets)
    actions = [each["action"] for each in activity(app_site, app_site.owner)]
    for expected in (
        "dataset.created",
        "version.uploaded",
        "access.given",
        "request.submitted",
        "request.voted",
        "request.approved",
    ):
        assert expected in actions, actions
    assert actions[-1] == "dataset.created"
    others = {e["subject"] for e in activity(app_site, app_site.auditor)}
    assert datasets["marks"] not in others


def test_pages_neither_skip_nor_repeat(app_site: AppSite, datasets: dict[str, str]) -> None:
    furnish(app_site, datasets)
    whole = activity(app_site, app_site.owner)
    pages: list[Any] = []
    cursor: str | None = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = app_site.call(
            app_site.owner, "GET", "/datasets/visits/activity", params=query
        ).json()
        pages += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == whole


def test_a_reviewer_sees_no_private_fact_and_no_vote(
    app_site: AppSite, datasets: dict[str, str]
) -> None:
    """Digests and sizes are the owner's; first votes are blind (DESIGN 6)."""
    furnish(app_site, datasets)
    events = activity(app_site, app_site.reviewer)
    assert {each["action"] for each in events} >= {"dataset.created", "request.approved"}
    assert not any(each["action"].startswith(("run.", "mock.", "upload.")) for each in events)
    # How long a version took to lay out would tell how large it is.
    assert {"request.voted", "version.uploaded"}.isdisjoint(each["action"] for each in events)
    said = str(events)
    for private in ("digest", "sequence", "size", "rows", "units"):
        assert private not in said, private


def test_a_researcher_sees_none(app_site: AppSite, datasets: dict[str, str]) -> None:
    reply = app_site.call(app_site.researcher, "GET", "/datasets/marks/activity")
    assert reply.status_code == 403


def test_a_cancelled_version_leaves_nothing_but_its_row(
    app_site: AppSite, datasets: dict[str, str]
) -> None:
    version = app_site.call(
        app_site.owner, "POST", "/datasets/marks/versions?format=csv", content=b"person\n1\n"
    ).json()
    worker = HandWorker.admitted(app_site)
    job = worker.try_claim(version["run_id"]).json()
    beat = {"claim_token": job["claim_token"], "epoch": job["epoch"], "progress": 0.25}
    assert worker.post(f"{version['run_id']}/heartbeat", beat).json() == {"cancelled": False}
    path = f"/datasets/marks/versions/{version['id']}"
    assert app_site.call(app_site.owner, "GET", path).json()["progress"] == 0.25
    assert app_site.call(app_site.reviewer, "GET", path).status_code == 403
    (app_site.site.storage.root / "versions" / f"{version['id']}.table").write_bytes(b"half")
    cancelled = app_site.call(app_site.owner, "POST", f"/versions/{version['id']}/cancel")
    assert cancelled.json()["state"] == "cancelled"
    assert worker.post(f"{version['run_id']}/heartbeat", beat).json() == {"cancelled": True}
    late = {**beat, "reason": "too late"}
    late.pop("progress")
    assert worker.post(f"{version['run_id']}/failed", late).status_code == 409
    assert app_site.call(app_site.owner, "GET", path).json()["state"] == "cancelled"
    for folder in ("uploads", "versions", "grants"):
        left = (app_site.site.storage.root / folder).rglob(f"{version['id']}*")
        assert list(left) == [], folder
    again = app_site.call(app_site.owner, "POST", f"/versions/{version['id']}/cancel")
    assert again.status_code == 409


def test_a_version_is_found_at_its_own_dataset_alone(
    app_site: AppSite, datasets: dict[str, str]
) -> None:
    row = app_site.site.db.read(lambda s: catalogue.visible(s, _caller(app_site), "visits"))
    mine, other = (f"/datasets/{d}/versions/{row.version_id}" for d in ("visits", "marks"))
    assert app_site.call(app_site.owner, "GET", mine).json()["progress"] == 1.0
    assert app_site.call(app_site.owner, "GET", other).status_code == 404


def _caller(app_site: AppSite) -> Any:
    from carrel_protocol.api.accounts import Scope  # noqa: PLC0415
    from carrel_protocol.api.common import Role  # noqa: PLC0415
    from carrel_site.core.http import Caller  # noqa: PLC0415

    return Caller(app_site.owner.id, "o", "o", Role.OWNER, frozenset(Scope), "k")
