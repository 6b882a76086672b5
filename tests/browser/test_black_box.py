"""A private black box as its reviewer and its researcher see it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from carrel_protocol.api.common import Role
from tests.browser.accessible import check_accessible, check_fits
from tests.browser.conftest import NARROW
from tests.browser.people import ConsoleSite
from tests.browser.programs import answered, ready
from tests.browser.questions import make_dataset

pytestmark = pytest.mark.timeout(300)
SOURCE = """def mean_age(df):
    return df.age.mean()
"""


@pytest.fixture(scope="module", autouse=True)
def _data(console: ConsoleSite) -> None:
    make_dataset(console)
    ready(console)


def test_its_program_and_price_are_read_before_a_vote_and_its_numbers_shown_after(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    asked = {
        "dataset": "visits",
        "entry": {"kind": "function", "path": "mean_age.py", "name": "mean_age"},
        "files": [{"path": "mean_age.py", "text": SOURCE}],
        "blocks": 2,
        "output": {"lower": [0], "upper": [100]},
        "target": {"kind": "epsilon", "epsilon": 1.0},
        "purpose": "The mean age, privately",
    }
    reply = console.api(Role.RESEARCHER).post("/black_box_requests", json=asked)
    request = answered(reply)

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


def test_a_median_is_told_from_a_mean_and_shown_with_its_ranks(
    console: ConsoleSite, signed_in: Callable[..., Page]
) -> None:
    asked = {
        "dataset": "visits",
        "entry": {"kind": "function", "path": "mean_age.py", "name": "mean_age"},
        "files": [{"path": "mean_age.py", "text": SOURCE}],
        "blocks": 2,
        "output": {"lower": [0], "upper": [100]},
        "aggregate": "median",
        "target": {"kind": "epsilon", "epsilon": 1.0},
        "purpose": "The middle of mean ages",
    }
    request = answered(console.api(Role.RESEARCHER).post("/black_box_requests", json=asked))

    page = signed_in(Role.REVIEWER, f"/requests/{request['id']}", NARROW)
    expect(page.get_by_text("the median of each number")).to_be_visible()
    page.get_by_role("radio", name="Approve").check()
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("To rank")).to_be_visible(timeout=120_000)
    expect(page.get_by_text("lies between the blocks’ values of these ranks")).to_be_visible()
    check_fits(page)
    check_accessible(page)
