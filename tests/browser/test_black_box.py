"""A private black box: written, priced, tried, sent, returned, edited, approved; its numbers."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW
from tests.browser.copied import run_python
from tests.browser.guard import Guard
from tests.browser.people import ConsoleSite
from tests.browser.programs import answered, ready
from tests.browser.questions import make_dataset

pytestmark = pytest.mark.timeout(400)
SOURCE = """def mean_age(df):
    return df.age.mean()
"""
TWO = """def work(df, old=65):
    return [df.age.mean(), (df.age >= old).mean()]
"""


@pytest.fixture(scope="module", autouse=True)
def _data(console: ConsoleSite) -> None:
    make_dataset(console)
    ready(console)


def ask(site: ConsoleSite, purpose: str, **changes: object) -> dict[str, object]:
    asked = {
        "dataset": "visits",
        "entry": {"kind": "function", "path": "mean_age.py", "name": "mean_age"},
        "files": [{"path": "mean_age.py", "text": SOURCE}],
        "blocks": 2,
        "output": {"lower": [0], "upper": [100]},
        "wall_seconds": 5,  # so that a run of two blocks is public after 25.6 s
        "target": {"kind": "epsilon", "epsilon": 1.0},
        "purpose": purpose,
    } | changes
    return answered(site.api(Role.RESEARCHER).post("/black_box_requests", json=asked))


def write(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Code of analysis.py").fill(text)


def test_written_priced_tried_sent_returned_edited_and_answered(
    console: ConsoleSite, signed_in: Callable[..., Page], guard: Guard
) -> None:
    page = signed_in(Role.RESEARCHER, "/ask")
    page.get_by_role("link", name="Black box").click()
    expect(page.get_by_role("heading", level=1, name="Black box")).to_be_visible()
    expect(page.get_by_text("When it is accurate.")).to_be_visible()
    check_accessible(page)

    # What is missing is said at its field, and nothing is sent.
    page.get_by_role("button", name="Send for review").click()
    for said in ("Choose a dataset.", "A number.", "Say what it is for."):
        expect(page.get_by_text(said).first).to_be_visible()
    check_accessible(page)
    page.get_by_role("combobox", name="Dataset").click()
    page.get_by_role("option", name=re.compile("visits")).click()
    write(page, TWO)
    page.get_by_role("button", name="Add a parameter").click()
    page.get_by_label("Parameter", exact=True).fill("old")
    page.get_by_label("Value", exact=True).fill("60")
    expect(page.get_by_label("Later runs may use")).to_have_count(0)

    # The price comes with the bounds, and its noise with the blocks.
    page.get_by_label("Number 1, at least").fill("100")
    page.get_by_label("Number 1, at most").fill("0")
    expect(page.get_by_text("Above the other.")).to_be_visible()
    page.get_by_label("Number 1, at least").fill("0")
    page.get_by_label("Number 1, at most").fill("100")
    page.get_by_role("button", name="Add a number").click()
    page.get_by_label("Number 2, at most").fill("1")
    price = page.get_by_role("region", name="Price")
    noise = price.get_by_role("list", name="Noise")
    expect(noise.get_by_text("Number 2")).to_be_visible()
    expect(price.get_by_text("(ε = 1)")).to_be_visible()
    expect(noise.get_by_text(re.compile(r"± 6\b"))).to_be_visible()  # 3 · 2 numbers · 100 / 100
    page.get_by_label("Blocks", exact=True).fill("1")
    expect(page.get_by_text("From 2 to 1000.")).to_be_visible()
    page.get_by_label("Blocks", exact=True).fill("1000")
    expect(page.get_by_text("They run one after another, an hour at most")).to_be_visible()
    page.get_by_label("Seconds", exact=True).fill("60")  # for the try, on a busy machine
    page.get_by_label("Blocks", exact=True).fill("4")
    expect(page.get_by_text("people in each")).to_be_visible()
    expect(noise.get_by_text("± 100")).to_be_visible()  # never more than the range
    check_accessible(page)

    # A median is off by ranks, and no accuracy of it can be promised.
    page.get_by_text("A median, chosen privately").click()
    expect(noise.get_by_text(re.compile("± 2 of 4 ranks"))).to_have_count(2)
    guard.expect(422, "/api/v1/black_box_prices")
    page.get_by_text("Accuracy", exact=True).click()
    expect(page.get_by_text("cannot be promised").first).to_be_visible()
    check_accessible(page)
    page.get_by_text("Privacy, ε").click()
    page.get_by_text("Their mean, with noise").click()
    expect(noise.get_by_text("± 100")).to_be_visible()

    # What a block would count as that returned this.
    write(page, "def work(df, old=65):\n    return [df.age.mean(), 7, 8]\n")
    page.get_by_role("button", name="Run on made-up rows").click()
    expect(page.get_by_text("It returned 3, and you announced 2.")).to_be_visible(timeout=90_000)
    write(page, "def work(df, old=65):\n    return [df.age.mean(), 7]\n")
    page.get_by_role("textbox", name="Code of analysis.py").focus()
    page.keyboard.press("Control+Enter")
    counts = page.get_by_role("table", name="what a block counts as")
    expect(counts.get_by_role("row", name=re.compile("Number 2 7 1"))).to_be_visible(timeout=90_000)
    expect(page.get_by_text("What lies outside the bounds was moved")).to_be_visible()
    check_accessible(page)

    # What was typed outlives a reload.
    page.get_by_label("Seconds", exact=True).fill("6")
    page.get_by_label("What it is for").fill("Ages, privately")
    page.reload()
    expect(page.get_by_text("This is what you had typed")).to_be_visible()
    expect(page.get_by_label("Number 2, at most")).to_have_value("1")
    expect(page.get_by_text("Your run on made-up rows goes with it.")).to_be_visible()
    page.get_by_role("button", name="Send for review").click()
    expect(page.get_by_role("heading", level=1, name="Ages, privately")).to_be_visible()
    expect(page.get_by_text("4 blocks")).to_be_visible()
    expect(page.get_by_text("0.0 %")).to_have_count(0)

    # Its reviewer reads the program with what was found, its price and its run, and returns it.
    reviewer = signed_in(Role.REVIEWER, "/review")
    reviewer.get_by_role("link", name=re.compile("Ages, privately")).focus()
    reviewer.keyboard.press("Enter")
    expect(reviewer.get_by_role("group", name="analysis.py")).to_be_visible()
    expect(reviewer.get_by_role("region", name="What the analysis found")).to_be_visible()
    expect(reviewer.get_by_role("region", name="Price and budgets")).to_be_visible()
    made_up = reviewer.get_by_role("region", name="On made-up rows")
    expect(made_up.get_by_text("Returned").first).to_be_visible()
    reviewer.get_by_role("button", name="Line 2: write a comment").click()
    reviewer.keyboard.type("A constant?")
    reviewer.get_by_role("form", name="Comment on line 2").get_by_role(
        "button", name="Comment"
    ).click()
    reviewer.get_by_role("radio", name="Return for changes").check()
    reviewer.get_by_label("Reason").fill("The second number is a constant.")
    reviewer.get_by_role("button", name="Return for changes").click()
    expect(reviewer.get_by_text("Changes asked for").first).to_be_visible()
    check_accessible(reviewer)

    # Edited in a form that holds what was asked, and priced anew.
    expect(page.get_by_text("A constant?").first).to_be_visible()
    page.get_by_role("button", name="Edit and send again").click()
    form = page.get_by_role("form", name="Edit the black box")
    expect(form.get_by_label("Value", exact=True)).to_have_value("60")
    expect(form.get_by_label("Number 2, at most")).to_have_value("1")
    expect(form.get_by_label("Blocks", exact=True)).to_have_value("4")
    write(page, TWO)
    form.get_by_label("Blocks", exact=True).fill("3")
    form.get_by_text("Privacy, ρ").click()
    expect(form.get_by_text("(ρ = 0.05)")).to_be_visible()
    check_accessible(page)
    form.get_by_role("button", name="Send it again").click()
    expect(page.get_by_text("edited it: round 2")).to_be_visible()
    expect(page.get_by_text("The second number is a constant.")).to_be_visible()

    # What changed is shown; the earlier run and comment are of another program.
    thread = reviewer.get_by_role("list", name="Conversation")
    expect(thread.get_by_role("heading", name="Blocks")).to_be_visible()
    expect(thread.get_by_role("heading", name="Privacy")).to_be_visible()
    expect(reviewer.get_by_text("No run on made-up rows came with it")).to_be_visible()
    reviewer.get_by_label("Show the whole program, or what changed").select_option("1")
    program = reviewer.get_by_role("region", name="The program")
    expect(program.get_by_text("1 removed")).to_be_visible()
    check_accessible(reviewer)
    reviewer.get_by_role("radio", name="Approve").check()
    reviewer.get_by_role("form", name="Your vote").get_by_role("button", name="Approve").click()
    values = page.get_by_role("table", name="values")
    expect(values.get_by_text("Number 2")).to_be_visible(timeout=120_000)
    expect(values.get_by_text("Number 1")).to_be_visible()
    check_accessible(page)

    # Asked just so again, it is the answer that is there already.
    again = signed_in(Role.RESEARCHER, "/ask/black-box?dataset=visits")
    expect(again.get_by_role("combobox", name="Dataset")).to_have_value(re.compile("visits"))
    expect(again.get_by_text("This is what you had typed")).to_have_count(0)


def test_its_program_and_price_are_read_before_a_vote_and_its_numbers_shown_after(
    console: ConsoleSite, signed_in: Callable[..., Page], tmp_path: Path
) -> None:
    request = ask(console, "The mean age, privately")
    page = signed_in(Role.REVIEWER, f"/requests/{request['id']}")
    expect(page.get_by_role("heading", level=1, name="The mean age, privately")).to_be_visible()
    expect(page.get_by_text("return df.age.mean()")).to_be_visible()
    expect(page.get_by_text("2 blocks")).to_be_visible()
    check_accessible(page)
    queue = signed_in(Role.REVIEWER, "/review", NARROW)
    expect(queue.get_by_role("link", name="The mean age, privately")).to_be_visible()
    check_fits(queue)

    page.get_by_role("radio", name="Approve").check()
    page.get_by_role("button", name="Approve", exact=True).click()
    values = page.get_by_role("table", name="values")
    expect(values.get_by_text("Number 1")).to_be_visible(timeout=120_000)
    expect(page.get_by_text("Intervals hold the mean over blocks 95 %")).to_be_visible()
    check_accessible(page)
    mine = signed_in(Role.RESEARCHER, f"/requests/{request['id']}")
    assert "mean over blocks" in run_python(mine, mine, console, tmp_path)


def test_a_median_is_told_from_a_mean_and_shown_with_its_ranks(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    request = ask(console, "The middle of mean ages", aggregate="median")
    page = signed_in(Role.REVIEWER, f"/requests/{request['id']}", NARROW)
    expect(page.get_by_text("the median of each number")).to_be_visible()
    page.get_by_role("radio", name="Approve").check()
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("To rank")).to_be_visible(timeout=120_000)
    expect(page.get_by_text("lies between the blocks’ values of these ranks")).to_be_visible()
    check_fits(page)
    check_accessible(page)


def test_one_that_changed_meanwhile_is_not_overwritten_unseen(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    request = ask(console, "Changed meanwhile", blocks=5)
    page = signed_in(Role.RESEARCHER, f"/requests/{request['id']}")
    page.get_by_role("button", name="Edit", exact=True).click()
    form = page.get_by_role("form", name="Edit the black box")
    form.get_by_label("Blocks", exact=True).fill("7")
    answered(
        console.api(Role.RESEARCHER).patch(
            f"/black_box_requests/{request['id']}",
            json={"blocks": 6},
            headers={"If-Match": str(request["etag"])},
        )
    )
    expect(form.get_by_text("The request has changed since you began to edit it.")).to_be_visible()
    expect(form.get_by_role("button", name="Send it again")).to_be_disabled()
    form.get_by_role("button", name="Go on with what I typed").click()
    form.get_by_role("button", name="Send it again").click()
    expect(page.get_by_text("edited it: round 3")).to_be_visible()
    expect(page.get_by_text("7 blocks")).to_be_visible()


def test_whose_approval_cannot_count_is_told_so(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    owner = console.api(Role.OWNER)
    board = answered(owner.post("/groups", json={"name": "Data board"}))
    dataset = owner.get("/datasets/visits")
    policy = dataset.json()["policy"] | {"reviewer_groups": [board["id"]]}
    headers = {"If-Match": dataset.headers["etag"]}
    answered(owner.patch("/datasets/visits", json={"policy": policy}, headers=headers))
    request = ask(console, "For the board", blocks=9)
    page = signed_in(Role.REVIEWER, f"/requests/{request['id']}")
    told = page.get_by_text("Your approval cannot count here.")
    expect(told).to_be_visible()
    expect(page.get_by_text("by somebody of the group Data board")).to_be_visible()
    expect(page.get_by_role("form", name="Your vote")).to_be_visible()
    check_accessible(page)
    mine = signed_in(Role.RESEARCHER, f"/requests/{request['id']}")
    expect(mine.get_by_text("You asked this, so you cannot vote on it")).to_be_visible()
    me = console.api(Role.REVIEWER).get("/me").json()["id"]
    assert owner.put(f"/groups/{board['id']}/members/{me}").is_success
    page.reload()
    expect(page.get_by_role("form", name="Your vote")).to_be_visible()
    expect(page.get_by_role("region", name="Rules that apply")).to_be_visible()
    expect(told).to_have_count(0)


def test_on_a_small_screen(console: ConsoleSite, signed_in: Callable[..., Page]) -> None:
    request = ask(console, "Small", blocks=8)
    for role, path in (
        (Role.RESEARCHER, "/ask/black-box?dataset=visits"),
        (Role.REVIEWER, f"/requests/{request['id']}"),
        (Role.RESEARCHER, f"/requests/{request['id']}"),
    ):
        page = signed_in(role, path, NARROW)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_load_state("networkidle")
        if role is Role.RESEARCHER and "requests" in path:
            page.get_by_role("button", name="Edit", exact=True).click()
            expect(page.get_by_role("form", name="Edit the black box")).to_be_visible()
        check_fits(page)
        check_accessible(page)
