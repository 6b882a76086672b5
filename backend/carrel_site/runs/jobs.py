"""What a worker is given for a run that it claimed: checked against what was approved."""

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from carrel_protocol.canonical import tagged_hmac
from carrel_protocol.jobs import IngestJob, Job, MockJob, QueryContent, QueryJob, StorageGrant
from carrel_protocol.schema import TableSchema
from carrel_site.black_boxes.jobs import black_box_job
from carrel_site.code import jobs as code_jobs
from carrel_site.code import mocking
from carrel_site.core.clock import now
from carrel_site.core.security import same
from carrel_site.datasets import mock_uploads
from carrel_site.datasets import repository as dataset_rows
from carrel_site.datasets.models import Dataset, DatasetVersion
from carrel_site.requests import allowed
from carrel_site.runs import repository
from carrel_site.runs.errors import Tampered
from carrel_site.runs.grants import grant_version
from carrel_site.runs.models import Run
from carrel_site.site import Site

CHARGED_ACCOUNTS = 2
"""The researcher's and the population's own."""
INGEST_GRANT_SECONDS = 6 * 3600.0


def job_of(session: Session, site: Site, run: Run, token: str) -> Job:
    """The job of a run (locked).

    Raises `Tampered` when what is stored is not what was approved, `Lapsed` when it is not allowed
    any more.
    """
    return _JOBS[run.kind](session, site, run, token)


def _query_job(session: Session, site: Site, run: Run, token: str) -> QueryJob:
    assert run.request_id is not None
    approved = repository.approved(session, run.request_id, run.id)
    if approved is None:
        raise Tampered("The stored content names no version that there is.")
    request, version = approved.request, approved.version
    content = QueryContent.model_validate(request.content)
    if content.content_hash() != request.content_hash:
        raise Tampered("The request's content does not match the hash that was approved.")
    if not approved.logged:
        raise Tampered("The log names no approval of the request's content.")
    if approved.held != CHARGED_ACCOUNTS:
        raise Tampered("The run's charge is not reserved at both accounts.")
    allowed.check_claim(session, "query", content.requester, [content.dataset_id])
    grant = grant_version(site, version)
    commitment = tagged_hmac(
        site.settings.site_key, "data-commitment/1", [version.id, version.digest]
    )
    if not same(commitment, content.data_commitment):
        raise Tampered("The stored version is not the one that was approved.")
    return QueryJob(
        run_id=run.id,
        epoch=run.epoch,
        claim_token=token,
        lease_seconds=site.settings.worker_lease_seconds,
        deadline_ms=run.deadline_ms,
        content=content,
        content_hash=request.content_hash,
        data=grant,
    )


def _ingest_job(session: Session, site: Site, run: Run, token: str) -> IngestJob | MockJob:
    version = session.get_one(DatasetVersion, run.version_id)
    if version.purpose == "mock":
        return _mock_job(session, site, run, version, token)
    table = dataset_rows.table_at(session, version.dataset_id, version.revision)
    source = _grant_of(site, site.storage.upload_path(version.id))
    assert version.source_digest is not None
    assert version.source_size is not None
    return IngestJob(
        run_id=run.id,
        epoch=run.epoch,
        claim_token=token,
        lease_seconds=site.settings.worker_lease_seconds,
        version_id=version.id,
        source_format=version.source_format,
        table=TableSchema.model_validate(table),
        source=StorageGrant(
            path=source,
            digest=version.source_digest,
            size=version.source_size,
            expires_at=now().timestamp() + INGEST_GRANT_SECONDS,
        ),
        target_path=site.storage.version_path(version.id),
        max_expanded_bytes=site.settings.upload_expanded_max_bytes,
    )


def _mock_job(
    session: Session, site: Site, run: Run, version: DatasetVersion, token: str
) -> MockJob:
    dataset = session.get_one(Dataset, version.dataset_id)
    table = dataset_rows.table_at(session, version.dataset_id, version.revision)
    again = version.state == "ready"  # then what is kept of it is compared once more
    path = site.storage.mock_path(version.id)
    digest = version.digest if again else version.source_digest
    size = version.size if again else version.source_size
    assert digest is not None
    assert size is not None
    private = None
    run.compared_with = dataset.version_id
    if dataset.version_id is not None:
        current = session.get_one(DatasetVersion, dataset.version_id)
        private = grant_version(site, current, INGEST_GRANT_SECONDS)
        table = dataset.table_schema
    source = _grant_of(site, path if again else site.storage.upload_path(version.id))
    return MockJob(
        run_id=run.id,
        epoch=run.epoch,
        claim_token=token,
        lease_seconds=site.settings.worker_lease_seconds,
        version_id=version.id,
        source_format="rows" if again else version.source_format,
        table=TableSchema.model_validate(table),
        source=StorageGrant(
            path=source,
            digest=digest,
            size=size,
            expires_at=now().timestamp() + INGEST_GRANT_SECONDS,
        ),
        target_path=path,
        max_expanded_bytes=site.settings.upload_expanded_max_bytes,
        max_rows=mock_uploads.MAX_ROWS,
        private=private,
    )


def _grant_of(site: Site, path: str) -> str:
    try:
        return site.storage.grant(path, INGEST_GRANT_SECONDS)
    except FileNotFoundError:
        raise Tampered("The uploaded file is gone from the site's disk: upload it again.") from None


_JOBS: Mapping[str, Callable[[Session, Site, Run, str], Job]] = {
    "query": _query_job,
    "ingest": _ingest_job,
    "code": code_jobs.code_job,
    "black_box": black_box_job,
    "mock_code": mocking.mock_job,
}
