"""The catalogue, a dataset's page, and registering one from a file with the real worker."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW
from tests.browser.faults import without_workers
from tests.browser.guard import Guard
from tests.browser.people import ConsoleSite

pytestmark = pytest.mark.timeout(300)

TABLE = {
    "unit_column": "person_id",
    "columns": [
        {"type": "integer", "name": "age", "lower": 0, "upper": 120, "nullable": False},
        {"type": "category", "name": "region", "categories": ["north", "south"]},
        {"type": "real", "name": "income", "lower": "0", "upper": "200", "resolution": "0.01"},
    ],
    "size": {"rows": 1000, "units": 1000},
}
CSV = "person_id,age,region,income\n" + "".join(
    f"p{i},{20 + i % 60},{'north' if i % 2 else 'south'},{i % 150}.5\n" for i in range(400)
)


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


@pytest.fixture(scope="module")
def population(console: ConsoleSite) -> str:
    body = {"name": "patients", "together": {"epsilon": 10}, "each": {"epsilon": 3}}
    made = console.api(Role.OWNER).post("/populations", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["name"])


def register(console: ConsoleSite, population: str, name: str, **more: Any) -> None:
    body = {"name": name, "population": population, "table": TABLE, **more}
    made = console.api(Role.OWNER).post("/datasets", json=body)
    assert made.status_code == 201, made.text


@pytest.fixture(scope="module")
def wards(console: ConsoleSite, population: str) -> str:
    """A dataset that the researcher may ask of, with terms and no data yet."""
    register(
        console,
        population,
        "wards",
        title="Stays on wards",
        description="One row for each person.",
        terms="Do not try to find anybody.",
    )
    access = {"user": console.email(Role.RESEARCHER)}
    given = console.api(Role.OWNER).put("/datasets/wards/access", json=access)
    assert given.status_code == 200, given.text
    return "wards"


def test_the_catalogue_is_searched_by_address(
    signed_in: Callable[..., Page], console: ConsoleSite, population: str, wards: str
) -> None:
    register(console, population, "visits", description="Visits to the surgery")
    page = signed_in(Role.OWNER, "/datasets")
    table = page.get_by_role("table", name="datasets")
    expect(table.get_by_role("link", name="Stays on wards")).to_be_visible()
    check_accessible(page)
    page.get_by_role("searchbox", name="Search names, words and columns").fill("surgery")
    expect(page).to_have_url(re.compile(r"\?q=surgery$"))
    expect(table.get_by_role("link")).to_have_count(1)
    page.get_by_role("combobox", name="State").click()
    page.get_by_role("option", name="Answers questions").click()
    expect(page).to_have_url(re.compile(r"q=surgery&ready=yes$"))
    expect(page.get_by_text("Nothing fits")).to_be_visible()
    page.go_back()
    expect(table.get_by_role("link", name="visits")).to_be_visible()
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("surgery")
    expect(table.get_by_role("link")).to_have_count(1)


def test_a_researcher_accepts_the_terms_and_sees_nothing_private(
    signed_in: Callable[..., Page], wards: str
) -> None:
    page = signed_in(Role.RESEARCHER, "/datasets")
    expect(page.get_by_text("Stays on wards")).to_be_visible()
    expect(page.get_by_role("link", name="Register a dataset")).to_have_count(0)
    page.get_by_role("link", name="Stays on wards").click()
    heading(page, "Stays on wards")
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_text(["Overview", "Made-up rows", "Budget", "Rules"])
    expect(page.get_by_text("Do not try to find anybody.")).to_be_visible()
    check_accessible(page)
    page.get_by_role("button", name="I accept these terms").click()
    expect(page.get_by_text("You accepted these")).to_be_visible()
    page.get_by_role("tab", name="Made-up rows").click()
    expect(page.get_by_role("region", name="Made-up rows", exact=True)).to_contain_text("person_id")
    expect(page.get_by_role("img", name=re.compile("^age, 500 made-up rows"))).to_be_visible()
    expect(page.get_by_text("Rows of your own")).to_have_count(0)
    check_accessible(page)
    page.get_by_role("tab", name="Budget").click()
    mine = re.compile("^Your budget at patients: 0 % spent")
    expect(page.get_by_role("img", name=mine)).to_be_visible()
    expect(page.get_by_text("Everyone's")).to_have_count(0)
    check_accessible(page)
    page.get_by_role("tab", name="Rules").click()
    expect(page.get_by_text("needs the approval of one reviewer")).to_be_visible()
    check_accessible(page)
    page.goto(f"/datasets/{wards}?tab=versions")  # not a tab of theirs
    expect(page.get_by_role("tab", name="Overview")).to_have_attribute("aria-selected", "true")


def test_an_owner_edits_words_rules_and_columns(
    signed_in: Callable[..., Page], console: ConsoleSite, population: str
) -> None:
    register(console, population, "edited")
    page = signed_in(Role.OWNER, "/datasets/edited")
    page.get_by_role("button", name="Edit title and description").click()
    dialog = page.get_by_role("dialog", name="Title and description")
    dialog.get_by_label("Title", exact=True).fill("A better title")
    check_accessible(page)
    page.reload()  # a reload loses nothing
    expect(dialog.get_by_label("Title", exact=True)).to_have_value("A better title")
    dialog.get_by_role("button", name="Save", exact=True).click()
    heading(page, "A better title")

    page.get_by_role("tab", name="Rules").click()
    page.get_by_role("button", name="Change the rules").click()
    page.get_by_role("switch", name="Answer small questions at once").click(force=True)
    page.get_by_label("Reviewers who have to approve").fill("2")
    changes = page.get_by_role("status", name="What this changes")
    expect(changes).to_contain_text("without anybody reading them")
    expect(changes).to_contain_text("New requests need 2 approvals rather than 1")
    check_accessible(page)
    page.get_by_role("button", name="Save the rules").click()
    expect(page.get_by_text("takes at most 5 % of the asker's own budget")).to_be_visible()

    page.get_by_role("tab", name="Overview").click()
    page.get_by_role("button", name="Edit columns and bounds").click()
    page.get_by_label("Largest value of age").fill("-1")
    expect(page.get_by_text("Below the smallest value.")).to_be_visible()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    page.get_by_label("Largest value of age").fill("110")
    check_accessible(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("table", name="columns")).to_contain_text("0 to 110")
    told = console.api(Role.OWNER).get("/datasets/edited").json()
    assert (told["policy"]["reviewers"], told["policy"]["auto_approve"]) == (2, True)
    assert told["table"]["columns"][0]["upper"] == 110


def test_an_edit_replaces_nobody_elses_silently(
    signed_in: Callable[..., Page], console: ConsoleSite, population: str
) -> None:
    register(console, population, "raced")
    page = signed_in(Role.OWNER, "/datasets/raced?edit=words")
    page.get_by_label("Title", exact=True).fill("Mine")
    owner = console.api(Role.OWNER)
    etag = owner.get("/datasets/raced").headers["etag"]
    other = owner.patch("/datasets/raced", json={"title": "Theirs"}, headers={"If-Match": etag})
    assert other.status_code == 200
    # By an event, or by the refusal of what the page sends.
    expect(page.get_by_text("changed by somebody else while you were editing")).to_be_visible()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    check_accessible(page)
    page.get_by_role("button", name="Take what is there now").click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("Theirs")
    assert owner.get("/datasets/raced").json()["title"] == "Theirs"


def test_access_is_given_to_people_and_groups_and_taken(
    signed_in: Callable[..., Page], console: ConsoleSite, population: str
) -> None:
    register(console, population, "shared")
    owner = console.api(Role.OWNER)
    made = owner.post("/groups", json={"name": "board", "description": ""})
    assert made.status_code == 201, made.text
    people = owner.get("/users").json()["items"]
    reviewer = next(one for one in people if one["email"] == console.email(Role.REVIEWER))
    assert owner.put(f"/groups/{made.json()['id']}/members/{reviewer['id']}").is_success
    page = signed_in(Role.OWNER, "/datasets/shared?tab=access")
    expect(page.get_by_text("Nobody yet")).to_be_visible()
    page.get_by_role("combobox", name="Person").fill("Remy")
    page.get_by_role("option", name=re.compile("Remy Researcher")).click()
    page.get_by_role("button", name="Give access").click()
    expect(page.get_by_text("Remy Researcher now has access.")).to_be_visible()
    page.get_by_text("A group", exact=True).click()
    page.get_by_role("combobox", name="Group").click()
    page.get_by_role("option", name=re.compile("board")).click()
    page.get_by_role("button", name="Give access").click()
    table = page.get_by_role("table", name="people with access")
    expect(table.get_by_role("link")).to_have_count(2)
    check_accessible(page)
    table.get_by_role("button", name="Take away the access of Remy Researcher").click()
    dialog = page.get_by_role("dialog", name="Take access from Remy Researcher?")
    check_accessible(page)
    dialog.get_by_role("button", name="Take away").click()
    expect(table.get_by_role("link")).to_have_count(1)
    page.get_by_role("tab", name="Activity").click()
    expect(page.get_by_text("took somebody's access away")).to_be_visible()
    check_accessible(page)


def test_from_a_csv_to_ready(
    signed_in: Callable[..., Page], console: ConsoleSite, tmp_path: Path
) -> None:
    """The whole journey: file, columns, consent, budget, a reload, upload, read in, answers."""
    file = tmp_path / "hospital stays.csv"
    file.write_text(CSV)
    page = signed_in(Role.OWNER, "/datasets")
    page.get_by_role("link", name="Register a dataset").click()
    heading(page, "Register a dataset")
    check_accessible(page)
    page.get_by_role("button", name=re.compile("^Next")).click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a file.")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_label("Name", exact=True)).to_have_value("hospital_stays")
    page.get_by_label("Title", exact=True).fill("Hospital stays")
    page.get_by_role("button", name=re.compile("^Next")).click()

    expect(page.get_by_role("heading", level=2, name="Whom rows are about")).to_be_focused()
    expect(page.get_by_label("The column that names the unit")).to_have_value("person_id")
    check_accessible(page)
    page.get_by_role("button", name=re.compile("^Next")).click()

    expect(page.get_by_label("Type of age")).to_have_value("integer")
    expect(page.get_by_label("Largest value of age")).to_have_value("120")
    expect(page.get_by_label("Type of region")).to_have_value("category")
    expect(page.get_by_label(re.compile("Values of region"))).to_have_value("")
    page.get_by_role("button", name=re.compile("^Next")).click()
    expect(page.get_by_role("alert")).to_contain_text("2 columns have to be mended.")
    check_accessible(page)
    # Values are read only once the owner has said that they know what it reveals.
    page.get_by_text("Propose types and ranges from the values").click()
    propose = page.get_by_role("button", name="Read the values and propose")
    expect(propose).to_be_disabled()
    page.get_by_label("Largest value of age").fill("115")  # by hand: it stays
    page.get_by_label(re.compile("^I understand that these ranges")).check()
    propose.click()
    expect(page.get_by_text("Every column has a proposal now.")).to_be_visible()
    expect(page.get_by_label(re.compile("Values of region"))).to_have_value("north\nsouth")
    expect(page.get_by_label("Largest value of income")).to_have_value("150")
    expect(page.get_by_label("Largest value of age")).to_have_value("115")
    check_accessible(page)
    page.get_by_role("button", name=re.compile("^Next")).click()

    expect(page.get_by_label("Rows, about")).to_have_value("400")
    page.get_by_label("Rows, about").fill("1000")
    page.get_by_label("Units, about").fill("1000")
    page.get_by_label("A new population").check()
    page.get_by_label("Name of the population").fill("stays_people")
    bought = page.get_by_role("status", name="What it buys everyone together")
    expect(bought).to_contain_text("counts of all 1,000 units, each right to ±\u00a01\u00a0%")
    expect(bought.get_by_role("definition").first).to_have_text(re.compile(r"^[\d,]+$"))
    first = bought.get_by_role("definition").first.text_content()
    page.get_by_label("ε of everyone together").fill("1")
    expect(bought.get_by_role("definition").first).not_to_have_text(first or "")
    check_accessible(page)
    page.get_by_role("button", name=re.compile("^Next")).click()

    page.get_by_label("What everybody accepts before they ask").fill("Be kind.")
    check_accessible(page)
    page.reload()  # nothing is lost but the file itself
    expect(page.get_by_label("What everybody accepts before they ask")).to_have_value("Be kind.")
    page.get_by_role("button", name=re.compile("^Next")).click()
    expect(page.get_by_role("button", name="Register and upload")).to_be_disabled()
    page.locator("input[type=file]").set_input_files(file)
    check_accessible(page)
    page.get_by_role("button", name="Register and upload").click()

    heading(page, "Hospital stays")
    version = page.get_by_role("article")
    expect(version.get_by_text("Answers now")).to_be_visible(timeout=90_000)
    expect(version).to_contain_text("400")
    expect(page.get_by_text("Ready", exact=True).first).to_be_visible()
    check_accessible(page)
    told = console.api(Role.OWNER).get("/datasets/hospital_stays").json()
    assert told["version_id"] is not None
    assert told["terms"] == "Be kind."
    assert told["population_name"] == "stays_people"
    assert told["table"]["size"] == {"rows": 1000, "units": 1000}
    page.goto("/datasets/new")  # the draft is gone
    expect(page.get_by_label("Name", exact=True)).to_have_value("")


def test_an_upload_is_paused_and_goes_on_after_a_reload(
    signed_in: Callable[..., Page],
    console: ConsoleSite,
    population: str,
    tmp_path: Path,
) -> None:
    register(console, population, "large")
    file, other = tmp_path / "large.csv", tmp_path / "other.csv"
    rows = "".join(f"q{i},{20 + i % 60},north,{i % 150}.5\n" for i in range(200_000))
    file.write_text("person_id,age,region,income\n" + rows)
    other.write_text(file.read_text().replace("north", "south"))  # as long, and another
    page = signed_in(Role.OWNER, "/datasets/large?tab=versions")

    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 800_000}
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", slow)
    page.locator("input[type=file]").first.set_input_files(file)
    card = page.get_by_role("region", name="Upload of large.csv")
    bar = card.get_by_role("progressbar")
    expect(bar).not_to_have_attribute("aria-valuenow", "0")
    card.get_by_role("button", name="Pause").click()
    expect(card.get_by_role("status")).to_have_text("Paused")
    check_accessible(page)
    card.get_by_role("button", name="Go on").click()
    expect(card.get_by_role("status")).to_have_text("Uploading")
    card.get_by_role("button", name="Pause").click()
    arrived = console.api(Role.OWNER).get("/datasets/large/uploads").json()[0]["offset"]
    assert 0 < arrived < file.stat().st_size

    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    page.reload()
    left = page.get_by_role("region", name="Unfinished upload")
    expect(left).to_contain_text("large.csv, unfinished")
    check_accessible(page)
    left.locator("input[type=file]").set_input_files(other)
    expect(left.get_by_role("alert")).to_contain_text("another file")
    sent: list[int] = []
    page.on(
        "request",
        lambda request: (
            sent.append(int(request.headers["upload-offset"]))
            if request.method == "PATCH"
            else None
        ),
    )
    left.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("article").get_by_text("Answers now")).to_be_visible(timeout=90_000)
    assert sent[0] >= arrived  # nothing was sent twice


def test_a_bad_file_says_where_and_leaves_nothing(
    signed_in: Callable[..., Page], console: ConsoleSite, population: str, tmp_path: Path
) -> None:
    register(console, population, "ragged")
    file = tmp_path / "ragged.csv.gz"
    file.write_bytes(gzip.compress((CSV + "p9,30,north\n").encode()))
    page = signed_in(Role.OWNER, "/datasets/ragged?tab=versions")
    page.locator("input[type=file]").first.set_input_files(file)
    version = page.get_by_role("article")
    expect(version.get_by_role("note")).to_contain_text(
        "Line 402: 3 fields where the header names 4 columns", timeout=90_000
    )
    check_accessible(page)
    assert console.api(Role.OWNER).get("/datasets/ragged").json()["version_id"] is None


def test_reading_in_is_cancelled_before_it_began(
    signed_in: Callable[..., Page],
    console: ConsoleSite,
    population: str,
    tmp_path: Path,
    guard: Guard,
) -> None:
    guard.expect(404, "/api/v1/runs/")  # an upload's run has no public side
    register(console, population, "stopped")
    file = tmp_path / "stopped.csv"
    file.write_text(CSV)
    page = signed_in(Role.OWNER, "/datasets/stopped?tab=versions")
    with without_workers(console):
        page.locator("input[type=file]").first.set_input_files(file)
        version = page.get_by_role("article")
        expect(version.get_by_text("Waits for a worker")).to_be_visible()
        check_accessible(page)
        version.get_by_role("button", name="Cancel").click()
        dialog = page.get_by_role("dialog", name="Stop reading this version in?")
        check_accessible(page)
        dialog.get_by_role("button", name="Stop").click()
        expect(version.get_by_text("Cancelled", exact=True)).to_be_visible()
        expect(version.get_by_role("button", name="Cancel")).to_have_count(0)
        check_accessible(page)
    runs = console.api(Role.OWNER).get("/runs", params={"kind": "ingest"}).json()["items"]
    run = next(one for one in runs if one["dataset"] == "stopped")
    page.goto(f"/runs/{run['id']}")
    expect(page.get_by_text("Cancelled", exact=True).first).to_be_visible()
    # The worker hears of it in vain, and the next upload is read in.
    page.goto("/datasets/stopped?tab=versions")
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.get_by_text("Answers now")).to_be_visible(timeout=90_000)
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_role("article").get_by_text("Cancelled", exact=True)).to_be_visible()


def test_made_up_rows_like_private_ones_are_shown_only_with_a_reason(
    signed_in: Callable[..., Page],
    console: ConsoleSite,
    population: str,
    tmp_path: Path,
) -> None:
    register(console, population, "copied")
    file, part = tmp_path / "private.csv", tmp_path / "part.csv"
    file.write_text(CSV)
    part.write_text("".join(CSV.splitlines(keepends=True)[:101]))  # of the private rows themselves
    page = signed_in(Role.OWNER, "/datasets/copied?tab=versions")
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.get_by_text("Answers now")).to_be_visible(timeout=90_000)
    page.get_by_role("tab", name="Made-up rows").click()
    offered = page.get_by_role("region", name="Upload made-up rows")
    offered.locator("input[type=file]").first.set_input_files(part)
    rows = page.get_by_role("region", name="The uploaded rows")
    expect(rows.get_by_text("Like private rows")).to_be_visible(timeout=90_000)
    expect(rows).to_contain_text("Equal to a private row")
    check_accessible(page)
    # Until it is accepted nobody gets them.
    owner = console.api(Role.OWNER)
    assert owner.get("/datasets/copied/mock").json()["source"] == "generated"

    page.get_by_role("button", name="Let people have them all the same").click()
    dialog = page.get_by_role("dialog", name="Show rows that are like private ones?")
    dialog.get_by_role("button", name="Show them").click()
    expect(dialog.get_by_text("Give a reason")).to_be_visible()
    dialog.get_by_label("Why is this harmless?").fill("These people agreed in writing.")
    check_accessible(page)
    dialog.get_by_role("button", name="Show them").click()
    expect(rows.get_by_text("Accepted: These people agreed in writing.")).to_be_visible()
    expect(page.get_by_role("button", name="Let people have them")).to_have_count(0)
    check_accessible(page)
    assert owner.get("/datasets/copied/mock").json()["source"] == "uploaded"


def test_made_up_rows_are_uploaded_and_compared(
    signed_in: Callable[..., Page], console: ConsoleSite, population: str, tmp_path: Path
) -> None:
    register(console, population, "mocked")
    file = tmp_path / "mock.csv"
    file.write_text("person_id,age,region,income\na,33,north,10.5\nb,44,south,11.25\n")
    page = signed_in(Role.OWNER, "/datasets/mocked?tab=mock")
    page.locator("input[type=file]").first.set_input_files(file)
    rows = page.get_by_role("region", name="The uploaded rows")
    expect(rows).to_contain_text("Waits for a version to compare with", timeout=90_000)
    check_accessible(page)
    page.get_by_role("button", name="Go back to generated rows").click()
    page.get_by_role("dialog").get_by_role("button", name="Go back").click()
    expect(rows).to_have_count(0)


def test_a_researcher_registers_nothing(signed_in: Callable[..., Page]) -> None:
    page = signed_in(Role.RESEARCHER, "/datasets/new")
    expect(page.get_by_text("Owners register datasets")).to_be_visible()
    check_accessible(page)


@pytest.mark.parametrize(
    "path",
    [
        "/datasets",
        "/datasets/new",
        "/datasets/new?step=columns",
        "/datasets/new?step=budget",
        "/datasets/new?step=rules",
        "/datasets/new?step=review",
        "/datasets/wards",
        "/datasets/wards?edit=columns",
        "/datasets/wards?tab=mock",
        "/datasets/wards?tab=budget",
        "/datasets/wards?tab=rules&edit=rules",
        "/datasets/wards?tab=versions",
        "/datasets/wards?tab=access",
        "/datasets/wards?tab=activity",
    ],
)
def test_on_a_small_screen(signed_in: Callable[..., Page], wards: str, path: str) -> None:
    page = signed_in(Role.OWNER, path, size=NARROW)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_timeout(500)  # what the page asks the site for
    check_fits(page)
    check_accessible(page)
