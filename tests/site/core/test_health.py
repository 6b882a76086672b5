"""Liveness and readiness."""

import psycopg

from tests.fixtures.site import AppSite


def test_a_running_site_is_alive_and_ready(app_site: AppSite) -> None:
    assert app_site.http.get("/healthz").json() == {"status": "ok"}
    reply = app_site.http.get("/readyz")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


def test_an_older_schema_is_not_ready(app_site: AppSite) -> None:
    with psycopg.connect(app_site.urls.superuser_dsn) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    reply = app_site.http.get("/readyz")
    assert reply.status_code == 503
    assert reply.json()["code"] == "unavailable"
    assert "carrel db upgrade" in reply.json()["advice"]
    assert app_site.http.get("/healthz").status_code == 200


def test_without_a_broker_the_site_is_alive_and_not_ready(app_site: AppSite) -> None:
    app_site.site.broker.close()
    app_site.site.broker = type(app_site.site.broker)("redis+socket:///nowhere/broker.sock")
    assert app_site.http.get("/readyz").status_code == 503
    assert app_site.http.get("/healthz").status_code == 200
