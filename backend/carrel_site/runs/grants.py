"""Grants: leave to read stored bytes, for the worker that has claimed a run."""

from carrel_protocol.jobs import StorageGrant
from carrel_site.core.clock import now
from carrel_site.datasets.models import DatasetVersion
from carrel_site.runs.errors import Tampered
from carrel_site.site import Site

QUERY_GRANT_SECONDS = 60.0


def grant_version(
    site: Site, version: DatasetVersion, seconds: float = QUERY_GRANT_SECONDS
) -> StorageGrant:
    """Leave to read a laid-out version. Raises `Tampered` when there is nothing to read."""
    if version.digest is None or version.size is None:
        raise Tampered("The stored version has no digest.")
    try:
        path = site.storage.grant(site.storage.version_path(version.id), seconds)
    except FileNotFoundError:
        raise Tampered("The stored version's file is gone.") from None
    return StorageGrant(
        path=path,
        digest=version.digest,
        size=version.size,
        expires_at=now().timestamp() + seconds,
    )
