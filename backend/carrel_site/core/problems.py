"""Errors as problem documents (RFC 9457): one renderer for every cause."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from carrel_protocol.errors import ErrorCode, Problem
from carrel_site.core.errors import SiteError, Unavailable
from carrel_site.core.routes import allowed_methods

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

_CODES = {
    400: ErrorCode.INVALID_INPUT,
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    415: ErrorCode.INVALID_INPUT,
    503: ErrorCode.UNAVAILABLE,
}


def problem(
    scope: Scope,
    status: int,
    code: ErrorCode,
    title: str,
    detail: str,
    *,
    advice: str | None = None,
    errors: tuple[dict[str, Any], ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response that carries a problem. `detail` and `advice` are read by people."""
    document = Problem(
        title=title,
        status=status,
        code=code,
        detail=detail,
        advice=advice,
        instance=scope.get("path"),
        request_id=scope.get("state", {}).get("request_id"),
        errors=errors,
    )
    body = document.model_dump_json(exclude_none=True)
    return Response(body, status, dict(headers or {}), MEDIA_TYPE)


def render(scope: Scope, error: SiteError) -> Response:
    return problem(
        scope,
        error.status,
        error.code,
        error.title,
        error.detail,
        advice=error.advice,
        errors=error.errors,
        headers=error.headers,
    )


def render_unexpected(scope: Scope) -> Response:
    """What nobody foresaw: the log has it under the request's id, the caller learns no more."""
    return problem(
        scope,
        500,
        ErrorCode.INTERNAL,
        "Internal error",
        "Something went wrong on the site.",
        advice="Try again. If it stays, give the site's owner this request_id.",
    )


def install(app: FastAPI) -> None:
    """Have `app` render every error as a problem."""
    app.add_exception_handler(SiteError, _site_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    for cause in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(cause, _database_away)


async def _site_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SiteError)
    if error.status >= 500:
        log.warning("site_error", code=error.code, detail=error.detail)
    return render(request.scope, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # What was sent is not repeated: it may hold a password.
    errors = tuple(
        {
            "loc": ".".join(str(part) for part in entry["loc"]),
            "message": entry["msg"].removeprefix("Value error, "),
        }
        for entry in error.errors()
    )
    return problem(
        request.scope,
        422,
        ErrorCode.INVALID_INPUT,
        "Invalid input",
        "; ".join(f"{entry['loc']}: {entry['message']}" for entry in errors[:5]),
        advice="Correct what `errors` names; /api/v1/openapi.json has the schema.",
        errors=errors[:50],
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # An unreadable body is as invalid as one of the wrong shape.
    status = 422 if error.status_code == 400 else error.status_code
    headers = dict(error.headers or {})
    advice = None
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(allowed_methods(request)) or headers.get("Allow", "")
        advice = f"This address takes {headers['Allow']}."
    if status == HTTPStatus.NOT_FOUND:
        advice = "See /api/v1/openapi.json for what there is."
    return problem(
        request.scope,
        status,
        _CODES.get(error.status_code, ErrorCode.INVALID_INPUT),
        HTTPStatus(status).phrase,
        str(error.detail),
        advice=advice,
        headers=headers,
    )


async def _database_away(request: Request, error: Exception) -> Response:
    log.error("database_unavailable", error=type(error).__name__)
    return render(request.scope, Unavailable("The site's database does not answer."))
