"""Browsers, as tests use them: each with cookies of its own, sending its token with every write."""

from functools import cache
from typing import Any

import httpx
from starlette.testclient import TestClient

from carrel_protocol.api.common import Role
from carrel_site.core.security import hash_password
from tests.factories import make_user
from tests.fixtures.site import AppSite

PASSWORD = "correct horse battery"
OTHER = "staple correct horse"


@cache
def hashed(password: str) -> str:
    """Made once a run: it is dear on purpose."""
    return hash_password(password)


def person(
    app_site: AppSite, role: Role = Role.RESEARCHER, email: str = "ada@example.org"
) -> tuple[str, str]:
    """Id and address of somebody whose password is PASSWORD."""
    made = app_site.site.db.transact(
        lambda session: make_user(session, role, email=email, password_hash=hashed(PASSWORD))
    )
    return made.id, made.email


class Browser:
    """A browser at a site; `origin` is what its address line shows."""

    def __init__(self, app_site: AppSite, origin: str = "http://testserver") -> None:
        self.http = TestClient(app_site.app, origin, raise_server_exceptions=False)
        self.token = ""

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"X-CSRF-Token": self.token} | dict(options.pop("headers", {}))
        reply: httpx.Response = self.http.request(
            method, f"/api/v1{path}", headers=headers, **options
        )
        return reply

    def ok(self, method: str, path: str, **options: Any) -> Any:
        reply = self.call(method, path, **options)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        body = {"email": email, "password": password}
        reply = self.call("POST", "/session", json=body)
        if reply.status_code == httpx.codes.CREATED:
            self.token = reply.json()["csrf_token"]
        return reply

    @property
    def signed_in(self) -> bool:
        return self.call("GET", "/session").status_code == httpx.codes.OK

    def cookie(self, name: str) -> str:
        return str(self.http.cookies[name])


def signed_in(app_site: AppSite, email: str, password: str = PASSWORD) -> Browser:
    browser = Browser(app_site)
    reply = browser.sign_in(email, password)
    assert reply.status_code == httpx.codes.CREATED, reply.text
    return browser


def stored(app_site: AppSite) -> str:
    """Everything that the database holds, as text."""
    tables = (
        "users sessions devices invitations password_resets api_keys audit_events idempotency_keys"
    )
    with app_site.site.db.engine.connect() as connection:
        return "\n".join(
            str(connection.exec_driver_sql(f"SELECT t::text FROM {table} t").fetchall())
            for table in tables.split()
        )


def act(app_site: AppSite, statement: str, *parameters: object) -> None:
    """Change the database behind the site's back."""
    import psycopg  # noqa: PLC0415

    with psycopg.connect(app_site.urls.superuser_dsn, autocommit=True) as connection:
        connection.execute(statement, parameters)
