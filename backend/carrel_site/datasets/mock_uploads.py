"""Uploaded mocks: made-up rows that are seen to fit the table, and compared with private ones.

A mock is served once it was compared with the current private version and no more of its rows
are equal or near to private ones than chance explains, or once the owner, who alone sees the
comparison, accepted it all the same (SOUNDNESS 15). What is served never changes because a new
private version came: the owner is told how the mock compares with that, and decides.
"""

from typing import Any

from sqlalchemy.orm import Session

from carrel_protocol.jobs import MockSucceeded
from carrel_site.audit.log import SITE, record
from carrel_site.core.db import after_commit
from carrel_site.datasets import repository
from carrel_site.datasets.models import DatasetVersion
from carrel_site.site import Site

MAX_ROWS = 100_000


def to_compare(session: Session, version_id: str) -> DatasetVersion | None:
    """The mock that has to be compared with a version that has just become current."""
    version = session.get_one(DatasetVersion, version_id)
    dataset = repository.dataset(session, version.dataset_id)
    if dataset is None or dataset.version_id != version_id:
        return None
    mock = repository.newest_mock(session, dataset.id)
    if mock is None or mock.state != "ready":
        return None
    return None if (mock.mock_check or {}).get("compared_with") == version_id else mock


def compared(
    session: Session, site: Site, version_id: str, compared_with: str | None, result: MockSucceeded
) -> None:
    """Keep what a worker made of an uploaded mock, and serve it if nothing speaks against it."""
    mock = repository.version(session, version_id)
    if mock is None or mock.state not in ("ingesting", "ready"):
        return
    mock.state = "ready"
    mock.digest, mock.size = result.digest, result.size
    mock.rows, mock.units = result.rows, result.units
    check: dict[str, Any] = {"accepted_reason": (mock.mock_check or {}).get("accepted_reason")}
    if result.comparison is not None:
        check |= result.comparison.model_dump(mode="json")
        check |= {"compared_with": compared_with, "suspicious": result.comparison.suspicious}
    mock.mock_check = check
    session.flush()
    dataset = repository.dataset(session, mock.dataset_id, lock=True)
    assert dataset is not None
    newest = repository.newest_mock(session, dataset.id)
    clean = result.comparison is not None and not result.comparison.suspicious
    if clean and newest is not None and newest.id == mock.id:
        dataset.mock_version_id = mock.id
    record(
        session,
        SITE,
        "mock.compared",
        mock.id,
        dataset=dataset.id,
        check=check,
        served=dataset.mock_version_id == mock.id,
    )
    after_commit(session, lambda: site.storage.discard_upload(version_id))
