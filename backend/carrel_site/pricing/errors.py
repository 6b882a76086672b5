"""Why a question cannot be priced."""

from collections.abc import Iterable
from typing import Any

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class QueryNotAllowed(SiteError):
    """The question is outside what the site answers privately.

    `errors` has one entry a cause: {"line", "column", "message"} (both from 1) for SQL, or
    {"loc", "message"} for a plan. Every message says what to use instead.
    """

    status, code, title = 422, ErrorCode.QUERY_NOT_ALLOWED, "Query not allowed"

    def __init__(self, errors: Iterable[dict[str, Any]]) -> None:
        causes = tuple(errors)
        super().__init__("; ".join(_shown(error) for error in causes), errors=causes)


def _shown(error: dict[str, Any]) -> str:
    if "line" in error:
        return f"line {error['line']}, column {error['column']}: {error['message']}"
    return f"{error['loc']}: {error['message']}"
