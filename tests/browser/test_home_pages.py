"""Home, budgets and notifications."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW, WIDE
from tests.browser.people import ConsoleSite


@pytest.fixture(scope="module")
def clinic(console: ConsoleSite) -> str:
    """A dataset without data that the researcher has access to; the id of their account."""
    owner = console.api(Role.OWNER)
    limits = {"epsilon": 2.0}
    population = {"name": "clinic", "together": {"epsilon": 6.0}, "each": limits}
    assert owner.post("/populations", json=population).status_code == 201
    table = {
        "unit_column": "person",
        "columns": [{"type": "integer", "name": "age", "lower": 0, "upper": 100}],
        "size": {"rows": 1000, "units": 1000},
    }
    dataset = {"name": "visits", "title": "Visits", "population": "clinic", "table": table}
    assert owner.post("/datasets", json=dataset).status_code == 201
    access = {"user": console.email(Role.RESEARCHER)}
    assert owner.put("/datasets/visits/access", json=access).is_success
    budgets = console.api(Role.RESEARCHER).get("/budgets").json()["items"]
    return str(budgets[0]["mine"]["id"])


def test_a_new_site_tells_its_owner_what_comes_first(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.OWNER)
    steps = page.get_by_role("region", name="First steps")
    expect(steps.get_by_text("Register a dataset")).to_be_visible()
    check_accessible(page)
    steps.get_by_role("link", name="Register one").click()
    expect(page).to_have_url(re.compile(r"/datasets/new$"))


@pytest.mark.usefixtures("clinic")
@pytest.mark.parametrize("role", [*Role])
def test_each_role_has_a_home(signed_in: Callable[..., Page], role: Role) -> None:
    page = signed_in(role)
    expect(page.get_by_role("heading", level=2, name="Waiting for you")).to_be_visible()
    workers = page.get_by_role("heading", level=2, name="Workers")
    expect(workers).to_have_count(1 if role is Role.OWNER else 0)
    check_accessible(page)


@pytest.mark.usefixtures("clinic")
def test_what_waits_leads_to_where_it_is_done(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.OWNER)
    page.get_by_role("link", name="Visits has no data to answer from").click()
    expect(page).to_have_url(re.compile("/datasets/visits"))


def test_a_persons_page_leads_to_their_budgets(
    signed_in: Callable[..., Page], console: ConsoleSite, clinic: str
) -> None:
    someone = console.api(Role.RESEARCHER).get("/me").json()["id"]
    page = signed_in(Role.AUDITOR, f"/people/{someone}")
    page.get_by_role("link", name="What they have, spent and left").click()
    expect(page.get_by_role("heading", level=1, name="Budgets")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"/budgets\?researcher={someone}$"))
    table = page.get_by_role("table", name="accounts")
    expect(table.get_by_role("link", name="clinic")).to_be_visible()
    expect(page.get_by_role("combobox", name="Whose budgets")).to_have_value(
        re.compile("^Remy Researcher")
    )
    check_accessible(page)
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    check_fits(page)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    table.get_by_role("link", name="clinic").click()
    expect(page).to_have_url(re.compile(rf"/budgets/{clinic}$"))
    page.go_back()
    page.get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(re.compile(r"/budgets$"))
    expect(table.get_by_text("Everyone together")).to_be_visible()
    page.go_back()
    expect(table.get_by_text("Everyone together")).to_have_count(0)


def test_a_raise_is_asked_for_with_a_reason_and_never_forgotten(
    signed_in: Callable[..., Page], clinic: str
) -> None:
    page = signed_in(Role.OWNER, "/budgets?population=clinic")
    check_accessible(page)
    page.get_by_role("link", name="Remy Researcher").click()
    expect(page.get_by_role("heading", level=1, name="Budget of Remy Researcher")).to_be_visible()
    page.get_by_role("button", name="Raise the limit").click()
    dialog = page.get_by_role("dialog")
    check_accessible(page)
    dialog.get_by_label("New limit (epsilon)").fill("3.5")
    raise_it = dialog.get_by_role("button", name="Raise the limit")
    expect(raise_it).to_be_disabled()
    dialog.get_by_label("Reason").fill("The ethics board agreed on 3.5.")
    raise_it.click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("ε = 3.5").first).to_be_visible()
    expect(page.get_by_role("cell", name="The ethics board agreed on 3.5.")).to_be_visible()

    theirs = signed_in(Role.RESEARCHER, f"/budgets/{clinic}")
    expect(theirs.get_by_role("heading", level=1, name="Your budget")).to_be_visible()
    expect(theirs.get_by_role("cell", name="The ethics board agreed on 3.5.")).to_be_visible()
    expect(theirs.get_by_role("button", name="Raise the limit")).to_have_count(0)
    check_accessible(theirs)


@pytest.mark.usefixtures("clinic")
def test_the_population_chosen_stands_in_the_address(
    signed_in: Callable[..., Page], console: ConsoleSite
) -> None:
    limits = {"epsilon": 1.0}
    other = {"name": "village", "together": limits, "each": limits}
    assert console.api(Role.OWNER).post("/populations", json=other).status_code == 201
    page = signed_in(Role.OWNER, "/budgets?population=clinic")
    theirs = page.get_by_role("table", name="accounts").get_by_role("link", name="Remy Researcher")
    expect(theirs).to_be_visible()
    page.get_by_role("combobox", name="Population").click()
    page.get_by_role("option", name="village").click()
    expect(page).to_have_url(re.compile(r"\?population=village$"))
    expect(theirs).to_have_count(0)
    page.reload()
    expect(page.get_by_role("combobox", name="Population")).to_have_value("village")
    page.go_back()
    expect(page.get_by_role("combobox", name="Population")).to_have_value("clinic")
    expect(theirs).to_be_visible()


def test_what_is_typed_into_a_raise_survives_a_reload(
    signed_in: Callable[..., Page], clinic: str
) -> None:
    page = signed_in(Role.OWNER, f"/budgets/{clinic}")
    page.get_by_role("button", name="Raise the limit").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("Half a reason")
    page.reload()
    page.get_by_role("button", name="Raise the limit").click()
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_have_value("Half a reason")


def test_simulating_says_what_would_be_left(signed_in: Callable[..., Page], clinic: str) -> None:
    page = signed_in(Role.RESEARCHER, f"/budgets/{clinic}")
    part = page.get_by_role("region", name="What is it good for?")
    expect(part.get_by_text("more fit").first).to_be_visible()
    part.get_by_label("How many").fill("1000000")
    expect(part.get_by_text("do not fit", exact=False)).to_be_visible()
    check_accessible(page)


@pytest.mark.usefixtures("clinic")
def test_notifications_are_read_one_by_one_or_all_at_once(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.RESEARCHER, "/notifications")
    row = page.get_by_role("row").filter(has_text="New")
    expect(row.first).to_be_visible()
    check_accessible(page)
    page.get_by_role("button", name="Mark all as read").click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Unread only").click()
    expect(page.get_by_text("Nothing unread")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?show=unread$"))
    page.go_back()
    expect(page.get_by_text("Nothing unread")).to_be_hidden()


@pytest.mark.parametrize("path", ["/", "/budgets", "/notifications"])
def test_they_fit_a_small_screen(signed_in: Callable[..., Page], clinic: str, path: str) -> None:
    for address in {path, f"/budgets/{clinic}"}:
        page = signed_in(Role.RESEARCHER, address, size=NARROW)
        check_fits(page)
        check_accessible(page)
