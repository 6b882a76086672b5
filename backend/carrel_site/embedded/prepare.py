"""What a start does once the database answers: migrate it, and let the workers in.

A program of its own, so that the supervisor, which lives as long as the site, stays small.
"""

from functools import partial

from carrel_site.cli.db import upgrade
from carrel_site.core.db import Database
from carrel_site.embedded.programs import CODE_QUEUES, MOCK_QUEUES, WORKER_QUEUES
from carrel_site.embedded.secrets import read_secret
from carrel_site.runs.workers import ensure_worker
from carrel_site.settings import MissingSecret, get_settings

WORKERS = (
    ("embedded", "worker_token", WORKER_QUEUES),
    ("embedded-code", "code_worker_token", CODE_QUEUES),
    ("embedded-mock", "mock_worker_token", MOCK_QUEUES),
)
"""Name, secret and queues of each: a credential of its own for what sees no data."""


def main() -> None:
    settings = get_settings()
    if settings.owner_database_url is None:
        raise MissingSecret("site.json names no owner_database_url")
    upgrade(settings.owner_database_url)
    database = Database(settings.database_url)
    try:
        for name, secret, queues in WORKERS:
            token = read_secret(settings.secrets_dir, secret)
            database.transact(partial(ensure_worker, name=name, token=token, queues=list(queues)))
    finally:
        database.dispose()


if __name__ == "__main__":
    main()
