"""What a site says of itself: to anybody, and to its owner."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text

from carrel_protocol.api.common import Role
from carrel_site.administration import health, settings_view
from carrel_site.runs import beat
from carrel_site.settings import Settings
from tests.fixtures.site import AppSite


def settings_of(app_site: AppSite) -> dict[str, Any]:
    reply = app_site.call(app_site.owner, "GET", "/settings")
    assert reply.status_code == 200, reply.text
    return reply.json()  # type: ignore[no-any-return]


def service(app_site: AppSite, name: str) -> dict[str, Any]:
    (found,) = [s for s in settings_of(app_site)["services"] if s["name"] == name]
    return found  # type: ignore[no-any-return]


def test_anybody_may_know_the_sites_name_and_whether_it_is_set_up(app_site: AppSite) -> None:
    told = app_site.call(None, "GET", "/site").json()
    assert set(told) == {"name", "version", "has_owner", "smtp"}
    assert (told["name"], told["has_owner"], told["smtp"]) == ("Carrel", False, False)
    _ = app_site.owner
    assert app_site.call(None, "GET", "/site").json()["has_owner"] is True


def test_settings_are_the_owners(app_site: AppSite) -> None:
    for role in (Role.REVIEWER, Role.RESEARCHER, Role.AUDITOR):
        assert app_site.call(app_site.member(role), "GET", "/settings").status_code == 403


def test_every_setting_stands_in_a_group_once_with_words(app_site: AppSite) -> None:
    groups = settings_of(app_site)["groups"]
    shown = [setting for group in groups for setting in group["settings"]]
    assert sorted(setting["name"] for setting in shown) == sorted(
        f"CARREL_{name.upper()}" for name in Settings.model_fields
    )
    assert all(setting["description"] for setting in shown)
    assert settings_view.OTHER not in [group["title"] for group in groups]


def test_what_was_set_is_told_from_defaults(app_site: AppSite) -> None:
    shown = {s["name"]: s for group in settings_of(app_site)["groups"] for s in group["settings"]}
    assert shown["CARREL_PORT"]["changed"] is False
    assert shown["CARREL_PORT"]["value"] == shown["CARREL_PORT"]["default"] == "8750"
    assert shown["CARREL_DATABASE_POOL_SIZE"]["changed"] is True
    assert shown["CARREL_STORAGE_DIR"]["changed"] is False
    assert shown["CARREL_STORAGE_DIR"]["default"] == "in the data directory"
    assert shown["CARREL_DATA_DIR"]["changed"] is True


def test_no_password_and_no_key_is_shown(app_site: AppSite) -> None:
    body = app_site.call(app_site.owner, "GET", "/settings").text
    site = app_site.site.settings
    for secret in (
        site.database_url.split(":")[2].split("@")[0],
        str(site.owner_database_url).split(":")[2].split("@")[0],
        site.site_key.hex(),
        site.setup_token_file.read_text().strip(),
    ):
        assert len(secret) >= 8
        assert secret not in body


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://carrel_app:hunter2@db.example.org:5432/carrel",
        "postgresql+psycopg://carrel_app@db.example.org/carrel?password=hunter2",
        "postgresql://db/carrel?host=/run/pg&sslkey=hunter2",
        "redis://:hunter2@broker:6379/0",
        "redis://hunter2:hunter2@broker:hunter2/0",
        "rediss://broker/0#hunter2",
        "redis+socket:///run/v.sock?virtual_host=0&password=hunter2",
    ],
)
def test_a_password_anywhere_in_an_address_is_left_out(tmp_path: Path, url: str) -> None:
    settings = Settings(
        data_dir=tmp_path, database_url=url, owner_database_url=url, broker_url=url, site_url=url
    )
    assert "hunter2" not in str(settings_view.groups(settings))


def test_a_healthy_site_says_so(app_site: AppSite) -> None:
    assert service(app_site, "database")["healthy"] is True
    assert service(app_site, "broker")["healthy"] is True
    assert service(app_site, "storage")["detail"].endswith("GiB free")
    assert service(app_site, "signed heads")["healthy"] is True


def test_the_scheduler_acts_while_somebody_holds_its_lock(app_site: AppSite) -> None:
    assert service(app_site, "scheduler")["healthy"] is False
    engine = create_engine(app_site.urls.app)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": beat._LOCK})
        assert service(app_site, "scheduler")["healthy"] is True
        # Another site's scheduler, in another database of the same server, is not this one's.
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": beat._LOCK})
        connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": beat._LOCK + 1})
        assert service(app_site, "scheduler")["healthy"] is False
    engine.dispose()


def test_what_is_away_is_told_and_breaks_nothing(
    app_site: AppSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_queue: str) -> int:
        raise ConnectionError("secret://broker")

    monkeypatch.setattr(app_site.site.broker, "depth", away)
    monkeypatch.setattr(health, "_LITTLE_ROOM", 2**62)
    found = {s["name"]: s for s in settings_of(app_site)["services"]}
    for name in ("broker", "storage"):
        assert found[name]["healthy"] is False
        assert found[name]["advice"]
    assert "secret" not in found["broker"]["detail"]


def test_a_schema_that_is_behind_is_told(
    app_site: AppSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "expected_revision", lambda: "9999")
    found = service(app_site, "database")
    assert found["healthy"] is False
    assert "carrel db upgrade" in found["advice"]


def test_events_that_nobody_signs_are_told(app_site: AppSite, tmp_path: Path) -> None:
    made = {"label": "x", "scopes": ["read"]}
    app_site.call(app_site.owner, "POST", "/keys", json=made)
    assert service(app_site, "signed heads")["healthy"] is True  # a minute is no delay
    moved = "UPDATE audit_events SET at = now() - interval '1 hour'"
    with psycopg.connect(app_site.urls.superuser_dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(moved)
    found = service(app_site, "signed heads")
    assert found["healthy"] is False
    assert found["detail"].startswith("1 events")
