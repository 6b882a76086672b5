"""What requests and runs need of datasets: what may be asked of, and what ingest brought.

The current version of a dataset is its newest ready one that was laid out by its current
columns. So a change to the policy, to words, to bounds per unit or to the declared size keeps
the version; a change to the columns needs a new upload before anything can be asked again.
"""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from carrel_protocol.api.datasets import DatasetPolicy
from carrel_protocol.canonical import tagged_hmac
from carrel_protocol.jobs import IngestSucceeded
from carrel_protocol.schema import TableSchema
from carrel_site.audit.log import SITE, record
from carrel_site.core.db import after_commit
from carrel_site.core.errors import NotFound
from carrel_site.core.http import Caller
from carrel_site.datasets import repository, terms
from carrel_site.datasets.errors import DatasetNotReady
from carrel_site.datasets.models import Dataset, DatasetVersion
from carrel_site.datasets.repository import Granted
from carrel_site.events import changes, notices
from carrel_site.site import Site

_ORPHANED_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class AnswerableDataset:
    """A dataset that the caller may ask of, and the version that answers come from."""

    dataset: Dataset
    table: TableSchema
    policy: DatasetPolicy
    version_id: str
    commitment: str
    revision: int
    policy_revision: int
    population_id: str
    granted: Granted

    def check_terms(self) -> None:
        """Raise `TermsNotAccepted` unless the caller accepted the present terms."""
        terms.check(self.granted)


def get_answerable(session: Session, caller: Caller, ref: str) -> AnswerableDataset:
    """The dataset with this id or name, if the caller was given access to it.

    Whatever the role: asking always takes an access grant. Raises `NotFound` without one, and
    `DatasetNotReady` when no version fits the current columns.
    """
    found = repository.granted_dataset(session, ref, caller.user_id)
    if found is None:
        raise missing(ref)
    dataset, version, _ = found
    if version is None or version.commitment is None:
        raise DatasetNotReady(f"The dataset {dataset.name!r} has no version to answer from yet.")
    return AnswerableDataset(
        dataset=dataset,
        table=TableSchema.model_validate(dataset.table_schema),
        policy=DatasetPolicy.model_validate(dataset.policy),
        version_id=version.id,
        commitment=version.commitment,
        revision=dataset.revision,
        policy_revision=dataset.policy_revision,
        population_id=dataset.population_id,
        granted=found,
    )


def missing(ref: str) -> NotFound:
    """Said alike of what is not there and of what the caller may not see."""
    return NotFound(
        f"There is no dataset {ref!r} that you have access to.",
        advice="Look at the list of datasets, or ask the owner for access.",
    )


def version_ready(session: Session, site: Site, version_id: str, result: IngestSucceeded) -> None:
    """Record what ingest laid out, and make it current if it is the newest that fits.

    Nothing happens unless the version is being ingested: a version never changes.
    """
    version = repository.version(session, version_id)
    if version is None or version.state != "ingesting":
        return
    noted = version.id in repository.same_people(session, [version.id])  # by its bytes
    version.state = "ready"
    version.digest = result.digest
    version.size = result.size
    version.rows = result.rows
    version.units = result.units
    if result.units:
        key = site.settings.site_key
        version.units_digest = tagged_hmac(key, "units/1", result.units_digest)
    version.report = result.report
    version.commitment = tagged_hmac(
        site.settings.site_key, "data-commitment/1", [version.id, result.digest]
    )
    session.flush()
    if not noted:
        note_same_people(session, version, SITE)
    dataset = repository.dataset(session, version.dataset_id, lock=True)
    assert dataset is not None
    choose_current(session, dataset)
    record(
        session,
        SITE,
        "version.ready",
        version.id,
        dataset=dataset.id,
        digest=result.digest,
        current=dataset.version_id == version.id,
    )
    _tell_version(session, dataset, version.id, ready=True)
    after_commit(session, lambda: site.storage.discard_upload(version_id))


def note_same_people(session: Session, version: DatasetVersion, actor: str) -> str | None:
    """The population that `version` looks to be about, where it is another; kept in the log."""
    name = repository.same_people(session, [version.id]).get(version.id)
    if name is not None:
        record(session, actor, "version.same_people", version.id, population=name)
    return name


def version_failed(session: Session, site: Site, version_id: str, error: str) -> None:
    """Record why ingest failed, for the owner alone. Of its bytes nothing is left."""
    version = repository.version(session, version_id)
    if version is None or version.state != "ingesting":
        return
    version.state = "failed"
    version.error = error.replace("\x00", "")
    record(session, SITE, "version.failed", version.id, dataset=version.dataset_id)
    discard_when_committed(session, site, version.id)
    dataset = session.get_one(Dataset, version.dataset_id)
    _tell_version(session, dataset, version.id, ready=False)


def discard_when_committed(session: Session, site: Site, version_id: str) -> None:
    """Remove a version's upload, and whatever was laid out of it, once this has committed."""

    def discard() -> None:
        site.storage.discard_upload(version_id)
        site.storage.discard_version(version_id)

    after_commit(session, discard)


def _tell_version(session: Session, dataset: Dataset, version_id: str, *, ready: bool) -> None:
    """Owners, and nobody else: when ingest ends depends on the data."""
    notices.version_ended(session, dataset, version_id, ready=ready)
    changes.version_changed(session, dataset.id)


def choose_current(session: Session, dataset: Dataset) -> None:
    """Point `dataset` (locked) at its newest ready version that has its current columns."""
    wanted = layout(dataset.table_schema)
    ready = repository.versions(dataset.id).where(DatasetVersion.state == "ready")
    newest = ready.order_by(DatasetVersion.created_at.desc(), DatasetVersion.id.desc())
    layouts: dict[int, Any] = {}
    for version in session.scalars(newest):
        if version.revision not in layouts:
            table = repository.table_at(session, dataset.id, version.revision)
            layouts[version.revision] = layout(table)
        if layouts[version.revision] == wanted:
            dataset.version_id = version.id
            return
    dataset.version_id = None


def layout(table: dict[str, Any]) -> Any:
    """What of a table's metadata its stored bytes depend on: the unit and the columns' domains."""
    columns = [
        {key: value for key, value in column.items() if key != "description"}
        for column in table["columns"]
    ]
    return [table["unit_column"], columns]


def sweep_uploads(session: Session, site: Site) -> int:
    """Remove raw uploads that ingest is done with, or that no version came of in a day, and what
    workers left of versions that failed.

    Returns how many uploads went.
    """
    uploads = site.storage.uploads()
    laid_out = site.storage.laid_out()
    states = repository.version_states(session, {*uploads, *laid_out})
    done = [
        version_id
        for version_id, received in uploads.items()
        if states.get(version_id) in ("ready", "failed", "cancelled")
        or (version_id not in states and time.time() - received > _ORPHANED_SECONDS)
    ]
    for version_id in done:
        site.storage.discard_upload(version_id)
    for version_id in laid_out:
        if states.get(version_id) in ("failed", "cancelled"):
            site.storage.discard_version(version_id)
    return len(done)
