"""Runs that end without an answer, as whoever asked and the owner see them."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.asking import account
from tests.browser.conftest import NARROW
from tests.browser.faults import claim, without_data, without_workers
from tests.browser.guard import Guard
from tests.browser.people import ConsoleSite
from tests.browser.questions import ask, make_dataset
from tests.browser.test_ask import answer, ask_button, editor, price

pytestmark = pytest.mark.timeout(300)

SignedIn = Callable[..., Page]
WHY = "The stored version's file is gone."


@pytest.fixture(scope="module", autouse=True)
def _data(console: ConsoleSite) -> None:
    for name in ("visits", "stays"):
        make_dataset(console, name, auto_approve=True, auto_approve_share=1.0)


def type_question(page: Page, dataset: str, where: str) -> None:
    page.goto(f"/ask?dataset={dataset}")
    editor(page).fill(f"SELECT COUNT(*) AS people FROM {dataset} WHERE {where}")
    expect(price(page).get_by_text("of your budget")).to_be_visible()


def fail(console: ConsoleSite, purpose: str, where: str) -> str:
    """A question whose run fails; the run's id."""
    run = str(ask(console, purpose, where=where)["run"]["id"])
    ended = console.api(Role.RESEARCHER).get(f"/runs/{run}", params={"wait": 20}).json()
    assert ended["state"] == "failed", ended
    return run


def excuse(page: Page, button: str, dialog: str, confirm: str) -> None:
    page.get_by_role("button", name=button).click()
    asked = page.get_by_role("dialog", name=dialog)
    check_accessible(page)
    asked.get_by_role("button", name=confirm).click()
    expect(asked.get_by_text("Give a reason")).to_be_visible()
    asked.get_by_label("Reason").fill("A disk was away; nothing to do with what was asked.")
    asked.get_by_role("button", name=confirm).click()
    expect(asked).to_have_count(0)


def test_failures_are_explained_to_the_owner_alone_pause_and_are_excused(
    console: ConsoleSite, signed_in: SignedIn, guard: Guard
) -> None:
    theirs = signed_in(Role.RESEARCHER)
    with without_data(console, "visits"):
        type_question(theirs, "visits", "age > 1")
        ask_button(theirs).click()
        expect(answer(theirs).get_by_text("This run gave no answer.")).to_be_visible()
        check_accessible(theirs)
        second = fail(console, "The second to fail", "age > 2")
        fail(console, "The third to fail", "age > 3")
    assert account(console, "visits")["charges"] == 3

    # Whoever asked learns that it failed and was charged, wherever they look, and never why.
    answer(theirs).get_by_role("link", name="Open the request").click()
    for path in (None, f"/runs/{second}", "/runs?failed=true"):
        if path:
            theirs.goto(path)
        expect(theirs.get_by_text("Failed", exact=True).first).to_be_visible()
        if path is None or second in path:
            expect(theirs.get_by_text("It stays charged.")).to_be_visible()
        assert WHY not in theirs.content()
        check_accessible(theirs)
    expect(theirs.get_by_role("table", name="runs").get_by_role("link")).to_have_count(3)

    # The fourth is refused, though the data are back, until an owner has looked.
    guard.expect(409, "/api/v1/requests")
    type_question(theirs, "visits", "age > 4")
    ask_button(theirs).click()
    expect(price(theirs).get_by_role("alert")).to_contain_text("until the owner has looked")
    check_accessible(theirs)

    page = signed_in(Role.OWNER, "/runs?failed=true")
    page.get_by_role("table", name="runs").get_by_role("link", name="The second to fail").click()
    expect(page.get_by_text("It stands below.")).to_be_visible()
    expect(page.get_by_text(WHY)).to_be_visible()
    expect(page.get_by_text("cannot ask until an owner has looked")).to_be_visible()
    check_accessible(page)
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    check_fits(page)
    excuse(page, "Excuse the failures", "Excuse Remy Researcher's failures", "Excuse them")
    expect(page.get_by_text("0 failures")).to_be_visible()
    ask_button(theirs).click()
    expect(answer(theirs).get_by_text("Between")).to_be_visible()
    log = console.api(Role.OWNER).get("/audit/events", params={"action": "failures.excused"})
    assert "A disk was away" in log.text


def test_a_pause_is_lifted_from_the_budget_too(console: ConsoleSite, signed_in: SignedIn) -> None:
    with without_data(console, "stays"):
        for number in range(3):
            failed = ask(console, "Fails", dataset="stays", where=f"age > {number}")
            run = failed["run"]["id"]
            console.api(Role.RESEARCHER).get(f"/runs/{run}", params={"wait": 20})
    mine = account(console, "stays")["id"]
    page = signed_in(Role.OWNER, f"/requests/{failed['id']}")
    page.get_by_role("link", name="See why it failed").click()
    expect(page.get_by_text(WHY)).to_be_visible()
    page.goto(f"/budgets/{mine}")
    excuse(page, "Lift a pause", "Let Remy Researcher ask again", "Lift the pause")
    answered = ask(console, "Asked again", dataset="stays", where="age > 50")
    assert answered["state"] == "queued"


