"""E-mail, to a real SMTP server that the test starts: what it holds, and that it comes once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import psycopg
import pytest
from sqlalchemy.exc import ProgrammingError

from carrel_site.core.clock import now
from carrel_site.events import outbox
from carrel_site.events.smtp import Mailbox
from tests.fixtures.mail_server import Inbox
from tests.site.events.emails import rows, send, settings_with
from tests.site.flow.conftest import Flow

LATER = "UPDATE notifications SET at = at - interval '2 min'"


def due_again(flow: Flow) -> None:
    flow.execute("UPDATE emails SET next_try_at = now() WHERE next_try_at IS NOT NULL")


def gathered(flow: Flow) -> None:
    """What beat does a minute later."""
    as_superuser(flow, LATER)
    outbox.gather(flow.app.site)
    outbox.deliver(flow.app.site)


def as_superuser(flow: Flow, statement: str) -> None:
    with psycopg.connect(flow.app.urls.superuser_dsn) as connection:
        connection.execute(statement)


def test_it_arrives_whole_and_its_text_is_wiped(mailing: Flow, inbox: Inbox) -> None:
    send(mailing, subject="Grüße", text="ä link: https://x/#t0k3n\n.\nend")
    assert outbox.deliver(mailing.app.site) == 1
    (message,) = inbox.messages
    assert message["To"] == "ann@example.org"
    assert message["From"] == "Carrel <carrel@example.org>"
    assert message["Subject"] == "Grüße"
    assert message["Auto-Submitted"] == "auto-generated"
    assert inbox.texts[0].splitlines() == ["ä link: https://x/#t0k3n", ".", "end"]
    assert inbox.recipients == [["ann@example.org"]]
    (row,) = rows(mailing)
    assert (row.state, row.text, row.attempts, row.error) == ("sent", "", 1, None)
    assert message["Message-ID"] == f"<{row.id}@carrel.example.org>"
    assert outbox.deliver(mailing.app.site) == 0


def test_nothing_that_people_write_becomes_a_header(mailing: Flow, inbox: Inbox) -> None:
    send(mailing, subject="A\r\nBcc: eve@example.org\r\n\r\nbody\x00\x1b[31m", text="\r\n.\r\nx")
    outbox.deliver(mailing.app.site)
    (message,) = inbox.messages
    assert message["Bcc"] is None
    assert message["Subject"] == "A Bcc: eve@example.org body [31m"
    assert inbox.recipients == [["ann@example.org"]]


@pytest.mark.parametrize(
    "to", ["a,b@example.org", "<x>@example.org", "@example.org", "nobody", "ä@example.org", "a@b,c"]
)
def test_an_address_that_cannot_be_written_to_is_given_up(
    mailing: Flow, inbox: Inbox, to: str
) -> None:
    send(mailing, to)
    send(mailing, "ann@example.org")
    outbox.deliver(mailing.app.site)
    assert inbox.recipients == [["ann@example.org"]]
    assert {(row.recipient, row.state) for row in rows(mailing)} == {
        (to, "failed"),
        ("ann@example.org", "sent"),
    }


def test_a_busy_server_is_asked_again_later_and_later(mailing: Flow, inbox: Inbox) -> None:
    send(mailing)
    waits = []
    for attempt in range(1, 5):
        inbox.answers = ["451 try again later"]
        assert outbox.deliver(mailing.app.site) == 0
        (row,) = rows(mailing)
        assert (row.state, row.attempts) == ("waiting", attempt)
        assert row.error is not None
        assert "451" in row.error
        assert row.next_try_at is not None
        waits.append((row.next_try_at - now()).total_seconds())
        assert outbox.deliver(mailing.app.site) == 0  # not due
        due_again(mailing)
    assert all(later > 1.5 * earlier for earlier, later in pairwise(waits))
    assert outbox.deliver(mailing.app.site) == 1
    assert len(inbox.messages) == 1


def test_a_refused_address_is_not_tried_again_and_stops_no_other(
    mailing: Flow, inbox: Inbox
) -> None:
    inbox.refused = {"gone@example.org": "550 no such mailbox"}
    send(mailing, "gone@example.org")
    send(mailing, "ann@example.org")
    assert outbox.deliver(mailing.app.site) == 1
    failed, sent = rows(mailing)
    assert (failed.state, failed.text, sent.state) == ("failed", "", "sent")
    assert "550" in str(failed.error)


def test_without_a_server_it_waits_and_is_given_up_when_it_is_old(mailing: Flow) -> None:
    site = mailing.app.site
    site.settings = settings_with(site, smtp_url="smtp://127.0.0.1:1")
    send(mailing)
    send(mailing, "bob@example.org")
    assert outbox.deliver(site) == 0
    assert sorted(row.attempts for row in rows(mailing)) == [0, 1]  # the other one can wait
    as_superuser(mailing, "UPDATE emails SET expires_at = now(), next_try_at = now()")
    assert outbox.deliver(site) == 0
    assert {(row.state, row.text) for row in rows(mailing)} == {("failed", "")}


def test_a_link_that_has_expired_is_not_sent(mailing: Flow, inbox: Inbox) -> None:
    send(mailing, lives=timedelta(0))
    assert outbox.deliver(mailing.app.site) == 0
    assert inbox.messages == []
    assert rows(mailing)[0].text == ""


def test_where_no_email_is_set_up_no_text_stays(flow: Flow) -> None:
    send(flow)
    outbox.Courier().send_mail(flow.app.site)
    (row,) = rows(flow)
    assert (row.state, row.text, row.error) == ("failed", "", "No e-mail server is set.")


def test_two_schedulers_send_it_once(mailing: Flow, inbox: Inbox) -> None:
    for number in range(12):
        send(mailing, f"ann{number}@example.org")
    with ThreadPoolExecutor(4) as pool:
        sent = sum(pool.map(lambda _: outbox.deliver(mailing.app.site), range(4)))
    assert sent == 12
    assert len({to for (to,) in inbox.recipients}) == len(inbox.recipients) == 12


def test_a_slow_server_keeps_nobody_waiting(mailing: Flow, inbox: Inbox) -> None:
    inbox.slow.clear()
    send(mailing)
    courier = outbox.Courier()
    courier.send_mail(mailing.app.site)
    courier.send_mail(mailing.app.site)  # returns, and starts nothing beside what is under way
    assert inbox.messages == []
    inbox.slow.set()
    courier.wait(20)
    assert len(inbox.messages) == 1


def test_what_was_being_sent_when_the_scheduler_died_is_sent_by_the_next(
    mailing: Flow, inbox: Inbox
) -> None:
    send(mailing)
    site = mailing.app.site
    site.db.transact(lambda session: outbox._take(session, Mailbox.of(site.settings)))
    assert outbox.deliver(site) == 0
    due_again(mailing)
    assert outbox.deliver(site) == 1


def test_a_notification_goes_out_without_what_was_written(mailing: Flow, inbox: Inbox) -> None:
    reviewer = mailing.app.reviewer
    request = mailing.asked(mailing.reviewed, purpose="the purpose is s3cret")
    gathered(mailing)
    to_review = next(m for m in inbox.messages if m["To"] == reviewer.email)
    assert "To review" in to_review["Subject"]
    assert f"https://carrel.example.org/requests/{request['id']}" in to_review.get_content()
    mailing.decide(reviewer, request, "return", "the reason is s3cret")
    gathered(mailing)
    assert "Returned for changes" in inbox.messages[-1]["Subject"]
    assert inbox.messages[-1]["To"] == mailing.app.researcher.email
    assert "s3cret" not in str(inbox.texts)
    assert "COUNT" not in str(inbox.texts)


def test_a_result_is_in_no_email(mailing: Flow, inbox: Inbox) -> None:
    request = mailing.asked(mailing.open)
    mailing.execute("UPDATE requests SET created_at = now() - interval '1 hour'")
    mailing.execute("UPDATE runs SET deadline_ms = 60000")
    mailing.worker.succeed(mailing.worker.claim(request["run"]["id"]))
    gathered(mailing)
    assert not any("Answered" in message["Subject"] for message in inbox.messages)
    mailing.execute("UPDATE runs SET visible_at = now()")
    mailing.ended(request["run"]["id"])
    gathered(mailing)
    assert inbox.messages[-1]["Subject"].startswith("Answered: your question about")
    lines = [line for line in inbox.texts[-1].splitlines() if line and "profile" not in line]
    assert lines == [
        inbox.messages[-1]["Subject"],
        f"https://carrel.example.org/requests/{request['id']}",
        "-- ",
    ]


def test_a_minutes_notifications_are_one_email_without_those_read(
    mailing: Flow, inbox: Inbox
) -> None:
    reviewer = mailing.app.reviewer
    requests = [mailing.asked(mailing.reviewed, f"age > {n}")["id"] for n in range(4)]
    outbox.gather(mailing.app.site)
    assert rows(mailing) == []  # too young
    newest = mailing.ok(reviewer, "GET", "/notifications")["items"][0]
    mailing.ok(reviewer, "POST", f"/notifications/{newest['id']}/read")
    gathered(mailing)
    (message,) = [m for m in inbox.messages if m["To"] == reviewer.email]
    assert message["Subject"] == "3 things on Carrel wait for you"
    shown = [request for request in requests if request in message.get_content()]
    assert shown == requests[:3]
    gathered(mailing)
    assert len([m for m in inbox.messages if m["To"] == reviewer.email]) == 1


@pytest.mark.parametrize(
    ("wants", "kinds"),
    [("all", {"approved", "asks"}), ("important", {"asks"}), ("none", set())],
)
def test_everybody_gets_what_they_want(
    mailing: Flow, inbox: Inbox, wants: str, kinds: set[str]
) -> None:
    people = (mailing.app.reviewer, mailing.app.researcher)
    for who in people:
        mailing.ok(who, "PATCH", "/me", json={"email_notifications": wants})
    as_superuser(mailing, "DELETE FROM notifications")
    as_superuser(mailing, """UPDATE datasets SET policy = policy || '{"reviewers": 1}'""")
    request = mailing.asked(mailing.reviewed)
    gathered(mailing)
    mailing.decide(mailing.app.reviewer, request, "approve")
    gathered(mailing)
    to = {who.email for who in people}
    subjects = [m["Subject"].lower() for m in inbox.messages if m["To"] in to]
    assert {kind for kind in ("approved", "asks") if any(kind in s for s in subjects)} == kinds
    assert len(subjects) == len(kinds)


def test_who_was_deactivated_gets_none(mailing: Flow, inbox: Inbox) -> None:
    reviewer = mailing.app.reviewer
    mailing.asked(mailing.reviewed)
    mailing.ok(mailing.app.owner, "PATCH", f"/users/{reviewer.id}", json={"active": False})
    gathered(mailing)
    assert reviewer.email not in [m["To"] for m in inbox.messages]


def test_old_news_goes_into_no_email(mailing: Flow, inbox: Inbox) -> None:
    _ = mailing.app.reviewer
    mailing.asked(mailing.reviewed)
    as_superuser(mailing, "UPDATE notifications SET at = at - interval '25 hours'")
    gathered(mailing)
    assert inbox.messages == []


def test_old_emails_are_forgotten(mailing: Flow) -> None:
    for _ in range(3):
        send(mailing)
    outbox.deliver(mailing.app.site)
    send(mailing)
    as_superuser(mailing, "UPDATE emails SET created_at = now() - interval '31 days'")
    mailing.app.site.db.transact(outbox.forget_old)
    assert [row.state for row in rows(mailing)] == ["waiting"]


def test_the_application_can_redirect_no_email(flow: Flow) -> None:
    send(flow)
    with pytest.raises(ProgrammingError, match="permission denied"):
        flow.execute("UPDATE emails SET recipient = 'eve@example.org'")
