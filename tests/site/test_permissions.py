"""Every endpoint and every role against the permission table."""

import re

import pytest
from fastapi.routing import iter_route_contexts

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.common import Role
from carrel_site.core.permissions import TABLE, Permission, allows
from carrel_site.core.routes import api_routes, required_permission
from tests.factories import make_key
from tests.fixtures.site import AppSite

PUBLIC = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/v1/setup"),
    ("POST", "/api/v1/setup"),
    ("POST", "/api/v1/tokens"),
    ("POST", "/api/v1/session"),
    ("POST", "/api/v1/invitation/lookup"),
    ("POST", "/api/v1/invitation/accept"),
    ("POST", "/api/v1/password_resets"),
    ("POST", "/api/v1/password_resets/accept"),
    ("GET", "/api/v1/site"),
}
"""Needs no key: each of these is here on purpose."""

STREAMS = {"/api/v1/events/stream"}
"""Go on for as long as they are asked to."""

INTERNAL = "/internal/v1/"


def permissions_of(role: Role) -> set[str]:
    return {permission.value for permission, (roles, _) in TABLE.items() if role in roles}


def test_the_table_itself() -> None:
    """Written out once more, so that nobody widens a role by accident."""
    everyone = {
        "self.read",
        "self.manage",
        "keys.manage_own",
        "datasets.read",
        "budgets.read_own",
        "requests.read",
        "environments.read",
        "audit.head",
    }
    readers = everyone | {"users.read", "groups.read", "access.read", "budgets.read_all"}
    asking = {"requests.ask", "requests.comment"}
    assert permissions_of(Role.RESEARCHER) == everyone | asking
    assert permissions_of(Role.REVIEWER) == readers | asking | {
        "requests.review",
        "outputs.review",
    }
    assert permissions_of(Role.AUDITOR) == readers | {
        "versions.read",
        "runs.diagnose",
        "audit.read",
    }
    assert permissions_of(Role.OWNER) == set(Permission)


def endpoints(app_site: AppSite) -> list[tuple[str, str, Permission | None]]:
    """(method, path, permission) of every endpoint."""
    return [
        (method, route.path_format, required_permission(route))
        for route in api_routes(app_site.app)
        for method in sorted(route.methods)
    ]


def call(app_site: AppSite, secret: str | None, method: str, path: str) -> tuple[int, str]:
    """Status and problem code of a call that names nothing that exists."""
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    filled = re.sub(r"\{\w+\}", "nothing", path)
    if path in STREAMS:
        filled += "?seconds=0"
    body = {} if method in ("POST", "PUT", "PATCH") else None
    reply = app_site.http.request(method, filled, headers=headers, json=body)
    problem = reply.headers["content-type"] == "application/problem+json"
    return reply.status_code, reply.json()["code"] if problem else ""


def test_every_endpoint_names_a_permission_or_is_open_on_purpose(app_site: AppSite) -> None:
    open_ones = {
        (method, path)
        for method, path, permission in endpoints(app_site)
        if permission is None and not path.startswith(INTERNAL)
    }
    assert open_ones == PUBLIC


def test_what_is_no_endpoint_is_the_openapi_document_alone(app_site: AppSite) -> None:
    known = {route.path_format for route in api_routes(app_site.app)}
    others = {route.path for route in iter_route_contexts(app_site.app.routes)} - known
    assert others == {"/api/v1/openapi.json"}


def test_every_permission_is_used(app_site: AppSite) -> None:
    used = {permission for _, _, permission in endpoints(app_site)}
    assert set(Permission) == used - {None}


def test_without_a_key_nothing_but_the_public_endpoints_answers(app_site: AppSite) -> None:
    for secret in (None, "", "nonsense", "ck_" + "A" * 43):
        for method, path, _ in endpoints(app_site):
            if (method, path) not in PUBLIC:
                assert call(app_site, secret, method, path) == (401, "unauthenticated"), path


@pytest.mark.parametrize("role", Role)
def test_each_role_passes_where_the_table_says_so(app_site: AppSite, role: Role) -> None:
    secret = app_site.member(role).secret
    checked = 0
    for method, path, permission in endpoints(app_site):
        if permission is None:
            continue
        allowed = role in TABLE[permission][0]
        status, code = call(app_site, secret, method, path)
        refused = (status, code) == (403, "forbidden")
        assert refused is not allowed, f"{role} {method} {path}: {status} {code}"
        assert status < 500, f"{method} {path}: {status}"
        assert status != 401
        checked += 1
    assert checked > 40


@pytest.mark.parametrize("scope", Scope)
def test_a_key_without_the_scope_is_refused(app_site: AppSite, scope: Scope) -> None:
    others = tuple(other for other in Scope if other is not scope)
    owner = app_site.owner.id
    secret = app_site.site.db.transact(lambda session: make_key(session, owner, scopes=others))
    for method, path, permission in endpoints(app_site):
        if permission is not None:
            refused = call(app_site, secret, method, path) == (403, "forbidden")
            expected = not allows(permission, Role.OWNER, frozenset(others))
            assert refused is expected, f"{method} {path}"


@pytest.mark.parametrize("role", Role)
def test_no_persons_key_opens_the_internal_api(app_site: AppSite, role: Role) -> None:
    internal = [e for e in endpoints(app_site) if e[1].startswith(INTERNAL)]
    assert len(internal) >= 4
    for method, path, _ in internal:
        found = call(app_site, app_site.member(role).secret, method, path)
        assert found == (401, "unauthenticated")


def test_no_workers_token_opens_the_public_api(app_site: AppSite) -> None:
    made = app_site.call(
        app_site.owner, "POST", "/workers", json={"name": "w", "queues": ["query"]}
    )
    token = made.json()["secret"]
    assert call(app_site, token, "POST", "/internal/v1/runs/{run_id}/claim")[0] in (404, 422)
    for method, path, permission in endpoints(app_site):
        if permission is not None:
            assert call(app_site, token, method, path) == (401, "unauthenticated"), path
