"""The lists of requests and runs, a run's private side, and a key that is revoked in use."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

import carrel
from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW
from tests.browser.guard import Guard
from tests.browser.people import ConsoleSite
from tests.browser.questions import ask, decide, make_dataset

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def answered(console: ConsoleSite) -> str:
    """The id of a run that answered; beside it there are a rejected and a waiting request."""
    make_dataset(console)
    first = ask(console, "Answered in the list", where="age >= 18")
    run = decide(console, first, "approve")["run"]["id"]
    assert console.api(Role.RESEARCHER).get(f"/runs/{run}?wait=20").json()["finished_at"]
    second = ask(console, "Rejected in the list", where="age >= 19")
    decide(console, second, "reject", "not this")
    ask(console, "Waiting in the list", where="age >= 20")
    return str(run)


def test_requests_by_filters_in_the_address(signed_in: Callable[..., Page], answered: str) -> None:
    page = signed_in(Role.REVIEWER, "/requests")
    table = page.get_by_role("table", name="requests")
    expect(table.get_by_role("link")).to_have_count(3)
    check_accessible(page)
    page.get_by_role("combobox", name="State").click()
    page.get_by_role("option", name="Rejected").click()
    expect(table.get_by_role("link")).to_have_text(re.compile("Rejected in the list"))
    expect(page).to_have_url(re.compile("state=rejected"))
    page.keyboard.press("Escape")
    page.go_back()
    expect(table.get_by_role("link")).to_have_count(3)
    page.goto("/requests?dataset=visits&requester=researcher@site.example&state=submitted")
    expect(table.get_by_role("link")).to_have_text(re.compile("Waiting in the list"))
    expect(page.get_by_role("combobox", name="Dataset")).to_have_value("visits")
    page.get_by_role("button", name="Clear filters").click()
    expect(table.get_by_role("link")).to_have_count(3)
    page.goto("/requests?q=nothing+like+it")
    expect(page.get_by_text("No request fits these filters")).to_be_visible()
    page.goto("/requests?whose=mine")
    expect(page.get_by_text("No request")).to_be_visible()


@pytest.mark.parametrize("path", ["/requests", "/runs"])
def test_lists_are_cards_on_a_small_screen(
    signed_in: Callable[..., Page], answered: str, path: str
) -> None:
    page = signed_in(Role.RESEARCHER, path, size=NARROW)
    cards = page.get_by_role("list", name=path[1:])
    expect(cards.get_by_role("link", name="Answered in the list")).to_be_visible()
    check_fits(page)
    check_accessible(page)


def test_a_run_and_its_private_side(
    console: ConsoleSite, signed_in: Callable[..., Page], answered: str
) -> None:
    page = signed_in(Role.OWNER, "/runs")
    table = page.get_by_role("table", name="runs")
    expect(table.get_by_role("link", name="Upload to visits")).to_be_visible()
    check_accessible(page)
    page.get_by_text("Questions", exact=True).click()
    expect(table.get_by_role("link")).to_have_count(1)
    table.get_by_role("link").click()
    expect(page.get_by_role("heading", level=2, name="As it is")).to_be_visible()
    expect(page.get_by_text("Private: only owners and auditors see this")).to_be_visible()
    expect(page.get_by_text("Ended in fact")).to_be_visible()
    check_accessible(page)
    page.goto("/runs?overran=true")
    # A question's 25 ms are overrun on a busy machine, and then it stands there.
    overran = console.api(Role.OWNER).get("/runs?overran=true").json()["items"]
    if overran:
        expect(table.get_by_role("link")).to_have_count(len(overran))
        expect(table.get_by_text("Overran", exact=True)).to_have_count(len(overran))
    else:
        expect(page.get_by_text("No run fits these filters")).to_be_visible()


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.REVIEWER])
def test_nothing_private_shows_to_others(
    signed_in: Callable[..., Page], answered: str, role: Role
) -> None:
    page = signed_in(role, "/runs?overran=true")
    expect(page.get_by_role("table", name="runs").get_by_role("link")).to_have_count(1)
    for private in ("Overran", "Uploads", "Deadline"):
        expect(page.get_by_text(private, exact=True)).to_have_count(0)
    page.goto(f"/runs/{answered}")
    expect(page.get_by_role("heading", level=2, name="Result")).to_be_visible()
    expect(page.get_by_text("Ended in fact")).to_have_count(0)
    expect(page.get_by_text("Processor time")).to_have_count(0)
    check_accessible(page)


def test_the_owner_reads_of_an_upload_s_run(
    console: ConsoleSite, signed_in: Callable[..., Page], answered: str, guard: Guard
) -> None:
    runs = console.api(Role.OWNER).get("/runs?kind=ingest").json()["items"]
    guard.expect(404, "/api/v1/runs/")
    page = signed_in(Role.AUDITOR, f"/runs/{runs[0]['id']}")
    expect(page.get_by_role("heading", level=1, name="Laying out an upload")).to_be_visible()
    expect(page.get_by_text("Laid out", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Excuse")).to_have_count(0)


def test_a_key_revoked_in_use_is_told_plainly_and_the_session_goes_on(
    console: ConsoleSite, signed_in: Callable[..., Page], answered: str
) -> None:
    page = signed_in(Role.RESEARCHER, "/requests")
    table = page.get_by_role("table", name="requests")
    expect(table.get_by_role("link")).to_have_count(3)
    token = page.request.get("/api/v1/session").json()["csrf_token"]
    headers = {"X-CSRF-Token": token}
    body = {"label": "a notebook", "scopes": ["read", "ask"]}
    key = page.request.post("/api/v1/keys", data=body, headers=headers).json()
    site = carrel.connect(console.url, key=key["secret"])
    assert site.datasets["visits"].name == "visits"

    gone = page.request.delete(f"/api/v1/keys/{key['id']}", headers=headers)
    assert gone.status == 204
    with pytest.raises(carrel.NotSignedIn) as told:
        site.datasets["visits"].sql("SELECT COUNT(*) FROM visits", epsilon=0.1).price()
    assert "This API key was revoked on" in str(told.value)
    assert "carrel.connect(key=" in (told.value.advice or "")

    # The console is signed in by its own session, which no key ends.
    table.get_by_role("link", name="Waiting in the list").click()
    expect(page.get_by_role("heading", level=1, name="Waiting in the list")).to_be_visible()
    box = page.get_by_role("textbox", name="Comment")
    box.fill("Still here.")
    page.get_by_role("button", name="Comment").click()
    expect(page.get_by_role("list", name="Conversation")).to_contain_text("Still here.")
