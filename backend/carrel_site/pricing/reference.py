"""Writes docs/reference/sql.md: `python -m carrel_site.pricing.reference`.

What is allowed and refused comes from the tables that the reader itself uses, and every example
and price on the page is worked out here. `--check` only says whether the page is up to date.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from carrel_protocol.plan import MAX_DEPTH, MAX_NODES
from carrel_protocol.privacy import EpsilonTarget
from carrel_protocol.schema import (
    MAX_INTEGER_KEYS,
    BooleanColumn,
    CategoryColumn,
    DeclaredSize,
    IntegerColumn,
    RealColumn,
    TableSchema,
)
from carrel_protocol.sensitivity import MAX_KEYS
from carrel_site.ledger.accounting import preset
from carrel_site.pricing import advice
from carrel_site.pricing.convert import MAX_AGGREGATES, MAX_GROUP_BY
from carrel_site.pricing.errors import QueryNotAllowed
from carrel_site.pricing.price import price_query
from carrel_site.pricing.scan import MAX_CHARACTERS, MAX_PARENTHESES, MAX_TOKENS
from carrel_site.pricing.sql import parse_sql
from carrel_site.pricing.where import MAX_LISTED
from carrel_site.pricing.words import in_words

PAGE = Path("docs/reference/sql.md")
EXAMPLE = TableSchema(
    unit_column="person",
    columns=(
        IntegerColumn(name="age", lower=65, upper=90),
        RealColumn(name="drugexp", lower="0", upper="20000", resolution="1"),
        BooleanColumn(name="female", nullable=False),
        CategoryColumn(name="region", categories=("midwest", "northeast", "south", "west")),
    ),
    size=DeclaredSize(rows=10_000, units=10_000),
)
READ = (
    "SELECT COUNT(*) FROM meps",
    "SELECT female, COUNT(*) AS n, AVG(drugexp) AS spend FROM meps WHERE age > 70 GROUP BY female",
    "SELECT region, SUM(drugexp) FROM meps WHERE age BETWEEN 65 AND 74 AND NOT female GROUP BY 1",
    "SELECT COUNT(drugexp) FROM meps WHERE region IN ('west', 'south') OR age * 2 - 1 >= 150",
    "SELECT COUNT(*) FROM meps WHERE drugexp IS NULL",
)
REFUSED = (
    "SELECT * FROM meps",
    "SELECT region, COUNT(*) FROM meps",
    "SELECT COUNT(DISTINCT region) FROM meps",
    "SELECT person, COUNT(*) FROM meps GROUP BY person",
    "SELECT SUM(drugexp) / COUNT(*) FROM meps",
    "SELECT COUNT(*) FROM meps WHERE regoin = 'west'",
    "SELECT COUNT(*) FROM meps WHERE region = 'wset'",
    "SELECT drugexp, COUNT(*) FROM meps GROUP BY drugexp",
    "SELECT COUNT(*) FROM meps JOIN costs USING (person)",
)
SAME = (
    "SELECT COUNT(*) FROM meps WHERE age > 70 AND NOT female",
    "select count(*) from MEPS where not (female or 71 > age)",
    "SELECT COUNT(1) FROM meps m WHERE female = FALSE AND m.age BETWEEN 71 AND 90",
)


def page() -> str:
    """The whole page, as Markdown."""
    parts = [
        "# SQL reference",
        "<!-- Written by `python -m carrel_site.pricing.reference`; do not edit. -->",
        (
            "A question is one `SELECT` over one dataset. Whatever is not on this page is refused, "
            "at its line and column, with what to use instead; nothing is charged for a refusal."
        ),
        (
            "```sql\n"
            "SELECT [group column, …], aggregate [AS name], …\n"
            "FROM dataset\n"
            "[WHERE condition]\n"
            "[GROUP BY group column, …]\n"
            "```"
        ),
        *_aggregates(),
        *_conditions(),
        *_groups(),
        *_once(),
        "## Examples",
        (
            "On a table with `age` (integer, 65 to 90), `drugexp` (real, 0 to 20000), `female` "
            "(boolean) and `region` (text), each row its own person, with a declared size of "
            "10,000 rows. The errors are those of `epsilon=0.1`, at 95 %; an average's is "
            "expected, at the declared size."
        ),
        *(_example(sql) for sql in READ),
        *_refused(),
        *_limits(),
    ]
    return "\n\n".join(parts) + "\n"


def _aggregates() -> list[str]:
    return [
        "## Aggregates",
        _table(
            ("aggregate", "what it is", "noise"),
            (
                ("`COUNT(*)`", "rows", "one noisy count"),
                ("`COUNT(column)`", "rows where the column is not null", "one noisy count"),
                ("`SUM(column)`", "the sum over rows where it is not null", "one noisy sum"),
                (
                    "`AVG(column)`",
                    "the noisy sum over the noisy count",
                    "both; a count that is there already is shared",
                ),
            ),
        ),
        (
            "`SUM` and `AVG` take an integer or real column. Without `AS`, the names are `count`, "
            "`count_x`, `sum_x` and `avg_x`, with `_2`, `_3`, … where that name is taken. A budget "
            "asked for by `epsilon=` or `rho=` is for the whole question, split evenly over its "
            "noisy counts and sums. An accuracy (`within=`) is promised for each count and each "
            "sum by itself."
        ),
        (
            "Each unit counts with a bounded number of rows (and of groups): what exceeds the "
            "bounds is scaled down or left out before noise is added. The catalogue shows a "
            "dataset's bounds; a question may set its own."
        ),
    ]


def _conditions() -> list[str]:
    return [
        "## Conditions",
        _table(
            ("form", "on"),
            (
                ("`=` `<>` `<` `<=` `>` `>=`", "numbers"),
                ("`=` `<>`", "text, with one of the column's values; booleans"),
                ("`x IN (…)`, `x NOT IN (…)`", "plain values of the column's type"),
                ("`x BETWEEN a AND b`, `x NOT BETWEEN a AND b`", "numbers; both ends included"),
                ("`x IS NULL`, `x IS NOT NULL`", "any column"),
                ("`AND` `OR` `NOT` `( )`", "conditions"),
                ("`+` `-` `*`", "integer columns and whole numbers"),
                ("a boolean column by itself", "`WHERE female`, `WHERE NOT female`"),
            ),
        ),
        (
            "Nulls follow SQL: a comparison with null is null, and only rows where the condition "
            "is true count. A real column is compared with a number, or with a column of the same "
            "resolution. No value that a table can hold makes a condition fail: arithmetic that "
            "could leave 64 bits, by the columns' public domains, is refused beforehand. Text is "
            "written between single quotes (`'it''s'`); a name that is also a word of SQL is "
            "written between double quotes. Comments are allowed."
        ),
    ]


def _groups() -> list[str]:
    return [
        "## Groups",
        (
            "`GROUP BY` takes columns with public keys: text, boolean, and integer columns with at "
            f"most {MAX_INTEGER_KEYS:,} values. The answer has a row for every key of the public "
            "domain (and one for null, where the column may be null), whether or not any data is "
            f"there, and at most {MAX_KEYS:,} rows in all. A group column can be named or given by "
            "its place in `SELECT`."
        ),
    ]


def _once() -> list[str]:
    return [
        "## One question, however it is written",
        (
            "A question is brought to a normal form before it is priced and remembered, so asking "
            "it again in other words returns the stored answer at no cost. These are one question:"
        ),
        _code("sql", SAME),
        "Names and the order of aggregates and groups are part of a question.",
    ]


def _example(sql: str) -> str:
    plan = parse_sql(sql, "meps", EXAMPLE)
    priced = price_query(
        plan,
        EXAMPLE,
        EXAMPLE.bounds,
        EpsilonTarget(epsilon=0.1),
        orders_milli=preset(1.0, 1e-6).orders_milli,
    )
    errors = ", ".join(f"{e.measure} ± {e.plus_minus:,.6g}" for e in priced.expected_errors)
    return f"{_code('sql', [sql])}\n\n{in_words(plan, EXAMPLE, EXAMPLE.bounds)} Error: {errors}."


def _refused() -> list[str]:
    by_advice: dict[str, list[str]] = {}
    for words in (advice.KEYWORDS, advice.SYMBOLS):
        for word, message in words.items():
            by_advice.setdefault(message, []).append(word)
    later = [name for name, message in advice.FUNCTIONS.items() if message.endswith(advice.LATER)]
    windows = [name for name, message in advice.FUNCTIONS.items() if message == advice.WINDOW]
    by_advice[advice.WINDOW] += windows
    rows = [
        (" ".join(_quoted(word) for word in words), _sentence(message))
        for message, words in by_advice.items()
    ]
    rows.append((" ".join(_quoted(name) for name in later), f"Each {advice.LATER}."))
    rows.append(("any other function", _sentence(advice.FUNCTION)))
    return [
        "## What is refused",
        _table(("what", "what to use instead"), rows),
        "What a refusal looks like:",
        _code("text", [f"{sql}\n  {_refusal(sql)}" for sql in REFUSED]),
    ]


def _refusal(sql: str) -> str:
    try:
        parse_sql(sql, "meps", EXAMPLE)
    except QueryNotAllowed as refused:
        return str(refused)
    raise AssertionError(f"{sql} is allowed")


def _limits() -> list[str]:
    return [
        "## Limits",
        _table(
            ("of", "at most"),
            (
                ("a question's text", f"{MAX_CHARACTERS:,} characters, {MAX_TOKENS:,} words"),
                ("aggregates", f"{MAX_AGGREGATES}"),
                ("group columns", f"{MAX_GROUP_BY}"),
                ("values in one `IN`", f"{MAX_LISTED:,}"),
                ("parentheses", f"{MAX_PARENTHESES} deep"),
                ("a condition", f"{MAX_DEPTH} levels, {MAX_NODES:,} parts"),
                ("a number", "18 digits before the point, 12 after it"),
            ),
        ),
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(language: str, lines: Iterable[str]) -> str:
    return f"```{language}\n" + "\n".join(lines) + "\n```"


def _quoted(word: str) -> str:
    return "`` ` ``" if word == "`" else f"`{word}`"


def _sentence(message: str) -> str:
    return f"{message[0].upper()}{message[1:]}."


def main(arguments: list[str]) -> int:
    text = page()
    if "--check" in arguments:
        current = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        return 0 if current == text else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
