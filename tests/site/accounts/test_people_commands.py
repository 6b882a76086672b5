"""`carrel user` and `carrel group` against a served site, and the way in for who is locked out."""

import json
from collections.abc import Iterator

import pytest
from click.testing import Result
from typer.testing import CliRunner

from carrel_protocol.api.common import Role
from carrel_site.cli.app import app
from tests.factories import make_access, make_dataset, make_population
from tests.fixtures.site import AppSite, served
from tests.site.accounts.browsing import OTHER, PASSWORD, Browser, person, signed_in


@pytest.fixture
def url(app_site: AppSite, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A served site, named with its owner's key in the environment."""
    with served(app_site.app) as url:
        monkeypatch.setenv("CARREL_URL", url)
        monkeypatch.setenv("CARREL_API_KEY", app_site.owner.secret)
        yield url


def carrel(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def ok(*arguments: object) -> str:
    result = carrel(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


@pytest.mark.usefixtures("url")
def test_inviting_and_grouping(app_site: AppSite) -> None:
    owner = app_site.owner.id

    def work(session) -> str:  # type: ignore[no-untyped-def]
        dataset = make_dataset(session, owner, make_population(session, owner).id)
        make_access(session, owner, dataset.id, owner)
        return dataset.name

    dataset = app_site.site.db.transact(work)
    ok("group", "add", "board", "--description", "ethics")
    link = ok(
        *("user", "invite", "ada@example.org", "--name", "Ada", "--role", "reviewer"),
        *("--group", "board", "--days", 3),
    )
    assert "\n" not in link  # alone on its line, for scripts
    body = {"token": link.partition("#")[2], "name": "Ada", "password": PASSWORD}
    Browser(app_site).ok("POST", "/invitation/accept", json=body)
    assert "ada@example.org" in ok("group", "show", "board")
    assert "1 people" in ok("group", "give-access", "board", dataset)
    ok("group", "leave", "board", "ada@example.org")
    ok("group", "join", "board", "ADA@example.org")
    assert '"size": 1' in ok("group", "list", "--json")
    ok("user", "deactivate", "ada@example.org")
    assert Browser(app_site).sign_in("ada@example.org").status_code == 401
    ok("group", "delete", "board")
    again = carrel("group", "delete", "board")
    assert again.exit_code == 1
    assert "no group" in again.stderr


@pytest.mark.usefixtures("url")
def test_signing_somebody_out(app_site: AppSite) -> None:
    _, email = person(app_site)
    first, second, third = (signed_in(app_site, email) for _ in range(3))
    shown = json.loads(ok("user", "sessions", email, "--json"))
    assert len(shown) == 3
    assert shown[0]["id"] in ok("user", "sessions", email)
    ok("user", "sign-out", email, shown[0]["id"])
    assert [each.signed_in for each in (first, second, third)] == [True, True, False]
    assert carrel("user", "sign-out", email, shown[0]["id"]).exit_code == 1
    ok("user", "sign-out", email)
    assert not first.signed_in


@pytest.mark.usefixtures("url")
def test_a_link_for_a_new_password(app_site: AppSite) -> None:
    _, email = person(app_site)
    link = ok("user", "reset-password", email)
    body = {"token": link.partition("#")[2], "password": OTHER}
    Browser(app_site).ok("POST", "/password_resets/accept", json=body)
    signed_in(app_site, email, OTHER)
    assert carrel("user", "reset-password", "nobody@example.org").exit_code == 1


def test_the_only_owner_without_key_and_password_gets_in_again(
    app_site: AppSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, email = person(app_site, Role.OWNER)
    settings = app_site.site.settings
    monkeypatch.setenv("CARREL_DATABASE_URL", settings.database_url)
    link = ok("user", "reset-password", email, "--offline", "--data-dir", settings.data_dir)
    body = {"token": link.partition("#")[2], "password": OTHER}
    Browser(app_site).ok("POST", "/password_resets/accept", json=body)
    browser = signed_in(app_site, email, OTHER)
    events = browser.ok("GET", "/audit/events?limit=200")["items"]
    (made,) = [event for event in events if event["action"] == "user.password_link_made"]
    assert made["actor"] == "site"
    missing = carrel(
        *("user", "reset-password", "no@example.org"),
        *("--offline", "--data-dir", settings.data_dir),
    )
    assert missing.exit_code == 1


def test_offline_without_a_database_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    nowhere = "postgresql+psycopg://carrel_app@127.0.0.1:1/carrel"
    monkeypatch.setenv("CARREL_DATABASE_URL", nowhere)
    result = carrel("user", "reset-password", "a@b", "--offline", "--data-dir", tmp_path)
    assert result.exit_code == 1
    assert "does not answer" in result.stderr
