"""What SQL a question cannot contain, and what to use instead.

The scanner refuses by these tables and the SQL reference is generated from them.
"""

JOIN = "joins are not allowed; ask the owner for a view that joins the tables"
SUBQUERY = "sub-queries are not allowed; ask one question at a time, or ask the owner for a view"
SET_OPERATION = "combining SELECTs is not allowed; ask each as its own question"
LIMIT = "rows of the answer cannot be cut off; the public keys fix them, so select from the answer"
WINDOW = "window functions are not allowed; use GROUP BY, or work on the answer"
SORT = "the answer comes in the order of the public keys; sort it after it arrives"
DISTINCT = (
    "DISTINCT is not available yet; COUNT(*) with a bound of 1 row per unit counts each unit once"
)
HAVING = "HAVING is not allowed; filter the answer after it arrives, at no cost"
GROUPING = "only plain columns can follow GROUP BY; ask one question for each grouping"
PATTERN = "patterns are not allowed; list the values you mean with IN"
CASE = "CASE is not allowed; put the condition in WHERE and ask one question for each"
OTHER_STATEMENT = "only SELECT … FROM … WHERE … GROUP BY … can be asked"
STAR = "SELECT * would show rows; name the groups and aggregates, such as COUNT(*)"
PARAMETER = "parameters are not allowed; write the value"
DIVISION = (
    "division is not allowed, because it can fail on a row; multiply the other side, "
    "or divide the answers after they arrive"
)
FUNCTION = "only COUNT, SUM and AVG can be called; compare columns with + - * and literals"
LATER = "is not available yet; use COUNT, SUM or AVG"
NULL = "nothing equals NULL; write IS NULL or IS NOT NULL"
NAMES = (
    "names are made of letters, digits and _ (at most 63); "
    "text is written between single quotes: 'text'"
)
BITS = "bit operations are not allowed; use AND, OR, NOT on conditions"
AGGREGATE_IN_WHERE = (
    "WHERE looks at one row at a time and cannot hold an aggregate; "
    "filter the answer after it arrives"
)

KEYWORDS: dict[str, str] = {
    **dict.fromkeys(
        ("JOIN", "LEFT", "RIGHT", "INNER", "OUTER", "FULL", "CROSS", "NATURAL", "USING", "ON"),
        JOIN,
    ),
    **dict.fromkeys(("SEMI", "ANTI", "ASOF", "LATERAL", "UNNEST", "APPLY"), JOIN),
    **dict.fromkeys(("WITH", "EXISTS", "ANY", "ALL", "SOME"), SUBQUERY),
    **dict.fromkeys(("UNION", "INTERSECT", "EXCEPT", "MINUS"), SET_OPERATION),
    **dict.fromkeys(("LIMIT", "OFFSET", "FETCH", "TOP", "QUALIFY"), LIMIT),
    **dict.fromkeys(("OVER", "WINDOW", "PARTITION BY", "PARTITION"), WINDOW),
    **dict.fromkeys(("ORDER BY", "ORDER", "SORT BY", "CLUSTER BY"), SORT),
    "DISTINCT": DISTINCT,
    "HAVING": HAVING,
    **dict.fromkeys(("ROLLUP", "CUBE", "GROUPING SETS", "GROUPING"), GROUPING),
    **dict.fromkeys(("LIKE", "ILIKE", "GLOB", "RLIKE", "SIMILAR TO", "REGEXP", "ESCAPE"), PATTERN),
    **dict.fromkeys(("CASE", "WHEN", "THEN", "ELSE", "END"), CASE),
    "FILTER": "FILTER is not allowed; put the condition in WHERE and ask one question for each",
    **dict.fromkeys(("DIV", "MOD"), DIVISION),
    **dict.fromkeys(("CAST", "TRY_CAST", "CONVERT"), "columns keep their types; compare directly"),
    **dict.fromkeys(("ISNULL", "NOTNULL"), "write IS NULL or IS NOT NULL"),
    "XOR": "XOR is not allowed; write it with AND, OR and NOT",
    "INTERVAL": "dates are not available yet; use an integer column",
    **dict.fromkeys(("TABLESAMPLE", "SAMPLE"), "sampling is not available; ask about all rows"),
    **dict.fromkeys(
        ("INTO", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER"), OTHER_STATEMENT
    ),
    **dict.fromkeys(("VALUES", "PIVOT", "UNPIVOT", "PRAGMA", "COPY", "ATTACH"), OTHER_STATEMENT),
}
"""Words that are refused where they stand, in upper case."""

FUNCTIONS: dict[str, str] = {
    name: f"{name} {LATER}"
    for name in (
        *("MIN", "MAX", "MEDIAN", "MODE", "QUANTILE", "PERCENTILE", "PERCENTILE_CONT"),
        *("PERCENTILE_DISC", "APPROX_QUANTILE", "VARIANCE", "VAR_POP", "VAR_SAMP", "STDDEV"),
        *("STDDEV_POP", "STDDEV_SAMP", "STD", "CORR", "COVAR_POP", "COVAR_SAMP"),
        *("APPROX_COUNT_DISTINCT", "COUNT_IF", "COUNTIF", "HISTOGRAM"),
    )
} | dict.fromkeys(
    ("ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE"),
    WINDOW,
)
"""Functions with advice of their own; every other one gets `FUNCTION`."""

SYMBOLS: dict[str, str] = {
    "/": DIVISION,
    "//": DIVISION,
    "%": DIVISION,
    "||": "text cannot be joined; compare the columns one by one",
    "::": "columns keep their types; compare directly",
    **dict.fromkeys(("&", "|", "^", "~", "<<", ">>"), BITS),
    **dict.fromkeys(("?", "@", ":", "$"), PARAMETER),
    "`": 'names are quoted like "this", where they need it',
    "[": "lists are not allowed; use IN (…)",
    "<=>": "use = with IS NULL",
}
