"""A site that does not answer: what a page says then, and that it comes back."""

import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW, Open
from tests.browser.guard import Guard
from tests.browser.people import ConsoleSite, console_site
from tests.embedded.running import running_up, stop

pytestmark = pytest.mark.timeout(300)

NO_ANSWER = "The site does not answer."


def try_again(page: Page) -> None:
    page.get_by_role("button", name="Try again").click()


@pytest.mark.parametrize("path", ["/", "/requests", "/sign-in"])
def test_a_page_that_nobody_answers(
    open_page: Open, console: ConsoleSite, guard: Guard, path: str
) -> None:
    """The page itself came, and the API behind it is gone: in front of a proxy, say."""
    guard.expect_unreachable()
    page = open_page(console, path, role=None if path == "/sign-in" else Role.RESEARCHER)
    page.route("**/api/v1/**", lambda route: route.abort("connectionrefused"))
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text(NO_ANSWER)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    check_accessible(page)
    try_again(page)
    expect(page.get_by_role("alert")).to_contain_text(NO_ANSWER)
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    check_fits(page)
    page.unroute("**/api/v1/**")
    try_again(page)
    titles = {"/": "Home", "/requests": "Requests", "/sign-in": "Sign in"}
    expect(page.get_by_role("heading", level=1, name=titles[path])).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_site_that_stops_and_starts_again_under_an_open_page(
    tmp_path_factory: pytest.TempPathFactory,
    open_page: Open,
    guard_of: Callable[[ConsoleSite], Guard],
) -> None:
    """What was typed stays, a page already fetched says so, and so does one that was not."""
    with console_site(tmp_path_factory.mktemp("gone")) as site:
        site.set_up()
        page = open_page(site, "/people/groups", role=Role.OWNER)
        guard_of(site).expect_unreachable()
        main = page.get_by_role("navigation", name="Main")
        page.get_by_role("button", name="Make a group").click()
        dialog = page.get_by_role("dialog", name="Make a group")
        dialog.get_by_label("Name").fill("Ethics board")
        stop(site.up, signal.SIGTERM)

        dialog.get_by_role("button", name="Make the group").click()
        expect(dialog.get_by_role("alert")).to_contain_text(NO_ANSWER)
        check_accessible(page)
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        # Its files were never fetched. The browser's own error page does not take its place.
        main.get_by_role("link", name="Audit").click()
        told = page.get_by_role("alert")
        expect(told).to_contain_text("A part of this page could not be fetched.")
        check_accessible(page)
        try_again(page)
        expect(told).to_contain_text(NO_ANSWER)
        check_accessible(page)

        with running_up(site.data, "--port", site.url.rpartition(":")[2]):
            try_again(page)
            expect(page.get_by_role("heading", level=1, name="Audit")).to_be_visible()
            expect(page.get_by_role("table", name="events")).to_be_visible()
            main.get_by_role("link", name="People").click()
            page.get_by_role("link", name="Groups").click()
            page.get_by_role("button", name="Make a group").click()
            expect(dialog.get_by_label("Name")).to_have_value("Ethics board")
            dialog.get_by_role("button", name="Make the group").click()
            expect(page.get_by_role("heading", level=1, name="Ethics board")).to_be_visible()
            page.goto("about:blank")
