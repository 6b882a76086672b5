"""Code: written and tried, read as a pull request, returned, edited, approved."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW
from tests.browser.guard import Guard
from tests.browser.people import ConsoleSite
from tests.browser.programs import COUNTS, approve, ask_code, ready
from tests.browser.questions import make_dataset

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module", autouse=True)
def _data(console: ConsoleSite) -> None:
    make_dataset(console)
    ready(console)


def write(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Code of analysis.py").fill(text)


def test_written_tried_sent_returned_edited_and_approved(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    page = signed_in(Role.RESEARCHER, "/ask")
    page.get_by_role("link", name="Write code").click()
    expect(page.get_by_role("heading", level=1, name="Write code")).to_be_visible()
    check_accessible(page)

    # What is missing is said at its field, and nothing is sent.
    page.get_by_role("button", name="Run on made-up rows").click()
    expect(page.get_by_text("Choose a dataset.")).to_be_visible()
    page.get_by_role("combobox", name="Dataset").click()
    page.get_by_role("option", name=re.compile("visits")).click()
    page.get_by_text("Columns of df").click()
    expect(page.get_by_text("whole number, 0 to 100")).to_be_visible()
    page.get_by_role("button", name="Add a parameter").click()
    page.get_by_label("Parameter", exact=True).fill("age_from")
    page.get_by_label("Value", exact=True).fill("eighteen")
    expect(page.get_by_text('A number, "text", True, False, None')).to_be_visible()
    page.get_by_label("Value", exact=True).fill("18")
    page.get_by_label("Later runs may use").select_option("number")
    page.get_by_label("From", exact=True).fill("18")
    page.get_by_label("To", exact=True).fill("90")

    # A run that raises says so at its line.
    write(page, 'def work(df, age_from):\n    return df["nothing"]\n')
    page.get_by_role("button", name="Run on made-up rows").click()
    expect(page.get_by_text("Raised an exception").first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Line 2")).to_be_visible()
    expect(page.locator(".cm-lintRange-error")).to_have_count(1)
    expect(page.get_by_label("Traceback")).to_contain_text("KeyError")
    check_accessible(page)

    # What was typed outlives a reload.
    write(page, COUNTS + "# first\n")
    page.get_by_label("What it is for").fill("Counts by region")
    page.reload()
    expect(page.get_by_text("This is what you had typed")).to_be_visible()
    editor = page.get_by_role("textbox", name="Code of analysis.py")
    expect(editor).to_contain_text("# first")
    expect(page.get_by_text("You have changed the program since")).to_be_visible()
    editor.focus()
    page.keyboard.press("Control+Enter")
    table = page.get_by_role("group", name="Table result")
    expect(table.get_by_text("north")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Your run on made-up rows goes with it.")).to_be_visible()
    check_accessible(page)
    page.get_by_role("button", name="Send for review").click()
    expect(page.get_by_role("heading", level=1, name="Counts by region")).to_be_visible()
    expect(page.get_by_text("any whole number from 18 to 90")).to_be_visible()

    reviewer = signed_in(Role.REVIEWER, "/review")
    row = reviewer.get_by_role("link", name=re.compile("Counts by region"))
    expect(row.get_by_text("Code", exact=True)).to_be_visible()
    row.focus()
    reviewer.keyboard.press("Enter")
    expect(reviewer.get_by_role("group", name="analysis.py")).to_be_visible()
    expect(reviewer.get_by_role("region", name="What the analysis found")).to_be_visible()
    made_up = reviewer.get_by_role("region", name="On made-up rows")
    expect(made_up.get_by_role("group", name="Table result")).to_be_visible()
    expect(made_up.get_by_text("Returned").first).to_be_visible()
    check_accessible(reviewer)

    # A comment on a line, by keys alone.
    reviewer.get_by_role("button", name="Line 1: write a comment").focus()
    reviewer.keyboard.press("ArrowDown")
    second = reviewer.get_by_role("button", name="Line 2: write a comment")
    expect(second).to_be_focused()
    reviewer.keyboard.press("Enter")
    expect(reviewer.get_by_label("Comment on line 2")).to_have_count(2)  # the form, its field
    reviewer.keyboard.type("From which age, and why?")
    check_accessible(reviewer)
    reviewer.get_by_role("form", name="Comment on line 2").get_by_role(
        "button", name="Comment"
    ).click()
    said = reviewer.get_by_role("list", name="Comments on line 2")
    expect(said.get_by_text("From which age, and why?")).to_be_visible()
    expect(second).to_be_focused()
    reviewer.get_by_role("radio", name="Return for changes").check()
    reviewer.get_by_label("Reason").fill("Leave out the last line.")
    reviewer.get_by_role("button", name="Return for changes").click()
    expect(reviewer.get_by_text("Changes asked for").first).to_be_visible()

    # Returned code is edited in the editor and sent again; what changed is shown.
    expect(page.get_by_text("From which age, and why?").first).to_be_visible()
    page.get_by_role("button", name="Edit and send again").click()
    form = page.get_by_role("form", name="Edit the program")
    expect(form.get_by_label("Value", exact=True)).to_have_value("18")
    write(page, COUNTS)
    check_accessible(page)
    form.get_by_role("button", name="Send it again").click()
    expect(page.get_by_text("edited it: round 2")).to_be_visible()
    choice = reviewer.get_by_label("Show the whole program, or what changed")
    choice.select_option("1")
    program = reviewer.get_by_role("region", name="The program")
    expect(program.get_by_text("removed: ").first).to_be_attached()
    expect(program.get_by_text("1 removed")).to_be_visible()
    check_accessible(reviewer)
    # The run was of another program: it does not stand beside this one.
    expect(reviewer.get_by_text("No run on made-up rows came with it")).to_be_visible()
    choice.select_option("")
    reviewer.get_by_role("radio", name="Approve").check()
    reviewer.get_by_role("form", name="Your vote").get_by_role("button", name="Approve").click()
    for each in (page, reviewer):
        expect(each.get_by_text("Sent to run.", exact=True)).to_be_visible()


def test_a_later_version_is_compared_and_another_parameter_is_covered(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    bounds = {"age_from": {"kind": "number", "lower": 18, "upper": 90, "whole": True}}
    reach = {"bounds": bounds, "runs": 3, "days": 30}
    source = COUNTS.replace("size()", "age.mean()")
    first = ask_code(console, "Ages", source, parameters={"age_from": 20}, reach=reach)
    approve(console, first)
    covered = ask_code(console, "Ages, older", source, parameters={"age_from": 30}, reach=reach)
    assert covered["state"] == "queued"
    page = signed_in(Role.RESEARCHER, f"/requests/{covered['id']}")
    expect(page.get_by_text("Covered by an approval.")).to_be_visible()
    expect(page.get_by_text("1 run left of it")).to_be_visible()
    check_accessible(page)

    later = ask_code(console, "Ages by median", source.replace("mean", "median"))
    page = signed_in(Role.REVIEWER, f"/requests/{later['id']}")
    choice = page.get_by_label("Show the whole program, or what changed")
    choice.select_option("approved")
    assert "since=approved" in page.url
    changed = page.get_by_role("group", name="analysis.py")
    expect(changed.get_by_text("1 line added")).to_be_visible()
    expect(changed.get_by_text("median")).to_be_visible()
    expect(page.get_by_text("Compared with the request of")).to_contain_text(
        "Beside the files, these differ: parameters, what later runs an approval covers, purpose."
    )
    check_accessible(page)
    page.go_back()
    expect(choice).to_have_value("")


def test_what_hides_in_code_is_shown(console: ConsoleSite, signed_in: Callable[..., Page]) -> None:
    hidden = "def work(df):\n    # it is\u00a0fine\n    return len(df)\n"
    request = ask_code(console, "Hidden", hidden)
    page = signed_in(Role.REVIEWER, f"/requests/{request['id']}")
    code = page.get_by_role("group", name="analysis.py")
    expect(code.get_by_text("U+00A0").first).to_be_visible()
    found = page.get_by_role("region", name="What the analysis found")
    found.get_by_role("button", name=re.compile("line 2")).first.click()
    expect(page.locator("[id='line-analysis.py-2']")).to_be_focused()
    check_accessible(page)


def test_limits_above_the_environments_are_refused_at_their_field(
    signed_in: Callable[..., Page],
) -> None:
    page = signed_in(Role.RESEARCHER, "/ask/code?dataset=visits")
    expect(page.get_by_role("combobox", name="Dataset")).to_have_value(re.compile("visits"))
    page.get_by_text("Limits of a run").click()
    page.get_by_label("Memory in MB").fill("99999999")
    page.get_by_role("button", name="Add a file").click()
    page.get_by_label("Name of this file").fill("no file")
    page.get_by_role("button", name="Send for review").click()
    expect(page.get_by_text("A name such as analysis.py or lib/tables.py.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"At most \d+ MB\."))).to_be_visible()
    expect(page.get_by_text("Say what it is for.")).to_be_visible()
    check_accessible(page)


def test_a_program_is_not_written_again_as_a_question(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    request = ask_code(console, "Among the questions")
    page = signed_in(Role.RESEARCHER, "/ask")
    row = page.get_by_role("row").filter(has=page.locator(f"a[href$='{request['id']}']"))
    expect(row).to_have_count(1)
    expect(row.get_by_role("button", name=re.compile("Write again"))).to_have_count(0)
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1, name="Among the questions")).to_be_visible()


def test_on_a_small_screen(console: ConsoleSite, signed_in: Callable[..., Page]) -> None:
    request = ask_code(console, "Small", COUNTS + f"# {'a long remark ' * 20}\n")
    for role, path in (
        (Role.RESEARCHER, "/ask/code?dataset=visits"),
        (Role.REVIEWER, f"/requests/{request['id']}"),
        (Role.REVIEWER, "/review"),
    ):
        page = signed_in(role, path, NARROW)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_load_state("networkidle")
        check_fits(page)
        check_accessible(page)


def test_the_owner_limits_and_retires_an_environment(
    console: ConsoleSite, signed_in: Callable[..., Page], guard: Guard
) -> None:
    page = signed_in(Role.OWNER, "/settings")
    part = page.get_by_role("region", name="Environments")
    expect(part.get_by_role("heading", name="default")).to_be_visible()
    part.get_by_role("button", name="Change default").click()
    dialog = page.get_by_role("dialog", name="The environment default")
    dialog.get_by_label("Description").fill("pandas and what it needs")
    dialog.get_by_label("Memory in MiB").fill("1")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("From 64 to")).to_be_visible()
    check_accessible(page)
    dialog.get_by_label("Memory in MiB").fill("1024")
    dialog.get_by_role("button", name="Save").click()
    expect(part.get_by_text("pandas and what it needs")).to_be_visible()
    assert ready(console)["limits"]["memory_bytes"] == 1024 * 2**20
    part.get_by_role("button", name="Retire default").click()
    page.get_by_role("dialog").get_by_role("button", name="Retire").click()
    expect(part.get_by_text("Retired")).to_be_visible()
    writing = signed_in(Role.RESEARCHER, "/ask/code?dataset=visits")
    expect(writing.get_by_text("This environment was retired.")).to_be_visible()
    guard.expect(409, "/api/v1/mock_runs")
    writing.get_by_role("button", name="Run on made-up rows").click()
    expect(writing.get_by_text("was retired", exact=False).last).to_be_visible()
    part.get_by_role("button", name="Bring back default").click()
    page.get_by_role("dialog").get_by_role("button", name="Bring it back").click()
    expect(part.get_by_text("Ready")).to_be_visible()
    check_accessible(page)
