"""What a start does once the database answers: migrate it, and let the worker in.

A program of its own, so that the supervisor, which lives as long as the site, stays small.
"""

from carrel_site.cli.db import upgrade
from carrel_site.core.db import Database
from carrel_site.embedded.programs import WORKER_QUEUES
from carrel_site.embedded.secrets import read_secret
from carrel_site.runs.workers import ensure_worker
from carrel_site.settings import MissingSecret, get_settings

WORKER_NAME = "embedded"


def main() -> None:
    settings = get_settings()
    if settings.owner_database_url is None:
        raise MissingSecret("site.json names no owner_database_url")
    upgrade(settings.owner_database_url)
    token = read_secret(settings.secrets_dir, "worker_token")
    database = Database(settings.database_url)
    try:
        database.transact(
            lambda session: ensure_worker(session, WORKER_NAME, token, list(WORKER_QUEUES))
        )
    finally:
        database.dispose()


if __name__ == "__main__":
    main()