def test_a_run_cancelled_before_a_worker_took_it_costs_nothing(
    console: ConsoleSite, signed_in: SignedIn
) -> None:
    before = account(console, "visits")
    page = signed_in(Role.RESEARCHER)
    with without_workers(console):
        type_question(page, "visits", "age > 60")
        ask_button(page).click()
        expect(answer(page).get_by_text("Waiting for a worker to take it.")).to_be_visible()
        check_accessible(page)
        answer(page).get_by_role("button", name="Cancel").click()
        expect(answer(page).get_by_text("This run was cancelled.")).to_be_visible()
        check_accessible(page)
    after = account(console, "visits")
    assert after["share_spent"] == before["share_spent"]

    owner = signed_in(Role.OWNER, f"/budgets/{after['id']}")
    given_back = owner.get_by_role("row").filter(has_text="Given back")
    expect(given_back).to_have_count(1)
    given_back.get_by_role("link", name=re.compile("Remy Researcher")).click()
    expect(owner.get_by_text("Cancelled", exact=True).first).to_be_visible()
    expect(owner.get_by_text("its price went back to the budget")).to_be_visible()
    check_accessible(owner)


def test_a_run_cancelled_once_it_was_taken_stays_charged(
    console: ConsoleSite, signed_in: SignedIn
) -> None:
    """Whoever asked sees at once that it is cancelled, and no time of the worker's."""
    before = account(console, "visits")
    with without_workers(console):
        asked = ask(console, "Taken and cancelled", where="age > 61")
        run = asked["run"]["id"]
        claim(console, run)
        page = signed_in(Role.RESEARCHER, f"/requests/{asked['id']}")
        expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
        page.get_by_role("button", name="Cancel the run").click()
        dialog = page.get_by_role("dialog", name="Cancel the run")
        check_accessible(page)
        dialog.get_by_role("button", name="Cancel the run").click()
        expect(page.get_by_text("This run was cancelled.")).to_be_visible()
        expect(page.get_by_role("button", name="Cancel the run")).to_have_count(0)
        check_accessible(page)
    assert account(console, "visits")["share_spent"] > before["share_spent"]

    page.goto("/runs?state=cancelled")
    page.get_by_role("link", name="Taken and cancelled").click()
    expect(page.get_by_text("This run was cancelled.")).to_be_visible()
    expect(page.get_by_text("Taken", exact=True)).to_have_count(0)
    owner = signed_in(Role.OWNER, f"/runs/{run}")
    expect(owner.get_by_text("This run was cancelled.")).to_be_visible()
    expect(owner.get_by_text("Taken", exact=True)).to_be_visible()
    check_accessible(owner)


def test_every_choice_of_a_filter_is_a_step_that_the_back_button_undoes(
    signed_in: SignedIn,
) -> None:
    page = signed_in(Role.OWNER, "/runs")
    table = page.get_by_role("table", name="runs")
    everything = table.get_by_role("link")
    expect(everything.first).to_be_visible()
    count = everything.count()
    page.get_by_role("switch", name="Failed").click(force=True)
    expect(page).to_have_url(re.compile(r"/runs\?failed=true$"))
    expect(table.get_by_text("Answered", exact=True)).to_have_count(0)
    page.get_by_text("Uploads", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?failed=true&kind=ingest$"))
    expect(page.get_by_text("No run fits these filters")).to_be_visible()
    page.reload()
    expect(page.get_by_role("switch", name="Failed")).to_be_checked()
    expect(page.get_by_role("radio", name="Uploads")).to_be_checked()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/runs\?failed=true$"))
    expect(table.get_by_role("link", name="The second to fail")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/runs$"))
    expect(page.get_by_role("switch", name="Failed")).not_to_be_checked()
    expect(everything).to_have_count(count)
    page.go_forward()
    expect(page.get_by_role("switch", name="Failed")).to_be_checked()
    # A run and back again: the list is as it was left.
    table.get_by_role("link", name="The second to fail").click()
    expect(page.get_by_text("It stands below.")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("switch", name="Failed")).to_be_checked()


@pytest.mark.parametrize(
    "search",
    ["state=nonsense&kind=1&failed=perhaps", "state=%7B%22a%22%3A1%7D", "failed=%3Cscript%3E&q[]="],
)
def test_an_address_with_filters_that_mean_nothing_shows_the_list(
    signed_in: SignedIn, search: str
) -> None:
    page = signed_in(Role.OWNER, f"/runs?{search}")
    expect(page.get_by_role("table", name="runs").get_by_role("link").first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
