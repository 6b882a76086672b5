"""The Ask page: from a question being typed to its answer, and all that may stand in between."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.asking import account, make_dataset
from tests.browser.conftest import NARROW
from tests.browser.copied import run_python
from tests.browser.guard import Guard
from tests.browser.people import PASSWORD, ConsoleSite
from tests.browser.questions import set_terms

SignedIn = Callable[..., Page]
COUNT = "SELECT COUNT(*) AS n FROM {}"


@pytest.fixture(scope="module")
def survey(console: ConsoleSite) -> str:
    """A dataset whose questions are approved at once."""
    make_dataset(console, "survey")
    return "survey"


@pytest.fixture
def ask_page(signed_in: SignedIn) -> Callable[..., Page]:
    def open_it(dataset: str, size: tuple[int, int] = (1440, 900)) -> Page:
        page = signed_in(Role.RESEARCHER, f"/ask?dataset={dataset}", size=size)
        expect(editor(page)).to_be_visible()
        return page

    return open_it


def editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Question in SQL")


def ask_button(page: Page, name: str = "Ask") -> Locator:
    return page.get_by_role("region", name="Price").get_by_role("button", name=name, exact=True)


def price(page: Page) -> Locator:
    return page.get_by_role("region", name="Price")


def answer(page: Page) -> Locator:
    return page.get_by_role("region", name="Answer")


def test_asked_approved_at_once_and_answered(
    ask_page: Callable[..., Page], console: ConsoleSite, survey: str, tmp_path: Path
) -> None:
    """The whole way, and the answer taken along: as files, and as Python that gives it again."""
    page = ask_page(survey)
    editor(page).fill(
        f"SELECT region, COUNT(*) AS n, AVG(spend) AS mean\nFROM {survey}\nGROUP BY region"
    )
    expect(price(page).get_by_text("of your budget")).to_be_visible()
    expect(price(page).get_by_text("Approved at once")).to_be_visible()
    expect(price(page).get_by_label("Expected error")).to_contain_text("mean")
    check_accessible(page)
    page.get_by_label("What it is for").fill("To see how regions differ")
    ask_button(page).click()

    table = answer(page).get_by_role("table", name="rows of the answer")
    expect(table.get_by_role("row")).to_have_count(5)
    expect(table).to_contain_text("northeast")
    expect(page).to_have_url(re.compile(r"request=req_"))
    check_accessible(page)
    table.get_by_role("button", name="n (count)").click()
    expect(table.get_by_role("columnheader", name="n (count)")).to_have_attribute(
        "aria-sort", re.compile("ascending|descending")
    )
    answer(page).get_by_text("Chart", exact=True).click()
    expect(answer(page).get_by_role("table", name="n with 95 % intervals")).to_be_visible()
    check_accessible(page)
    expect(answer(page).get_by_text("Receipt", exact=True)).to_be_visible()

    asked = console.api(Role.RESEARCHER).get("/requests", params={"mine": True}).json()["items"][0]
    request = console.api(Role.RESEARCHER).get(f"/requests/{asked['id']}").json()
    released = request["run"]["answer"]
    with page.expect_download() as downloaded:
        answer(page).get_by_role("button", name="CSV").click()
    lines = Path(downloaded.value.path()).read_text().splitlines()
    assert lines[0] == "region,n,n_low,n_high,mean,mean_low,mean_high"
    assert [float(line.split(",")[1]) for line in lines[1:]] == released["measures"][0]["values"]
    with page.expect_download() as downloaded:
        answer(page).get_by_role("button", name="JSON").click()
    assert json.loads(Path(downloaded.value.path()).read_text()) == released

    spent = account(console, survey)["charges"]
    printed = run_python(page, answer(page), console, tmp_path)
    assert "nothing: it was asked before" in printed
    assert account(console, survey)["charges"] == spent


def test_asked_again_costs_nothing(
    ask_page: Callable[..., Page], console: ConsoleSite, survey: str
) -> None:
    page = ask_page(survey)
    sql = f"SELECT COUNT(*) AS n FROM {survey} WHERE age > 50"
    editor(page).fill(sql)
    expect(price(page).get_by_text("of your budget")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(answer(page).get_by_text("Between")).to_be_visible()
    charges = account(console, survey)["charges"]

    editor(page).fill(f"select count(*) as n from {survey} where 50 < age")
    expect(price(page).get_by_text("You asked exactly this before")).to_be_visible()
    check_accessible(page)
    ask_button(page, "Show the answer").click()
    expect(answer(page).get_by_text("You asked exactly this before")).to_be_visible()
    assert account(console, survey)["charges"] == charges


def test_what_is_wrong_shows_at_its_token(
    ask_page: Callable[..., Page], survey: str, guard: Guard
) -> None:
    guard.expect(422, "/api/v1/prices")
    page = ask_page(survey)
    editor(page).fill(f"SELECT COUNT(*) AS n\nFROM {survey}\nWHERE regoin = 'west'")
    expect(page.locator(".cm-lintRange-error")).to_have_text("regoin")
    place = page.get_by_role("button", name="Line 3, column 7")
    expect(place).to_be_visible()
    expect(editor(page)).to_have_attribute("aria-invalid", "true")
    check_accessible(page)
    place.click()
    page.keyboard.press("Control+Shift+ArrowRight")
    page.keyboard.type("region")
    expect(place).to_have_count(0)
    expect(price(page).get_by_text("of your budget")).to_be_visible()


def accept(page: Page) -> None:
    """Take what is offered. For a moment after it shows, Enter still means a new line."""
    page.wait_for_timeout(200)
    page.keyboard.press("Enter")


def test_the_editor_completes_from_the_schema(
    ask_page: Callable[..., Page], survey: str, guard: Guard
) -> None:
    guard.expect(422, "/api/v1/prices")  # of half a question
    page = ask_page(survey)
    editor(page).click()
    page.keyboard.type("SELECT COUNT(*) AS n FROM su")
    expect(page.get_by_role("option", name=re.compile("^survey"))).to_be_visible()
    accept(page)
    page.keyboard.type(" WHERE reg")
    option = page.get_by_role("option", name=re.compile("^region"))
    expect(option).to_be_visible()
    check_accessible(page)
    accept(page)
    page.keyboard.type(" = ")
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("option")).to_have_text(
        [re.compile(f"^'{name}'") for name in ("midwest", "northeast", "south", "west")]
    )
    page.wait_for_timeout(200)
    page.keyboard.press("ArrowDown")
    accept(page)
    expect(editor(page)).to_have_text(
        f"SELECT COUNT(*) AS n FROM {survey} WHERE region = 'northeast'"
    )
    page.keyboard.press("Tab")  # no trap: on to the next control
    expect(editor(page)).not_to_be_focused()


def test_a_later_price_wins_over_an_earlier_one(ask_page: Callable[..., Page], survey: str) -> None:
    """The price of an earlier text is called off, and what shows is the last one's."""
    page = ask_page(survey)
    called_off: list[str] = []
    page.on("requestfailed", lambda request: called_off.append(request.url))
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/api/v1/prices", hold_first)
    with page.expect_request("**/api/v1/prices"):
        editor(page).fill(COUNT.format(survey))
    expect(price(page).get_by_text("Working it out")).to_be_visible()
    editor(page).fill(f"SELECT COUNT(*) AS later FROM {survey}")
    expect(price(page).get_by_label("Expected error")).to_contain_text("later")
    assert any(url.endswith("/api/v1/prices") for url in called_off)


