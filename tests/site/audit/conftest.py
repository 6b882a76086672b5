"""A site on which one question was asked, answered and settled, and one still runs."""

from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from carrel_protocol.api.datasets import BudgetLimits, DatasetPolicy
from carrel_site.audit.anchors import read_anchors, write_anchor
from carrel_site.audit.errors import Broken
from carrel_site.audit.verify import Verified, verify_site
from carrel_site.ledger.journal import read_journal
from tests.factories import make_access, make_dataset, make_population, make_version
from tests.fixtures.hand_worker import HandWorker
from tests.fixtures.site import AppSite


@dataclass
class Log:
    """The log of a site with something in it, and a superuser to damage it."""

    app: AppSite
    run_id: str

    @property
    def key(self) -> Ed25519PublicKey:
        return self.app.site.signer.public

    def anchor(self) -> None:
        site = self.app.site
        site.db.read(lambda session: write_anchor(site.settings, session, site.signer))

    def verify(self) -> Verified:
        settings = self.app.site.settings
        heads = list(read_anchors(settings.anchors_file))
        return verify_site(settings, heads, read_journal(settings.spend_journal_file))

    def broken(self) -> str:
        with pytest.raises(Broken) as found:
            self.verify()
        return str(found.value)

    def tamper(self, *statements: str) -> None:
        """As a superuser with every trigger off."""
        with psycopg.connect(self.app.urls.superuser_dsn) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                changed = connection.execute(statement)  # type: ignore[call-overload]
                assert changed.rowcount != 0, f"nothing changed: {statement}"


@pytest.fixture
def log(app_site: AppSite) -> Log:
    owner, researcher = app_site.owner, app_site.researcher

    def furnish(session: Session) -> str:
        people = make_population(session, owner.id, each=BudgetLimits(epsilon=10))
        policy = DatasetPolicy(auto_approve=True, auto_approve_share=1.0)
        dataset = make_dataset(session, owner.id, people.id, policy=policy)
        make_version(session, app_site.site, dataset)
        make_access(session, owner.id, dataset.id, researcher.id)
        return dataset.name

    name = app_site.site.db.transact(furnish)
    worker = HandWorker.admitted(app_site)

    def ask(age: int) -> Any:
        body = {
            "dataset": name,
            "sql": f"SELECT COUNT(*) AS n FROM {name} WHERE age > {age}",
            "target": {"kind": "epsilon", "epsilon": 0.1},
        }
        return app_site.call(researcher, "POST", "/requests", json=body).json()

    run_id = ask(1)["run"]["id"]
    worker.succeed(worker.claim(run_id))
    ended = app_site.call(researcher, "GET", f"/runs/{run_id}", params={"wait": 20}).json()
    assert ended["state"] == "succeeded"
    ask(2)
    return Log(app_site, run_id)
