"""People, groups, the audit log, settings and one's profile."""

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW, WIDE, Open
from tests.browser.guard import Guard
from tests.browser.people import PASSWORD, ConsoleSite, console_site
from tests.embedded.procs import eventually
from tests.fixtures.mail_server import Inbox, mail_server

SignedIn = Callable[..., Page]


def heading(page: Page, name: str, level: int = 1) -> None:
    expect(page.get_by_role("heading", level=level, name=name, exact=True)).to_be_visible()


def invite(
    page: Page, name: str, email: str, *, role: str = "Researcher", dataset: str | None = None
) -> str:
    """Invite somebody, as the owner does, with access to a dataset; returns the link."""
    page.get_by_role("button", name="Invite somebody").click()
    dialog = page.get_by_role("dialog", name="Invite somebody")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("E-mail").fill(email)
    dialog.get_by_role("radio", name=re.compile(f"^{role}")).check()
    if dataset is not None:
        dialog.get_by_role("combobox", name="Datasets").fill(dataset)
        page.get_by_role("option", name=dataset).click()
        page.keyboard.press("Escape")
    check_accessible(page)
    dialog.get_by_role("button", name="Make the invitation").click()
    done = page.get_by_role("dialog", name=f"{name} is invited")
    link = done.get_by_label("Invitation link").input_value()
    check_accessible(page)
    done.get_by_role("button", name="Done").click()
    return link


def person_id(console: ConsoleSite, email: str) -> str:
    found = console.api(Role.OWNER).get("/users", params={"q": email}).json()["items"]
    return str(found[0]["id"])


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/people", "People"),
        ("/people/invitations", "Invitations"),
        ("/people/groups", "Groups"),
        ("/audit", "Audit"),
        ("/audit/1", "Worker admitted"),
        ("/audit/verify", "Verify and export"),
        ("/settings", "Settings"),
        ("/profile", "Profile"),
    ],
)
def test_each_page_opens_wide_and_narrow(signed_in: SignedIn, path: str, title: str) -> None:
    page = signed_in(Role.OWNER, path)
    heading(page, title)
    expect(page.get_by_text("Fetching")).to_have_count(0)
    check_accessible(page)
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    check_fits(page)
    check_accessible(page)


def test_from_an_invitation_to_the_end_of_an_account(
    signed_in: SignedIn, open_page: Open, console: ConsoleSite, guard: Guard
) -> None:
    owner = signed_in(Role.OWNER, "/people")
    link = invite(owner, "Nora Newcomer", "nora@site.example")
    assert link.startswith(f"{console.url}/invitation#")

    nora = open_page(console, link.removeprefix(console.url))
    heading(nora, "You are invited")
    nora.get_by_label("Password", exact=True).fill(PASSWORD)
    nora.get_by_role("button", name="Accept and sign in").click()
    heading(nora, "Home")

    owner.get_by_role("link", name="Invitations", exact=True).click()
    row = owner.get_by_role("row").filter(has_text="nora@site.example")
    expect(row.get_by_text("Accepted")).to_be_visible()
    owner.get_by_role("link", name="Everybody").click()
    owner.get_by_role("link", name=re.compile("^Nora Newcomer")).click()
    heading(owner, "Nora Newcomer")
    owner.get_by_role("button", name="Deactivate").click()
    dialog = owner.get_by_role("dialog", name="Deactivate Nora Newcomer?")
    expect(dialog.get_by_text("they are signed out wherever they are signed in")).to_be_visible()
    check_accessible(owner)
    dialog.get_by_role("button", name="Deactivate").click()
    expect(owner.get_by_text("Nora Newcomer cannot sign in")).to_be_visible()
    check_accessible(owner)

    guard.expect(401, "/api/v1/")
    nora.get_by_role("navigation", name="Main").get_by_role("link", name="Requests").click()
    told = nora.get_by_role("dialog", name="Your account was deactivated")
    expect(told).to_be_visible()
    expect(told.get_by_label("Password")).to_have_count(0)
    check_accessible(nora)
    told.get_by_role("button", name="Leave").click()
    heading(nora, "Sign in")
    expect(nora.get_by_text("deactivated by an owner of this site")).to_be_visible()
    check_accessible(nora)
    # The next person at this browser is none the worse for it.
    nora.get_by_label("E-mail").fill(console.email(Role.RESEARCHER))
    nora.get_by_label("Password", exact=True).fill(PASSWORD)
    nora.get_by_role("button", name="Sign in").click()
    heading(nora, "Home")


