"""The frame around every page: navigation, themes, keys, small screens."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW

PAGES = {
    Role.OWNER: (
        "Home", "Datasets", "Ask", "Review", "Requests", "Runs", "Budgets", "People", "Audit",
        "Settings",
    ),
    Role.REVIEWER: (
        "Home", "Datasets", "Ask", "Review", "Requests", "Runs", "Budgets", "People",
    ),
    Role.RESEARCHER: ("Home", "Datasets", "Ask", "Requests", "Runs", "Budgets"),
    Role.AUDITOR: ("Home", "Datasets", "Requests", "Runs", "Budgets", "People", "Audit"),
}  # fmt: skip


def theme(page: Page) -> str:
    return str(page.evaluate("document.documentElement.dataset.mantineColorScheme"))


@pytest.mark.parametrize("role", [*Role])
def test_each_role_sees_its_pages(signed_in: Callable[..., Page], role: Role) -> None:
    page = signed_in(role)
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    expect(links).to_have_text(list(PAGES[role]))


def test_every_page_opens_from_the_navigation_and_takes_the_focus(
    signed_in: Callable[..., Page],
) -> None:
    page = signed_in(Role.OWNER)
    navigation = page.get_by_role("navigation", name="Main")
    for name in PAGES[Role.OWNER][1:]:
        navigation.get_by_role("link", name=name).click()
        title = page.get_by_role("heading", level=1, name=name)
        expect(title).to_be_focused()
        expect(page).to_have_title(f"{name} · Carrel")
        expect(navigation.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        check_accessible(page)
    page.go_back()
    expect(page.get_by_role("heading", level=1, name="Audit")).to_be_visible()


def test_by_keyboard_alone(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.OWNER)
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.get_by_role("heading", level=1, name="Datasets")).to_be_focused()
    page.keyboard.press("?")
    help_dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(help_dialog).to_be_visible()
    check_accessible(page)
    page.keyboard.press("Escape")
    expect(help_dialog).to_have_count(0)


def test_the_palette_leads_to_pages(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.REVIEWER)
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Go to a page, dataset or request")
    expect(box).to_be_focused()
    check_accessible(page)
    box.fill("budg")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Budgets")).to_be_visible()
    expect(box).to_have_count(0)


def test_letters_can_be_turned_off(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.OWNER)
    page.get_by_role("button", name="You: Olive Owner").click()
    page.get_by_role("menuitem", name="Keyboard shortcuts").click()
    page.get_by_role("switch", name="Shortcuts of single letters").click(force=True)
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_visible()
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_attached()


def test_the_theme_is_chosen_and_kept(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.OWNER)
    assert theme(page) == "light"
    page.get_by_role("button", name="You: Olive Owner").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    assert theme(page) == "dark"
    check_accessible(page)
    page.reload()
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    assert theme(page) == "dark"
    page.get_by_role("button", name="You: Olive Owner").click()
    page.get_by_role("menuitemradio", name="As the system").click()
    assert theme(page) == "light"


def test_on_a_small_screen(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.OWNER, size=NARROW)
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    check_fits(page)
    check_accessible(page)
    page.get_by_role("navigation", name="Most used").get_by_role("link", name="Datasets").click()
    expect(page.get_by_role("heading", level=1, name="Datasets")).to_be_focused()
    page.get_by_role("button", name="More").click()
    menu = page.get_by_role("dialog", name="Menu")
    expect(menu).to_be_visible()
    check_accessible(page)
    menu.get_by_role("link", name="Audit").click()
    expect(menu).to_have_count(0)
    expect(page.get_by_role("heading", level=1, name="Audit")).to_be_visible()
    check_fits(page)


def test_an_address_that_leads_nowhere(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.OWNER, "/nothing/here")
    expect(page.get_by_role("heading", level=1, name="Not found")).to_be_visible()
    check_accessible(page)


def test_the_api_reference_shows_every_route(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.OWNER, "/docs")
    page.get_by_role("button", name="Expand operation").first.click()
    expect(page.get_by_role("button", name="post /api/v1/requests").first).to_be_visible()
