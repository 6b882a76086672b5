"""From an empty site to an answer and its charge, all of it in browsers and nothing past them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessible import check_accessible
from tests.browser.conftest import Open
from tests.browser.guard import Guard
from tests.browser.people import PASSWORD, ConsoleSite, console_site
from tests.browser.test_ask import answer, ask_button, editor, price
from tests.browser.test_datasets import CSV
from tests.browser.test_people_pages import invite
from tests.browser.test_ways_in import heading
from tests.embedded.procs import eventually

pytestmark = pytest.mark.timeout(600)

PURPOSE = "Where to open another surgery"


def menu(page: Page, name: str) -> None:
    """Open a page from the navigation."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()
    heading(page, name)


def onwards(page: Page, to: str) -> None:
    """The wizard's next step."""
    page.get_by_role("button", name=re.compile("^Next")).click()
    expect(page.get_by_role("heading", level=2, name=to)).to_be_focused()


def become_owner(page: Page) -> None:
    heading(page, "Make this site yours")
    page.get_by_label("Your name").fill("Olive Owner")
    page.get_by_label("E-mail").fill("owner@site.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Become the owner").click()
    heading(page, "Home")


def register(page: Page, file: Path) -> None:
    """By the wizard, from the file to the version that answers."""
    page.get_by_role("region", name="First steps").get_by_role("link", name="Register one").click()
    heading(page, "Register a dataset")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_label("Title", exact=True).fill("Stays in hospital")
    onwards(page, "Whom rows are about")
    expect(page.get_by_label("The column that names the unit")).to_have_value("person_id")
    page.get_by_role("button", name=re.compile("^Next")).click()
    page.get_by_label(re.compile("Values of region")).fill("north\nsouth")
    page.get_by_label("Smallest value of income").fill("0")
    page.get_by_label("Largest value of income").fill("200")
    page.get_by_role("button", name=re.compile("^Next")).click()
    page.get_by_label("Rows, about").fill("400")
    page.get_by_label("Units, about").fill("400")
    page.get_by_label("A new population").check()
    page.get_by_label("Name of the population").fill("patients")
    page.get_by_role("button", name=re.compile("^Next")).click()
    page.get_by_label("What everybody accepts before they ask").fill("Publish no names.")
    page.get_by_role("button", name=re.compile("^Next")).click()
    page.get_by_role("button", name="Register and upload").click()
    heading(page, "Stays in hospital")
    expect(page.get_by_role("article").get_by_text("Answers now")).to_be_visible(timeout=90_000)


def accept(page: Page, name: str) -> None:
    heading(page, "You are invited")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Accept and sign in").click()
    heading(page, "Home")
    expect(page.get_by_role("button", name=f"You: {name}")).to_be_visible()


def ask(page: Page) -> None:
    """From the catalogue: the terms, the price, and a request that people decide about."""
    menu(page, "Datasets")
    page.get_by_role("link", name="Stays in hospital").click()
    heading(page, "Stays in hospital")
    page.get_by_role("button", name="I accept these terms").click()
    expect(page.get_by_text("You accepted these")).to_be_visible()
    page.get_by_role("link", name="Ask a question").click()
    expect(editor(page)).to_be_visible()
    page.go_back()  # both pages show the same dataset, each in its own way
    heading(page, "Stays in hospital")
    page.go_forward()
    editor(page).fill("SELECT region, COUNT(*) AS n\nFROM stays\nGROUP BY region")
    expect(price(page).get_by_text("of your budget")).to_be_visible()
    expect(price(page).get_by_text("People read it first")).to_be_visible()
    expect(price(page).get_by_label("Expected error")).to_contain_text("n")
    page.get_by_label("What it is for").fill(PURPOSE)
    ask_button(page, "Send for review").click()
    expect(answer(page).get_by_text("People decide about this first.")).to_be_visible()


def approve(page: Page) -> None:
    """From what waits at home to the vote."""
    expect(page.get_by_role("heading", level=2, name="Waiting for you")).to_be_visible()
    menu(page, "Review")
    page.get_by_role("link", name=PURPOSE).press("Enter")
    heading(page, PURPOSE)
    expect(page.get_by_text("Remy Researcher").first).to_be_visible()
    page.get_by_role("radio", name="Approve").check()
    page.get_by_label("Reason, if you like").fill("Counts by region tell of nobody.")
    page.get_by_role("form", name="Your vote").get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=2, name="Result")).to_be_visible()


def follow_the_charge(page: Page) -> None:
    """From Budgets by the account and its entry to the request that it paid for."""
    menu(page, "Budgets")
    accounts = page.get_by_role("table", name="accounts")
    accounts.get_by_role("link", name=re.compile("Remy Researcher")).click()
    heading(page, "Budget of Remy Researcher")
    spent = page.get_by_role("table", name="entries").get_by_role("row").filter(has_text="Spent")
    expect(spent).to_have_count(1)
    expect(spent).to_contain_text("%")
    check_accessible(page)
    spent.get_by_role("link", name="Remy Researcher on stays").click()
    heading(page, PURPOSE)
    expect(page.get_by_text("Counts by region tell of nobody.")).to_be_visible()


def test_from_an_empty_site_to_an_answer_and_its_charge(
    tmp_path_factory: pytest.TempPathFactory,
    open_page: Open,
    guard_of: Callable[[ConsoleSite], Guard],
) -> None:
    folder = tmp_path_factory.mktemp("journey")
    file = folder / "stays.csv"
    file.write_text(CSV)
    with console_site(folder) as site:
        link = re.compile(r"http://\S+(/setup#token=\S+)\n")
        assert eventually(lambda: link.search(site.up.said) is not None), site.up.said
        printed = link.search(site.up.said)
        assert printed is not None
        owner = open_page(site, printed[1])
        become_owner(owner)
        register(owner, file)

        menu(owner, "People")
        links = [
            invite(owner, "Remy Researcher", "remy@site.example", dataset="stays"),
            invite(owner, "Rita Reviewer", "rita@site.example", role="Reviewer"),
        ]
        researcher, reviewer = (open_page(site, link.removeprefix(site.url)) for link in links)
        accept(researcher, "Remy Researcher")
        accept(reviewer, "Rita Reviewer")

        ask(researcher)
        approve(reviewer)
        # The page that asked shows the answer without being asked again.
        table = answer(researcher).get_by_role("table", name="rows of the answer")
        expect(table.get_by_role("row")).to_have_count(4)  # a heading, two regions, and none known
        for region in ("north", "south"):
            expect(table).to_contain_text(region)
        check_accessible(researcher)

        follow_the_charge(owner)
        expect(owner.get_by_role("table", name="rows of the answer")).to_be_visible()
        check_accessible(owner)
        # Used and spent: neither the set-up link nor an invitation opens the site once more.
        guard_of(site).expect(404, "/api/v1/invitation/lookup")
        for path, says in (
            (printed[1], "This site has its owner"),
            (links[0].removeprefix(site.url), "This invitation does not work"),
        ):
            heading(open_page(site, path), says)
        for context in owner.context.browser.contexts if owner.context.browser else []:
            for page in context.pages:
                page.goto("about:blank")  # the site stops: their streams would be cut off