def test_a_link_is_shown_once_and_can_be_taken_back(
    signed_in: SignedIn, open_page: Open, console: ConsoleSite, guard: Guard
) -> None:
    owner = signed_in(Role.OWNER, "/people/invitations")
    link = invite(owner, "Otto Other", "otto@site.example")
    row = owner.get_by_role("row").filter(has_text="otto@site.example")
    expect(row.get_by_text("Waiting to be accepted")).to_be_visible()
    assert link.partition("#")[2] not in owner.content()
    row.get_by_role("button", name="Take back").click()
    owner.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    expect(row.get_by_text("Withdrawn")).to_be_visible()
    guard.expect(404, "/api/v1/invitation/lookup")
    page = open_page(console, link.removeprefix(console.url))
    heading(page, "This invitation does not work")


def test_what_was_typed_into_an_invitation_survives_a_reload(signed_in: SignedIn) -> None:
    page = signed_in(Role.OWNER, "/people")
    page.get_by_role("button", name="Invite somebody").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Half Written")
    page.reload()
    page.get_by_role("button", name="Invite somebody").click()
    expect(page.get_by_role("dialog").get_by_label("Name")).to_have_value("Half Written")
    expect(page.get_by_text("This is what you had typed")).to_be_visible()


def test_filters_live_in_the_address_and_the_back_button_undoes_them(signed_in: SignedIn) -> None:
    page = signed_in(Role.OWNER, "/people")
    page.get_by_label("Role", exact=True).select_option("auditor")
    expect(page).to_have_url(re.compile(r"/people\?role=auditor$"))
    expect(page.get_by_role("link", name=re.compile("Aude Auditor"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Remy Researcher"))).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("link", name=re.compile("Remy Researcher"))).to_be_visible()
    page.get_by_label("Search people").fill("nobody like this")
    expect(page.get_by_text("Nobody fits these filters")).to_be_visible()
    check_accessible(page)


def test_a_group_is_made_filled_and_deleted(signed_in: SignedIn, console: ConsoleSite) -> None:
    page = signed_in(Role.OWNER, "/people/groups")
    page.get_by_role("button", name="Make a group").click()
    dialog = page.get_by_role("dialog", name="Make a group")
    dialog.get_by_label("Name").fill("Ethics board")
    dialog.get_by_role("button", name="Make the group").click()
    heading(page, "Ethics board")
    page.locator('input[aria-label="Person"]').fill("Rita")
    page.get_by_role("option", name=re.compile("Rita Reviewer")).click()
    page.get_by_role("button", name="Put in").click()
    expect(page.get_by_role("link", name=re.compile("^Rita Reviewer"))).to_be_visible()
    check_accessible(page)
    page.get_by_role("button", name="Take out Rita Reviewer").click()
    expect(page.get_by_text("Nobody is in it yet")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    heading(page, "Groups")
    expect(page.get_by_text("Ethics board")).to_have_count(0)


def test_an_owner_makes_a_link_for_a_new_password(
    signed_in: SignedIn, console: ConsoleSite
) -> None:
    someone = person_id(console, console.email(Role.REVIEWER))
    page = signed_in(Role.OWNER, f"/people/{someone}")
    heading(page, "Rita Reviewer")
    check_accessible(page)
    page.get_by_role("button", name="Make a link").click()
    dialog = page.get_by_role("dialog", name="A new password for Rita Reviewer")
    link = dialog.get_by_label("Link to set a new password").input_value()
    assert link.startswith(f"{console.url}/reset#")
    check_accessible(page)


def test_an_owner_ends_one_session_of_somebodys(signed_in: SignedIn, console: ConsoleSite) -> None:
    theirs = signed_in(Role.REVIEWER, "/profile")
    body = {"email": console.email(Role.REVIEWER), "password": PASSWORD}
    lost = httpx.Client(base_url=console.url, headers={"User-Agent": "Firefox/130.0 (Windows)"})
    assert lost.post("/api/v1/session", json=body).status_code == httpx.codes.CREATED
    someone = person_id(console, console.email(Role.REVIEWER))
    page = signed_in(Role.OWNER, f"/people/{someone}")
    sessions = page.get_by_role("list", name="Sessions of Rita Reviewer")
    row = sessions.get_by_role("listitem").filter(has_text="Firefox on Windows")
    expect(row).to_contain_text("last used")
    count = sessions.get_by_role("listitem").count()
    check_accessible(page)
    row.get_by_role("button", name="End the session in Firefox on Windows").click()
    dialog = page.get_by_role("dialog", name="Sign Rita Reviewer out there?")
    check_accessible(page)
    dialog.get_by_role("button", name="End the session").click()
    expect(row).to_have_count(0)
    expect(sessions.get_by_role("listitem")).to_have_count(count - 1)
    assert lost.get("/api/v1/me").status_code == httpx.codes.UNAUTHORIZED
    lost.close()
    theirs.reload()
    heading(theirs, "Profile")
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    check_fits(page)
    page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Not signed in anywhere")).to_be_visible()


def test_an_auditor_reads_people_and_changes_nothing(
    signed_in: SignedIn, console: ConsoleSite
) -> None:
    someone = person_id(console, console.email(Role.RESEARCHER))
    page = signed_in(Role.AUDITOR, f"/people/{someone}")
    heading(page, "Remy Researcher")
    expect(page.get_by_text("No access to any dataset")).to_be_visible()
    for name in ("Deactivate", "Change name or role", "Make a link", "Give access"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_role("heading", name="API keys")).to_have_count(0)


def test_the_log_is_searched_and_read(signed_in: SignedIn) -> None:
    page = signed_in(Role.AUDITOR, "/audit?action=user.created&since=2020-01-01")
    table = page.get_by_role("table", name="events")
    expect(table.get_by_text("Person added").first).to_be_visible()
    expect(table.get_by_text("Signed in")).to_have_count(0)
    table.get_by_role("link").first.click()
    heading(page, "Person added")
    expect(page.get_by_text('"role"')).to_be_visible()
    check_accessible(page)
    page.go_back()
    heading(page, "Audit")
    page.get_by_label("To", exact=True).fill("2020-01-02")
    expect(page.get_by_text("Nothing like that happened")).to_be_visible()


def test_the_log_says_whom_and_what_it_is_about(signed_in: SignedIn, console: ConsoleSite) -> None:
    someone = person_id(console, console.email(Role.RESEARCHER))
    gone = console.api(Role.OWNER).post("/groups", json={"name": "Short-lived"}).json()["id"]
    assert console.api(Role.OWNER).delete(f"/groups/{gone}").is_success
    page = signed_in(Role.AUDITOR, f"/audit?subject={someone}&action=user.created")
    row = page.get_by_role("table", name="events").get_by_role("row").nth(1)
    expect(row).to_contain_text("Remy Researcher")
    expect(row).to_contain_text(someone)
    expect(row).to_contain_text("Olive Owner")
    check_accessible(page)
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    check_fits(page)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    row.get_by_role("link").first.click()
    heading(page, "Person added")
    check_accessible(page)
    page.get_by_role("link", name="Remy Researcher").click()
    heading(page, "Remy Researcher")
    page.goto(f"/audit?subject={gone}")
    rows = page.get_by_role("table", name="events").get_by_role("row")
    expect(rows.filter(has_text=gone)).to_have_count(2)
    expect(page.get_by_text("Short-lived")).to_have_count(0)


def test_the_log_is_verified_and_a_verification_cancelled(
    signed_in: SignedIn, console: ConsoleSite
) -> None:
    page = signed_in(Role.AUDITOR, "/audit/verify")
    key = console.api(Role.AUDITOR).get("/audit/key").json()["public_key"]
    expect(page.get_by_text(key).first).to_be_visible()
    page.get_by_role("button", name="Verify everything").click()
    heading(page, "Everything is as it was written", level=3)
    check_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export the log").click()
    last = download.value.path().read_text().splitlines()[-1]
    assert last.startswith('{"head":')

    # Held up on its way, so that there is time to cancel.
    page.route("**/api/v1/audit/verify", lambda route: None)
    page.get_by_role("button", name="Verify again").click()
    expect(page.get_by_role("progressbar", name="Records verified")).to_be_visible()
    check_accessible(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled. Nothing was found out.")).to_be_visible()


def test_a_log_that_was_changed_is_told_plainly(signed_in: SignedIn) -> None:
    page = signed_in(Role.AUDITOR, "/audit/verify")
    verdict = (
        '{"checked":2,"total":4}\n{"intact":false,"broken":"event 3 does not follow event 2",'
        '"events":2,"anchors":0,"accounts":0,"entries":0,"answers":0,"journal_lines":0,'
        '"restores":[]}\n'
    )
    page.route("**/api/v1/audit/verify", lambda route: route.fulfill(body=verdict))
    page.get_by_role("button", name="Verify everything").click()
    heading(page, "Something was changed", level=3)
    expect(page.get_by_text("event 3 does not follow event 2")).to_be_visible()
    check_accessible(page)
    # Without a verdict nothing was verified, however many lines came.
    page.unroute("**/api/v1/audit/verify")
    cut = verdict.splitlines()[0] + "\n"
    page.route("**/api/v1/audit/verify", lambda route: route.fulfill(body=cut))
    page.get_by_role("button", name="Verify again").click()
    expect(page.get_by_text("The verification did not end")).to_be_visible()


def test_the_settings_show_how_the_site_is(signed_in: SignedIn) -> None:
    page = signed_in(Role.OWNER, "/settings")
    for service in ("Database", "Broker", "Scheduler", "Storage"):
        heading(page, service, level=3)
    expect(page.get_by_text("CARREL_DATA_DIR")).to_be_visible()  # in a group that was changed
    expect(page.get_by_text("CARREL_WORKER_LEASE_SECONDS")).to_be_hidden()
    page.get_by_text("Limits").click()
    expect(page.get_by_text("CARREL_WORKER_LEASE_SECONDS")).to_be_visible()
    expect(page.get_by_text("This site sends no e-mail")).to_be_visible()
    page.get_by_role("button", name="Add a worker").click()
    dialog = page.get_by_role("dialog", name="Add a worker")
    dialog.get_by_label("Name").fill("second machine")
    check_accessible(page)
    dialog.get_by_role("button", name="Make the credential").click()
    made = page.get_by_role("dialog", name="The credential of second machine")
    assert made.get_by_label("Credential").input_value()
    check_accessible(page)
    made.get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="second machine")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row.get_by_text("Revoked")).to_be_visible()


@pytest.mark.timeout(300)
def test_a_test_e_mail_arrives_and_a_deaf_server_is_told(
    tmp_path_factory: pytest.TempPathFactory,
    open_page: Open,
    guard_of: Callable[[ConsoleSite], Guard],
) -> None:
    inbox = Inbox()
    with mail_server(inbox) as port:
        mail = {
            "CARREL_SMTP_URL": f"smtp://127.0.0.1:{port}",
            "CARREL_SMTP_FROM": "carrel@site.example",
        }
        with console_site(tmp_path_factory.mktemp("mail"), **mail) as site:
            site.set_up()
            page = open_page(site, "/settings", role=Role.OWNER)
            send = page.get_by_role("button", name="Send a test e-mail to owner@site.example")
            send.click()
            expect(page.get_by_text("Look in the mailbox of owner@site.example.")).to_be_visible()
            assert inbox.recipients == [["owner@site.example"]]
            assert str(inbox.messages[0]["From"]) == "carrel@site.example"
            check_accessible(page)

            guard_of(site).expect(409, "/api/v1/settings/test_email")
            inbox.answers.append("554 no mail today")
            send.click()
            expect(page.get_by_role("alert")).to_contain_text("no mail today")
            expect(page.get_by_text("Look in the mailbox")).to_have_count(0)
            check_accessible(page)

            # With a mail server, an invitation's link goes out too.
            page.goto("/people/invitations")
            link = invite(page, "Mara Mailed", "mara@site.example")
            assert eventually(lambda: ["mara@site.example"] in inbox.recipients, 60)
            assert link in inbox.texts[-1]
            page.goto("about:blank")


def test_a_reviewer_finds_no_settings(signed_in: SignedIn) -> None:
    page = signed_in(Role.REVIEWER, "/settings")
    expect(page.get_by_text("Only owners see the settings")).to_be_visible()


def test_a_key_is_made_used_and_revoked(signed_in: SignedIn, console: ConsoleSite) -> None:
    page = signed_in(Role.RESEARCHER, "/profile")
    page.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog", name="Make an API key")
    expect(dialog.get_by_label("Review")).to_have_count(0)
    dialog.get_by_label("What it is for").fill("notebook")
    check_accessible(page)
    dialog.get_by_role("button", name="Make the key").click()
    made = page.get_by_role("dialog", name="Your key “notebook”")
    secret = made.get_by_label("API key").input_value()
    expect(made.get_by_text("carrel.connect()")).to_be_visible()
    check_accessible(page)
    headers = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{console.url}/api/v1/me", headers=headers).status_code == httpx.codes.OK
    made.get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="notebook")
    expect(row.get_by_text("Works")).to_be_visible()
    assert secret not in page.content()
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row.get_by_text("Revoked")).to_be_visible()
    refused = httpx.get(f"{console.url}/api/v1/me", headers=headers)
    assert refused.status_code == httpx.codes.UNAUTHORIZED


def test_ones_name_mail_and_sessions(signed_in: SignedIn) -> None:
    page = signed_in(Role.REVIEWER, "/profile")
    other = signed_in(Role.REVIEWER, "/profile")
    heading(other, "Profile")
    page.get_by_label("Name", exact=True).fill("Rita R. Reviewer")
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_role("button", name="You: Rita R. Reviewer")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Rita Reviewer")
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_role("button", name="You: Rita Reviewer")).to_be_visible()
    page.get_by_role("radio", name="Nothing").check()
    expect(page.get_by_role("radio", name="Nothing")).to_be_checked()
    page.reload()
    expect(page.get_by_role("radio", name="Nothing")).to_be_checked()
    mine = page.get_by_role("list", name="Your sessions")
    expect(mine.get_by_text("This one")).to_have_count(1)
    count = mine.get_by_role("listitem").count()
    mine.get_by_role("button", name=re.compile("^End")).first.click()
    expect(mine.get_by_role("listitem")).to_have_count(count - 1)


def test_a_password_is_changed_only_with_the_present_one(signed_in: SignedIn, guard: Guard) -> None:
    page = signed_in(Role.RESEARCHER, "/profile")
    guard.expect(403, "/api/v1/me/password")
    page.get_by_label("Present password", exact=True).fill("not the password")
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("This is not your present password")).to_be_visible()
    page.get_by_label("Present password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("Changed. You were signed out everywhere else.")).to_be_visible()


def test_the_last_owner_stays_and_is_told_why(
    signed_in: SignedIn, console: ConsoleSite, guard: Guard
) -> None:
    me = person_id(console, console.email(Role.OWNER))
    page = signed_in(Role.OWNER, f"/people/{me}", size=NARROW)
    heading(page, "Olive Owner")
    check_fits(page)
    check_accessible(page)
    expect(page.get_by_role("button", name="Sign out everywhere")).to_be_disabled()
    page.get_by_role("button", name="Deactivate").press("Enter")
    guard.expect(409, f"/api/v1/users/{me}")
    dialog = page.get_by_role("dialog", name="Deactivate Olive Owner?")
    dialog.get_by_role("button", name="Deactivate").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Make somebody else an owner first")
    check_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
