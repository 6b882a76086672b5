"""What requests refuse."""

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class NotReviewer(SiteError):
    status, code, title = 403, ErrorCode.NOT_REVIEWER, "Not yours to review"


class KindNotAllowed(SiteError):
    status, code, title = 409, ErrorCode.KIND_NOT_ALLOWED, "Not allowed for this dataset"
    advice = "Look at the dataset's rules for what may be asked of it."


class ContentChanged(SiteError):
    status, code, title = 409, ErrorCode.CONTENT_CHANGED, "The request has changed"
    advice = "Read it again: your decision was about an earlier version of it."