def test_three_ways_to_say_how_private(ask_page: Callable[..., Page], survey: str) -> None:
    page = ask_page(survey)
    editor(page).fill(COUNT.format(survey))
    expect(price(page)).to_contain_text("ε = 0.1")
    page.get_by_label("Epsilon (ε)", exact=True).fill("0.5")
    expect(price(page)).to_contain_text("ε = 0.5")
    page.get_by_role("slider", name="Epsilon (ε), slider").press("ArrowLeft")
    expect(page.get_by_label("Epsilon (ε)", exact=True)).not_to_have_value("0.5")
    page.get_by_text("Privacy, ρ", exact=True).click()
    expect(price(page)).to_contain_text("ρ = 0.005")
    page.get_by_text("Accuracy", exact=True).click()
    page.get_by_label("Within ±", exact=True).fill("20")
    expect(price(page).get_by_label("Expected error")).to_contain_text(re.compile("± (20|19)"))
    check_accessible(page)
    page.reload()
    expect(page.get_by_text("This is what you had typed")).to_be_visible()
    expect(page.get_by_label("Within ±", exact=True)).to_have_value("20")
    expect(editor(page)).to_have_text(COUNT.format(survey))


def test_over_budget_is_refused_with_advice_then_raised_and_answered(
    ask_page: Callable[..., Page], console: ConsoleSite, guard: Guard
) -> None:
    guard.expect(409, "/api/v1/requests")
    make_dataset(console, "poor", epsilon=1.0)
    page = ask_page("poor")
    editor(page).fill("SELECT COUNT(*) AS n FROM poor WHERE age > 10")
    page.get_by_label("Epsilon (ε)", exact=True).fill("3")
    expect(price(page).get_by_text("This is more than is left")).to_be_visible()
    check_accessible(page)
    page.get_by_role("button", name=re.compile("^Use ε = ")).click()
    expect(price(page).get_by_text("This is more than is left")).to_have_count(0)
    ask_button(page).click()
    expect(answer(page).get_by_text("Between")).to_be_visible()

    editor(page).fill("SELECT COUNT(*) AS n FROM poor WHERE age > 20")
    expect(price(page).get_by_text("This is more than is left")).to_be_visible()
    ask_button(page).click()
    expect(price(page).get_by_role("alert")).to_contain_text("Your budget at this population")
    expect(price(page).get_by_role("alert")).to_contain_text("Ask for less")
    assert account(console, "poor")["charges"] == 1
    raised = console.api(Role.OWNER).post(
        f"/accounts/{account(console, 'poor')['id']}/raise",
        json={"epsilon": 8.0, "reason": "A second study"},
    )
    assert raised.is_success, raised.text
    ask_button(page).click()
    expect(answer(page)).to_contain_text("age >= 21")
    expect(answer(page).get_by_text("Between")).to_be_visible()
    expect(price(page).get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("theirs", ["ended by the person elsewhere", "cookie gone"])
def test_a_session_that_ends_in_the_middle_loses_nothing(
    ask_page: Callable[..., Page], console: ConsoleSite, survey: str, guard: Guard, theirs: str
) -> None:
    """The form is filled in, the session ends, asking opens a dialog, and the request goes on."""
    guard.expect(401, "/api/v1/")
    page = ask_page(survey)
    limit = 30 + len(theirs)
    sql = f"SELECT COUNT(*) AS n FROM {survey} WHERE age >= {limit}"
    editor(page).fill(sql)
    page.get_by_label("What it is for").fill("To be kept")
    page.get_by_label("Epsilon (ε)", exact=True).fill("0.25")
    expect(price(page)).to_contain_text("ε = 0.25")
    if theirs == "cookie gone":
        page.context.clear_cookies()
    else:
        token = page.request.get("/api/v1/session").json()["csrf_token"]
        ended = page.request.delete("/api/v1/session", headers={"X-CSRF-Token": token})
        assert ended.status == 204
    before = account(console, survey)["charges"]
    ask_button(page).click()
    dialog = page.get_by_role("dialog", name="Your session has ended")
    expect(dialog).to_be_visible()
    check_accessible(page)
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in and go on").click()
    expect(dialog).to_have_count(0)
    expect(answer(page).get_by_text("Between")).to_be_visible()
    expect(answer(page)).to_contain_text(f"age >= {limit}")
    expect(editor(page)).to_have_text(sql)
    expect(page.get_by_label("What it is for")).to_have_value("To be kept")
    expect(page.get_by_label("Epsilon (ε)", exact=True)).to_have_value("0.25")
    assert account(console, survey)["charges"] == before + 1
    asked = console.api(Role.RESEARCHER).get("/requests", params={"mine": True}).json()["items"][0]
    assert asked["purpose"] == "To be kept"


def test_what_one_person_typed_is_not_the_next_one_s(
    ask_page: Callable[..., Page], console: ConsoleSite, survey: str, guard: Guard
) -> None:
    """In the same tab: each finds their own, and after signing out nothing is left behind."""
    guard.expect(403, "/api/v1/datasets/")  # the owner's budget: they have no access
    page = ask_page(survey)
    editor(page).fill(f"SELECT COUNT(*) AS secret FROM {survey}")
    page.get_by_label("What it is for").fill("A secret purpose")
    expect(price(page).get_by_text("of your budget")).to_be_visible()
    page.reload()
    expect(editor(page)).to_contain_text("secret")
    page.get_by_role("button", name="You: Remy Researcher").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
    kept = page.evaluate("JSON.stringify({...sessionStorage}) + JSON.stringify({...localStorage})")
    assert "secret" not in kept
    page.get_by_label("E-mail").fill(console.email(Role.OWNER))
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    page.goto(f"/ask?dataset={survey}")
    expect(editor(page)).to_be_visible()
    expect(editor(page)).not_to_contain_text("secret")
    expect(page.get_by_label("What it is for")).to_have_value("")


def test_terms_are_accepted_in_place(ask_page: Callable[..., Page], console: ConsoleSite) -> None:
    make_dataset(console, "bound", terms="Publish nothing that names a hospital.")
    page = ask_page("bound")
    editor(page).fill("SELECT COUNT(*) AS n FROM bound")
    expect(price(page).get_by_text("of your budget")).to_be_visible()
    expect(page.get_by_text("Publish nothing that names a hospital.")).to_be_visible()
    expect(ask_button(page)).to_be_disabled()
    check_accessible(page)
    page.get_by_role("button", name="I have read and accept them").click()
    expect(ask_button(page)).to_be_enabled()
    ask_button(page).click()
    expect(answer(page).get_by_text("Between")).to_be_visible()


def test_terms_that_change_while_typing(
    ask_page: Callable[..., Page], console: ConsoleSite
) -> None:
    """The page hears of them, and what was typed stays."""
    make_dataset(console, "moving")
    page = ask_page("moving")
    editor(page).fill("SELECT COUNT(*) AS n FROM moving")
    expect(price(page).get_by_text("of your budget")).to_be_visible()
    set_terms(console, "moving", "New.")
    page.get_by_role("button", name="I have read and accept them").click()
    expect(ask_button(page)).to_be_enabled()
    ask_button(page).click()
    expect(answer(page).get_by_text("Between")).to_be_visible()
    expect(editor(page)).to_have_text("SELECT COUNT(*) AS n FROM moving")


def test_terms_that_change_unheard_of_refuse_the_question_and_keep_it(
    ask_page: Callable[..., Page], console: ConsoleSite, guard: Guard
) -> None:
    """Twice: the second time they change while the new ones are being read."""
    guard.expect(403, "/api/v1/requests")
    guard.expect(409, "/api/v1/datasets/")
    make_dataset(console, "shifting", terms="First.")
    page = ask_page("shifting")
    page.route("**/api/v1/events/stream", lambda route: None)
    page.reload()
    page.get_by_role("button", name="I have read and accept them").click()
    sql = "SELECT COUNT(*) AS n FROM shifting WHERE age > 33"
    editor(page).fill(sql)
    page.get_by_label("What it is for").fill("To be kept")
    expect(price(page).get_by_text("of your budget")).to_be_visible()

    set_terms(console, "shifting", "Second.")
    ask_button(page).click()
    terms = page.get_by_role("region", name="Terms of use")
    expect(terms.get_by_role("alert").first).to_contain_text("the terms of use have changed")
    expect(terms.get_by_text("Second.")).to_be_visible()
    expect(ask_button(page)).to_be_disabled()
    check_accessible(page)
    set_terms(console, "shifting", "Third.")
    terms.get_by_role("button", name="I have read and accept them").click()
    expect(terms.get_by_text("accept those")).to_be_visible()
    expect(terms.get_by_text("Third.")).to_be_visible()
    check_accessible(page)
    terms.get_by_role("button", name="I have read and accept them").click()
    expect(terms).to_have_count(0)
    expect(price(page).get_by_role("alert")).to_have_count(0)
    expect(editor(page)).to_have_text(sql)
    expect(page.get_by_label("What it is for")).to_have_value("To be kept")
    ask_button(page).click()
    expect(answer(page).get_by_text("Between")).to_be_visible()


def test_people_decide_first_where_the_rules_say_so(
    ask_page: Callable[..., Page], console: ConsoleSite
) -> None:
    make_dataset(console, "guarded", auto_approve=False)
    page = ask_page("guarded")
    editor(page).fill("SELECT COUNT(*) AS n FROM guarded")
    expect(price(page).get_by_text("People read it first")).to_be_visible()
    ask_button(page, "Send for review").click()
    expect(answer(page).get_by_text("People decide about this first.")).to_be_visible()
    check_accessible(page)
    found = console.api(Role.RESEARCHER).get("/requests", params={"dataset": "guarded"})
    request = console.api(Role.REVIEWER).get(f"/requests/{found.json()['items'][0]['id']}").json()
    voted = console.api(Role.REVIEWER).post(
        f"/requests/{request['id']}/approve", json={"content_hash": request["content_hash"]}
    )
    assert voted.is_success, voted.text
    # The page hears of it, and shows the answer without being asked.
    expect(answer(page).get_by_text("Between")).to_be_visible(timeout=60_000)


def test_questions_are_saved_changed_and_deleted(
    ask_page: Callable[..., Page], survey: str, guard: Guard
) -> None:
    guard.expect(422, "/api/v1/prices")
    page = ask_page(survey)
    first = f"SELECT SUM(spend) AS total FROM {survey}"
    editor(page).fill(first)
    page.get_by_label("Epsilon (ε)", exact=True).fill("0.7")
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog", name="Save this question")
    dialog.get_by_label("Name").fill("Total spend")
    check_accessible(page)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    editor(page).fill(f"{first} WHERE age > 40")
    page.get_by_role("button", name="Save changes").click()

    page.get_by_role("tab", name="Saved questions").click()
    expect(page).to_have_url(re.compile("tab=saved"))
    row = page.get_by_role("row").filter(has_text="Total spend")
    expect(row).to_contain_text("age > 40")
    check_accessible(page)
    editor(page).fill("something else")
    page.get_by_role("button", name="Open Total spend").click()
    expect(editor(page)).to_have_text(f"{first} WHERE age > 40")
    expect(page.get_by_label("Epsilon (ε)", exact=True)).to_have_value("0.7")
    page.get_by_role("button", name="Rename Total spend").click()
    dialog = page.get_by_role("dialog", name="Rename this question")
    dialog.get_by_label("Name").fill("All spend")
    dialog.get_by_role("button", name="Rename").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Delete All spend").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing saved yet")).to_be_visible()


