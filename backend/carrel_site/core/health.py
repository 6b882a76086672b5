"""Whether the process is alive, and whether it can do its work."""

from functools import cache

from alembic.script import ScriptDirectory
from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from carrel_site.core.errors import Unavailable
from carrel_site.core.http import SiteDep
from carrel_site.core.paths import migrations_dir

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str = "ok"


@router.get("/healthz")
def read_health() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz")
def read_readiness(site: SiteDep) -> Health:
    """The database is there and migrated, and the broker can be reached; else 503."""
    try:
        revision = site.db.read(_revision)
    except SQLAlchemyError as error:
        raise Unavailable("The site's database does not answer.") from error
    if revision != expected_revision():
        raise Unavailable(
            f"The database's schema is at {revision}, not at {expected_revision()}.",
            advice="Run `carrel db upgrade`.",
        )
    try:
        site.broker.ping()
    except Exception as error:
        raise Unavailable("The broker does not answer.") from error
    return Health()


@cache
def expected_revision() -> str | None:
    """The newest migration beside this code."""
    return ScriptDirectory(str(migrations_dir())).get_current_head()


def _revision(session: Session) -> str | None:
    revision: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
