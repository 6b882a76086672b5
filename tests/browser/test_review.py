"""Reviewing: the queue, a request as a conversation, votes, and what they may not do."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW
from tests.browser.guard import Guard
from tests.browser.people import ConsoleSite
from tests.browser.questions import ask, decide, make_dataset, set_terms

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module", autouse=True)
def _data(console: ConsoleSite) -> None:
    make_dataset(console)


def heading(page: Page, name: str, level: int = 1) -> None:
    expect(page.get_by_role("heading", level=level, name=name)).to_be_visible()


def test_returned_with_a_reason_edited_approved_and_answered(
    console: ConsoleSite, signed_in: Callable[..., Page], guard: Guard
) -> None:
    request = ask(console, "Everyone of age", where="age >= 18", epsilon=1.0)
    path = f"/requests/{request['id']}"
    guard.expect(422, "/api/v1/prices")
    researcher = signed_in(Role.RESEARCHER, path)
    heading(researcher, "Everyone of age")
    expect(researcher.get_by_text("It runs once 1 person approved it")).to_be_visible()

    reviewer = signed_in(Role.REVIEWER, "/review")
    reviewer.get_by_role("link", name="Everyone of age").focus()
    reviewer.keyboard.press("Enter")
    heading(reviewer, "Everyone of age")
    check_accessible(reviewer)
    reviewer.get_by_role("radio", name="Return for changes").check()
    reviewer.get_by_role("button", name="Return for changes").click()
    expect(reviewer.get_by_text("Give a reason; whoever asked will read it.")).to_be_visible()
    reviewer.get_by_label("Reason").fill("Only those from 65 on, please, and less exactly.")
    reviewer.get_by_role("button", name="Return for changes").click()
    expect(reviewer.get_by_text("Changes asked for").first).to_be_visible()

    # The researcher's page hears of it by itself.
    reason = researcher.get_by_text("Only those from 65 on, please, and less exactly.")
    expect(reason).to_be_visible()
    researcher.get_by_role("button", name="Edit and send again").click()
    form = researcher.get_by_role("form", name="Edit the request")
    form.get_by_label("Purpose").fill("People from 65 on")
    # SQL that means nothing is refused where it stands, and what was typed outlives a reload.
    sql = form.get_by_role("textbox", name="Question in SQL")
    sql.fill("SELECT COUNT(*) AS people\nFROM visits\nWHERE size >= 65")
    expect(form.locator(".cm-lintRange-error")).to_have_text("size")
    expect(sql).to_have_attribute("aria-invalid", "true")
    check_accessible(researcher)
    form.get_by_role("button", name="Line 3, column 7").click()
    expect(sql).to_be_focused()
    researcher.reload()
    researcher.get_by_role("button", name="Edit and send again").click()
    expect(form.get_by_text("This is what you had typed")).to_be_visible()
    expect(form.get_by_label("Purpose")).to_have_value("People from 65 on")
    expect(sql).to_contain_text("WHERE size >= 65")
    # The editor offers what the dataset has.
    sql.fill("SELECT COUNT(*) AS people\nFROM visits\nWHERE ")
    researcher.keyboard.press("Control+End")
    researcher.keyboard.type("ag")
    expect(researcher.get_by_role("option", name=re.compile("^age"))).to_be_visible()
    researcher.keyboard.press("Escape")
    researcher.keyboard.type("e >= 65")
    expect(form.locator(".cm-lintRange-error")).to_have_count(0)
    form.get_by_role("textbox", name="Epsilon").fill("0.5")
    expect(form.get_by_text("ε = 0.5 in all")).to_be_visible()
    check_accessible(researcher)
    form.get_by_role("button", name="Send it again").click()
    heading(researcher, "People from 65 on")
    expect(researcher.get_by_text("edited it: round 2")).to_be_visible()

    # The reviewer's page shows the new round, with what changed.
    heading(reviewer, "People from 65 on")
    edit = reviewer.get_by_role("listitem").filter(has_text="edited it: round 2")
    expect(edit.get_by_text("ε = 1", exact=True)).to_be_visible()
    expect(edit.get_by_text("ε = 0.5", exact=True)).to_be_visible()
    expect(edit.get_by_label("SQL before and after")).to_contain_text("removed: WHERE age >= 18")
    expect(edit.get_by_label("SQL before and after")).to_contain_text("added: WHERE age >= 65")
    expect(reviewer.get_by_text("No longer counts")).to_be_visible()
    reviewer.get_by_label("Show the question as it is").select_option("1")
    assert "since=1" in reviewer.url
    check_accessible(reviewer)
    reviewer.go_back()
    expect(reviewer.get_by_label("Show the question as it is")).to_have_value("")
    reviewer.get_by_role("radio", name="Approve").check()
    reviewer.get_by_role("form", name="Your vote").get_by_role("button", name="Approve").click()

    for page in (researcher, reviewer):
        heading(page, "Result", 2)
        expect(page.get_by_text("Answered", exact=True).first).to_be_visible()
        check_accessible(page)


def test_an_edit_meets_terms_that_changed_and_goes_on(
    console: ConsoleSite, signed_in: Callable[..., Page], guard: Guard
) -> None:
    make_dataset(console, "termed")
    request = ask(console, "Before there were terms", dataset="termed", where="age >= 5")
    page = signed_in(Role.RESEARCHER, f"/requests/{request['id']}")
    # The page hears of nothing by itself.
    page.route("**/api/v1/events/stream", lambda route: None)
    page.reload()
    page.get_by_role("button", name="Edit", exact=True).click()
    form = page.get_by_role("form", name="Edit the request")
    form.get_by_label("Purpose").fill("Under the terms")
    expect(form.get_by_text("in all")).to_be_visible()
    set_terms(console, "termed", "Publish nothing that names anybody.")
    guard.expect(403, f"/api/v1/requests/{request['id']}")
    form.get_by_role("button", name="Send it again").click()
    expect(form.get_by_role("alert")).to_contain_text("the terms of use have changed")
    expect(form.get_by_text("Publish nothing that names anybody.")).to_be_visible()
    expect(form.get_by_role("button", name="Send it again")).to_be_disabled()
    check_accessible(page)
    form.get_by_role("button", name="I have read and accept them").click()
    form.get_by_role("button", name="Send it again").click()
    heading(page, "Under the terms")


def test_three_requests_by_keyboard_alone(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    purposes = ("First by keys", "Second by keys", "Third by keys")
    asked = [
        ask(console, purpose, where=f"age >= {30 + number}", epsilon=0.1)
        for number, purpose in enumerate(purposes)
    ]
    page = signed_in(Role.REVIEWER, "/review?q=keys")
    preview = page.get_by_role("region", name="The chosen request")
    expect(preview.get_by_role("heading", name=purposes[0])).to_be_visible()
    check_accessible(page)
    press = page.keyboard.press
    press("j")
    expect(preview.get_by_role("heading", name=purposes[1])).to_be_visible()
    press("k")
    expect(preview.get_by_role("button", name="Approve…")).to_be_visible()
    expect(preview.get_by_role("heading", name=purposes[0])).to_be_visible()

    press("a")
    dialog = page.get_by_role("dialog", name="Approve this request")
    expect(dialog.get_by_label("Reason, if you like")).to_be_focused()
    check_accessible(page)
    page.keyboard.type("Fine.")
    press("Tab")  # Cancel
    press("Tab")
    press("Enter")
    expect(dialog).to_have_count(0)
    # The next one is in its place, and has the focus.
    expect(preview.get_by_role("heading", name=purposes[1])).to_be_visible()
    expect(page.get_by_role("link", name=purposes[1])).to_be_focused()

    expect(preview.get_by_role("button", name="Return…")).to_be_visible()
    press("r")
    dialog = page.get_by_role("dialog", name="Return it for changes")
    expect(dialog.get_by_label("What has to change")).to_be_focused()
    page.keyboard.type("Say for which study.")
    press("Tab")
    press("Tab")
    press("Enter")
    expect(preview.get_by_role("heading", name=purposes[2])).to_be_visible()

    expect(preview.get_by_role("button", name="Reject…")).to_be_visible()
    press("x")
    dialog = page.get_by_role("dialog", name="Reject this request")
    expect(dialog).to_be_visible()
    press("Tab")
    press("Tab")
    press("Enter")  # without a reason nothing is sent
    expect(dialog.get_by_text("Give a reason; it will be read.")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("Not on these data.")
    press("Tab")
    press("Tab")
    press("Enter")
    expect(page.get_by_text("Nothing waits that fits these filters")).to_be_visible()
    owner = console.api(Role.OWNER)
    states = [owner.get(f"/requests/{one['id']}").json()["state"] for one in asked]
    assert states == ["queued", "changes_requested", "rejected"]


def test_the_help_lists_the_keys(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.REVIEWER, "/review")
    page.get_by_role("button", name="all shortcuts").click()
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    for does in ("Next request", "Previous request", "Approve the request shown", "Reject it"):
        expect(dialog.get_by_text(does)).to_be_visible()


def test_nobody_votes_on_their_own_and_is_told_so(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    request = ask(console, "The owner asks too", role=Role.OWNER, where="age >= 50")
    page = signed_in(Role.OWNER, f"/requests/{request['id']}")
    expect(page.get_by_text("You asked this, so you cannot vote on it")).to_be_visible()
    expect(page.get_by_role("form", name="Your vote")).to_have_count(0)
    page.goto("/review?waiting=anyone&q=owner")
    preview = page.get_by_role("region", name="The chosen request")
    expect(preview.get_by_text("You asked this, so you cannot vote on it")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_have_count(0)
    check_accessible(page)


def test_a_vote_is_for_what_was_read(console: ConsoleSite, signed_in: Callable[..., Page]) -> None:
    request = ask(console, "Edited meanwhile", where="age >= 41")
    page = signed_in(Role.REVIEWER, f"/requests/{request['id']}")
    page.get_by_role("radio", name="Approve").check()
    change = {"purpose": "Something else altogether"}
    edited = console.api(Role.RESEARCHER).put(
        f"/requests/{request['id']}", json=change, headers={"If-Match": request["etag"]}
    )
    assert edited.is_success, edited.text
    heading(page, "Something else altogether")
    expect(page.get_by_text("The request was edited while you were reading")).to_be_visible()
    vote = page.get_by_role("form", name="Your vote").get_by_role("button", name="Approve")
    expect(vote).to_be_disabled()
    check_accessible(page)
    page.get_by_role("button", name="I have read the new round").click()
    vote.click()
    heading(page, "Result", 2)


def test_filters_live_in_the_address(console: ConsoleSite, signed_in: Callable[..., Page]) -> None:
    ask(console, "A needle in the queue", where="age >= 71")
    ask(console, "Something about hay", where="age >= 72")
    page = signed_in(Role.REVIEWER, "/review")
    rows = page.get_by_role("list", name="Waiting requests")
    expect(rows.get_by_role("link", name="Something about hay")).to_be_visible()
    page.get_by_role("searchbox", name="Search purposes and ids").fill("needle")
    expect(rows.get_by_role("link")).to_have_count(1)
    page.get_by_text("Newest first").click()
    expect(page).to_have_url(re.compile(r"q=needle"))
    expect(page).to_have_url(re.compile(r"sort=newest"))
    page.reload()
    expect(rows.get_by_role("link", name="A needle in the queue")).to_be_visible()
    page.go_back()
    expect(page).not_to_have_url(re.compile(r"sort=newest"))
    page.get_by_role("button", name="Clear filters").click()
    expect(rows.get_by_role("link", name="Something about hay")).to_be_visible()


def test_withdrawing(console: ConsoleSite, signed_in: Callable[..., Page]) -> None:
    request = ask(console, "Asked by mistake", where="age >= 81")
    page = signed_in(Role.RESEARCHER, f"/requests/{request['id']}")
    page.get_by_role("button", name="Withdraw").click()
    dialog = page.get_by_role("dialog", name="Withdraw this request")
    check_accessible(page)
    dialog.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("Withdrawn by whoever asked.")).to_be_visible()
    expect(page.get_by_role("button", name="Withdraw")).to_have_count(0)


def test_over_budget_then_raised_and_queued_again(
    console: ConsoleSite, signed_in: Callable[..., Page], guard: Guard
) -> None:
    make_dataset(console, "small")
    first = ask(console, "Most of it", dataset="small", epsilon=2.0, where="age >= 1")
    second = ask(console, "More than is left", dataset="small", epsilon=2.0, where="age >= 2")
    decide(console, first, "approve")
    assert decide(console, second, "approve")["state"] == "over_budget"
    page = signed_in(Role.RESEARCHER, f"/requests/{second['id']}")
    expect(page.get_by_text("Over budget", exact=True)).to_be_visible()
    expect(page.get_by_text("Cannot pay for it").first).to_be_visible()
    check_accessible(page)
    guard.expect(409, "/api/v1/requests/")
    page.get_by_role("button", name="Queue again").click()
    expect(page.get_by_role("alert")).to_contain_text("this would take")
    owner = console.api(Role.OWNER)
    seen = owner.get(f"/requests/{second['id']}/background").json()
    raised = {"epsilon": 12.0, "reason": "a second study"}
    assert owner.post(f"/accounts/{seen['mine']['account_id']}/raise", json=raised).is_success
    page.get_by_role("button", name="Queue again").click()
    heading(page, "Result", 2)


def test_comments_reach_the_other_side(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    request = ask(console, "Talked about", where="age >= 61")
    path = f"/requests/{request['id']}"
    researcher = signed_in(Role.RESEARCHER, path)
    reviewer = signed_in(Role.REVIEWER, path)
    box = reviewer.get_by_role("textbox", name="Comment")
    box.fill("Which study is this for?")
    reviewer.reload()
    expect(box).to_have_value("Which study is this for?")
    reviewer.get_by_role("button", name="Comment").click()
    expect(box).to_have_value("")
    expect(researcher.get_by_text("Which study is this for?")).to_be_visible()


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.RESEARCHER, Role.AUDITOR])
def test_pages_fit_a_small_screen(
    console: ConsoleSite, signed_in: Callable[..., Page], role: Role
) -> None:
    last = 90 + list(Role).index(role)
    made = ask(console, f"On a small screen, for the {role}", where=f"age <= {last}")
    change = {"purpose": f"Edited for the {role}"}
    console.api(Role.RESEARCHER).put(
        f"/requests/{made['id']}", json=change, headers={"If-Match": made["etag"]}
    )
    page = signed_in(role, f"/requests/{made['id']}", size=NARROW)
    heading(page, f"Edited for the {role}")
    expect(page.get_by_text("edited it: round 2")).to_be_visible()
    check_fits(page)
    check_accessible(page)
    if role is Role.REVIEWER:
        page.goto("/review")
        expect(page.get_by_role("link", name=f"Edited for the {role}")).to_be_visible()
        check_fits(page)
        check_accessible(page)
        page.get_by_role("link", name=f"Edited for the {role}").click()
        page.get_by_role("button", name="Vote").first.click()
        expect(page.get_by_role("radio", name="Approve")).to_be_focused()
    console.api(Role.RESEARCHER).post(f"/requests/{made['id']}/withdraw")
