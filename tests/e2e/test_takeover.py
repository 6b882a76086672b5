"""A worker that falls silent loses its run to another; what it says afterwards counts nothing."""

from collections import Counter

import httpx
import pytest

from carrel_protocol.jobs import Failed, Heartbeat, QueryJob, QuerySucceeded
from carrel_worker.site_client import ClaimLost, Refused, SiteClient
from tests.e2e import books
from tests.e2e.world import World
from tests.fixtures.hand_worker import ANSWER
from tests.fixtures.services import DatabaseUrls


@pytest.mark.timeout(300)
def test_a_silent_workers_run_is_answered_once(world: World, database_urls: DatabaseUrls) -> None:
    fleet, asker = world.fleet, world.researcher()
    for name in ("worker-0", "worker-1"):
        fleet.kill(name)
    site, other, nobody = (
        SiteClient(fleet.url, secret)
        for secret in (
            (fleet.settings.secrets_dir / "worker-0").read_text(),
            (fleet.settings.secrets_dir / "worker-1").read_text(),
            asker.secret,
        )
    )
    with httpx.Client(
        base_url=f"{fleet.url}/api/v1", headers=asker.headers, timeout=60, trust_env=False
    ) as http:
        question = {
            "dataset": "tiny",
            "sql": "SELECT COUNT(*) AS n FROM tiny",
            "target": {"kind": "epsilon", "epsilon": 0.1},
        }
        run_id = http.post("/requests", json=question).raise_for_status().json()["run"]["id"]
        with pytest.raises(Refused) as refused:
            nobody.claim(run_id)
        assert refused.value.status == 401
        job = site.claim(run_id)
        assert isinstance(job, QueryJob)
        assert job.content.content_hash() == job.content_hash
        held = {"epoch": job.epoch, "claim_token": job.claim_token}
        assert site.heartbeat(run_id, Heartbeat(**held)) is False
        for thief in (other, site):
            with pytest.raises(ClaimLost):
                thief.claim(run_id)
        with pytest.raises(ClaimLost):
            other.heartbeat(run_id, Heartbeat(**held))

        fleet.revive()  # and from here on the claim's holder says nothing
        run = {"finished_at": None}
        while run["finished_at"] is None:
            run = http.get(f"/runs/{run_id}", params={"wait": 20}).raise_for_status().json()
        assert run["state"] == "succeeded"

        with pytest.raises(ClaimLost):
            site.heartbeat(run_id, Heartbeat(**held))
        with pytest.raises(ClaimLost):
            site.succeeded(run_id, QuerySucceeded(**held, answer=ANSWER, cpu_ms=1, wall_ms=1))
        with pytest.raises(ClaimLost):
            site.failed(run_id, Failed(**held, reason="late"))
        assert http.get(f"/runs/{run_id}").json()["answer"] == run["answer"]

    assert books.epochs(database_urls.superuser_dsn, asker.id) == Counter({2: 1})
    account = books.account(database_urls.superuser_dsn, world.population, asker.id)
    assert account.entries["reserve"].count == account.entries["settle"].count == 1
    assert account.spent == account.entries["reserve"].costs
    assert account.reserved == (0, 0)
    for client in (site, other, nobody):
        client.close()
