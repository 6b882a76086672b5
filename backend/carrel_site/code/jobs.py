"""What a worker is given to run approved code: all of it checked against what was approved."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from carrel_protocol.canonical import tagged_hmac
from carrel_protocol.code import CodeContent, CodeData
from carrel_protocol.jobs import CodeJob, StorageGrant
from carrel_protocol.outputs import OutputItem as Item
from carrel_site.code import reach
from carrel_site.code.environments import still_approved
from carrel_site.core.clock import now
from carrel_site.core.security import same
from carrel_site.datasets.models import DatasetVersion
from carrel_site.outputs.models import OutputItem
from carrel_site.pricing.deadlines import code_deadline_ms
from carrel_site.requests import allowed
from carrel_site.requests import repository as request_rows
from carrel_site.requests.models import Request
from carrel_site.runs.errors import Tampered
from carrel_site.runs.grants import grant_version
from carrel_site.runs.models import Run
from carrel_site.site import Site

GRANT_SECONDS = 300.0
"""A worker opens what it is granted before it starts the code."""
_EARLIER = 50
"""So many items of the same datasets, released last, are compared with."""


def code_job(session: Session, site: Site, run: Run, token: str) -> CodeJob:
    """The job of a run (locked).

    Raises `Tampered` when what is stored is not what was approved, `Lapsed` when it is not allowed
    any more.
    """
    assert run.request_id is not None
    request = request_rows.get(session, run.request_id)
    if request is None or request.kind != "code":
        raise Tampered("The run's request is none for code.")
    content = reach.content_of(request)
    if reach.approved_on(session, request) is None:
        raise Tampered("The log names no approval of the request's content.")
    if request.covered_by is not None:
        reach.check(session, request, content)
    if run.deadline_ms != code_deadline_ms(content.limits.wall_seconds):
        raise Tampered("The run's public time is not that of the limits that were approved.")
    still_approved(session, content.environment)
    allowed.check_claim(
        session, "code", content.requester, (one.dataset_id for one in content.data)
    )
    # What all of them are, before leave is given to read any.
    versions = [version_of(session, site, one) for one in content.data]
    return CodeJob(
        run_id=run.id,
        epoch=run.epoch,
        claim_token=token,
        lease_seconds=site.settings.worker_lease_seconds,
        deadline_ms=run.deadline_ms,
        content=content,
        content_hash=request.content_hash,
        data=tuple(grant_version(site, version, GRANT_SECONDS) for version in versions),
        target_path=site.storage.output_path(run.id, run.epoch),
        earlier=_earlier(session, site, content),
    )


def version_of(session: Session, site: Site, data: CodeData) -> DatasetVersion:
    """The very version that was approved. Raises `Tampered`."""
    version = session.get(DatasetVersion, data.version_id, populate_existing=True)
    if version is None or version.digest is None or version.dataset_id != data.dataset_id:
        raise Tampered("The stored content names no version that there is.")
    commitment = tagged_hmac(
        site.settings.site_key, "data-commitment/1", [version.id, version.digest]
    )
    if not same(commitment, data.data_commitment):
        raise Tampered("The stored version is not the one that was approved.")
    return version


def _earlier(session: Session, site: Site, content: CodeContent) -> tuple[StorageGrant, ...]:
    """Leave to read what was released of the same datasets, where it holds numbers to compare
    with; those that are there."""
    ids = [one.dataset_id for one in content.data]
    rows = session.scalars(
        select(OutputItem)
        .join(Run, Run.id == OutputItem.run_id)
        .join(Request, Request.id == Run.request_id)
        .where(
            OutputItem.released["kind"].astext.in_(("table", "value", "array")),
            Request.dataset_id.in_(ids) | Request.also_datasets.overlap(ids),
        )
        .order_by(OutputItem.at.desc(), OutputItem.run_id, OutputItem.number)
        .limit(_EARLIER)
    )
    return tuple(
        found
        for row in rows
        if (found := _grant(site, row, Item.model_validate(row.released))) is not None
    )


def _grant(site: Site, row: OutputItem, item: Item) -> StorageGrant | None:
    try:
        path = site.storage.grant(site.storage.released_path(row.run_id, row.number), GRANT_SECONDS)
    except FileNotFoundError:
        return None
    return StorageGrant(
        path=path,
        digest=item.digest,
        size=item.size,
        expires_at=now().timestamp() + GRANT_SECONDS,
    )
