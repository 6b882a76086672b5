"""What events refuse."""

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class TooManyStreams(SiteError):
    status, code, title = 429, ErrorCode.RATE_LIMITED, "Too many event streams"
    advice = "Close some: one stream tells everything, to as many pages as share it."