def test_an_earlier_question_is_written_again(
    ask_page: Callable[..., Page], console: ConsoleSite, survey: str
) -> None:
    """One that was asked in Python comes back as SQL, with its own privacy."""
    plan = {"group_by": ["female"], "aggregates": [{"function": "count", "alias": "people"}]}
    body = {"dataset": survey, "plan": plan, "target": {"kind": "rho", "rho": 0.02}}
    asked = console.api(Role.RESEARCHER).post("/requests", json=body)
    assert asked.is_success, asked.text
    page = ask_page(survey)
    row = page.get_by_role("row").filter(has_text="as people for each female")
    row.get_by_role("button", name=re.compile("^Write again")).click()
    expect(editor(page)).to_contain_text("COUNT(*) AS people")
    expect(page.get_by_label("Rho (ρ)", exact=True)).to_have_value("0.02")
    expect(price(page).get_by_text("You asked exactly this before")).to_be_visible()
    row.get_by_role("link").click()
    expect(answer(page).get_by_role("table", name="rows of the answer")).to_be_visible()
    page.go_back()
    expect(answer(page)).to_have_count(0)


def test_by_keyboard_and_on_a_small_screen(ask_page: Callable[..., Page], survey: str) -> None:
    page = ask_page(survey, size=NARROW)
    check_fits(page)
    page.get_by_role("button", name="How many by region").press("Enter")
    expect(editor(page)).to_contain_text("GROUP BY region")
    page.get_by_text(f"Columns of {survey}").press("Enter")
    page.get_by_text("More settings").press("Enter")
    page.get_by_label(re.compile("^Set limits for this question")).press("Space")
    page.get_by_label("Groups of each person").fill("2")
    check_fits(page)
    check_accessible(page)
    page.keyboard.press("Control+Enter")
    expect(answer(page).get_by_role("list", name="rows of the answer")).to_be_visible()
    check_fits(page)
    check_accessible(page)
    answer(page).get_by_text("Chart", exact=True).click()
    check_fits(page)
