"""Errors as problem documents, and what every request and answer passes."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.testclient import TestClient

from carrel_site.core import problems
from carrel_site.core.middleware import Gate
from tests.fixtures.site import AppSite

PASSWORD = "hunter2 hunter2 hunter2"


def test_every_problem_has_its_code_advice_and_request_id(app_site: AppSite) -> None:
    reply = app_site.call(
        app_site.owner, "GET", "/users/nobody", headers={"X-Request-ID": "my-id.1"}
    )
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-request-id"] == "my-id.1"
    body = reply.json()
    assert (body["status"], body["code"]) == (404, "not_found")
    assert body["request_id"] == "my-id.1"
    assert body["instance"] == "/api/v1/users/nobody"


@pytest.mark.parametrize("sent", ["", "two words", "x" * 65, "ab\r\nc", "é"])
def test_a_request_id_that_is_no_token_is_replaced(app_site: AppSite, sent: str) -> None:
    raw = [(b"x-request-id", sent.encode())]
    reply = app_site.http.get("/healthz", headers=raw)
    assert reply.headers["x-request-id"] != sent
    assert len(reply.headers["x-request-id"]) == 24


def test_what_was_sent_is_not_repeated(app_site: AppSite) -> None:
    body = {"email": 5, "name": "x", "role": "king", "password": PASSWORD, "extra": PASSWORD}
    reply = app_site.call(app_site.owner, "POST", "/users", json=body)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")
    assert {error["loc"] for error in reply.json()["errors"]} >= {"body.role", "body.extra"}
    assert PASSWORD not in reply.text


def test_an_unknown_address_and_a_wrong_method(app_site: AppSite) -> None:
    assert app_site.call(app_site.owner, "GET", "/nothing").json()["code"] == "not_found"
    wrong = app_site.call(app_site.owner, "DELETE", "/datasets")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, POST"
    assert app_site.call(app_site.owner, "POST", "/me").headers["allow"] == "GET, PATCH"


def test_401_names_the_scheme(app_site: AppSite) -> None:
    assert app_site.call(None, "GET", "/me").headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "body", [b"{", b"nonsense", b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}", b"\xff\xfe", b""]
)
def test_a_body_that_is_no_json_is_invalid(app_site: AppSite, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    reply = app_site.call(app_site.owner, "POST", "/populations", content=body, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")


def test_nul_is_refused_wherever_it_stands(app_site: AppSite) -> None:
    owner = app_site.owner
    body = {"name": "a\x00b", "email": "a@b.c", "role": "auditor", "password": PASSWORD}
    for reply in (
        app_site.call(owner, "POST", "/users", json=body),
        app_site.call(owner, "GET", "/users/a%00b"),
        app_site.call(owner, "GET", "/audit/events?actor=a%00b"),
        app_site.call(owner, "POST", "/keys", json={"label": "x", "sc\x00opes": []}),
    ):
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")
    harmless = {**body, "name": "a\\u0000b"}
    assert app_site.call(owner, "POST", "/users", json=harmless).status_code == 201


def test_a_body_over_the_cap_is_refused(app_site: AppSite) -> None:
    most = app_site.site.settings.request_max_bytes
    headers = {"Content-Type": "application/json"}

    def chunks() -> Any:
        for _ in range(most // 65536 + 2):
            yield b" " * 65536

    for content in (b" " * (most + 1), chunks()):
        reply = app_site.call(
            app_site.owner, "POST", "/populations", content=content, headers=headers
        )
        assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")
    at_the_cap = b'{"a":"' + b" " * (most - 8) + b'"}'
    reply = app_site.call(
        app_site.owner, "POST", "/populations", content=at_the_cap, headers=headers
    )
    assert reply.status_code == 422


def test_a_workers_result_has_a_cap_of_its_own(app_site: AppSite) -> None:
    site = app_site.site.settings
    path = "/internal/v1/runs/run_x/succeeded"
    for size, status in ((site.request_max_bytes + 1, 422), (site.result_max_bytes + 1, 413)):
        reply = app_site.http.post(
            path, content=b" " * size, headers={"Content-Type": "application/json"}
        )
        assert reply.status_code == status
    assert "CARREL_RESULT_MAX_BYTES" in reply.json()["advice"]
    other = app_site.http.post(path + "/more", content=b" " * (site.request_max_bytes + 1))
    assert other.status_code == 413


def test_every_answer_has_the_security_headers(app_site: AppSite) -> None:
    for reply in (
        app_site.http.get("/healthz"),
        app_site.call(app_site.owner, "GET", "/users"),
        app_site.call(None, "GET", "/users"),
        app_site.call(None, "GET", "/nothing"),
        app_site.call(app_site.owner, "GET", "/users?cursor=a%00"),
    ):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert "strict-transport-security" not in reply.headers


def test_what_nobody_foresaw_is_a_500_without_details() -> None:
    app = FastAPI()

    @app.get("/boom")
    def boom() -> None:
        raise RuntimeError("the patient's name")

    problems.install(app)
    app.add_middleware(Gate, max_body=10, max_result=10, https=True)
    reply = TestClient(app, raise_server_exceptions=False).get("/boom")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal")
    assert "patient" not in reply.text
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert reply.headers["strict-transport-security"]


def test_without_its_database_the_site_is_unavailable(app_site: AppSite) -> None:
    with app_site.site.db.engine.connect() as connection:
        name = connection.scalar(text("SELECT current_database()"))
    app_site.site.db.dispose()
    app_site.site.db = type(app_site.site.db)(app_site.urls.app.replace(str(name), "nothing"))
    reply = app_site.call("ck_x", "GET", "/me")
    assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
    assert reply.headers["retry-after"]
    assert "nothing" not in reply.text


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["kind", "op", "type", "dataset", "plan", "sql", "target", "where", "name"]
            )
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=anything, member=st.sampled_from(["plan", "target", "bounds", "sql", "dataset"]))
def test_no_json_breaks_the_endpoints_that_take_a_plan(
    app_site: AppSite, body: Any, member: str
) -> None:
    valid = {"dataset": "d", "target": {"kind": "rho", "rho": 0.1}}
    for content in (body, {**valid, member: body}):
        for method, path in (("POST", "/prices"), ("POST", "/requests"), ("PUT", "/requests/x")):
            reply = app_site.call(
                app_site.owner,
                method,
                path,
                content=json.dumps(content),
                headers={"Content-Type": "application/json"},
            )
            assert 400 <= reply.status_code < 500, reply.text
            assert reply.json()["code"] != "internal"
