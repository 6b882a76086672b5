"""E-mails of the site under test: queueing, and looking at what became of them."""

from typing import Any

from sqlalchemy import select

from carrel_site.events import mail
from carrel_site.events.models import Email
from carrel_site.settings import Settings
from carrel_site.site import Site
from tests.site.flow.conftest import Flow


def settings_with(site: Site, **changes: Any) -> Settings:
    return site.settings.model_copy(update=changes)


def send(flow: Flow, to: str = "ann@example.org", **changes: Any) -> None:
    words = {"subject": "Hello", "text": "a secret link: https://x/#t0k3n"} | changes
    flow.app.site.db.transact(lambda session: mail.send(session, to, **words))


def rows(flow: Flow) -> list[Email]:
    query = select(Email).order_by(Email.created_at, Email.id)
    return flow.app.site.db.read(lambda session: list(session.scalars(query)))
