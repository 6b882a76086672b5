"""Plans written for people: SQL that reads back as the same plan, and sentences."""

from hypothesis import event, given, reject, settings

from carrel_protocol.plan import QueryPlan
from carrel_protocol.schema import CategoryColumn, DeclaredSize, TableSchema
from carrel_site.pricing.bind import check_plan
from carrel_site.pricing.errors import QueryNotAllowed
from carrel_site.pricing.sql import parse_sql
from carrel_site.pricing.words import in_words, to_sql
from tests.protocol.plans import SCHEMA, plans


@settings(max_examples=300, deadline=None)
@given(plans())
def test_sql_reads_back_as_the_same_plan(plan: QueryPlan) -> None:
    normal = check_plan(plan, SCHEMA)
    assert parse_sql(to_sql(normal, "people"), "people", SCHEMA) == normal


@settings(deadline=None)
@given(plans())
def test_sql_of_a_plan_as_it_was_sent_asks_the_same(plan: QueryPlan) -> None:
    try:
        read = parse_sql(to_sql(plan, "people"), "people", SCHEMA)
    except QueryNotAllowed as refused:
        # Parentheses may nest less deep in a text than expressions in a plan.
        event(refused.errors[0]["message"])
        reject()
    assert read == check_plan(plan, SCHEMA)


def test_awkward_names_and_texts_are_quoted() -> None:
    schema = TableSchema(
        unit_column="u",
        columns=(CategoryColumn(name="group", categories=("it's", "naïve", '"x"', "a--b", "/*")),),
        size=DeclaredSize(rows=10, units=10),
    )
    sql = """SELECT "group", COUNT(*) AS "limit" FROM "order" WHERE "group" IN
             ('it''s', 'naïve', '"x"', 'a--b', '/*') GROUP BY "group" """
    plan = parse_sql(sql, "order", schema)
    assert parse_sql(to_sql(plan, "order"), "order", schema) == plan


def test_a_sentence_says_what_is_used() -> None:
    plan = parse_sql(
        "SELECT region, COUNT(*), AVG(income) AS mean FROM people "
        "WHERE age > 2 AND NOT smokes GROUP BY region",
        "people",
        SCHEMA,
    )
    assert in_words(plan, SCHEMA, SCHEMA.bounds) == (
        "COUNT(*) and AVG(income) as mean for each region (4 values), over rows where "
        "Age >= 3 AND NOT smokes. Each person counts with at most 2 rows in each of at most "
        "3 groups."
    )
    total = parse_sql("SELECT SUM(kids) FROM people", "people", SCHEMA)
    assert in_words(total, SCHEMA, SCHEMA.bounds) == (
        "SUM(kids) as sum_kids. Each person counts with at most 2 rows."
    )
