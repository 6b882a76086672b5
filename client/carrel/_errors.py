"""Everything that can go wrong, one class per cause.

    CarrelError
    ├── ConfigurationError        no URL or key, or one that cannot be right
    ├── ConnectionFailed          no answer came: name, network, TLS, timeout
    ├── UnexpectedAnswer          something answered, but not a Carrel site's API
    ├── NotSignedIn               401: the key is unknown, expired or revoked
    ├── Forbidden                 403: this person or key may not do that
    │   ├── NotReviewer           … because they asked it themselves, or are no reviewer
    │   ├── NoBudget              … here: no account, ask the owner for access
    │   └── TermsNotAccepted      … here: the dataset has terms of use to accept first
    ├── NotFound                  404: it does not exist, or you may not know that it does
    ├── InvalidInput              what was sent does not fit
    │   ├── ChecksumMismatch      the bytes that arrived are not those that were sent
    │   ├── CodeNotAllowed        code that cannot be sent; the message shows the line
    │   └── QueryNotAllowed       the question does; `errors` says where, the message shows it
    ├── Conflict                  409: it cannot be done as things stand
    │   ├── BudgetExceeded        the answer costs more than is left
    │   ├── KindNotAllowed        the dataset's rules take no such request
    │   ├── EnvironmentNotReady   no worker has the packages that code is to run with
    │   ├── OutputChanged         what lies in the storage is not what was recorded
    │   ├── KindPaused            too many failures; the owner has to look
    │   ├── ReviewRequired        a person has to approve first; `request` is waiting
    │   ├── InvalidTransition     the request's state does not allow it
    │   ├── ContentChanged        it was edited since you read it
    │   ├── DatasetNotReady       no version of the dataset can be asked yet
    │   ├── UploadOffset          a piece of an upload does not follow what has arrived
    │   └── IdempotencyKeyReused
    ├── RateLimited               429, still after retrying
    ├── SiteUnavailable           502, 503, 504, still after retrying
    ├── StorageFull               507: the site's disk has no room for an upload
    ├── SiteBroken                500: the site failed; its owner can look up `request_id`
    ├── UnknownProblem            a problem that this version of carrel has no class for
    ├── RequestClosed             a request that ended without an answer
    │   ├── RequestRejected
    │   ├── RequestWithdrawn
    │   └── RequestExpired
    ├── ChangesRequested          a reviewer returned it: edit it, and it is submitted again
    ├── RunFailed                 the run ended without an answer; it was charged
    ├── RunCancelled
    ├── MockFailed                code failed on made-up rows; `traceback` says where
    ├── OutputHeld                reviewed code's output is still under review
    ├── OutputWithheld            … or does not leave; `detail` quotes the reason
    ├── IngestFailed              an upload could not be laid out
    └── WaitTimeout               (also a TimeoutError) it goes on; wait again

Every one has `status_code` and `code` (None when no HTTP answer caused it), `request_id` (the
site's name for that one call, for its owner's logs), `detail`, `advice` and `errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from carrel._carets import pointed_at
from carrel._display import printable
from carrel_protocol.errors import ErrorCode

if TYPE_CHECKING:
    from carrel._request import Request
    from carrel_protocol.outputs import RunReport


class CarrelError(Exception):
    """The base of every error that carrel raises on purpose."""

    default_advice: str | None = None
    knows_better: bool = False
    """Whether that advice goes before the site's, which is for whoever writes HTTP calls."""
    unsure: bool = False
    """Whether an earlier try of the same call may have reached the site, its answer lost."""

    def __init__(
        self,
        detail: str,
        *,
        advice: str | None = None,
        status_code: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        errors: tuple[dict[str, Any], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        own = self.default_advice
        self.advice = own if own and self.knows_better else advice or own
        self.status_code = status_code
        self.code = code
        self.request_id = request_id
        self.errors = errors

    def __str__(self) -> str:
        lines = [self._headline(), *self._places()]
        if self.advice:
            lines.append(self.advice)
        if self.status_code is not None:
            tag = f"HTTP {self.status_code}"
            tag += f", {self.code}" if self.code else ""
            tag += f", request {self.request_id}" if self.request_id else ""
            lines.append(f"({tag})")
        return "\n".join(lines)

    def _headline(self) -> str:
        return self.detail

    def _places(self) -> list[str]:
        """A line for each of `errors`."""
        places = [f"{_where(error)}{error.get('message', '')}" for error in self.errors]
        return [f"  {place}" for place in places if place not in self.detail]


class ConfigurationError(CarrelError):
    """No URL or key was given, or one that cannot be right. Nothing was sent."""


class ConnectionFailed(CarrelError):
    """No answer came: a name that does not resolve, a refused connection, TLS, a timeout."""

    default_advice = "Check the address, and that the site is up."


class UnexpectedAnswer(CarrelError):
    """Something answered that is no Carrel site's API: a proxy, a sign-in page, another program."""

    default_advice = "Check that the URL is the site's own, and that no proxy stands in between."


class NotSignedIn(CarrelError):
    """The API key is unknown, expired or revoked."""

    knows_better = True
    default_advice = (
        "Pass another key to carrel.connect(key=…) or set CARREL_API_KEY; "
        "keys expire, and the site's owner can give you a new one."
    )


class Forbidden(CarrelError):
    """This person, or this key's scopes, may not do that."""


class NotReviewer(Forbidden):
    """Nobody reviews their own request, and not everybody is a reviewer."""


class NotFound(CarrelError):
    """It does not exist, or you may not know that it does."""


class InvalidInput(CarrelError):
    """What was sent does not fit; `errors` says where."""


class QueryNotAllowed(InvalidInput):
    """The question has something that cannot be answered privately, or that does not exist.

    `errors` holds the places, `sql` the text if the question was written in SQL; the message
    shows the text with a caret under each place, or the part of a plan that each is about.
    """

    sql: str | None = None
    parts: Mapping[str, str] = MappingProxyType({})
    """For a question written in Python: how the part at an error's `loc` reads."""

    def _headline(self) -> str:
        # The detail of such a problem is the same places once more.
        return "This question cannot be asked:" if self.errors else self.detail

    def _places(self) -> list[str]:
        if self.sql is not None:
            return pointed_at(self.sql, self.errors)
        return [
            f"  {self.parts.get(str(error.get('loc')), error.get('loc'))}: {error.get('message')}"
            for error in self.errors
        ]


class CodeNotAllowed(InvalidInput):
    """Code that cannot be sent as it is. Nothing was sent.

    `errors` holds the places (path, line, column), and the message shows each line with a caret.
    """

    source: str | None = None
    """The text of the file or cell that the places are in."""

    def _headline(self) -> str:
        return "This code cannot be sent:" if self.errors else self.detail

    def _places(self) -> list[str]:
        places: list[str] = []
        for error in self.errors:
            places.append(f"  {error.get('path')}, line {error.get('line')}")
            places += pointed_at(self.source or "", [error])
        return places


class Conflict(CarrelError):
    """It cannot be done as things stand. Never retried by itself."""


class BudgetExceeded(Conflict):
    """The answer costs more than is left, for you or for everyone together. Nothing was charged."""

    default_advice = (
        "Ask for less: a smaller epsilon, fewer measures, a wider `within`. site.budget(dataset) "
        "shows what is left; only the owner can raise it."
    )


class NoBudget(Forbidden):
    """You have no account at this dataset's population."""

    default_advice = "Ask the site's owner for access to the dataset."


class TermsNotAccepted(Forbidden):
    """The dataset has terms of use that you have not accepted, or that were changed since."""

    knows_better = True
    default_advice = "Read dataset.terms, and accept them with dataset.accept_terms()."


class ChecksumMismatch(InvalidInput):
    """The bytes that arrived are not those that were announced; they were dropped."""

    default_advice = "Upload the file again; if it was changed meanwhile, that is why."


class UploadOffset(Conflict):
    """A piece of an upload does not begin where the last one ended; `offset` is where."""

    @property
    def offset(self) -> int | None:
        return next((error["offset"] for error in self.errors if "offset" in error), None)


class StorageFull(CarrelError):
    """The site's disk has no room. What has arrived of an upload stays, for some days."""

    default_advice = "Have the site's disk cleared, and upload the same file again: it goes on."


class KindPaused(Conflict):
    """Too many of your runs of this kind failed; the owner has to look before you go on."""

    default_advice = "Write to the site's owner; asking again will not help until they have looked."


class KindNotAllowed(Conflict):
    """The dataset's owner lets nobody ask that: code where only questions are taken."""


class EnvironmentNotReady(Conflict):
    """No worker has built the environment that the code is to run in, or it was retired."""


class OutputChanged(Conflict):
    """What lies in the site's storage is not what was recorded; nothing of it leaves."""


class ReviewRequired(Conflict):
    """A person has to approve this first. `request`, if there is one, is waiting for them."""

    request: Request | None = None


class InvalidTransition(Conflict):
    """The request's state does not allow it."""

    default_advice = "Look at request.refresh().state; it has moved on."


class ContentChanged(Conflict):
    """It was edited since you read it. What you decided on is no longer what is there."""

    default_advice = "Call refresh(), read it again, and decide again."


class DatasetNotReady(Conflict):
    """No version of the dataset can be asked yet."""


class IdempotencyKeyReused(Conflict):
    """The same Idempotency-Key came with a different request."""


class RateLimited(CarrelError):
    """Too many calls, still after retrying. `retry_after` is in seconds, if the site said."""

    retry_after: float | None = None


class SiteUnavailable(CarrelError):
    """The site, or something it needs, is down; still after retrying."""

    default_advice = "Try again later. A question that was asked goes on: see site.requests."


class SiteBroken(CarrelError):
    """The site failed in a way it did not expect. Its owner can look up `request_id`."""


class UnknownProblem(CarrelError):
    """The site reports a problem that this version of carrel has no class for."""

    default_advice = "A newer carrel may know it: pip install --upgrade carrel."


class _OfRequest(CarrelError):
    """An error about one request, which is at hand."""

    request: Request | None = None


class RequestClosed(_OfRequest):
    """The request ended without an answer."""


class RequestRejected(RequestClosed):
    """A reviewer rejected it; `detail` quotes the reason."""


class RequestWithdrawn(RequestClosed):
    """It was withdrawn."""


class RequestExpired(RequestClosed):
    """Nobody decided on it, or nothing ran it, in time."""


class ChangesRequested(_OfRequest):
    """A reviewer returned it; `detail` quotes the reason."""

    default_advice = "Change it with request.edit(…): it is submitted again, and earlier votes end."


class RunFailed(_OfRequest):
    """The run ended without an answer. Why is for the site's owner only; it was charged."""


class RunCancelled(_OfRequest):
    """The run was cancelled. If a worker had begun, it was charged."""


class MockFailed(CarrelError):
    """Code did not return on made-up rows. It is yours and so were they: all of it is shown."""

    report: RunReport | None = None
    """How it ended, with its output, time and memory; None where it never ran."""

    @property
    def traceback(self) -> str:
        return "" if self.report is None else self.report.traceback

    def _places(self) -> list[str]:
        return printable(self.traceback.rstrip()).splitlines()


class OutputHeld(_OfRequest):
    """The code has run, and what it returned waits for a reviewer."""

    default_advice = "wait() waits for them; .comments shows what they wrote."


class OutputWithheld(_OfRequest):
    """What the code returned does not leave; `detail` quotes the reason."""


class IngestFailed(CarrelError):
    """An upload could not be laid out as the dataset's schema says; for its owner only."""


class WaitTimeout(_OfRequest, TimeoutError):
    """The time you gave is over; the request goes on."""


_BY_CODE: dict[str, type[CarrelError]] = {
    ErrorCode.INVALID_INPUT: InvalidInput,
    ErrorCode.UNAUTHENTICATED: NotSignedIn,
    ErrorCode.ACCOUNT_DEACTIVATED: NotSignedIn,
    ErrorCode.FORBIDDEN: Forbidden,
    ErrorCode.CSRF_FAILED: Forbidden,
    ErrorCode.WRONG_PASSWORD: Forbidden,
    ErrorCode.LINK_INVALID: InvalidInput,
    ErrorCode.GROUP_IN_USE: Conflict,
    ErrorCode.NOT_FOUND: NotFound,
    ErrorCode.METHOD_NOT_ALLOWED: InvalidInput,
    ErrorCode.CONFLICT: Conflict,
    ErrorCode.PRECONDITION_FAILED: ContentChanged,
    ErrorCode.PRECONDITION_REQUIRED: InvalidInput,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: IdempotencyKeyReused,
    ErrorCode.PAYLOAD_TOO_LARGE: InvalidInput,
    ErrorCode.QUERY_NOT_ALLOWED: QueryNotAllowed,
    ErrorCode.BUDGET_EXCEEDED: BudgetExceeded,
    ErrorCode.NO_BUDGET: NoBudget,
    ErrorCode.KIND_PAUSED: KindPaused,
    ErrorCode.KIND_NOT_ALLOWED: KindNotAllowed,
    ErrorCode.ENVIRONMENT_NOT_READY: EnvironmentNotReady,
    ErrorCode.OUTPUT_CHANGED: OutputChanged,
    ErrorCode.REVIEW_REQUIRED: ReviewRequired,
    ErrorCode.NOT_REVIEWER: NotReviewer,
    ErrorCode.INVALID_TRANSITION: InvalidTransition,
    ErrorCode.CONTENT_CHANGED: ContentChanged,
    ErrorCode.DATASET_NOT_READY: DatasetNotReady,
    ErrorCode.TERMS_NOT_ACCEPTED: TermsNotAccepted,
    ErrorCode.UPLOAD_OFFSET: UploadOffset,
    ErrorCode.CHECKSUM_MISMATCH: ChecksumMismatch,
    ErrorCode.STORAGE_FULL: StorageFull,
    ErrorCode.CLAIM_LOST: Conflict,
    ErrorCode.SETUP_DONE: Conflict,
    ErrorCode.RATE_LIMITED: RateLimited,
    ErrorCode.UNAVAILABLE: SiteUnavailable,
    ErrorCode.INTERNAL: SiteBroken,
}

_BY_STATUS: dict[int, type[CarrelError]] = {
    400: InvalidInput,
    401: NotSignedIn,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: ContentChanged,
    413: InvalidInput,
    422: InvalidInput,
    429: RateLimited,
    500: SiteBroken,
    502: SiteUnavailable,
    503: SiteUnavailable,
    504: SiteUnavailable,
}


def class_for(code: str | None, status: int) -> type[CarrelError]:
    """The class of a problem: by its code; a code from a newer site falls back on the status."""
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    return _BY_STATUS.get(status, UnknownProblem)


def _where(error: dict[str, Any]) -> str:
    loc = error.get("loc")
    if isinstance(loc, list | tuple):
        loc = ".".join(str(part) for part in loc)
    if loc:
        return f"{loc}: "
    if error.get("line") is not None:
        return f"line {error['line']}, column {error.get('column')}: "
    return ""
