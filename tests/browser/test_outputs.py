"""What code returned: looked at with its checks, released in part or changed, or withheld."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW
from tests.browser.copied import run_python
from tests.browser.guard import Guard
from tests.browser.people import ConsoleSite
from tests.browser.programs import approve, ask_code, ended, ready
from tests.browser.questions import make_dataset

pytestmark = pytest.mark.timeout(300)

# Groups of four people each: fewer than may be told.
SMALL = """def work(df):
    print("rows here:", len(df))
    counts = df.groupby(["age", "region"]).size().rename("n").reset_index().head(5)
    return {"counts": counts, "ages": df["age"].to_numpy(), "mean": float(df["age"].mean())}
"""
# Whatever says that it is a plotting library's figure, and draws itself as one.
PICTURE = """import base64


class Dot:
    __module__ = "matplotlib.figure"

    def savefig(self, stream, **how):
        stream.write(base64.b64decode(%r))


def work(df):
    return {"dot": Dot(), "people": len(df)}
"""
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg"
    "gg=="
)


@pytest.fixture(scope="module", autouse=True)
def _data(console: ConsoleSite) -> None:
    make_dataset(console)
    make_dataset(console, "strict", release_reviewers=2)
    ready(console)


def held(site: ConsoleSite, purpose: str, source: str = SMALL, **changes: Any) -> tuple[str, str]:
    """Ids of a request and of its run, which has ended."""
    request = ask_code(site, purpose, source, **changes)
    run = approve(site, request)
    ended(site, run)
    return str(request["id"]), run


def decision(page: Page) -> Any:
    return page.get_by_role("form", name="Your decision")


def test_released_rounded_with_cells_taken_out(
    console: ConsoleSite, signed_in: Callable[..., Page], tmp_path: Path
) -> None:
    request, run = held(console, "Visits by age")
    mine = signed_in(Role.RESEARCHER, f"/requests/{request}")
    expect(mine.get_by_text("Under review.", exact=True)).to_be_visible()
    assert "rows here: 400" not in mine.content()
    check_accessible(mine)

    page = signed_in(Role.REVIEWER, "/review")
    page.get_by_role("link", name="Outputs").click()
    check_accessible(page)
    page.get_by_role("link", name="Visits by age").click()
    expect(page.get_by_role("heading", level=1, name=re.compile("What work"))).to_be_visible()
    expect(page.get_by_label("Printed (stdout)")).to_contain_text("rows here: 400")
    table = page.get_by_role("group", name="Table counts")
    expect(table.locator("[data-level]").first).to_be_visible()
    checks = page.get_by_role("list", name="What the checks found in counts")
    expect(checks.get_by_text("Small counts").first).to_be_visible()
    ages = page.get_by_role("group", name="ages", exact=True)
    expect(ages.get_by_text("400").first).to_be_visible()
    check_accessible(page)

    form = decision(page)
    form.get_by_role("button", name="Decide").click()
    expect(form.get_by_text("Choose one.")).to_be_visible()
    form.get_by_role("radio", name="Release").check()
    form.get_by_role("checkbox", name="ages leaves").uncheck()
    form.get_by_label("Round numbers of mean to multiples of").fill("-5")
    form.get_by_role("button", name="Release").click()
    expect(form.get_by_text("A number above 0.")).to_be_visible()
    form.get_by_label("Round numbers of mean to multiples of").fill("5")
    form.get_by_role("checkbox", name=re.compile("Take out the .* of counts")).check()
    expect(table.locator("[data-suppressed]").first).to_be_visible()
    check_accessible(page)
    counts = page.get_by_role("group", name="counts", exact=True)
    counts.get_by_role("button", name="Show counts as it would leave").click()
    left = page.get_by_role("group", name="Table counts as it would leave")
    expect(left.get_by_text("missing").first).to_be_visible()
    check_accessible(page)
    # A choice outlives a reload.
    page.reload()
    expect(form.get_by_role("radio", name="Release")).to_be_checked()
    expect(page.get_by_text("Stays here")).to_be_visible()
    form.get_by_label("Reason, if you like").fill("Small groups are taken out.")
    form.get_by_role("button", name="Release").click()
    expect(page.get_by_text("Let it go")).to_be_visible()
    expect(ages.get_by_text("Withheld")).to_be_visible()
    check_accessible(page)

    expect(mine.get_by_text("Small groups are taken out.").first).to_be_visible()
    left = mine.get_by_role("group", name="Table counts")
    expect(left.get_by_text("missing").first).to_be_visible()
    expect(
        mine.get_by_role("group", name="mean", exact=True).get_by_text("50", exact=True)
    ).to_be_visible()
    expect(mine.get_by_role("group", name="ages", exact=True)).to_have_count(0)
    with mine.expect_download() as download:
        mine.get_by_role("button", name="CSV of counts").click()
    assert download.value.suggested_filename == "counts.csv"
    assert "mean" in run_python(mine, mine, console, tmp_path)
    assert "rows here: 400" not in mine.content()
    check_accessible(mine)
    views = console.api(Role.OWNER).get("/audit/events", params={"action": "output.viewed"}).json()
    assert any(event["subject"] == run for event in views["items"])


def test_withheld_with_a_reason_by_code_that_raised(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    # What the program's own text does not hold, which its page shows.
    source = "def work(df):\n    raise ValueError(f'unit {8 + 9} is odd')\n"
    request, run = held(console, "It raises", source)
    page = signed_in(Role.REVIEWER, f"/outputs/{run}")
    expect(page.get_by_text("Raised an exception").first).to_be_visible()
    expect(page.get_by_label("Traceback")).to_contain_text("unit 17 is odd")
    form = decision(page)
    form.get_by_role("radio", name="Withhold").check()
    form.get_by_role("button", name="Withhold").click()
    expect(form.get_by_text("Give a reason; whoever asked will read it.")).to_be_visible()
    check_accessible(page)
    form.get_by_label("Reason").fill("It ended without a result.")
    form.get_by_role("button", name="Withhold").click()
    expect(page.get_by_text("Withheld it")).to_be_visible()
    mine = signed_in(Role.RESEARCHER, f"/requests/{request}")
    expect(mine.get_by_text("It ended without a result.").first).to_be_visible()
    assert "unit 17" not in mine.content()
    check_accessible(mine)


def test_two_votes_are_blind(console: ConsoleSite, signed_in: Callable[..., Page]) -> None:
    _, run = held(console, "Two people", data={"df": "strict"})
    reviewer = signed_in(Role.REVIEWER, f"/outputs/{run}")
    form = decision(reviewer)
    form.get_by_role("radio", name="Release").check()
    form.get_by_label("Reason, if you like").fill("A remark of the first")
    form.get_by_role("button", name="Release").click()
    expect(reviewer.get_by_text("You have voted to release it.")).to_be_visible()
    check_accessible(reviewer)
    owner = signed_in(Role.OWNER, f"/outputs/{run}")
    expect(owner.get_by_text("2 people have to let it go")).to_be_visible()
    assert "A remark of the first" not in owner.content()
    form = decision(owner)
    form.get_by_role("radio", name="Release").check()
    form.get_by_role("button", name="Release").click()
    for page in (owner, reviewer):
        expect(page.get_by_role("list", name="Votes").get_by_role("listitem")).to_have_count(2)
        expect(page.get_by_text("A remark of the first").first).to_be_visible()


def test_a_figure_is_shown_under_the_policy(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    _, run = held(console, "A picture", PICTURE % DOT)
    page = signed_in(Role.REVIEWER, f"/outputs/{run}")
    figure = page.get_by_role("img", name="Figure dot")
    expect(figure).to_be_visible()
    assert figure.evaluate("image => image.naturalWidth") == 1
    check_accessible(page)


def test_nobody_looks_at_what_is_their_own_or_not_theirs(
    console: ConsoleSite, signed_in: Callable[..., Page], guard: Guard
) -> None:
    request = ask_code(console, "The owner's own", SMALL, role=Role.OWNER)
    run = approve(console, request)
    ended(console, run)
    guard.expect(403, f"/api/v1/outputs/{run}")
    own = signed_in(Role.OWNER, f"/outputs/{run}")
    expect(own.get_by_text("Nobody looks at what their own request returned")).to_be_visible()
    listed = signed_in(Role.OWNER, "/review/outputs?show=all")
    expect(listed.get_by_role("heading", level=1, name="Outputs")).to_be_visible()
    listed.wait_for_load_state("networkidle")
    expect(listed.get_by_text("The owner's own")).to_have_count(0)
    stranger = signed_in(Role.RESEARCHER, f"/outputs/{run}")
    expect(stranger.get_by_text("Reviewers and owners see what code returned")).to_be_visible()
    check_accessible(stranger)


def test_on_a_small_screen(console: ConsoleSite, signed_in: Callable[..., Page]) -> None:
    _, run = held(console, "Small", SMALL)
    for path in (f"/outputs/{run}", "/review/outputs"):
        page = signed_in(Role.REVIEWER, path, NARROW)
        page.wait_for_load_state("networkidle")
        check_fits(page)
        check_accessible(page)
