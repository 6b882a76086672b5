"""The SQL reference is what the reader does."""

from pathlib import Path

from carrel_site.pricing import reference
from carrel_site.pricing.sql import parse_sql

ROOT = Path(__file__).parents[3]


def test_the_page_is_up_to_date() -> None:
    written = (ROOT / reference.PAGE).read_text(encoding="utf-8")
    assert written == reference.page(), "run: python -m carrel_site.pricing.reference"


def test_what_is_said_to_be_one_question_is() -> None:
    plans = {parse_sql(sql, "meps", reference.EXAMPLE).model_dump_json() for sql in reference.SAME}
    assert len(plans) == 1
