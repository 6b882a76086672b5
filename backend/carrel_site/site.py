"""The composition root's product: everything a running site is made of."""

from dataclasses import dataclass

from carrel_site.core.db import Database
from carrel_site.core.security import Signer
from carrel_site.datasets.storage import Storage
from carrel_site.events.wakeups import Wakeups
from carrel_site.ledger.journal import Journal
from carrel_site.runs.broker import Broker
from carrel_site.settings import Settings


@dataclass(slots=True)
class Site:
    settings: Settings
    db: Database
    broker: Broker
    storage: Storage
    signer: Signer
    journal: Journal
    wakeups: Wakeups

    @classmethod
    def open(cls, settings: Settings) -> "Site":
        """Build the parts; connects to nothing until they are used."""
        signer = Signer.from_file(settings.audit_signing_key_file)
        return cls(
            settings=settings,
            db=Database(settings.database_url, pool_size=settings.database_pool_size),
            broker=Broker(settings.broker_url),
            storage=Storage(settings.storage_dir),
            signer=signer,
            journal=Journal(settings.spend_journal_file, signer),
            wakeups=Wakeups(settings.database_url),
        )

    def close(self) -> None:
        self.broker.close()
        self.db.dispose()
