"""What reviewed code refuses."""

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class EnvironmentNotReady(SiteError):
    status, code, title = 409, ErrorCode.ENVIRONMENT_NOT_READY, "Environment not ready"
    advice = "Choose another environment, or ask the owner to build it."


class TooManyMockRuns(SiteError):
    status, code, title = 429, ErrorCode.RATE_LIMITED, "Too many runs on made-up rows"
    advice = "Wait until some of yours have ended."


class TooManyUndecided(SiteError):
    status, code, title = 429, ErrorCode.RATE_LIMITED, "Too many undecided requests"
    advice = "Wait until some of your requests are decided, or withdraw some."
