"""First run, signing in and out, and sessions that end."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW, Open
from tests.browser.guard import Guard
from tests.browser.people import PASSWORD, ConsoleSite, console_site


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.timeout(300)
def test_first_run(tmp_path_factory: pytest.TempPathFactory, open_page: Open) -> None:
    """From the link that `carrel up` prints to a home page, out, and in again."""
    with console_site(tmp_path_factory.mktemp("first")) as site:
        page = open_page(site, "/")
        heading(page, "Make this site yours")
        expect(page.get_by_label("Set-up token")).to_be_visible()  # came without the link

        page = open_page(site, site.setup_link.removeprefix(site.url))
        heading(page, "Make this site yours")
        assert "token" not in page.url
        check_accessible(page)
        page.reload()  # the token is kept though the address no longer has it
        expect(page.get_by_label("Set-up token")).to_have_count(0)
        page.get_by_label("Your name").fill("Olive Owner")
        page.get_by_label("E-mail").fill("owner@site.example")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Become the owner").click()
        heading(page, "Home")

        page.get_by_role("button", name="You: Olive Owner").click()
        page.get_by_role("menuitem", name="Sign out").click()
        heading(page, "Sign in")
        page.goto("/setup")
        heading(page, "This site has its owner")
        page.get_by_role("link", name="sign in").click()
        sign_in(page, "owner@site.example")
        heading(page, "Home")
        page.goto("about:blank")  # the site stops: its stream of events would be cut off


def test_signing_in_leads_on_to_the_page_that_was_asked_for(
    open_page: Open, console: ConsoleSite
) -> None:
    page = open_page(console, "/requests?state=submitted&state=rejected")
    heading(page, "Sign in")
    check_accessible(page)
    sign_in(page, console.email(Role.RESEARCHER))
    heading(page, "Requests")
    assert page.url.endswith("/requests?state=submitted&state=rejected")


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"],
)
def test_signing_in_leads_nowhere_else(
    open_page: Open, console: ConsoleSite, elsewhere: str
) -> None:
    page = open_page(console, "/sign-in")
    page.goto(f"/sign-in?next={elsewhere}")
    sign_in(page, console.email(Role.RESEARCHER))
    heading(page, "Home")
    assert page.url.startswith(console.url)


def test_a_wrong_password_says_so_and_keeps_the_address(
    open_page: Open, console: ConsoleSite, guard: Guard
) -> None:
    page = open_page(console, "/sign-in")
    sign_in(page, console.email(Role.AUDITOR), "not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value(console.email(Role.AUDITOR))
    check_accessible(page)


def test_a_session_that_ends_asks_for_the_password_over_the_page(
    signed_in: Callable[..., Page], console: ConsoleSite, guard: Guard
) -> None:
    guard.expect(401, "/api/v1/")
    page = signed_in(Role.OWNER, "/requests")
    heading(page, "Requests")
    page.context.clear_cookies()
    page.keyboard.press("Control+k")  # asks the site for datasets and requests
    dialog = page.get_by_role("dialog", name="Your session has ended")
    expect(dialog).to_be_visible()
    check_accessible(page)
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in and go on").click()
    expect(dialog).to_have_count(0)
    # The page is as it was.
    expect(page.get_by_role("combobox", name="Go to a page")).to_be_visible()


def test_a_page_left_alone_says_that_it_reads_by_itself(
    signed_in: Callable[..., Page],
) -> None:
    """So that its polls keep no session alive; what somebody does there says no such thing."""
    page = signed_in(Role.OWNER, "/")
    page.clock.install()
    with page.expect_response("**/api/v1/notifications?**"):
        page.reload()
    heading(page, "Home")
    with page.expect_request("**/api/v1/notifications?**") as polled:
        page.clock.fast_forward(90_000)
    assert polled.value.header_value("x-carrel-passive") == "1"
    with page.expect_request("**/api/v1/requests?**") as opened:
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Requests").click()
    assert opened.value.header_value("x-carrel-passive") is None


@pytest.mark.parametrize("path", ["/sign-in", "/reset", "/invitation", "/setup"])
def test_pages_before_signing_in_fit_a_small_screen(
    open_page: Open, console: ConsoleSite, path: str
) -> None:
    page = open_page(console, path, size=NARROW)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    check_fits(page)
    check_accessible(page)


def test_an_invitation_is_accepted_by_its_link(open_page: Open, console: ConsoleSite) -> None:
    body = {"email": "new@site.example", "name": "Nils", "role": "researcher"}
    made = console.api(Role.OWNER).post("/invitations", json=body)
    assert made.status_code == 201, made.text
    page = open_page(console, made.json()["link"].removeprefix(console.url))
    heading(page, "You are invited")
    assert "#" not in page.url
    check_accessible(page)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Accept and sign in").click()
    heading(page, "Home")
    expect(page.get_by_role("button", name="You: Nils")).to_be_visible()


def test_a_spent_invitation_says_so(open_page: Open, console: ConsoleSite, guard: Guard) -> None:
    guard.expect(404, "/api/v1/invitation/lookup")
    page = open_page(console, "/invitation#not-an-invitation")
    heading(page, "This invitation does not work")
    check_accessible(page)


def test_a_new_password_by_the_owners_link(open_page: Open, console: ConsoleSite) -> None:
    people = console.api(Role.OWNER).get("/users").json()["items"]
    auditor = next(one for one in people if one["email"] == console.email(Role.AUDITOR))
    made = console.api(Role.OWNER).post(f"/users/{auditor['id']}/password_reset")
    assert made.status_code in (200, 201), made.text
    page = open_page(console, made.json()["link"].removeprefix(console.url))
    heading(page, "Set a new password")
    page.get_by_label("New password").fill("another chair at the desk")
    page.get_by_role("button", name="Change the password").click()
    heading(page, "Your password is changed")
    check_accessible(page)
    page.get_by_role("link", name="Sign in").click()
    sign_in(page, console.email(Role.AUDITOR), "another chair at the desk")
    heading(page, "Home")
    assert re.fullmatch(r"https?://[^/]+/", page.url)
