"""Links by e-mail: invitations and new passwords, and whom they tell that somebody exists."""

import httpx

from carrel_site.events import outbox
from carrel_site.runs.beat import send_password_links
from tests.fixtures.mail_server import Inbox
from tests.site.events.emails import rows
from tests.site.flow.conftest import Flow

PASSWORD = "correct horse battery"


def arrived(flow: Flow, inbox: Inbox) -> list[tuple[str, str]]:
    """To whom and what, of everything that is due."""
    send_password_links(flow.app.site)
    outbox.deliver(flow.app.site)
    return [
        (recipients[0], text)
        for recipients, text in zip(inbox.recipients, inbox.texts, strict=True)
    ]


def link_in(text: str, page: str) -> str:
    """The token of the one link in an e-mail."""
    address = f"https://carrel.example.org/{page}#"
    (line,) = [line for line in text.splitlines() if line.startswith(address)]
    return line.removeprefix(address)


def post(flow: Flow, path: str, **body: object) -> httpx.Response:
    return flow.app.call(None, "POST", path, json=body)


def test_an_invitation_comes_by_mail_and_works(mailing: Flow, inbox: Inbox) -> None:
    made = mailing.ok(
        mailing.app.owner,
        "POST",
        "/invitations",
        json={"email": "new@example.org", "name": "Eve\nBcc: x@y", "role": "researcher"},
    )
    ((to, text),) = arrived(mailing, inbox)
    assert to == "new@example.org"
    assert "Bcc" not in text  # the name is the owner's to read, and in no e-mail
    token = link_in(text, "invitation")
    assert made["link"].endswith(token)
    accepted = post(mailing, "/invitation/accept", token=token, name="Eve", password=PASSWORD)
    assert accepted.status_code == httpx.codes.CREATED
    assert all(row.text == "" for row in rows(mailing))  # no link is left behind


def test_a_link_for_a_new_password_comes_to_its_person_alone(mailing: Flow, inbox: Inbox) -> None:
    researcher = mailing.app.researcher
    for address in ("nobody@example.org", researcher.email.upper(), researcher.email):
        reply = post(mailing, "/password_resets", email=address)
        assert reply.status_code == httpx.codes.ACCEPTED
    assert rows(mailing) == []  # nothing is written while somebody waits for the answer
    ((to, text),) = arrived(mailing, inbox)
    assert to == researcher.email
    used = post(mailing, "/password_resets/accept", token=link_in(text, "reset"), password=PASSWORD)
    assert used.status_code == httpx.codes.NO_CONTENT
    (_, (to, text)) = arrived(mailing, inbox)
    assert to == researcher.email
    assert "was changed" in text
    assert "#" not in text


def test_somebody_who_went_meanwhile_is_sent_nothing(mailing: Flow, inbox: Inbox) -> None:
    researcher = mailing.app.researcher
    post(mailing, "/password_resets", email=researcher.email)
    path = f"/users/{researcher.id}"
    mailing.ok(mailing.app.owner, "PATCH", path, json={"active": False})
    assert arrived(mailing, inbox) == []
    mailing.ok(mailing.app.owner, "PATCH", path, json={"active": True})
    assert arrived(mailing, inbox) == []


def test_an_owners_link_is_theirs_to_hand_over(mailing: Flow, inbox: Inbox) -> None:
    path = f"/users/{mailing.app.researcher.id}/password_reset"
    mailing.ok(mailing.app.owner, "POST", path)
    assert arrived(mailing, inbox) == []


def test_without_a_mail_server_no_link_is_made(flow: Flow) -> None:
    post(flow, "/password_resets", email=flow.app.researcher.email)
    send_password_links(flow.app.site)
    with flow.app.site.db.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM password_resets").scalar() == 0
        waits = "SELECT count(*) FROM users WHERE reset_waits"
        assert connection.exec_driver_sql(waits).scalar() == 0
    assert rows(flow) == []
