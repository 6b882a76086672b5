"""Errors that reach a caller. Each cause is a class beside the domain that raises it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from carrel_protocol.errors import ErrorCode


class SiteError(Exception):
    """An error with a stable code, an HTTP status, and advice on what to do next."""

    status: ClassVar[int] = 500
    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL
    title: ClassVar[str] = "Internal error"
    advice: str | None = None
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        detail: str,
        *,
        advice: str | None = None,
        errors: tuple[dict[str, Any], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        if advice is not None:
            self.advice = advice


class InvalidInput(SiteError):
    status, code, title = 422, ErrorCode.INVALID_INPUT, "Invalid input"


class Unauthenticated(SiteError):
    status, code, title = 401, ErrorCode.UNAUTHENTICATED, "Not signed in"
    advice = "Send 'Authorization: Bearer <API key>'; a key may have expired or been revoked."
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})


class Forbidden(SiteError):
    status, code, title = 403, ErrorCode.FORBIDDEN, "Not allowed"


class NotFound(SiteError):
    """Also raised for what exists but may not be seen, so that nobody can tell the two apart."""

    status, code, title = 404, ErrorCode.NOT_FOUND, "Not found"


class Conflict(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "Conflict"


class PreconditionFailed(SiteError):
    status, code, title = 412, ErrorCode.PRECONDITION_FAILED, "Changed meanwhile"
    advice = "Read it again and repeat the change on what is there now."


class PreconditionRequired(SiteError):
    status, code, title = 428, ErrorCode.PRECONDITION_REQUIRED, "If-Match is needed"
    advice = "Send the ETag you read in an If-Match header."


class PayloadTooLarge(SiteError):
    status, code, title = 413, ErrorCode.PAYLOAD_TOO_LARGE, "Too large"


class Unavailable(SiteError):
    status, code, title = 503, ErrorCode.UNAVAILABLE, "Unavailable"
    advice = "Try again in a few seconds."
    headers = MappingProxyType({"Retry-After": "2"})
