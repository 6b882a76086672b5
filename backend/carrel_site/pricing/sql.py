"""Reading a question in SQL."""

from sqlglot import ParseError, exp

from carrel_protocol.binding import PlanNotAllowed, check_plan
from carrel_protocol.plan import QueryPlan
from carrel_protocol.schema import TableSchema
from carrel_site.pricing import advice
from carrel_site.pricing.convert import convert
from carrel_site.pricing.errors import QueryNotAllowed
from carrel_site.pricing.scan import DIALECT, Scanned, Text, scan


def parse_sql(sql: str, dataset_name: str, schema: TableSchema) -> QueryPlan:
    """The plan, in normal form, of `SELECT … FROM dataset_name WHERE … GROUP BY …`.

    Raises `QueryNotAllowed`, whose errors name each refused part by its line and column.
    """
    text = Text(sql)
    scanned = scan(text)
    converted = convert(_tree(text, scanned), scanned, text, dataset_name, schema)
    try:
        return check_plan(converted.plan, schema)
    except PlanNotAllowed as refused:
        raise QueryNotAllowed(
            _refusal(text, converted.offset(error.path), error.message) for error in refused.errors
        ) from None


def _refusal(text: Text, offset: int, message: str) -> dict[str, int | str]:
    if text.sql[offset] == '"':
        message += "; double quotes name a column, and text is written in single quotes: 'text'"
    return text.error(offset, message)


def _tree(text: Text, scanned: Scanned) -> exp.Expr:
    try:
        trees = DIALECT.parser().parse(scanned.tokens, text.sql)
    except ParseError as error:
        raise QueryNotAllowed([_syntax_error(text, scanned, error)]) from None
    except RecursionError:
        raise QueryNotAllowed([text.error(0, "the question is nested too deeply")]) from None
    if len(trees) != 1 or trees[0] is None:
        raise QueryNotAllowed([text.error(0, advice.OTHER_STATEMENT)])
    return trees[0]


def _syntax_error(text: Text, scanned: Scanned, error: ParseError) -> dict[str, int | str]:
    """sqlglot tells where a token ended; we tell where it began."""
    found = error.errors[0] if error.errors else {}
    end = (found.get("line"), found.get("col"))
    token = next((t for t in scanned.tokens if (t.line, t.col) == end), scanned.tokens[-1])
    return text.error(
        token.start,
        f"this cannot be understood at {text.sql[token.start : token.end + 1]!r}; "
        f"{advice.OTHER_STATEMENT}",
    )
