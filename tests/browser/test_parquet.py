"""Registering a dataset from a Parquet file: types from its description, values after consent."""

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible

pytestmark = pytest.mark.timeout(300)

PEOPLE = (
    "SELECT i AS person_id, CAST(20 + i % 60 AS TINYINT) AS age, "
    "['north', 'south', NULL][1 + i % 3] AS region, "
    "CAST(i % 150 + 0.5 AS DECIMAL(9, 1)) AS income, "
    "i % 2 = 0 AS smoker, CAST(i % 7 AS DOUBLE) / 10 AS dose, [i] AS visits, "
    "DATE '2020-01-01' + CAST(i % 3 AS INTEGER) AS seen, "
    "CAST(i AS BIGINT) * 3000000 AS spend, 'ab'::BLOB AS token, "
    "TIMESTAMP '2020-01-01 10:00:00' + INTERVAL (i % 2) HOUR AS taken "
    "FROM range(400) AS r(i)"
)


def parquet(folder: Path, options: str = "") -> Path:
    path = folder / "people.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({PEOPLE}) TO '{path}' (FORMAT parquet{options})")
    return path


def to_columns(page: Page, file: Path) -> None:
    page.goto("/datasets/new")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_label("Name", exact=True)).to_have_value("people")
    page.get_by_role("button", name=re.compile("^Next")).click()
    expect(page.get_by_label("The column that names the unit")).to_have_value("person_id")
    page.get_by_role("button", name=re.compile("^Next")).click()
    expect(page.get_by_label("Type of age")).to_be_visible()


def agree(page: Page) -> None:
    page.get_by_text("Propose types and ranges from the values").click()
    read = page.get_by_role("button", name="Read the values and propose")
    expect(read).to_be_disabled()
    page.get_by_label(re.compile("^I understand that these ranges")).check()
    read.click()


@pytest.fixture
def page(signed_in: Callable[..., Page]) -> Page:
    return signed_in(Role.OWNER, "/datasets")


@pytest.mark.parametrize(
    "options",
    [", COMPRESSION snappy", ", COMPRESSION zstd, ROW_GROUP_SIZE 2048", ", PARQUET_VERSION v2"],
)
def test_a_parquet_file_is_described_as_a_csv_is(page: Page, tmp_path: Path, options: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    to_columns(page, parquet(tmp_path, options))
    for name, kind in {
        "age": "integer", "region": "category", "income": "real", "smoker": "boolean",
        "dose": "real", "seen": "category", "spend": "integer", "taken": "category",
    }.items():  # fmt: skip
        expect(page.get_by_label(f"Type of {name}")).to_have_value(kind)
    expect(page.get_by_label("Largest value of age")).to_have_value("120")  # by its name
    expect(page.get_by_label("Type of visits")).to_have_count(0)
    expect(page.get_by_label(re.compile("Values of region"))).to_have_value("")
    expect(page.get_by_label("Largest value of spend")).to_have_value("")
    assert not [url for url in asked if "parquetValues" in url]  # nothing that reads values yet

    agree(page)
    expect(page.get_by_text("Every column has a proposal now.")).to_be_visible()
    expect(page.get_by_label("Smallest value of age")).to_have_value("20")
    expect(page.get_by_label("Largest value of age")).to_have_value("79")
    expect(page.get_by_label(re.compile("Values of region"))).to_have_value("north\nsouth")
    expect(page.get_by_label("Largest value of income")).to_have_value("150")
    expect(page.get_by_label("Largest value of dose")).to_have_value("0.6")
    expect(page.get_by_label("Type of smoker")).to_have_value("boolean")
    expect(page.get_by_label("Largest value of spend")).to_have_value("1200000000")
    expect(page.get_by_label(re.compile("Values of seen"))).to_have_value(
        "2020-01-01\n2020-01-02\n2020-01-03"
    )
    expect(page.get_by_label(re.compile("Values of taken"))).to_have_value(
        "2020-01-01 10:00:00\n2020-01-01 11:00:00"
    )
    check_accessible(page)
    page.get_by_role("button", name=re.compile("^Next")).click()
    expect(page.get_by_label("Rows, about")).to_have_value("400")
    expect(page.get_by_label("Units, about")).to_have_value("400")


def test_what_a_browser_cannot_decompress_is_said(page: Page, tmp_path: Path) -> None:
    to_columns(page, parquet(tmp_path, ", COMPRESSION gzip"))
    expect(page.get_by_label("Type of age")).to_have_value("integer")
    agree(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("This file is compressed by GZIP")
    expect(alert).to_contain_text("carrel dataset propose --from-values")


@pytest.mark.parametrize("kept", [-1, 100, 0])
def test_a_file_cut_short_is_said_to_be(page: Page, tmp_path: Path, kept: int) -> None:
    file = parquet(tmp_path)
    file.write_bytes(file.read_bytes()[:kept])
    page.goto("/datasets/new")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("alert")).to_contain_text("cut short" if kept else "empty")


def test_damaged_values_end_in_words(page: Page, tmp_path: Path) -> None:
    file = parquet(tmp_path)
    whole = bytearray(file.read_bytes())
    whole[40:2000] = bytes(byte ^ 0x5A for byte in whole[40:2000])
    file.write_bytes(bytes(whole))
    to_columns(page, file)
    agree(page)
    expect(page.get_by_role("alert")).to_contain_text("The file cannot be read to its end.")


def test_the_licences_are_a_click_away(page: Page) -> None:
    page.goto("/settings")
    link = page.get_by_role("link", name="their licences")
    expect(link).to_have_attribute("href", "/licences.txt")
    answer = page.request.get("/licences.txt")
    assert answer.ok
    assert "SIL OPEN FONT LICENSE" in answer.text()
