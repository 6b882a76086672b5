"""What an owner does with an uploaded mock, and what researchers get of it."""

import json
from itertools import islice

from sqlalchemy.orm import Session

from carrel_protocol.api.datasets import Mock, MockAcceptance, MockCheck
from carrel_site.audit.log import record
from carrel_site.core.errors import Conflict, NotFound, Unavailable
from carrel_site.datasets import repository, versions
from carrel_site.datasets.models import Dataset, DatasetVersion
from carrel_site.datasets.service import discard_when_committed, missing
from carrel_site.site import Site


def serve(site: Site, version_id: str, rows: int) -> Mock:
    """The first `rows` rows of an uploaded mock; it may have fewer."""
    try:
        with site.storage.mock(version_id).open(encoding="utf-8") as file:
            columns = json.loads(file.readline())
            found = [json.loads(line) for line in islice(file, rows)]
    except FileNotFoundError as error:
        raise Unavailable(
            "The uploaded mock is not on the site's disk.",
            advice="The owner has to upload it again, or go back to the generated one.",
        ) from error
    return Mock(columns=tuple(columns), rows=tuple(map(tuple, found)), source="uploaded")


def check(session: Session, ref: str) -> MockCheck:
    """How the newest uploaded mock compares with the private rows."""
    dataset = repository.dataset(session, ref)
    if dataset is None:
        raise missing(ref)
    return _view(session, dataset, _newest(session, dataset))


def accept(session: Session, ref: str, asked: MockAcceptance, actor: str) -> MockCheck:
    """Serve a mock although rows of it are like private ones: the owner's logged decision."""
    dataset = repository.dataset(session, ref, lock=True)
    if dataset is None:
        raise missing(ref)
    mock = _newest(session, dataset)
    shown = _view(session, dataset, mock)
    if mock.id != asked.version_id:
        raise Conflict(
            "Another mock was uploaded meanwhile.", advice="Look at how that one compares."
        )
    if shown.state != "suspicious":
        raise Conflict(f"This mock is {shown.state}: only a suspicious one waits to be accepted.")
    mock.mock_check = {**(mock.mock_check or {}), "accepted_reason": asked.reason}
    dataset.mock_version_id = mock.id
    record(session, actor, "mock.accepted", mock.id, dataset=dataset.id, reason=asked.reason)
    session.flush()
    return _view(session, dataset, mock)


def remove(session: Session, site: Site, ref: str, actor: str) -> None:
    """Go back to the generated mock, and drop the uploaded one."""
    seen = repository.dataset(session, ref)
    if seen is None:
        raise missing(ref)
    newest = repository.newest_mock(session, seen.id)
    if newest is not None and newest.state == "ingesting":
        versions.cancel(session, site, newest.id, actor)  # the run's lock comes first
    dataset = repository.dataset(session, ref, lock=True)
    assert dataset is not None
    dropped = {newest.id} if newest is not None else set()
    if dataset.mock_version_id is not None:
        dropped.add(dataset.mock_version_id)
        dataset.mock_version_id = None
    for version_id in dropped:
        mock = repository.version(session, version_id)
        assert mock is not None
        if mock.state == "ready":
            mock.state = "cancelled"
            record(session, actor, "mock.removed", mock.id, dataset=dataset.id)
            discard_when_committed(session, site, mock.id)


def _newest(session: Session, dataset: Dataset) -> DatasetVersion:
    mock = repository.newest_mock(session, dataset.id)
    if mock is None:
        raise NotFound(f"No mock was uploaded for {dataset.name!r}: it has a generated one.")
    return mock


def _view(session: Session, dataset: Dataset, mock: DatasetVersion) -> MockCheck:
    found = mock.mock_check or {}
    run = repository.runs_of(session, [mock.id]).get(mock.id)
    return MockCheck.model_validate(
        {
            **found,
            "version_id": mock.id,
            "state": _state(mock),
            "served": dataset.mock_version_id == mock.id,
            "progress": versions.progress(mock, run),
            "error": mock.error,
            "rows": mock.rows,
            "created_at": mock.created_at,
        }
    )


def _state(mock: DatasetVersion) -> str:
    if mock.state != "ready":
        return "checking" if mock.state == "ingesting" else mock.state
    found = mock.mock_check or {}
    if found.get("compared_with") is None:
        return "waiting"
    return "suspicious" if found["suspicious"] else "clean"
