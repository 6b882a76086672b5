"""SQL: what is read, what is refused, and where it says so."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carrel_protocol.plan import (
    Aggregate,
    ColumnRef,
    Comparison,
    DecimalLiteral,
    In,
    IntegerLiteral,
    Logical,
    Not,
    QueryPlan,
    TextLiteral,
)
from carrel_site.pricing.bind import check_plan
from carrel_site.pricing.errors import QueryNotAllowed
from carrel_site.pricing.scan import MAX_ERRORS
from carrel_site.pricing.sql import parse_sql
from tests.protocol.plans import SCHEMA

COUNT = (Aggregate(function="count", alias="count"),)


def read(sql: str) -> QueryPlan:
    return parse_sql(sql, "people", SCHEMA)


def refusals(sql: str) -> list[tuple[int, int, str]]:
    with pytest.raises(QueryNotAllowed) as refused:
        read(sql)
    return [(e["line"], e["column"], e["message"]) for e in refused.value.errors]


# What is read


def test_the_whole_grammar_at_once() -> None:
    plan = read(
        """
        select p.region, SMOKES, count(*), COUNT(age) as known, sum(Income), avg(kids) mean
        from People as p   -- whose table this is
        where (p.age between 1 and 3 or kids * 2 - 1 > -age) /* and so on */
          and not region in ('north', 'west') and tax <> 0.25 and insured = true
          and income is not null
        group by 1, smokes;
        """
    )
    assert plan.group_by == ("region", "smokes")
    assert plan.aggregates == (
        Aggregate(function="count", alias="count"),
        Aggregate(function="count", column="Age", alias="known"),
        Aggregate(function="sum", column="income", alias="sum_Income"),
        Aggregate(function="avg", column="kids", alias="mean"),
    )
    assert isinstance(plan.where, Logical)
    assert plan.where.op == "and"
    assert (
        Not(
            arg=In(
                arg=ColumnRef(name="region"),
                values=(TextLiteral(value="north"), TextLiteral(value="west")),
            )
        )
        in plan.where.args
    )
    assert (
        Comparison(op="ne", left=ColumnRef(name="tax"), right=DecimalLiteral(value="0.25"))
        in plan.where.args
    )
    assert ColumnRef(name="insured") in plan.where.args


def test_what_is_read_is_in_normal_form() -> None:
    plan = read("SELECT COUNT(*) FROM people WHERE 2 < age AND NOT NOT smokes")
    assert check_plan(plan, SCHEMA) == plan
    assert plan == read("SELECT COUNT(1) FROM people WHERE smokes AND age >= 3")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("age > 1 AND smokes OR kids = 0", "(smokes AND age >= 2) OR (0 = kids)"),
        ("NOT age > 1 AND smokes", "(NOT (age > 1)) AND smokes"),
        ("NOT smokes = insured", "smokes <> insured"),
        ("age + kids * 2 > 1", "(kids * 2) + age > 1"),
        ("age - kids - 1 > 0", "(age - kids) - 1 > 0"),
        ("-age + 2 > kids", "(-age) + 2 > kids"),
        ("age NOT BETWEEN 1 AND 2", "age < 1 OR age > 2"),
        ("age NOT IN (1, 2)", "NOT (age = 1 OR age = 2)"),
        ("region IS NOT NULL", "NOT region IS NULL"),
        ("region = 'north' OR region = 'west'", "region IN ('west', 'north', 'west')"),
        ("smokes = TRUE", "smokes"),
        ("age != 1", "age <> 1"),
        ("age == 1", "age = 1"),
        ("age > 1 -- ' WHERE", "age > 1"),
        ("age > -1 AND TRUE", "age >= 0"),
        ("people.age = 1", '"AGE" = 1'),
        ("income > 0.50", "income >= 0.75"),
    ],
)
def test_precedence_and_spelling_are_sqls(one: str, other: str) -> None:
    plans = [read(f"SELECT COUNT(*) FROM people WHERE {where}") for where in (one, other)]
    assert plans[0] == plans[1]


def test_group_columns_need_not_be_selected_nor_in_order() -> None:
    plan = read("SELECT COUNT(*), region FROM people GROUP BY smokes, (region), smokes")
    assert plan.group_by == ("smokes", "region")


def test_default_names_are_unique() -> None:
    plan = read(
        "SELECT COUNT(*), COUNT(*), SUM(age), SUM(age) AS count_2, AVG(age), COUNT(age) FROM people"
    )
    assert [a.alias for a in plan.aggregates] == [
        "count",
        "count_3",
        "sum_age",
        "count_2",
        "avg_age",
        "count_age",
    ]


def test_keywords_can_be_names() -> None:
    plan = read('SELECT COUNT(*) AS date, SUM(age) AS "limit", AVG(age) max FROM people')
    assert [a.alias for a in plan.aggregates] == ["date", "limit", "max"]


def test_text_may_go_beyond_ascii_only_between_quotes_and_in_comments() -> None:
    message = refusals("SELECT COUNT(*) FROM people WHERE region = 'Zürich' -- für später")[0][2]
    assert message.startswith("'Zürich' is not among the values")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_places_count_lines_and_columns_from_one(newline: str) -> None:
    sql = newline.join(["SELECT COUNT(*)", "  FROM people", "\tWHERE ages = 1"])
    ((line, column, message),) = refusals(sql)
    if newline == "\r":  # sqlglot reads a lone CR as white space; so it counts as a line
        assert line in (1, 3)
    else:
        assert (line, column) == (3, 8)
    assert "did you mean 'Age'" in message


# What is refused


REFUSED = [
    ("SELECT COUNT(*) FROM people §JOIN other ON x = y", "joins are not allowed"),
    ("SELECT COUNT(*) FROM people §LEFT OUTER JOIN other USING (x)", "joins are not allowed"),
    ("SELECT COUNT(*) FROM people§, other", "joins are not allowed"),
    ("SELECT COUNT(*) FROM (§SELECT age FROM people)", "sub-queries"),
    ("SELECT COUNT(*) FROM people WHERE age IN (§SELECT 1)", "sub-queries"),
    ("SELECT COUNT(*) FROM people WHERE §EXISTS (1)", "sub-queries"),
    ("SELECT COUNT(§DISTINCT age) FROM people", "DISTINCT is not available yet"),
    ("SELECT §DISTINCT age FROM people", "DISTINCT is not available yet"),
    ("SELECT COUNT(*) FROM people GROUP BY region §HAVING 1 = 1", "HAVING is not allowed"),
    ("SELECT COUNT(*) FROM people §LIMIT 5", "cut off"),
    ("SELECT COUNT(*) FROM people §ORDER BY 1", "sort it after it arrives"),
    ("SELECT COUNT(*) §OVER () FROM people", "window functions"),
    ("SELECT §RANK() FROM people", "window functions"),
    ("SELECT COUNT(*) FROM people §UNION ALL", "each as its own question"),
    ("SELECT §* FROM people", "SELECT * would show rows"),
    ("SELECT region, people.§* FROM people", "SELECT * would show rows"),
    ("SELECT §region, COUNT(*) FROM people", "add it to GROUP BY"),
    ("SELECT §person, COUNT(*) FROM people", "says whose row it is"),
    ("SELECT COUNT(§person) FROM people", "says whose row it is"),
    ("SELECT COUNT(*) FROM people WHERE §person = 1", "says whose row it is"),
    ("SELECT COUNT(*) FROM people GROUP BY §person", "says whose row it is"),
    ("SELECT COUNT(*) FROM people WHERE age §/ 2 = 1", "division is not allowed"),
    ("SELECT COUNT(*) FROM people WHERE age §% 2 = 1", "division is not allowed"),
    ("SELECT COUNT(*) FROM people WHERE §MOD(age, 2) = 1", "division is not allowed"),
    ("SELECT COUNT(*) FROM people WHERE §ABS(age) = 1", "only COUNT, SUM and AVG"),
    ("SELECT COUNT(*) FROM people WHERE §CAST(age AS INT) = 1", "keep their types"),
    ("SELECT COUNT(*) FROM people WHERE age§::int = 1", "keep their types"),
    ("SELECT COUNT(*) FROM people WHERE §SUM(age) > 1", "cannot hold an aggregate"),
    ("SELECT §MIN(age) FROM people", "not available yet"),
    ("SELECT §MEDIAN(age) FROM people", "not available yet"),
    ("SELECT §VARIANCE(age) FROM people", "not available yet"),
    ("SELECT §SUM(age) * 2 FROM people", "after they arrive"),
    ("SELECT SUM(§age + 1) FROM people", "takes one column"),
    ("SELECT §SUM(*) FROM people", "takes one column"),
    ("SELECT SUM(§region) FROM people", "needs a number"),
    ("SELECT AVG(§smokes) FROM people", "needs a number"),
    ("SELECT COUNT(*) FROM people WHERE §ages > 1", "did you mean 'Age'"),
    ("SELECT COUNT(*) FROM §poeple", "write FROM people"),
    ("SELECT COUNT(*) FROM people WHERE §other.age = 1", "there is no table 'other'"),
    ("SELECT COUNT(*) FROM people GROUP BY §income", "no list of public keys"),
    ("SELECT COUNT(*) FROM people GROUP BY §2", "not the place of a selected column"),
    ("SELECT COUNT(*) FROM people GROUP BY §ROLLUP (region)", "plain columns"),
    ("SELECT COUNT(*) FROM people WHERE region = §1", "text compares with text"),
    ("SELECT COUNT(*) FROM people WHERE age = §'1'", "without quotes"),
    ("SELECT COUNT(*) FROM people WHERE smokes = §1", "NOT smokes"),
    ("SELECT COUNT(*) FROM people WHERE region = §'nroth'", "did you mean 'north'"),
    ("SELECT COUNT(*) FROM people WHERE region §LIKE 'n%'", "patterns are not allowed"),
    ('SELECT COUNT(*) FROM people WHERE region = §"north"', "single quotes"),
    ("SELECT COUNT(*) FROM people WHERE age = §NULL", "write IS NULL"),
    ("SELECT COUNT(*) FROM people WHERE smokes IS §TRUE", "write = TRUE"),
    ("SELECT COUNT(*) FROM people WHERE §CASE WHEN smokes THEN 1 END = 1", "CASE is not"),
    ("SELECT COUNT(*) §FILTER (WHERE smokes) FROM people", "put the condition in WHERE"),
    ("SELECT COUNT(*) FROM people WHERE age = §?", "parameters are not allowed"),
    ("SELECT COUNT(*) FROM people WHERE age = §:x", "parameters are not allowed"),
    ("SELECT COUNT(*) FROM people WHERE age = §$1", "parameters are not allowed"),
    ("SELECT COUNT(*) FROM people WHERE §a$b = 1", "names are made of"),
    ("SELECT COUNT(*) FROM people WHERE age = §[1]", "use IN"),
    ("SELECT COUNT(*) FROM §`people`", 'quoted like "this"'),
    ("SELECT COUNT(*) FROM people; §DROP TABLE people", "one question"),
    ("SELECT COUNT(*) FROM people; §SELECT COUNT(*) FROM people", "one question"),
    ("§DROP TABLE people", "only SELECT"),
    ("§EXPLAIN SELECT COUNT(*) FROM people", "only SELECT"),
    ("SELECT COUNT(*) FROM people WHERE age = §1e5", "write the number out"),
    ("SELECT COUNT(*) FROM people WHERE age = §0x1F", "write the number out"),
    ("SELECT COUNT(*) FROM people WHERE income = §.5", "digit before the point"),
    ("SELECT COUNT(*) FROM people WHERE age = §12345678901234567890", "write the number out"),
    ("SELECT COUNT(*) FROM people WHERE §age", "a condition is needed"),
    ("SELECT COUNT(*) FROM people WHERE region = §'north", "never closed"),
    ("SELECT COUNT(*) FROM people §/* and so on", "never closed"),
    ("SELECT COUNT(*) a §b FROM people", "cannot be understood at 'b'"),
    ("SELECT COUNT(*) FROM people WHERE age BETWEEN §1", "cannot be understood"),
    ("SELECT region AS §r, COUNT(*) FROM people GROUP BY region", "keep their names"),
    ("SELECT COUNT(*) AS n, SUM(age) AS §N FROM people", "used twice"),
    ("SELECT COUNT(*) AS §region FROM people GROUP BY region", "used twice"),
    ('SELECT COUNT(*) AS §"a b" FROM people', "names are made of"),
    ("SELECT §region FROM people GROUP BY region", "nothing is computed"),
    ("SELECT COUNT(*)§", "FROM is missing"),
    ("SELECT COUNT(*) FROM people WHERE age§\u00a0= 1", "U+00A0 (no-break space)"),
    ("SELECT COUNT(*) FROM people WHERE §\u0430ge = 1", "U+0430 (cyrillic small letter a)"),
    ("SELECT COUNT(*) FROM people WHERE age = 1§\u200b", "U+200B (zero width space)"),
    ("SELECT COUNT(*) FROM people -- §\u202e 1 = ega", "U+202E"),
    ("SELECT COUNT(*) FROM people WHERE region = 'a§\u2066b'", "U+2066"),
    ("SELECT COUNT(*)§\x00 FROM people", "U+0000"),
    ("§", "the question is empty"),
    ("§-- nothing", "the question is empty"),
]


@pytest.mark.parametrize(("marked", "words"), REFUSED)
def test_a_refusal_names_its_place_and_what_to_use(marked: str, words: str) -> None:
    before, _, after = marked.partition("§")
    prefix = "  \n/* a comment\n of two lines */ "
    for sql in (before + after, prefix + before + after):
        start = len(sql) - len(before + after) + len(before)
        if not (before + after).strip() or after.startswith("-- n"):
            start = 0  # an empty question has no place but its beginning
        line = sql[:start].count("\n") + 1
        column = start - (sql[:start].rfind("\n") + 1) + 1
        found = refusals(sql)
        assert any(words in message for *_, message in found), found
        assert next(place for *place, message in found if words in message) == [line, column]


def test_several_errors_are_told_in_order() -> None:
    found = refusals(
        "SELECT region, SUM(smokes) FROM people WHERE ages = 1 AND region = 1 GROUP BY income"
    )
    assert [column for _, column, _ in found] == [8]
    found = refusals("SELECT SUM(smokes) FROM people WHERE ages = 1 AND region = 1 GROUP BY income")
    assert sorted(column for _, column, _ in found) == [12, 38, 60, 71]
    words = refusals("SELECT MIN(age), MAX(age) FROM people LIMIT 5")
    assert [column for _, column, _ in words] == [8, 18, 39]


# Sizes


@pytest.mark.parametrize(
    "where",
    [
        "(" * 200 + "age > 1" + ")" * 200,
        "(" * 2_400 + "age > 1" + ")" * 2_400,
        "(" * 10_000 + "age > 1" + ")" * 10_000,
        "NOT " * 3_000 + "smokes",
        "- " * 3_000 + "age > 1",
        "NOT (" * 17 + "smokes" + ")" * 17,
        "+".join(["age"] * 2_000) + " > 1",
        "*".join(["age"] * 2_000) + " > 1",
        " = ".join(["smokes"] * 2_000),
        " AND ".join(f"(age > 1 OR kids > {i})" for i in range(400)),
        " OR ".join(f"(age > {i % 7} AND kids * {i} > 1)" for i in range(300)),
        f"age IN ({', '.join(str(i) for i in range(1_500))})",
        " AND " * 100,
        ")" * 100,
        "'" + "x" * 300 + "' = region",
        "age = 1 " + "-- comment\n" * 10_000,
    ],
)
def test_size_and_depth_end_in_a_refusal(where: str) -> None:
    refusals(f"SELECT COUNT(*) FROM people WHERE {where}")


def test_allowed_depth_fits_below_a_deep_stack() -> None:
    """The deepest question that is allowed needs no more stack than a web server leaves."""
    deep = "NOT (" * 16 + "age + kids * 2 > 1" + ")" * 16
    limit = sys.getrecursionlimit()

    def below(frames: int) -> QueryPlan:
        if frames:
            return below(frames - 1)
        return read(f"SELECT COUNT(*) FROM people WHERE {deep}")

    assert below(300) == read("SELECT COUNT(*) FROM people WHERE age + kids * 2 > 1")
    with pytest.raises((QueryNotAllowed, RecursionError)):
        below(limit - 60)


def test_many_conditions_are_fine_where_they_are_one_list() -> None:
    where = " OR ".join(f"age * 75 = {i}" for i in range(300))
    plan = read(f"SELECT COUNT(*) FROM people WHERE {where}")
    assert isinstance(plan.where, In)
    assert plan.where.values == tuple(IntegerLiteral(value=i) for i in range(300))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for sql in (text, f"SELECT COUNT(*) FROM people WHERE {text}"):
        try:
            read(sql)
        except QueryNotAllowed as refused:
            for error in refused.errors:
                lines = sql.replace("\r\n", "\n").replace("\r", "\n").split("\n")
                assert 1 <= error["line"] <= len(lines)
                assert 1 <= error["column"] <= len(lines[error["line"] - 1]) + 1


_WORDS = [
    *("SELECT", "FROM", "WHERE", "GROUP BY", "AND", "OR", "NOT", "IN", "BETWEEN", "IS", "NULL"),
    *("TRUE", "(", ")", ",", "*", "+", "-", "=", "<>", "<", ".", "'north'", "1", "0.5", "age"),
    *("region", "people", "person", "COUNT", "SUM", "COUNT(*)", "AS", "n", ";", "smokes", "JOIN"),
]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=14))
def test_any_words_are_read_or_refused(words: list[str]) -> None:
    for sql in (" ".join(words), "SELECT COUNT(*) FROM people WHERE " + " ".join(words)):
        try:
            plan = read(sql)
        except QueryNotAllowed:
            continue
        assert check_plan(plan, SCHEMA) == plan


def test_a_refusal_names_so_many_errors_and_no_more() -> None:
    names = ", ".join(f"nowhere{n}" for n in range(900))
    tables = " AND ".join(f"t{n}.age = 1" for n in range(150))
    for sql in (
        f"SELECT {names} FROM people",
        f"SELECT COUNT(*) FROM people WHERE {tables}",
        f"SELECT COUNT(*) FROM people WHERE region IN ({', '.join(map(repr, names.split(', ')))})",
    ):
        found = refusals(sql)
        assert len(found) == MAX_ERRORS + 1
        assert "and more" in found[-1][2]
