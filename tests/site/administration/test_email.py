"""Trying e-mail from the settings page, against a real mail server."""

import pytest

from carrel_site.settings import Settings
from tests.fixtures.mail_server import Inbox, mail_server
from tests.fixtures.site import AppSite


def set_up(app_site: AppSite, port: int) -> None:
    app_site.site.settings = app_site.site.settings.model_copy(
        update={
            "smtp_url": f"smtp://127.0.0.1:{port}",
            "smtp_from": "Carrel <carrel@example.org>",
        }
    )


def test_it_goes_to_whoever_asked_and_at_once(app_site: AppSite) -> None:
    inbox = Inbox()
    with mail_server(inbox) as port:
        set_up(app_site, port)
        assert app_site.call(None, "GET", "/site").json()["smtp"] is True
        reply = app_site.call(app_site.owner, "POST", "/settings/test_email")
    assert reply.status_code == 200, reply.text
    assert reply.json() == {"to": app_site.owner.email}
    assert inbox.recipients == [[app_site.owner.email]]
    assert "can send e-mail" in inbox.texts[0]


def test_what_the_server_says_is_told(app_site: AppSite) -> None:
    inbox = Inbox()
    inbox.refused[app_site.owner.email] = "550 no such mailbox"
    with mail_server(inbox) as port:
        set_up(app_site, port)
        reply = app_site.call(app_site.owner, "POST", "/settings/test_email")
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    assert "550 no such mailbox" in reply.json()["detail"]
    away = app_site.call(app_site.owner, "POST", "/settings/test_email")
    assert (away.status_code, away.json()["code"]) == (409, "conflict")


def test_a_site_without_email_says_so(app_site: AppSite) -> None:
    reply = app_site.call(app_site.owner, "POST", "/settings/test_email")
    assert reply.status_code == 409
    assert "CARREL_SMTP_URL" in reply.json()["advice"]


@pytest.mark.parametrize("who", ["researcher", "reviewer", "auditor"])
def test_nobody_but_an_owner_can_have_it_sent(app_site: AppSite, who: str) -> None:
    reply = app_site.call(getattr(app_site, who), "POST", "/settings/test_email")
    assert reply.status_code == 403


def test_the_mail_servers_password_is_not_shown(app_site: AppSite) -> None:
    settings: Settings = app_site.site.settings.model_copy(
        update={
            "smtp_url": "smtps://carrel:hunter2@mail.example.org:465",
            "smtp_from": "carrel@example.org",
        }
    )
    app_site.site.settings = settings
    body = app_site.call(app_site.owner, "GET", "/settings").text
    assert "hunter2" not in body
    assert "smtps://carrel@mail.example.org:465" in body
